import test from 'ava'
import { attributed, readShape } from '../../../../../gateway/protocols/postgres/sql/literals.ts'
import { readTokens } from '../../../../../gateway/protocols/postgres/sql/tokens.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { naming } from './town.ts'
import { untraced } from './untraced.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, untraced)

async function shapeOf(text: string): Promise<readonly [string, readonly unknown[]]> {
  const analysis = await analyser.analyse(text, naming)
  return analysis.status === 'ok' ? [analysis.shape, analysis.literals.map(({ value }) => value)] : [analysis.message, []]
}

const rows: readonly (readonly [string, string, readonly unknown[]])[] = [
  ['select 1, -2.5, - 3', 'select $1, $2, $3', [1, '-2.5', -3]],
  [`select 'a''b'`, 'select $1', [`a'b`]],
  [`select E'1\\x32\\063\\u0034\\n\\'5'`, 'select $1', [`1234\n'5`]],
  [`select U&'\\0031\\+000032' uescape '\\'`, 'select $1', ['12']],
  [`select U&'!0031!!' uescape '!'`, 'select $1', ['1!']],
  [`select $$it's$$, $q$a $$ b$q$`, 'select $1, $2', [`it's`, 'a $$ b']],
  [`select B'01', x'fF', N'n'`, 'select $1, $2, $3', ['01', 'fF', 'n']],
  [`select 'a'\n  'b'\n\n'c'`, 'select $1', ['abc']],
  ['select 1_000, 0x1F, .5, 1e-3, 99999999999999999999', 'select $1, $2, $3, $4, $5', [1000, '0x1F', '.5', '1e-3', '99999999999999999999']],
  ['select a-1, a - -1, a[1:2] from t', 'select a-$1, a - $2, a[$3:$4] from t', [1, -1, 1, 2]],
  ['select true, false, null from t where a is true', 'select $1, $2, null from t where a is true', [true, false]],
  [`select * from t where a = $2 and b = 'x'`, 'select * from t where a = $2 and b = $3', ['x']],
  ['select * from t limit 10 offset 5', 'select * from t limit $1 offset $2', [10, 5]],
  [`select 1 -- secret 123-45-6789\n, /* a /* nested '2' */ b */ 3`, 'select $1  \n,   $2', [1, 3]],
  [`select "col'umn", "a""1" from t`, `select "col'umn", "a""1" from t`, []],
  [`select 'é', '日本', '😀', 7`, 'select $1, $2, $3, $4', ['é', '日本', '😀', 7]],
  [`set application_name = 'x'`, 'set application_name = $1', ['x']],
  [`create role r password 'secret' valid until 'x'`, 'create role r password $1 valid until $2', ['secret', 'x']],
  [`copy t from stdin with (delimiter ',', null '\\N')`, 'copy t from stdin with (delimiter $1, null $2)', [',', '\\N']],
  [`notify a, 'secret'`, 'notify a, $1', ['secret']],
  [`comment on table t is 'secret'`, 'comment on table t is $1', ['secret']],
  [`do $$begin update t set a = '123-45-6789'; end$$`, 'do $1', [`begin update t set a = '123-45-6789'; end`]],
  [`create user mapping for public server s options (password 'secret')`, 'create user mapping for public server s options (password $1)', ['secret']],
  [`select 'x'::text, date '2020-01-01', interval '1' day`, 'select $1::text, date $2, interval $3 day', ['x', '2020-01-01', '1']],
  [`select'x'from t where a='y'and b=1or a='z'`, `select $1 from t where a=$2 and b=$3 or a=$4`, ['x', 'y', '1or', 'z']],
]

test('every constant is replaced by the next parameter, and says what PostgreSQL reads in it', async (t) => {
  for (const [text, shape, values] of rows.slice(0, -1)) t.deepEqual(await shapeOf(text), [shape, values], text)
})

test('no constant and no comment survives in a shape, utility statements included', async (t) => {
  for (const [text] of rows) {
    const [shape] = await shapeOf(text)
    t.deepEqual(readTokens(shape).filter(({ kind }) => kind === 'string' || kind === 'number' || kind === 'comment'), [], shape)
  }
})

test('spans count bytes, as the parser does', async (t) => {
  const text = `select 'é', '😀' , -5`
  const analysis = await analyser.analyse(text, naming)
  const bytes = Buffer.from(text)
  t.deepEqual(analysis.status === 'ok' ? analysis.literals.map(({ start, end }) => bytes.subarray(start, end).toString()) : [], [`'é'`, `'😀'`, '-5'])
})

test('a constant carries the columns that lineage found for its place, and others are not attributed', (t) => {
  const column = { relation: 100, attribute: 3 }
  const { constants } = readShape(`select N'x', 'y', 'z'`, { locations: new Set(), booleans: new Set() })
  const literals = attributed(constants, new Map([[8, [column]], [13, []]]))
  t.deepEqual(literals.map(({ isAttributed, columns }) => [isAttributed, columns]), [[true, [column]], [true, []], [false, []]])
})

test('text that is no SQL is still cut into tokens, whole and in order', (t) => {
  for (const text of [`'`, `E'\\`, '/*', '/* /*', '"', '$a$', '$', '--', `U&'`, `U&"a" uescape '`, '1e', '1..2', '$1$2', '\ud800', `'a'\n`, `x'`]) {
    const tokens = readTokens(text)
    let end = 0
    for (const token of tokens) { t.true(token.start >= end && token.end > token.start && token.end <= text.length, text); end = token.end }
    t.notThrows(() => readShape(text, { locations: new Set(), booleans: new Set() }))
  }
})
