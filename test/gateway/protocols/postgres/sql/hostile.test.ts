import test from 'ava'
import type { Analysis } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { createParser, maxTextBytes } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { naming } from './town.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, traceStatement)
const analyse = async (text: string): Promise<Analysis> => analyser.analyse(text, naming)

test('an error has the parser\'s message and the 1-based character where it stands', async (t) => {
  t.deepEqual(await analyse('selec 1'), { status: 'error', message: 'syntax error at or near "selec"', position: 1 })
  t.deepEqual(await analyse(`select 'é' frm x y`), { status: 'error', message: 'syntax error at or near "x"', position: 16 })
  t.deepEqual(await analyse(`select 'abc`), { status: 'error', message: `unterminated quoted string at or near "'abc"`, position: 8 })
})

test('a text without a statement is the statement "empty"', async (t) => {
  for (const text of ['', ' ', ';;', '-- note', '/* note */']) {
    const analysis = await analyse(text)
    t.deepEqual(analysis.status === 'ok' ? analysis.statements.map(({ kind, effects }) => [kind, effects]) : [], [['empty', ['read']]], text)
  }
})

test('what hides behind a NUL is not overlooked: the text is refused', async (t) => {
  t.deepEqual(await analyse('select 1\0; drop table customers'), { status: 'error', message: 'the statement holds a NUL byte', position: 0 })
})

test('a text that is too long is refused by name', async (t) => {
  t.deepEqual(await analyse(`select '${'a'.repeat(maxTextBytes)}'`), { status: 'error', message: 'the statement is longer than 1048576 bytes', position: 0 })
})

const deep: Readonly<Record<string, string>> = {
  'parentheses': `select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`,
  'additions': `select 1${'+1'.repeat(20_000)}`,
  'unions': `select 1${' union select 1'.repeat(20_000)}`,
  'subqueries': `${'select * from ('.repeat(4_000)}select 1${') x'.repeat(4_000)}`,
  'ands': `select 1 where ${'a and '.repeat(9_000)} b`,
  'nots': `select ${'not '.repeat(15_000)} true`,
  'arrays': `select ${'array['.repeat(9_000)}1${']'.repeat(9_000)}`,
  'casts': `select 1${'::int'.repeat(10_000)}`,
  'indirections': `select (a)${'.b'.repeat(20_000)}`,
  'unterminated comment': `select 1 ${'/* '.repeat(20_000)}`,
  'unterminated dollar quote': `select ${'$a$ $b$ '.repeat(7_000)}$c$`,
  'quotes': `select ${'\''.repeat(60_001)}`,
  'ctes': `with ${Array.from({ length: 2_000 }, (_, i) => `c${i} as (select * from customers)`).join(', ')} select 1`,
  'statements': 'select 1;'.repeat(7_000),
  'nested do': (() => { let text = 'null;'; for (let i = 0; i < 12; i++) text = `do $x${i}$ begin ${text} end $x${i}$;`; return text })(),
}

for (const [name, text] of Object.entries(deep)) {
  test(`hostile text ends in an answer, never in a throw: ${name}`, async (t) => {
    const analysis = await analyse(text)
    t.true(analysis.status === 'ok' || analysis.message !== '')
    const after = await analyse('select 1')
    t.is(after.status, 'ok')
  })
}

/** `set (a, a, …) = source` as the grammar reads it holds the source once for each column. */
const wide = (columns: number, source: string): string => `update t set (${Array.from({ length: columns }, () => 'a').join(',')})=${source}`
const nested = (columns: number, depth: number): string => {
  let source = '(select 1)'
  for (let i = 0; i < depth; i++) source = `(with x as (${wide(columns, source)} returning 1) select 1)`
  return wide(columns, source)
}

test('a text whose tree would be far longer than it is, is not parsed, and an honest one is', async (t) => {
  const list = Array.from({ length: 1_000 }, () => 'b').join(',')
  const tooComplex = { status: 'error', message: 'the statement is too complex', position: 0 }
  for (const text of [
    wide(1_000, `(select ${list})`), wide(1_000, `row(${list})`).replace(')=', ') -- note\n /* /* */ */ = '), wide(1_000, `(select 1) or (select ${list})`), nested(4, 10), nested(20, 4),
    `insert into t values (1) on conflict (a) do update set b = 1, (${list}) = (select ${list})`, `merge into t using u on true when matched then update set (${list})=(select ${list})`, `select 1; ${wide(1_000, `(select ${list})`)}`,
  ]) t.deepEqual(await analyse(text), tooComplex, text.slice(0, 60))
  t.deepEqual(await analyse(wide(100, `(select '${'b'.repeat(10_000)}')`)), tooComplex, 'a long constant')
  const names = Array.from({ length: 100 }, (_, i) => `a_column_of_a_wide_table_${i}`)
  t.is((await analyse(`insert into t (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')}) on conflict (id) do update set (${names.join(', ')}) = row(${names.map((name) => `excluded.${name}`).join(', ')})`)).status, 'ok', 'an upsert of a wide table')
  const block = await analyse(`do $$ begin ${wide(1_000, `(select ${list})`)}; end $$`)
  t.true(block.status === 'ok' && block.statements[0]?.unknown.includes('opaque_routine'))
  for (const text of [
    wide(50, `(select ${list.slice(0, 499)})`), `update t set (a, b) = (select c, d from u), (c, d) = (select e, f from u) ${'where (a, b) = (1, 2)'} ${'or (a, b) = (1, 2) '.repeat(2_000)}`,
    `update t set ${Array.from({ length: 300 }, () => '(a, b) = (1, 2)').join(', ')}`, nested(2, 3),
  ]) t.is((await analyse(text)).status, 'ok', text.slice(0, 60))
})

test('a WITH of many thousand queries is given up on, not copied for each of them', async (t) => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `a${i} as (select)`).join(',')
  const analysis = await analyse(`with ${many(3_000)} select * from a2999`)
  t.true(analysis.status === 'ok' && analysis.statements[0]?.unknown.includes('too_large'))
  const inner = await analyse(`with recursive ${many(4_000)} select ${Array.from({ length: 4_000 }, () => '(with x as (select) select 1)').join(',')}`)
  t.is(inner.status, 'ok')
})

test('long texts are read in a worker, in order, beside short ones', async (t) => {
  const long = (value: string) => `insert into t (a) values ${Array.from({ length: 9_000 }, () => `('${value}')`).join(', ')}`
  const [first, second, broken] = await Promise.all([analyse(long('abc')), analyse(long('xyz')), analyse(`${long('abc')} frm`)])
  t.is(first.status === 'ok' ? first.literals.length : 0, 1_001, 'one more than is shown')
  t.is(second.status === 'ok' ? second.literals[0]?.value : '', 'xyz')
  t.is(broken.status, 'error')
})

test('more long texts than may wait are refused at once, and short ones are read meanwhile', async (t) => {
  const own = await createParser()
  const long = `select '${'a'.repeat(100_000)}'`
  const waiting = Array.from({ length: 1_024 }, () => own.parse(`select '${'a'.repeat(20_000)}'`))
  t.deepEqual(own.parse(long), { status: 'error', message: 'too many long statements are waiting to be parsed', position: 0 })
  t.like(own.parse('select 1'), { status: 'ok' })
  await own[Symbol.asyncDispose]()
  t.deepEqual(new Set((await Promise.all(waiting)).map((parsed) => parsed.status === 'error' ? parsed.message : 'read')), new Set(['the gateway is stopping']))
  const other = await createParser()
  const large = `select '${'a'.repeat(1_048_566)}'`
  const held = Array.from({ length: 64 }, () => other.parse(large))
  t.deepEqual(other.parse(long), { status: 'error', message: 'too many long statements are waiting to be parsed', position: 0 })
  await other[Symbol.asyncDispose]()
  await Promise.all(held)
})

test('a parser that is closed answers whoever waits', async (t) => {
  const own = await createParser()
  const waiting = own.parse(`select '${'a'.repeat(100_000)}'`)
  await own[Symbol.asyncDispose]()
  t.deepEqual(await waiting, { status: 'error', message: 'the gateway is stopping', position: 0 })
})
