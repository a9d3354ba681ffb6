// Texts that differ in constants share an analysis. Whatever they are, the shared one must be what the text by itself would get.
import test from 'ava'
import type { Analysis, Naming } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { patternOf, watch } from '../../../../../gateway/protocols/postgres/sql/alike.ts'
import { createAnalyser, type Analyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { Few } from '../../../../../gateway/protocols/postgres/few.ts'
import { statementOperation, type StatementOptions, type StatementViews } from '../../../../../gateway/protocols/postgres/operation.ts'
import type { TargetConfig } from '../../../../../gateway/config.ts'
import { createProjector } from '../../../../../gateway/project/index.ts'
import { createTokens, deriveTargetKey } from '../../../../../gateway/sensitive/index.ts'
import { filled, randomOf, template } from './alike-statements.ts'
import { naming } from './town.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const create = (): Analyser => createAnalyser(parser, traceStatement)
const read = (analyser: Analyser, text: string, as: Naming = naming): Analysis => analyser.analyse(text, as) as Analysis
const alone = (text: string): Analysis => read(create(), text)

/** What `text` gets from somebody who has seen `others` before, each often enough to be kept. */
function after(others: readonly string[], text: string): Analysis {
  const analyser = create()
  for (const other of others) for (let i = 0; i < 3; i++) read(analyser, other)
  return read(analyser, text)
}

const entry = { effects: [], labels: [], request: {}, isOpaque: false }
const target = { name: 'bank', protocol: 'postgres', prefix: '/bank', env: 'prod', labels: [], catalogue: { 'public.customers': { ...entry, result: { ssn: 'GOV_ID', email: 'EMAIL' } } } } as unknown as TargetConfig
const project = createProjector(target, createTokens(deriveTargetKey(new Uint8Array(32), 'bank')))
const context = { session: { id: 'ab', seq: 1, startedAt: '' }, principal: { type: 'user', id: 'iss|a', clientId: 'psql', groups: [], acr: '', amr: [], claims: {}, expiresAt: 0 }, peer: { ip: '192.0.2.1', port: 1 }, decisionId: new Uint8Array(16), now: 0 } as const
const names = { ...naming, role: 'ann', sessionRole: 'ann' }
/** Operations that were taken for a repeat of others. */
let repeats = 0
const session: Pick<StatementOptions, 'views' | 'runs'> = { views: new WeakMap() as StatementViews, runs: new Few() }

/** What policy decides on and the record keeps, and what an approval binds to. */
function projected(analysis: Analysis, text: string, known: Pick<StatementOptions, 'views' | 'runs'> = {}): string {
  const options: StatementOptions = { target, database: 'bank', user: 'ann', nonce: 'n', names, analysis, text, textBytes: Buffer.from(text), kind: 'query', ...known }
  const operation = statementOperation(options)
  if (operation.repeats !== undefined) repeats++
  return project({ operation, from: 'client' }, context).inputText + Buffer.from(operation.canonical()).toString('hex')
}

test('whatever is written for its constants, a statement has the analysis and the projection that it has by itself', (t) => {
  const random = randomOf(4_711)
  const cached = create()
  let shared = 0
  let texts = 0
  for (let round = 0; round < 400; round++) {
    const holes = template(random)
    const seen = new Set<unknown>()
    for (let variant = 0; variant < 7; variant++) {
      const text = filled(holes, random, 40)
      const analysis = read(cached, text)
      const own = alone(text)
      texts++
      t.deepEqual(analysis, own, text)
      t.is(JSON.stringify(analysis), JSON.stringify(own), text)
      t.is(projected(analysis, text, session), projected(own, text), text)
      if (analysis.status === 'ok' && seen.size === (seen.add(analysis.statements), seen.size)) shared++
    }
  }
  t.true(shared > texts / 5, `${shared} of ${texts} are shared`)
  t.true(repeats > texts / 6, `${repeats} of ${texts} are repeats`)
})

test('texts that differ in a compared, a written or an added constant share what is known of them', (t) => {
  for (const [first, second] of [
    ['select id, ssn from customers where id = 1', 'select id, ssn from customers where id = 99999'], ['SELECT id FROM customers WHERE id = 0;', 'SELECT id FROM customers WHERE id = 17;'],
    ['select id from customers where id in (1, 2) and true', 'select id from customers where id in (30, 40) and true'], ['update customers set ssn = 1 where id = 2', 'update customers set ssn = 30 where id = 40'],
    ['insert into t (a, b) values (1, 2)', 'insert into t (a, b) values (3, 4)'], ['delete from customers where "id" between 1 and 2', 'delete from customers where "id" between 30 and 40'],
    ['select id from customers where id = 1 limit 10', 'select id from customers where id = 2 limit 10'], ["select id from customers where ssn = ''", "select id from customers where ssn = '219-09-9999'"], ["insert into t values ('a; drop table t', 1, '--')", "insert into t values ('b', 2, '/*')"], ["update customers set name = '\"' where ssn in ('a', 'b')", "update customers set name = '$1' where ssn in ('5', '')"], ['select id "1" from customers where id = 007', 'select id "1" from customers where id = 5'],
  ] as const) {
    const analyser = create()
    const known = [first, first, first].map((text) => read(analyser, text)).at(-1)
    const analysis = read(analyser, second)
    t.deepEqual(analysis, alone(second))
    t.true(known?.status === 'ok' && analysis.status === 'ok' && analysis.statements === known.statements, second)
  }
})

test('a constant that says more than a value is never taken for another one', (t) => {
  for (const [first, second] of [
    ['select id from customers limit 1', 'select id from customers limit 1000'], ['select id, ssn from customers order by 1', 'select id, ssn from customers order by 2'], ['select id, ssn, count(*) from customers group by 1', 'select id, ssn, count(*) from customers group by 2'],
    ['delete from t where a + 1 = a + 2', 'delete from t where a + 1 = a + 1'], ['delete from t where (select 1) + a = (select 2) + a', 'delete from t where (select 1) + a = (select 1) + a'], ['update t set a = 1 where (a = 1) = (a = 2)', 'update t set a = 1 where (a = 1) = (a = 1)'],
    ['select set_config(1, 2, true)', 'select set_config(1, 3, true)'], ["select set_config('search_path', 'public', false)", "select set_config('search_path', 'hr', false)"], ["delete from t where a || 'x' = a || 'y'", "delete from t where a || 'x' = a || 'x'"], ['select cast(id as float(24)) from customers', 'select cast(id as float(99)) from customers'], ['select distinct on (1) id, ssn from customers', 'select distinct on (2) id, ssn from customers'],
    ['select id from customers fetch first 1 rows only', 'select id from customers fetch first 9 rows only'], ['select id, ssn from customers union select a, b from t order by 1', 'select id, ssn from customers union select a, b from t order by 2'],
  ] as const) {
    t.deepEqual(after([first], second), alone(second), second)
    t.notDeepEqual({ ...alone(second), literals: [] }, { ...alone(first), literals: [] }, second)
  }
})

test('what was passed over in one text and read in another must be the same from then on', (t) => {
  // Only where the left sides are the same number is the right one looked at.
  const texts = ['1 + 5 = a * 2 + 5', '1 + 5 = a * 1 + 6', '1 + 5 = a * 1 + 5', '3 + 5 = a * 4 + 5', '7 + 5 = a * 7 + 5', '7 + 5 = a * 7 + 6', '1 + 6 = a * 1 + 6'].map((rest) => `delete from t where a * ${rest}`)
  const analyser = create()
  for (let round = 0; round < 5; round++) for (const text of texts) t.deepEqual(read(analyser, text), alone(text), text)
  t.deepEqual(new Set(texts.map((text) => { const own = alone(text); return own.status === 'ok' && own.statements[0]?.hasWhere })), new Set([true, false]))
})

test('a text in which a constant could be anything else is analysed by itself', (t) => {
  const misses = ['id = -5', 'id = - 5', 'id = +5', 'id = 1.5', 'id = .5', 'id = 5.', 'id = 1e5', 'id = 0x10', 'id = 1_000', 'id = 5and true', 'id = $1', 'id = $1and true', 'id = 1234567890', "id = E'5'", "id = U&'5'", 'id = $$5$$', 'id = 5 /* */', 'id = 5 -- x', 'id = 5\\', 'id = 5é', 'id = 5\0', 'id = 5\f', 'id = 5/2', 'id = 5::int', 'id = a[5]', 'id = 5"a"', 'id = "a"5', 'id = "a', 'id = U&"5" and a = 5', 'id = "\u00e9" and a = 5', 'id < 5 & 1', 'id = 5|5', "ssn = 'a''b'", "ssn = ''''", "ssn = 'a\\b'", "ssn = 'a\\'", "ssn = e'a'", "ssn = N'a'", "ssn = B'1'", "ssn = X'1f'", "ssn = 'a'\n'b'", "ssn = 'a' 'b'", "ssn = 'a' \t\r\n 'b'", "ssn = 'a'--\n'b'", "ssn = 'é'", "ssn = 'a\nb'", "ssn = 'a", "ssn = a'", "ssn = 'a'b'", "ssn = 'a'::text", "ssn = 'a'||'b'", "ssn = 'a\u0001'", "ssn = \"a'\" and b = 'c''d'", 'ssn = $$a$$']
  for (const where of misses) t.is(patternOf(`select id from customers where ${where}`), undefined, where)
  t.is(patternOf(`select id from customers where id = 5${' '.repeat(4_096)}`), undefined)
  t.is(patternOf(`select id from customers where id in (${'5,'.repeat(64)}5)`), undefined)
  t.is(patternOf('select now()'), undefined)
  t.not(patternOf(`select id from customers where id in (${'5,'.repeat(63)}5)`), undefined)
})

test('digits of names are letters: statements on other tables share nothing', (t) => {
  t.deepEqual(after(['select a from t1 where a = 5'], 'select a from t2 where a = 5'), alone('select a from t2 where a = 5'))
  t.deepEqual(after(['select a from "t 1" where a = 5'], 'select a from "t 2" where a = 5'), alone('select a from "t 2" where a = 5'))
  t.not(patternOf('select "1" where a = 5')?.frame, patternOf('select "2" where a = 5')?.frame)
  t.not(patternOf('select a where a = 5')?.frame, patternOf("select a where a = '5'")?.frame)
})

test('what is known under one search path or catalogue is not known under another', (t) => {
  const analyser = create()
  const [first, second] = ['select a from t where a = 1', 'select a from t where a = 2']
  for (let i = 0; i < 3; i++) read(analyser, first)
  const elsewhere: Naming = { ...naming, path: ['pg_catalog', 'hr'] }
  t.deepEqual(read(analyser, second, elsewhere), read(create(), second, elsewhere))
  t.notDeepEqual(read(analyser, second, elsewhere), read(analyser, second))
  const other: Naming = { ...naming, snapshot: { ...naming.snapshot, findRelation: () => undefined } }
  t.deepEqual(read(analyser, second, other), read(create(), second, other))
})

test('a statement that is run again has an analysis of its own from its second run on, a prepared one from its first', (t) => {
  const analyser = create()
  for (let i = 1; i < 4; i++) read(analyser, `select a from t where a = ${i}`)
  const [text, prepared] = ['select a from t where a = 5', 'select a from t where a = 6']
  t.truthy(analyser.known(text, naming))
  const second = analyser.known(text, naming)
  t.is(analyser.known(text, naming), second)
  const parsed = analyser.analyse(prepared, naming, 'at-once') as Analysis
  t.is(analyser.known(prepared, naming), parsed)
})

test('a constant is left open only where it is one of its own, in a statement that reads or writes rows', (t) => {
  const text = 'select 5'
  const pattern = patternOf(text)!
  const five = (value = 5) => ({ A_Const: { ival: { ival: value }, location: 7 } })
  const fixed = (tree: readonly unknown[]) => watch(tree, pattern, text).fixed()
  t.deepEqual(fixed([{ SelectStmt: { targetList: [five()] } }]), [])
  t.is(fixed([{ SelectStmt: { targetList: [five(), five()] } }]), 'all')
  t.is(fixed([{ SelectStmt: { targetList: [five(6)] } }]), 'all')
  t.is(fixed([{ SelectStmt: { targetList: [{ A_Const: { sval: { sval: '5' }, location: 7 } }] } }]), 'all')
  t.is(fixed([{ SelectStmt: { targetList: [{ Integer: { ival: 5, location: 7 } }] } }]), 'all')
  t.is(fixed([{ SelectStmt: { targetList: [{ A_Const: { ival: { ival: 5 }, location: 6 } }] } }]), 'all')
  t.is(fixed([{ FetchStmt: { howMany: five() } }]), 'all')
  t.is(fixed([{ SelectStmt: { targetList: [five()] } }, { VariableSetStmt: {} }]), 'all')
})

test('a constant that anybody has read is not left open', (t) => {
  const text = 'select 5, 6'
  const tree = { SelectStmt: { targetList: [{ A_Const: { ival: { ival: 5 }, location: 7 } }, { A_Const: { ival: { ival: 6 }, location: 10 } }] } }
  const watched = watch([tree], patternOf(text)!, text)
  t.deepEqual(watched.fixed(), [])
  t.is(tree.SelectStmt.targetList[1]!.A_Const.ival.ival, 6)
  t.deepEqual(watched.fixed(), [1])
  JSON.stringify(tree)
  t.is(watched.fixed(), 'all')
})
