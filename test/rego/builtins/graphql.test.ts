// OPA's evaluator is the judge: its trees, comments included, and its idea of what is valid.
import test from 'ava'
import { graphql } from '../../../rego/builtins/graphql/graphql.ts'
import type { Family } from '../../../rego/builtins/operand.ts'
import { answer, differences, randomFrom } from './judge.ts'
import type { Case } from './judge.ts'

const family: Family = graphql.map(([name, make]) => [name, make()])

const schema = `# about it
"""
  The roots.
"""
schema @own { query: Query mutation: Mutation # last
}
directive @own(a: Int) repeatable on SCHEMA | FIELD | QUERY | OBJECT
type Query { me: User find(name: String!, limit: Int = 10, by: By, where: Where): [Found!]! users(ids: [ID!]): [User] }
type Mutation { rename(id: ID!, to: String!): User }
interface Node { id: ID! }
type User implements Node @own(a: 1) { # fields
  "its name"
  id: ID! name: String age: Int friends(first: Int): [User!]! @deprecated(reason: "slow") }
type Group implements & Node { id: ID! members: [User!]! }
union Found = | User | Group
enum By { NAME AGE @deprecated }
input Where { name: String = "x" age: Int and: [Where!] }
scalar Date @specifiedBy(url: "https://example.com")
extend type Group { size: Int! }
# the end`

const queries = ['{ me { name } }', 'query Q($n: String!) @own { find(name: $n) { ... on User { name } ...G __typename } }\nfragment G on Group { size }', '# before\nquery R { me { id } } # after', '{ # first\n me { # second\n id } }', 'mutation { rename(id: 1, to: "x") { id } }',
  '{ users(ids: [1, "2"]) { friends(first: 1) @own @own { id } } }', '{ find(name: "a", where: {name: "b", and: [{age: 1}]}, by: NAME) { __typename } }', '{ a: me { id } a: me { name } }', '{ a: me { id } a: users { id } }', '{ me { nope } }', '{ me }', '{ me { id { x } } }', '{ find { __typename } }',
  '{ find(name: 1) { __typename } }', '{ find(name: "a", limit: "1") { __typename } }', '{ find(name: "a", by: NOPE) { __typename } }', '{ find(name: "a", where: {nope: 1}) { __typename } }', '{ ...F } fragment F on Query { me { id } }', '{ ...F }', '{ me { id } } fragment F on Query { me { id } }', '{ ...F } fragment F on Date { id }',
  'query($v: Int) { me { id } }', '{ users(ids: $v) { id } }', 'query($v: Nope) { users(ids: $v) { id } }', 'query($v: [ID]) { users(ids: $v) { id } }', 'query A { me { id } } query A { me { id } }', '{ me { id } } query A { me { id } }', 'subscription { me { id } }', '{ me @skip(if: true) { id } }', '{ me @skip { id } }', '{ me @nope { id } }',
  '{ me { id @include(if: true) @include(if: false) } }', '{ __schema { types { name } } __type(name: "User") { name } }', '{ me { ... on Group { size } } }', '{ find(name: """\n   block\n     of text\n  """) { __typename } }', '{ find(name: "\\u00e9\\n\\"", limit: -1) { __typename } }', '', '{', '{}', '{ me(', '{ me { id } } }', '{ me: }', 'query ($a: Int = $b) { me { id } }',
  '{ a(b: 1.) }', '{ a(b: 01) }', '{ a(b: 1e) }', '{ a(b: "x) }', '{ a(b: """x) }', '{ a(b: "\\x") }', '{ a(b: [1, {c: $d}, null, true, E, 1.5e3]) }', 'fragment on on A { b }', 'fragment F($a: Int) on A { b }', '{ ... @include(if: true) { me { id } } ... on Query { me { id } } }', '{ find(name: "a", limit: 3000000000) { __typename } }', "{ a(b: 'c') }", '{ a(b: 1 c: 2) }', '\ufeff{ me { id } }']
const wrongSchemas = ['type Query { a: Nope }', 'type Query { __a: Int }', 'type __Query { a: Int }', 'type Query { a: Int a: Int }', 'type Query', 'type Query {}', 'type A { a: Int } type A { b: Int }', 'interface I { a: Int } type Query implements I { b: Int }', 'interface I { a: Int } type Query implements I { a: String }',
  'interface I { a(x: Int): Int } type Query implements I { a: Int }', 'interface I { a: Int } type Query implements I { a(x: Int!): Int }', 'type Query implements Int { a: Int }', 'union U = Int type Query { a: U }', 'union U = A | A type A { a: Int }', 'enum E { A A }', 'enum E { true }', 'input A { a: A! }', 'input A { a: [A!]! }', 'input A { b: B! } input B { a: A! }',
  'input A { a: Query } type Query { a: Int }', 'type Query { a(b: Query): Int }', 'type Query { a: I } input I { a: Int }', 'type Query @nope { a: Int }', 'type Query { a: Int @deprecated @deprecated }', 'type Query { a: Int @deprecated(nope: 1) }', 'scalar A @specifiedBy', 'directive @a(b: Int @a) on FIELD', 'directive @a on FIELD directive @a on FIELD', 'directive @skip on FIELD',
  'schema { query: Nope }', 'schema { query: A } schema { query: A } type A { a: Int }', 'extend type A { a: Int }', 'extend type A { a: Int } scalar A', 'extend type A', 'extend scalar S @deprecated', 'interface A implements B { a: Int } interface B implements A { a: Int }', 'interface A implements B { a: Int } interface B implements C { a: Int } interface C { a: Int }', '"d" extend type A { b: Int } type A { a: Int }',
  'type Query { "" a(\n# c\n"d" b: Int = 1): Int }', 'directive @a on NOPE', '"only a description"', 'union U', 'enum E', 'input I', '', 'type A { a: Int', 'type A implements { a: Int }', 'type Query { a: Int! b: [Int!]! c: [[Int]] }']

test('documents are read and checked as OPA does it', async t => {
  const q = JSON.stringify
  const cases: Case[] = []
  for (const text of queries) cases.push(['graphql.parse_query', q(text)], ['graphql.is_valid', q(text), q(schema)], ['graphql.parse', q(text), q(schema)], ['graphql.parse_and_verify', q(text), q(schema)])
  for (const text of [schema, ...wrongSchemas]) cases.push(['graphql.parse_schema', q(text)], ['graphql.schema_is_valid', q(text)], ['graphql.is_valid', q('{ a }'), q(text)])
  for (const value of ['7', 'null', '[]', '{}', '{"Operations": 7}', '{"Definitions": [{"Kind": "OBJECT", "Name": "Query", "Fields": [{"Name": "a", "Type": {"NamedType": "Int"}}]}]}', '{"Operations": [{"Operation": "query", "SelectionSet": [{"Name": "a", "Alias": "a"}]}]}']) {
    cases.push(['graphql.is_valid', value, q('type Query { a: Int }')], ['graphql.is_valid', q('{ a }'), value], ['graphql.schema_is_valid', value], ['graphql.parse_and_verify', value, value], ['graphql.parse_query', value], ['graphql.parse_schema', value])
  }
  t.deepEqual(await differences(family, cases), [])
  t.log(`${cases.length} calls`)
})

test('fragments in a circle are no valid query, and cost nothing', t => {
  // gqlparser 2.5.58 does not come back from this one.
  const circle = 'subscription { me { ...F } } fragment F on User { friends { ...F friends { ...F } } }'
  t.false(answer(family, 'graphql.is_valid', circle, `${schema} extend schema { subscription: Query }`))
  t.false(answer(family, 'graphql.is_valid', '{ ...F } fragment F on Query { me { ...G } } fragment G on User { friends { ...G } }', schema))
})

test('documents that are too large or too deep have no answer', t => {
  const nested = `${'{ me '.repeat(200)}${'}'.repeat(200)}`
  t.is(answer(family, 'graphql.is_valid', nested, schema), undefined)
  t.is(answer(family, 'graphql.parse_query', nested), undefined)
  t.is(answer(family, 'graphql.parse_query', `{ a(b: ${'['.repeat(200)}1${']'.repeat(200)}) }`), undefined)
  t.is(answer(family, 'graphql.is_valid', `{ ${'me { id } '.repeat(600)} }`, schema), undefined)
  t.is(answer(family, 'graphql.parse_and_verify', `{ ${'me { id } '.repeat(600)} }`, schema), undefined)
  t.is(answer(family, 'graphql.schema_is_valid', `#${' '.repeat(524_288)}`), undefined)
  t.is(answer(family, 'graphql.schema_is_valid', 'scalar A '.repeat(5_000)), undefined)
})

test('no document makes it throw or think for long', t => {
  const random = randomFrom(5)
  const texts = [schema, ...queries]
  const started = process.cpuUsage().user
  for (let at = 0; at < 800; at++) {
    const text = texts[random(texts.length)] ?? ''
    const cut = random(text.length + 1)
    const spoiled = [text.slice(0, cut), text.slice(cut) + text.slice(0, cut), `${text.slice(0, cut)}${'{}[]()!$&|=:@"#\\\u0001.'[random(19)] ?? ''}${text.slice(cut)}`, `${text.slice(0, cut)}${text.slice(cut + 1)}`][random(4)] ?? ''
    t.notThrows(() => {
      for (const name of ['graphql.parse_query', 'graphql.parse_schema', 'graphql.schema_is_valid']) answer(family, name, spoiled)
      answer(family, 'graphql.is_valid', spoiled, schema)
      answer(family, 'graphql.is_valid', '{ me { id } }', spoiled)
    })
  }
  t.true(process.cpuUsage().user - started < 20_000_000)
})
