// A name that is not there, mistyped or probed for, is refused in PostgreSQL's own code and words, and nothing of it is sent; what policy refuses for any other reason stays 42501.
import test from 'ava'
import { errorOf, texts, write, type Reply } from '../postgres-client.ts'
import { frontOf } from './front.ts'

const { parse, bind, execute, query, sync } = write
const front = frontOf(test)

const said = (replies: readonly Reply[]): string => {
  const fields = errorOf(replies) ?? {}
  return [fields['C'], fields['M'], ...fields['P'] === undefined ? [] : [fields['P']]].join(' ')
}

test.serial.before(async () => {
  const superuser = await front().superuser()
  await superuser.simple("create schema hidden; create table hidden.secrets (id int); revoke all on schema hidden from public; create function one(int) returns int language sql immutable as 'select 1'")
  superuser.destroy()
})

const missing: readonly (readonly [sql: string, gives: string])[] = [
  ['select * from custmers', '42P01 relation "custmers" does not exist 15'],
  ['SELECT * FROM "Custmers"', '42P01 relation "Custmers" does not exist 15'],
  ["select 'é', * from public.custmers", '42P01 relation "public.custmers" does not exist 20'],
  ['select nme from custmers order by nme', '42P01 relation "custmers" does not exist 17'],
  ['select id, (select max(id) from itms) from items', '42P01 relation "itms" does not exist 33'],
  ['select nme from items', '42703 column "nme" does not exist 8'],
  ['select nme from items where nam = 1', '42703 column "nme" does not exist 8'],
  ['select i.nme from items i', '42703 column i.nme does not exist 8'],
  ['select x.name from items i', '42P01 missing FROM-clause entry for table "x" 8'],
  ['select x.* from items i', '42P01 missing FROM-clause entry for table "x" 8'],
  ['select * from items where nme = 1', '42703 column "nme" does not exist 27'],
  ['select nothing()', '42883 function nothing() does not exist 8'],
  ["select id, public.nothing(name, 1) from items", '42883 function public.nothing(unknown, unknown) does not exist 12'],
  ["select upper(name, 'x') from items", '42883 function upper(unknown, unknown) does not exist 8'],
  ['prepare p as select * from custmers', '42P01 relation "custmers" does not exist 28'],
  ['copy custmers to stdout', '42P01 relation "custmers" does not exist 6'],
]

test('a name that is not in the catalogue is PostgreSQL’s own error, with the rule beside it and nothing sent', async (t) => {
  const client = await front().as('analysts')
  for (const [sql, gives] of missing) {
    const replies = await client.simple(sql)
    t.is(said(replies), gives)
    const fields = errorOf(replies) ?? {}
    t.regex(fields['D'] ?? '', /pg\.opaque: This names something that is not in the catalogue/, sql)
    t.regex(fields['H'] ?? '', /^Nothing was run, .* Recorded as frame [0-9a-f]+\/\d+/, sql)
  }
  client.destroy()
})

test('as a driver prepares it, and for every such text alike', async (t) => {
  const client = await front().as('analysts')
  t.is(said(await client.pipeline([parse('select * from custmers where id = $1', 's'), sync()])), '42P01 relation "custmers" does not exist 15')
  t.is(said(await client.pipeline([parse('select * from custmers where id = $1'), bind({ parameters: ['1'] }), execute(), sync()])), '42P01 relation "custmers" does not exist 15')
  for (const id of [7, 8_000]) t.is(said(await client.simple(`select ${id}, nme from items where id = ${id}`)), `42703 column "nme" does not exist ${10 + String(id).length}`)
  t.deepEqual(texts(await client.simple('select 1')), [['1']])
  client.destroy()
})

test('who may write is told the same, what is there is told from what is not as the server tells it, and a table that has been made is there', async (t) => {
  const [client, direct] = [await front().as('owners'), await front().direct()]
  for (const sql of ["insert into versions values ('1')", "update versions set v = '1' where v = '0'", 'delete from versions where v = 1', 'select nothing(v) from versions']) t.regex(said(await client.simple(sql)), /^42P01 relation "versions" does not exist/, sql)
  for (const sql of ['select * from hidden.secrets', 'select * from public.nothing', 'select * from pg_catalog.nothing', 'select nme from items', 'select x.name from items', 'select * from versions']) {
    const plain = (reply: string) => reply.replace(/ \d+$/, '')
    t.is(plain(said(await client.simple(sql))), plain(said(await direct.simple(sql))), sql)
  }
  // Of a schema that one may not look into the server tells nobody what is missing.
  t.deepEqual([said(await direct.simple('select * from hidden.secets')).slice(0, 5), said(await client.simple('select * from hidden.secets')).slice(0, 5)], ['42501', '42501'])
  await client.simple('create table versions (v text)')
  t.deepEqual(texts(await client.simple("insert into versions values ('1') returning v")), [['1']])
  await client.simple('drop table versions')
  client.destroy()
  direct.destroy()
})

test('a transaction fails by it, and a savepoint keeps what was before', async (t) => {
  const client = await front().as('leads')
  const state = async (sql: string) => { const replies = await client.simple(sql); return `${errorOf(replies)?.['C'] ?? ''}${replies.findLast(({ tag }) => tag === 'Z')?.body.toString() ?? ''}` }
  t.deepEqual([await state('begin'), await state('savepoint s'), await state('select * from versions'), await state('rollback to s'), await state('select 1'), await state('commit')], ['T', 'T', '42P01E', 'T', 'T', 'I'])
  client.destroy()
})

test('what is refused for another reason as well stays a refusal of policy', async (t) => {
  const client = await front().as('analysts')
  for (const sql of ['delete from custmers where id = 1', "select nothing(), nextval('s')", 'truncate custmers', 'create table t as select * from custmers', 'select * from custmers; do $$ begin end $$', 'select id from custmers order by (select max(ssn) from customers)', 'drop table custmers', 'do $$ begin perform nothing(); end $$']) {
    t.is(errorOf(await client.simple(sql))?.['C'], '42501', sql)
  }
  // In a failed transaction nobody can look.
  t.is(errorOf(await client.pipeline([query('begin'), query('select 1/0'), query('select * from custmers'), query('rollback')]).then((replies) => replies.slice(4)))?.['C'], '42501')
  client.destroy()
})
