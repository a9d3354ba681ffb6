// Long texts: what the worker leaves out of a tree changes nothing that anybody is told, and what would hold the gateway up is refused.
import test from 'ava'
import { loadModule } from 'libpg-query'
import type { TargetConfig } from '../../../../../gateway/config.ts'
import { isTooMuch, maxShownBytes } from '../../../../../gateway/protocols/postgres/operation/parameters.ts'
import { statementOperation } from '../../../../../gateway/protocols/postgres/operation.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import type { Analysis } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { maxBlockUnits } from '../../../../../gateway/protocols/postgres/sql/facts/embedded.ts'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { maxParts, maxRelations, maxStatements, parseLong } from '../../../../../gateway/protocols/postgres/sql/parse-long.ts'
import { parseText } from '../../../../../gateway/protocols/postgres/sql/parse-text.ts'
import type { Parsed } from '../../../../../gateway/protocols/postgres/sql/parse-text.ts'
import { naming } from './town.ts'

await loadModule()
const entry = { effects: [], labels: [], request: {}, result: {}, isOpaque: false }
const target = { name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'test', labels: [], catalogue: { 'public.customers': { ...entry, result: { ssn: 'US_SSN' } } } } as unknown as TargetConfig

async function analysed(text: string, parsed: Parsed): Promise<Analysis> {
  return await createAnalyser({ parse: () => parsed, [Symbol.asyncDispose]: () => Promise.resolve() }, traceStatement).analyse(text, naming)
}
function inWorker(text: string): Parsed {
  const parsed = parseLong(text)
  return parsed.status === 'ok' ? { status: 'ok', statements: JSON.parse(parsed.trees) as unknown[], shape: parsed.shape } : parsed
}
function operationOf(text: string, analysis: Analysis, values: number) {
  const parameters = values === 0 ? {} : { parameters: { values: Array.from({ length: values }, (_, i) => Buffer.from(String(i))), formats: [], types: [] } }
  const { action, resource, request, slots, findings, canonical } = statementOperation({ target, database: 'bank', user: 'app', nonce: 'aa', names: { ...naming, role: 'app', sessionRole: 'app' }, analysis, text, textBytes: Buffer.from(text), kind: 'query', ...parameters })
  return { action, resource, request, slots, findings, canonical: Buffer.from(canonical()) }
}

const rows = (count: number, row: (i: number) => string): string => Array.from({ length: count }, (_, i) => row(i)).join(', ')
const insert = 'insert into customers (id, name, ssn, email) values '
/** Text, and how many parameters it has. */
const texts: Readonly<Record<string, readonly [string, number?]>> = {
  'rows of constants': [insert + rows(1_200, (i) => `(${i}, 'n${i}', '${i}', true)`)],
  'constants of every kind': [insert + rows(700, (i) => `(-${i}, E'a\\n${i}', N'x', b'1'), (1.5, null, $$x$$, default)`)],
  'casts and calls': [insert + rows(800, (i) => `('${i}'::int, now(), '2020-01-01'::timestamptz, array['a', '${i}']), (nextval('s'), current_timestamp, mystery(), lower('A${i}'))`)],
  'parameters': [insert + rows(1_000, (i) => `($${4 * i + 1}, $${4 * i + 2}, $${4 * i + 3}, $${4 * i + 4})`), 4_000],
  'one parameter in many places': [insert + rows(1_200, (i) => i < 800 ? '($1, $2, $3, $4)' : i === 1_000 ? '($3, $1, $1, $1)' : `($2, $2, 'x', $2)`), 4],
  'a constant behind many rows without one': [insert + rows(1_400, (i) => i < 300 ? '(default, default, default, default)' : `(1, default, '${i}', default)`)],
  'parameters behind constants': [insert + rows(1_200, (i) => i < 1_190 ? `(1, 'a', 'b', 'c')` : `($1, $2, $3, $4)`), 4],
  'a subquery among many rows': [insert + rows(1_200, (i) => i === 1_100 ? '((select salary from hr.staff), (select email from customers limit 1), null, null)' : `(1, 'a', 'b', 'c')`)],
  'a column among many values': [`select id from customers where ssn in (${rows(1_500, (i) => i === 1_400 ? 'email' : `'${i}'`)})`],
  'a list of values': [`select id from customers where ssn in (${rows(1_500, (i) => `'${i}'`)}) and id not in (${rows(1_500, String)})`],
  'a list of parameters': [`select id from customers where ssn in (${rows(1_500, (i) => `$${1_500 - i}`)})`, 1_500],
  'a list of rows': [`select id from customers where (ssn, id) in (${rows(1_200, (i) => `('${i}', ${i})`)})`],
  'an array': [`select id from customers where ssn = any(array[${rows(1_500, (i) => `'${i}'`)}])`],
  'a list of values as a relation': [`select c.name from customers c join (values ${rows(1_200, (i) => `(${i}, '${i}')`)}) v(a, b) on c.ssn = v.b union values ${rows(1_200, (i) => `('${i}')`)}`],
  'settings in rows': [`select * from (values ${rows(200, (i) => `(set_config('a.b', '${i % 2}', false))`)}) v`],
  'many statements': [rows(300, (i) => `insert into t (a, b, c) values (${i}, 'x', 'é${i}')`).replaceAll('), insert', '); insert')],
  'comments and blanks': [`/* a */ select /* b */ 1, -2, true -- c\n from t where a = 'x' ${' '.repeat(200_000)}`],
  'a long constant': [`insert into t (a) values ('${'é'.repeat(100_000)}', $1)`, 1],
}

for (const [name, [text, values = 0]] of Object.entries(texts)) {
  test(`what policy is told of a long text is what the whole tree says: ${name}`, async (t) => {
    const parsed = parseText(text)
    t.is(parsed.status, 'ok')
    const [whole, folded] = [await analysed(text, parsed), await analysed(text, inWorker(text))]
    t.deepEqual(operationOf(text, folded, values), operationOf(text, whole, values))
    if (whole.status === 'ok' && folded.status === 'ok') t.deepEqual({ ...folded, literals: [], parameters: [], shape: '' }, { ...whole, literals: [], parameters: [], shape: '' })
  })
}

test('rows that repeat others are left out: a megabyte of them is a small tree', (t) => {
  for (const text of [insert + rows(10_000, (i) => `(${i}, 'name ${i}', '123', null)`), insert + rows(10_000, (i) => `($${4 * i + 1}, $${4 * i + 2}, $${4 * i + 3}, $${4 * i + 4})`), `select 1 from t where a in (${rows(50_000, String)})`]) {
    const parsed = parseLong(text)
    t.true(parsed.status === 'ok' && parsed.trees.length < 150_000)
  }
})

test('a statement of more parts, or a text of more statements, than can be looked into at once is refused', (t) => {
  const tooLarge = { status: 'error', message: `the statement has more than ${maxParts} parts: send it in parts`, position: 0 }
  t.deepEqual(parseLong(`select ${rows(60_000, () => 'a')} from t`), tooLarge)
  t.deepEqual(parseLong(insert + rows(16_000, (i) => `(id + ${i}, lower('${i}'), 'x', null)`)), tooLarge)
  t.is(parseLong(`update t set a = case ${Array.from({ length: 4_000 }, (_, i) => `when (t.b = ${i}) then 'x${i}'`).join(' ')} end`).status, 'ok')
  t.deepEqual(parseLong(`select 1 from ${rows(maxRelations + 1, () => 't')}`), { status: 'error', message: `the statement names more than ${maxRelations} relations: send it in parts`, position: 0 })
  t.is(parseLong(`select 1 from ${rows(maxRelations, () => 't')}`).status, 'ok')
  t.deepEqual(parseLong('begin;'.repeat(maxStatements + 1)), { status: 'error', message: `the text has more than ${maxStatements} statements: send it in parts`, position: 0 })
  t.is(parseLong('begin;'.repeat(maxStatements)).status, 'ok')
})

test('a block that is too long to be read on the spot is code that nobody could read', async (t) => {
  const block = (units: number): string => `do $$ begin delete from customers; ${'perform 1; '.repeat(Math.ceil(units / 11))} end $$`
  for (const [units, isRead] of [[1_000, true], [maxBlockUnits, false]] as const) {
    const text = block(units)
    const analysis = await analysed(text, parseText(text))
    t.true(analysis.status === 'ok' && analysis.statements[0]?.unknown.includes('opaque_routine') !== isRead)
    t.is(analysis.status === 'ok' && analysis.statements[0]?.relations.some(({ name }) => name === 'customers'), isRead)
  }
})

test('values that policy would read are counted, those that it is told the length of are not', (t) => {
  const of = (count: number, bytes: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(bytes))
  t.false(isTooMuch(of(16, maxShownBytes / 16)))
  t.true(isTooMuch([...of(16, maxShownBytes / 16), new Uint8Array(1)]))
  t.false(isTooMuch(of(20, maxShownBytes)))
  t.false(isTooMuch([...of(1_000, 1), ...of(100, 100_000)]))
  t.false(isTooMuch([null, null]))
})
