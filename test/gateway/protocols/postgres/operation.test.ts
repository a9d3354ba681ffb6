// Statements as operations, through the real parser, lineage and projection.
import test from 'ava'
import type { TargetConfig } from '../../../../gateway/config.ts'
import { Few } from '../../../../gateway/protocols/postgres/few.ts'
import { createProjector } from '../../../../gateway/project/index.ts'
import { functionOperation, statementOperation, unaskedOperation, type Run, type StatementOptions } from '../../../../gateway/protocols/postgres/operation.ts'
import { createAnalyser } from '../../../../gateway/protocols/postgres/sql/analyse.ts'
import type { Analysis, Statement } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { traceStatement } from '../../../../gateway/protocols/postgres/sql/lineage.ts'
import { createParser } from '../../../../gateway/protocols/postgres/sql/parser.ts'
import { createTokens, deriveTargetKey } from '../../../../gateway/sensitive/index.ts'
import { naming } from './sql/town.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, traceStatement)
const entry = { effects: [], labels: [], request: {}, result: {}, isOpaque: false }
const target = {
  name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'test', labels: ['core'],
  catalogue: { 'public.customers': { ...entry, labels: ['pii'], result: { ssn: 'US_SSN' } }, '*': { ...entry, result: { email: 'EMAIL' } } },
} as unknown as TargetConfig
const tokens = createTokens(deriveTargetKey(new Uint8Array(32), 'appdb'))
const project = createProjector(target, tokens)
const names = { ...naming, role: 'app', sessionRole: 'app' }
const about = { target, database: 'bank', user: 'app', nonce: 'aa' }

async function operationOf(text: string, more: Partial<StatementOptions> = {}) {
  return statementOperation({ ...about, names, analysis: await analyser.analyse(text, naming), text, textBytes: Buffer.from(text), kind: 'query', ...more })
}

async function projected(text: string, more: Partial<StatementOptions> = {}) {
  const operation = await operationOf(text, more)
  return project({ operation, from: 'client' }, {
    session: { id: 'ab', seq: 1, startedAt: '' }, principal: { type: 'user', id: 'iss|a', clientId: 'psql', groups: [], acr: '', amr: [], claims: {}, expiresAt: 0 }, peer: { ip: '192.0.2.1', port: 1 }, decisionId: new Uint8Array(16), now: 0,
  })
}
const token = (name: string, value: string) => ({ class: name, token: tokens.token(name, value) })

test('a constant that meets a declared column becomes its class and token; the statement shows a number instead', async (t) => {
  const { input, inputText } = await projected(`select name from customers where ssn = '123-45-6789' and id = 17`)
  t.is(input.request['statement'], 'select name from customers where ssn = $1 and id = $2')
  t.deepEqual(input.request['literals'], [token('US_SSN', '123-45-6789'), '17'])
  t.false(inputText.includes('6789'))
  t.deepEqual(input.findings, { pii: { status: 'ok', classes: ['US_SSN'] }, sql: { status: 'ok' }, projected: [] })
  t.is(input.action.name, 'pg.select')
const [relation] = input.resource.properties['relations'] as { columns: string[] }[]
  t.deepEqual({ ...relation, columns: relation?.columns.toSorted() }, { name: 'public.customers', access: ['read'], columns: ['id', 'name', 'ssn'], labels: ['pii'] })
})

test('a constant that nobody can place is a token wherever declared columns are touched', async (t) => {
  const { input } = await projected(`select name || 'SECRET' from customers where upper(ssn) like concat('x', 'SECRET')`)
  t.false(JSON.stringify(input.request).includes('SECRET'))
  const plain = await projected(`select 'plain' from t where lower(a) = 'words'`)
  t.true(JSON.stringify(plain.input.request['literals']).includes('plain'))
})

test('what detectors find is replaced where no column is declared, in literals, names and comments', async (t) => {
  const { inputText, input } = await projected(`select '123-45-6789', "jane@example.com" from nowhere_123 as "123-45-6789" -- 4111111111111111`)
  t.false(/123-45-6789|jane@example|4111111111111111/.test(inputText))
  t.true(input.findings.pii.classes.includes('US_SSN'))
})

test('a relation that is not in the catalogue has no name in the resource, and cannot pass for one that is', async (t) => {
  const operation = await operationOf('select * from "pg_catalog.pg_class", "public.customers"')
  t.deepEqual(operation.resource.properties['relations'], [{ name: '?', access: ['read'], columns: [], labels: [] }])
  const [statement] = operation.request['statements'] as { relations: { name: string }[]; unknown: string[] }[]
  t.deepEqual(statement?.relations.map(({ name }) => name), ['?.pg_catalog.pg_class', '?.public.customers'])
  t.true(statement?.unknown.includes('unresolved_relation'))
})

test('parameters carry the class of the column they meet, whatever their format', async (t) => {
  const text = 'update customers set email = $1, name = $2 where id = $3'
  const { input } = await projected(text, { kind: 'execute', parameters: { values: [Buffer.from('j@example.com'), null, Uint8Array.of(0, 0, 0, 7)], formats: [0, 0, 1], types: [25, 25, 23] } })
  t.deepEqual(input.request['parameters'], [token('EMAIL', 'j@example.com'), null, '7'])
  t.is(input.action.name, 'pg.update')
})

test('a declared column in a range, an order or a group is a fact, and so is its value in another column', async (t) => {
  t.deepEqual((await operationOf(`select id from customers where ssn = 'x'`)).request['sensitive_predicate'], [{ name: 'public.customers.ssn', class: 'US_SSN', operator: '=' }])
  t.deepEqual((await operationOf(`select id from customers where ssn > 'x'`)).request['sensitive_predicate'], [{ name: 'public.customers.ssn', class: 'US_SSN', operator: 'other' }])
  t.deepEqual((await operationOf('select id from customers order by ssn')).request['sensitive_predicate'], [{ name: 'public.customers.ssn', class: 'US_SSN', operator: 'other' }])
  t.deepEqual((await operationOf('select ssn from customers')).request['sensitive_predicate'], [])
  const failing = { name: 'public.customers.ssn', class: 'US_SSN', operator: 'failure' }
  t.deepEqual((await operationOf('select 1 / ssn::int4 from customers')).request['sensitive_predicate'], [{ ...failing, functions: ['cast', '/'] }])
  t.deepEqual((await operationOf(`select ssn * 2 from customers where ssn = 'x'`)).request['sensitive_predicate'], [{ ...failing, functions: ['*'] }])
  t.deepEqual((await operationOf(`select ssn * 2 from customers where ssn > 'x'`)).request['sensitive_predicate'], [{ name: 'public.customers.ssn', class: 'US_SSN', operator: 'other' }])
  t.deepEqual((await operationOf('update customers set name = ssn')).request['sensitive_write'], [{ name: 'public.customers.ssn', class: 'US_SSN', into: 'public.customers.name' }])
})

test('several statements are one operation with the effects of all', async (t) => {
  const operation = await operationOf('begin; delete from t; commit')
  t.is(operation.action.name, 'pg.multi')
  t.deepEqual(operation.action.properties.effects, ['transaction', 'write'])
  t.is(operation.request['multi'], true)
})

test('a text that cannot be read is shown without its constants, and the parser\'s message without its words', async (t) => {
  const { input, inputText } = await projected(`select * frm customers where ssn = '123-45-6789' and name = Miller`)
  t.is(input.action.name, 'pg.unparsed')
  t.is(input.request['unparsed'], true)
  t.deepEqual(input.findings.sql, { status: 'error', message: 'syntax error at or near "…"', position: 10 })
  t.is(input.request['statement'], 'select * frm customers where ssn = $1 and name = Miller')
  t.false(inputText.includes('123-45-6789'))
  const { input: short } = await projected('select from where')
  t.deepEqual(short.findings.sql, { status: 'error', message: 'syntax error at or near "where"', position: 13 })
})

test('a lone Parse is asked about by that name, with what it would do', async (t) => {
  const operation = await operationOf('delete from customers', { kind: 'prepare' })
  t.is(operation.action.name, 'pg.prepare')
  t.deepEqual(operation.action.properties.effects, ['write'])
})

test('an approval binds to text, values, role, how values are read, path, session and target OIDs', async (t) => {
  const base = async (more: Partial<StatementOptions> = {}, text = 'select * from t where a = $1') => Buffer.from((await operationOf(text, { parameters: { values: [Buffer.from('x')], formats: [], types: [] }, ...more })).canonical()).toString('base64')
  const first = await base()
  t.is(await base(), first)
  const others = await Promise.all([
    base({}, 'select * from t where a = $1 '), base({ parameters: { values: [Buffer.from('y')], formats: [], types: [] } }), base({ parameters: { values: [null], formats: [], types: [] } }), base({ parameters: { values: [Buffer.from('x')], formats: [1], types: [] } }),
    base({ names: { ...names, role: 'other' } }), base({ names: { ...names, values: 'German' } }), base({ names: { ...names, path: ['hr'] } }), base({ nonce: 'bb' }), base({ user: 'b' }), base({ database: 'b' }), base({}, 'select * from s where a = $1'), base({ kind: 'execute' }),
  ])
  t.is(new Set([first, ...others]).size, 13)
})

test('an approval of the row at which a cursor stands is for no other row: the text does not say which', async (t) => {
  const bytes = async () => Buffer.from((await operationOf('delete from customers where current of c')).canonical()).toString('base64')
  t.not(await bytes(), await bytes())
})

test('an approval of EXECUTE binds to what was prepared under the name', async (t) => {
  const bytes = async (source: string) => {
    const analysis = await analyser.analyse('execute p', naming)
    if (analysis.status === 'error') throw new Error('unreadable')
    return Buffer.from((await operationOf('execute p', { analysis: { ...analysis, statements: analysis.statements.map((statement) => ({ ...statement, source })) } })).canonical()).toString('base64')
  }
  t.not(await bytes('prepare p as update accounts set balance = 1'), await bytes('prepare p as update accounts set balance = 1000'))
})

test('COPY from the client is not read whole, so nobody can approve it', async (t) => {
  t.is((await operationOf('copy customers from stdin')).isUnread, true)
  t.deepEqual((await operationOf('copy customers to stdout')).isUnread, undefined)
  const [statement] = (await operationOf(`copy customers to program 'x'`)).request['statements'] as { copy: unknown }[]
  t.deepEqual(statement?.copy, { direction: 'out', place: 'program' })
})

test('more values than can be shown are told as unread', async (t) => {
  const operation = await operationOf(`insert into t (a) values ${Array.from({ length: 1_001 }, () => `('x')`).join(',')}`)
  t.is((operation.request['literals'] as unknown[]).length, 1_000)
  t.is(operation.request['unread'], true)
})

test('RESET has no value, and a setting that is worked out at run time has one that nobody knows', async (t) => {
  const settings = async (text: string) => ((await operationOf(text)).request['statements'] as { settings: unknown }[])[0]?.settings
  t.deepEqual(await settings('reset role'), [{ name: 'role', value: null }])
  t.deepEqual(await settings('set search_path = a, b'), [{ name: 'search_path', value: 'a, b' }])
  t.deepEqual(await settings('select set_config(lower($1), $2, false)'), [{ name: '', value: { unknown: true } }])
})

test('a routine called by its OID is named, and its values are tokens', (t) => {
  const operation = functionOperation({ ...about, names, call: { kind: 'functionCall', oid: 3_505, formats: [], values: [Buffer.from('/etc/passwd')], resultFormat: 0 } })
  t.is(operation.action.name, 'pg.function_call')
  t.deepEqual(operation.slots, [{ path: '/parameters/0', declared: 'LITERAL' }])
  const [statement] = operation.request['statements'] as { routines: { name: string }[] }[]
  t.is(typeof statement?.routines[0]?.name, 'string')
})

test('what the server says unasked is an operation without words', (t) => {
  const operation = unaskedOperation({ ...about, frame: { tag: 0x41, bytes: Buffer.from('A....secret') } })
  t.is(operation.action.name, 'pg.notification')
  t.false(JSON.stringify(operation.request).includes('secret'))
})

test('a run with much in it is not kept for the next one', async (t) => {
  const text = 'update customers set name = $1 where id = $2'
  const run = async (size: number) => {
    const runs = new Few<Analysis | readonly Statement[], Run>()
    const { repeats } = await operationOf(text, { kind: 'execute', runs, parameters: { values: [new Uint8Array(size).fill(0x61), Buffer.from('7')], formats: [], types: [] } })
    return repeats !== undefined
  }
  t.true(await run(16_000))
  t.false(await run(16_384))
})
