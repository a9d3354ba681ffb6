// OPA's evaluator is the judge: which documents fit, which schemas are none, and in which words.
import test from 'ava'
import { jsonSchema } from '../../../rego/builtins/json-schema/schema.ts'
import type { Family } from '../../../rego/builtins/operand.ts'
import { answer, differences, fromJson, randomFrom } from './judge.ts'
import type { Case } from './judge.ts'

const family: Family = jsonSchema.map(([name, make]) => [name, make()])

// A schema, and documents that are held against it.
const table: readonly (readonly [string, ...string[]])[] = [
  ['{"properties": {"id": {"type": "integer"}}, "required": ["id"]}', '{"id": 5}', '{"id": 5.0}', '{"id": "x"}', '{"id": 1.5}', '{}', '[]', '"7"', '"{"'],
  ['{"type": ["string", "null"]}', '"\\"a\\""', '"null"', '"1"', '"true"', '{}'],
  ['{"type": "unknown"}', '{}'], ['{"type": ["string", "string"]}', '{}'], ['{"type": 7}', '{}'], ['7', '{}'], ['"x"', '{}'], ['[]', '{}'], ['true', '{}'], ['{"type": "object"}', '7'],
  ['{"additionalProperties": false, "patternProperties": {"^x": {"type": "number"}}}', '{"x1": 1}', '{"x1": "a"}', '{"y": 1}'], ['{"patternProperties": {"(": {}}}', '{}'], ['{"pattern": "(?!a)"}', '{}'],
  ['{"items": {"type": "integer", "minimum": 2}, "minItems": 1, "maxItems": 3, "uniqueItems": true}', '[2, 3]', '[1]', '[]', '[2, 3, 4, 5]', '[2, 2.0]', '["a"]'], ['{"items": [{"type": "integer"}], "additionalItems": false}', '[1]', '[1, 2]', '[]'], ['{"items": [true], "additionalItems": {"type": "string"}}', '[1, "a"]', '[1, 2]'],
  ['{"contains": {"const": 1}}', '[0, 1.0]', '[0]', '[]'], ['{"enum": [1, "a", {"b": [null]}]}', '{"b": [null]}', '{"b": []}', '"1.0"'], ['{"enum": [1, 1.0]}', '{}'], ['{"const": {"a": 1e2}}', '{"a": 100}', '{"a": 101}'],
  ['{"multipleOf": 0.1, "minimum": 0, "exclusiveMaximum": 1234567}', '"0.3"', '"0.35"', '"-1"', '"1234567"', '"1e3"'], ['{"minimum": 1, "exclusiveMinimum": true}', '"1"', '"2"'], ['{"exclusiveMinimum": true}', '{}'], ['{"minimum": "a"}', '{}'], ['{"multipleOf": 0}', '{}'],
  ['{"minLength": 2, "maxLength": 3, "pattern": "^[aé]+$"}', '"\\"éé\\""', '"\\"a\\""', '"\\"aaaa\\""', '"\\"ab\\""'], ['{"minLength": 3, "maxLength": 2}', '{}'], ['{"minLength": 1.5}', '{}'], ['{"minItems": -1}', '{}'],
  ['{"minProperties": 1, "maxProperties": 1, "propertyNames": {"maxLength": 1}}', '{}', '{"a": 1}', '{"a": 1, "b": 2}', '{"ab": 1}'], ['{"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}', '{"a": 1}', '{"c": 1}', '{"a": 1, "b": 1}'],
  ['{"anyOf": [{"type": "string"}, {"required": ["a"]}]}', '{"a": 1}', '{}'], ['{"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}', '{"a": 1}', '{"a": 1, "b": 1}', '{}'], ['{"allOf": [{"required": ["a"]}, {"maxProperties": 1}]}', '{"a": 1}', '{"b": 1}'], ['{"not": {"required": ["a"]}}', '{"a": 1}', '{}'],
  ['{"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}', '{"a": 1}', '{"c": 1}', '{}'], ['{"definitions": {"n": {"type": "object", "properties": {"next": {"$ref": "#/definitions/n"}}}}, "$ref": "#/definitions/n"}', '{"next": {"next": {}}}', '{"next": {"next": 1}}'],
  ['{"$ref": "#/definitions/x"}', '{}'], ['{"$ref": "#/a", "a": 7}', '{}'], ['{"$id": "http://example.com/s", "properties": {"a": {"$ref": "#/definitions/b"}}, "definitions": {"b": false}}', '{"a": 1}', '{}'],
  ['{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": 2}', '{}'], ['{"$schema": "http://json-schema.org/draft-04/schema#", "const": 1, "if": false, "contains": false}', '[]'], ['{"$schema": "http://json-schema.org/draft-04/schema#", "not": true}', '{}'], ['{"$schema": "http://json-schema.org/draft-06/schema#", "if": true, "then": false}', '{}'], ['{"$schema": 7}', '{}'],
  ...['date', 'time', 'date-time', 'hostname', 'email', 'ipv4', 'ipv6', 'uri', 'uri-reference', 'uri-template', 'uuid', 'regex', 'json-pointer', 'relative-json-pointer', 'unknown'].map((format): readonly [string, ...string[]] => [`{"format": "${format}"}`,
    ...['2026-02-28', '2026-02-30', '3:04:05Z', '12:00:00', '24:00:00', '2026-01-02T03:04:05.5+01:00', 'a.b-c', '-a', 'a@b.c', 'a@', '1.2.3.4', '::1', 'http://a/{b}', '/a/{', 'a b', '%', '00000000-0000-0000-0000-00000000000A', '[a-z', '/a~1b', '/~2', '1/a', '0#', ''].map(text => JSON.stringify(JSON.stringify(text)))]),
]

test('schemas and documents are judged as OPA does it, and in its words', async t => {
  const cases = table.flatMap(([schema, ...documents]): Case[] => [['json.verify_schema', schema], ['json.verify_schema', JSON.stringify(schema)], ...documents.map((document): Case => ['json.match_schema', document, schema])])
  t.deepEqual(await differences(family, cases), [])
  t.log(`${cases.length} calls`)
})

test('nothing is fetched, and what leads out of the document has no answer', t => {
  for (const reference of ['http://127.0.0.1:9/schema', 'file:///etc/passwd', 'other.json', '//host/x']) {
    const schema = fromJson({ properties: { a: { $ref: reference } } })
    t.is(answer(family, 'json.verify_schema', schema), undefined, reference)
    t.is(answer(family, 'json.match_schema', fromJson({ a: 1 }), schema), undefined, reference)
  }
  t.is(answer(family, 'json.verify_schema', fromJson({ properties: { a: { $id: 'x' } } })), undefined)
})

test('what is too large, too deep or turns in a circle has no answer', t => {
  const match = (document: unknown, schema: unknown) => answer(family, 'json.match_schema', fromJson(document), fromJson(schema))
  // OPA's own overflows its stack on the first.
  t.is(match({}, { $ref: '#' }), undefined)
  const both = { $ref: '#/definitions/n' }
  t.is(match(nest(40), { definitions: { n: { anyOf: [{ properties: { a: both }, maxProperties: 0 }, { properties: { a: both }, maxProperties: 0 }] } }, ...both }), undefined)
  let deep: object = {}
  for (let level = 0; level < 200; level++) deep = { not: deep }
  t.is(answer(family, 'json.verify_schema', fromJson(deep)), undefined)
  t.is(match({}, { pattern: 'a'.repeat(3_000) }), undefined)
  t.is(match(['x'.repeat(70_000)], { items: { pattern: 'a{500}b' } }), undefined)
  t.is(match(['x'.repeat(70_000)], { items: { allOf: Array.from({ length: 200 }, () => ({ minLength: 1 })) } }), undefined)
  t.is(match([1e-300], { items: { multipleOf: 3 } }), undefined)
})

function nest(levels: number): object {
  let value: object = {}
  for (let level = 0; level < levels; level++) value = { a: value }
  return value
}

test('no expression takes long', t => {
  const started = process.cpuUsage().user
  for (const pattern of ['(a*)*$', '(a+)+$', '(a|aa)+$', '((a{1,10}){1,10}){1,5}$', '(.*)(.*)(.*)(.*)x']) {
    answer(family, 'json.match_schema', fromJson([`${'a'.repeat(2_000)}!`]), fromJson({ items: { pattern } }))
  }
  t.true(process.cpuUsage().user - started < 10_000_000)
})

test('no schema makes it throw', t => {
  const random = randomFrom(9)
  const texts = table.map(([schema]) => schema)
  for (let at = 0; at < 1_500; at++) {
    const [one, other] = [texts[random(texts.length)] ?? '', texts[random(texts.length)] ?? '']
    const spoiled = one.slice(0, random(one.length)) + other.slice(random(other.length))
    t.notThrows(() => {
      answer(family, 'json.verify_schema', spoiled)
      answer(family, 'json.match_schema', other, spoiled)
    })
  }
})
