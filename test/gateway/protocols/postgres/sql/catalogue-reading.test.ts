// A catalogue that is read in part against one that is read whole, after everything that changes it.
import test from 'ava'
import type pg from 'pg'
import { nothingMissing } from '../../../../../gateway/protocols/postgres/sql/catalogue-change.ts'
import { readCatalogue, searchPath, type Ask, type CatalogueReading } from '../../../../../gateway/protocols/postgres/sql/catalogue-reading.ts'
import { askOf, liveOf } from './live.ts'

const live = liveOf(test)
const connect = async (path = 'public'): Promise<pg.Client> => {
  const made = await live().connect()
  await made.query(`set search_path = ${path}`)
  return made
}
const noting = (asked: string[], ask: Ask): Ask => (sql) => { asked.push(sql); return ask(sql) }
const inOrder = <K, V>(map: ReadonlyMap<K, V>) => [...map].sort(([a], [b]) => Number(String(a).replace(' ', '.')) - Number(String(b).replace(' ', '.')))
const written = ({ rows, others }: CatalogueReading) => ({ ...others, definitions: inOrder(others.definitions), expressions: inOrder(others.expressions), ...Object.fromEntries(Object.entries(rows).map(([each, map]) => [each, [...map].sort(([a], [b]) => a - b)])) })

const changes = [
  'create schema part', 'create table part.t (a int, b text default \'x\')', 'alter table part.t add column c date', 'alter table part.t rename column b to bb', 'alter table part.t drop column c',
  'create view part.v as select a, bb from part.t', 'alter table part.t rename to t2', 'create or replace view part.v as select a, bb, 1 as one from part.t2', 'alter table part.t2 rename column a to aa',
  'create table part.child () inherits (part.t2)', 'create table part.p (k int) partition by list (k); create table part.p1 partition of part.p for values in (1)', 'alter table part.p detach partition part.p1',
  'create function part.f(x int, y int default 1) returns int language sql as \'select $1\'', 'create or replace function part.f(x int, y int default 2) returns int language sql as \'select $1 + 1\'',
  'alter function part.f(int, int) rename to g', 'create function part.std(x int) returns bigint language sql begin atomic select count(*) from part.t2; end', 'alter table part.t2 rename to t3',
  'create function part.fire() returns trigger language plpgsql as \'begin return new; end\'; create trigger tr before insert on part.t3 for each row execute function part.fire()', 'alter table part.t3 disable trigger tr',
  'create rule r as on delete to part.t3 do instead nothing', 'create type part.pair as (l int, r int)', 'alter type part.pair add attribute m text', 'create domain part.d as int', 'create type part.mood as enum (\'a\')',
  'create function part.same(int, int) returns boolean language sql as \'select true\'; create operator part.=== (leftarg = int, rightarg = int, function = part.same)',
  'create function part.tomood(int) returns part.mood language sql as \'select null::part.mood\'; create cast (int as part.mood) with function part.tomood(int)',
  'alter schema part rename to whole', 'create temporary table short (a int)', 'create or replace function pg_catalog.lower(text) returns text language internal immutable strict parallel safe as \'lower\'',
  'create table whole.lower (a int)', 'create view whole.u as select a, lower(\'X\') as l from whole.lower', 'create table lower (z int)', 'drop table lower', 'create table plain1 (a int)', 'drop table plain1', 'alter type whole.pair rename to two', 'drop function whole.g(int, int)', 'drop table whole.p', 'drop schema whole cascade', 'drop table short', 'select 1', 'analyze',
] as const

test.serial('a reading of what has changed says what a reading of everything says', async (t) => {
  const [client, beside] = [await connect(), await connect(searchPath)]
  try {
    await client.query('set allow_system_table_mods = on')
    let reading = await readCatalogue(askOf(beside))
    for (const change of changes) {
      await client.query(change)
      reading = await readCatalogue(askOf(beside), reading)
      t.deepEqual(written(reading), written(await readCatalogue(askOf(beside))), change)
    }
  } finally {
    await client.end()
    await beside.end()
  }
})

test.serial('what two transactions changed, one of them begun before the reading, is all seen', async (t) => {
  const [client, beside] = [await connect(), await connect()]
  try {
    await client.query('begin; create table slow (a int)')
    const before = await readCatalogue(askOf(beside))
    await beside.query('create table quick (b int)')
    await client.query('alter table slow add column c int; commit')
    const after = await readCatalogue(askOf(beside), before)
    t.deepEqual(written(after), written(await readCatalogue(askOf(beside))))
    t.is(after.snapshot.findRelation('public', 'slow', [])?.columns.length, 2)
    t.is(after.snapshot.findRelation('public', 'quick', [])?.columns.length, 1)
  } finally {
    await client.query('drop table slow, quick')
    await client.end()
    await beside.end()
  }
})

test.serial('what a transaction sees of its own changes, and no more of what it took back', async (t) => {
  const [client, beside] = [await connect(), await connect()]
  try {
    await client.query('create table kept (a int)')
    const committed = await readCatalogue(askOf(beside))
    for (const change of ['begin', 'alter table kept add column b int', 'savepoint s', 'drop table kept; create table other (x int)', 'rollback to s', 'set local search_path = pg_catalog', 'rollback', 'begin isolation level repeatable read', 'select 1']) {
      await client.query(change)
      t.deepEqual(written(await readCatalogue(askOf(client), committed)), written(await readCatalogue(askOf(client))), change)
    }
    await client.query('rollback')
  } finally {
    await client.query('drop table kept')
    await client.end()
    await beside.end()
  }
})

test.serial('nothing changed: little is read, and names mean what they meant', async (t) => {
  const client = await connect()
  try {
    const first = await readCatalogue(askOf(client), await readCatalogue(askOf(client)))
    let rows = 0
    const ask = askOf(client)
    const again = await readCatalogue(async (sql) => { const found = await ask(sql); rows += found.length; return found }, first)
    t.deepEqual(written(again), written(first))
    t.not(again.snapshot, first.snapshot, 'who may look into a schema may have changed')
    t.true(rows < 100, `${rows} rows`)
  } finally {
    await client.end()
  }
})

test.serial('a reading of another server, or of an earlier start of this one, is not built upon', async (t) => {
  const client = await connect()
  try {
    const first = await readCatalogue(askOf(client))
    const asked: string[] = []
    const again = await readCatalogue(noting(asked, askOf(client)), { ...first, server: '1 20200101000000000000' })
    t.not(again.snapshot, first.snapshot)
    t.false(asked.slice(1).some((sql) => sql.includes('pg_catalog.age(')))
    t.deepEqual(written(again), written(first))
  } finally {
    await client.end()
  }
})

test.serial('what stands is neither printed nor locked again, however long a transaction stays open and whatever is new beside it', async (t) => {
  const [client, beside, holder] = [await connect(), await connect(searchPath), await connect()]
  let printed = 0
  const counting: Ask = async (sql) => {
    const rows = await askOf(beside)(sql)
    if (/pg_get_(?:viewdef|expr\(x)/.test(sql)) printed += rows.filter((row) => (sql.includes('viewdef') ? row[1] : row[3]) !== null).length
    return rows
  }
  try {
    await client.query('create table stands (a int default 1); create view over_stands as select a from stands')
    await holder.query('begin; select pg_current_xact_id()')
    let reading = await readCatalogue(counting)
    const next = async (sql: string): Promise<number> => {
      await client.query(sql)
      printed = 0
      reading = await readCatalogue(counting, reading)
      const count = printed
      t.deepEqual(written(reading), written(await readCatalogue(askOf(beside))), sql)
      return count
    }
    t.is(await next('create table since (c int default 2); create view over_since as select c from since'), 2)
    await next('select 1')
    t.is(await next('create schema beside_it; create table beside_it.t (a int); create function beside_it.same(int, int) returns boolean language sql as \'select true\''), 0)
    t.is(await next('create operator beside_it.=== (leftarg = int, rightarg = int, function = beside_it.same)'), 0)
    t.is(await next('create temporary table own (a int)'), 0)
    t.is(await next('alter table since rename column c to d'), 2, 'what names it')
    t.true(await next('alter schema beside_it rename to renamed') > 2, 'all: anything may name it')
    t.true(await next('create operator pg_catalog.=== (leftarg = int, rightarg = int, function = renamed.same)') > 2, 'all: it is found without its schema')
    t.is(await next('create or replace view over_since as select d + 0 as c from since'), 1)
  } finally {
    await holder.end()
    await client.query('drop schema if exists beside_it cascade; drop schema if exists renamed cascade; drop table if exists stands, since cascade')
    await Promise.all([client.end(), beside.end()])
  }
})

test.serial('what is made while a reading is under way, and then renamed, is printed by its new name', async (t) => {
  const [client, beside, holder] = [await connect(), await connect(searchPath), await connect()]
  try {
    await holder.query('begin; select pg_current_xact_id()')
    const first = await readCatalogue(askOf(beside))
    await client.query('create view anything as select 1 as one')
    let isMade = false
    let reading = await readCatalogue(async (sql) => {
      if (isMade || !sql.includes('pg_get_viewdef')) return await askOf(beside)(sql)
      isMade = true
      await client.query('create schema late; create table late.t (a int); create view late.v as select a from late.t; create table plain (a int); create view over_plain as select a from plain')
      const rows = await askOf(beside)(sql)
      await client.query('alter schema late rename to later; alter table plain rename to plainer')
      return rows
    }, first)
    t.true(isMade)
    for (let i = 0; i < 3; i++) {
      reading = await readCatalogue(askOf(beside), reading)
      t.deepEqual(written(reading), written(await readCatalogue(askOf(beside))))
    }
  } finally {
    await holder.end()
    await client.query('drop schema if exists late cascade; drop schema if exists later cascade; drop table if exists plain, plainer cascade; drop view anything')
    await Promise.all([client.end(), beside.end()])
  }
})

test.serial('what could not be printed for a lock is unknown, not absent, and is read once the lock is gone', async (t) => {
  const [client, beside] = [await connect(), await connect(searchPath)]
  try {
    await client.query(`create table shut (a int default 1, b int generated always as (a + 1) stored); create view over_shut as select a from shut; alter table shut enable row level security; create policy p on shut using (a > 0);
      create function of_shut() returns bigint language sql begin atomic select count(*) from shut; end`)
    await client.query('begin; lock table shut in access exclusive mode')
    const before = await readCatalogue(askOf(beside))
    t.not(before.missing, nothingMissing)
    const shut = before.snapshot.findRelation('public', 'shut', [])
    t.deepEqual(shut?.columns.map(({ isGenerated, expression }) => [isGenerated, expression]), [[false, ')'], [true, ')']], 'no expression of SQL')
    t.deepEqual(shut?.calls, [''], 'no routine of this name: it may call any')
    t.deepEqual([before.snapshot.findRelation('public', 'over_shut', [])?.definition, before.snapshot.findRelation('public', 'over_shut', [])?.calls], [undefined, ['']])
    t.is(before.snapshot.findRoutines('public', 'of_shut', [])[0]?.body, undefined)
    await client.query('commit')
    const after = await readCatalogue(askOf(beside), before)
    t.is(after.missing, nothingMissing)
    t.deepEqual(written(after), written(await readCatalogue(askOf(beside))))
  } finally {
    await client.query('rollback; drop table shut cascade')
    await client.end()
    await beside.end()
  }
})

test.serial('a reading that may not print does without what is printed, and the next has it again', async (t) => {
  const [client, beside] = [await connect(), await connect(searchPath)]
  try {
    const first = await readCatalogue(askOf(beside))
    await client.query('create table plain (a int default 1); create view over_plain as select a from plain')
    const without = await readCatalogue(askOf(beside), first, { prints: false })
    t.is(without.snapshot.findRelation('public', 'over_plain', [])?.definition, undefined)
    t.not(without.missing, nothingMissing)
    t.deepEqual(written(await readCatalogue(askOf(beside), without)), written(await readCatalogue(askOf(beside))))
  } finally {
    await client.query('drop table plain cascade')
    await client.end()
    await beside.end()
  }
})
