// The shadow catalogue against PostgreSQL: names mean what they mean to the server, whatever a session's search_path says.
import test from 'ava'
import { alongWhich } from '../../../../../gateway/protocols/postgres/session/search-path.ts'
import { Catalogue, CatalogueError, loadSnapshot, type Ask } from '../../../../../gateway/protocols/postgres/sql/catalogue.ts'
import { askOf, liveOf } from './live.ts'

const live = liveOf(test, `
create schema a; create schema b;
create table a.t (x int, y text); create table b.t (z int); create table public.pg_class (mine int); create table closed (secret text);
create view v as select y as shown from a.t; create function lower(text) returns text language sql as 'select $1';
create role plain login; revoke all on all tables in schema public from plain;
create function b.eq(a int, b int default 2, out c int, out d text) returns record language plpgsql as $$begin c := 1; d := 'x'; end$$;
create function always(oid, oid) returns boolean language sql immutable as 'select true';
create operator public.= (leftarg = oid, rightarg = oid, function = always)`)

test.serial('asking for the path makes no temporary schema, and says what the server will say once there is one', async (t) => {
  await live().client.query(`create schema "Odd ""one"; create schema "my_pg_temp"; create schema plain; create schema "a.b"; create schema shut; grant usage on schema a, "Odd ""one", "my_pg_temp", plain, "a.b" to plain; set role plain`)
  const settings = ['pg_temp', 'pg_temp, a', 'PG_TEMP, A, a', '"pg_temp" , "Odd ""one"\t,\n"a.b"', 'pg_temp, "$user", public', 'pg_temp, pg_catalog, a', 'pg_temp, shut, nowhere, "", A', 'a, pg_temp', '"my_pg_temp", a', '', '"PG_TEMP", a', 'pg_temp, "plain", "$user"']
  for (const user of ['bank', 'plain']) {
    for (const setting of settings) {
      const session = await live().connect(user)
      try {
        const ask = askOf(session)
        await session.query("select pg_catalog.set_config('search_path', $1, false)", [setting])
        const found = await alongWhich(ask)
        t.deepEqual(await ask('select pg_catalog.pg_my_temp_schema()'), [['0']], `${setting}: there is no temporary schema`)
        const [row] = await ask('select pg_catalog.to_json(pg_catalog.current_schemas(true))')
        const said = JSON.parse(row?.[0] ?? '[]') as string[]
        t.regex(found.values, /^ISO, MDY;postgres;[^;]+;hex;1;content$/)
        t.deepEqual(found, { path: said.filter((each) => !each.startsWith('pg_temp_')), role: user, sessionRole: user, values: found.values, settings: new Map([['standard_conforming_strings', 'on'], ['client_encoding', 'UTF8']]) }, `${setting} of ${user}`)
        if (said.length > found.path.length) t.deepEqual((await alongWhich(ask)).path, said, `${setting}: now there is one`)
      } finally {
        await session.end()
      }
    }
  }
  await live().client.query('reset role; drop schema "Odd ""one", "my_pg_temp", plain, "a.b", shut')
})

test.serial('a name means the relation that the session would reach', async (t) => {
  const session = await live().connect()
  try {
    await session.query('set search_path = b, a; create temp table t (temporary int)')
    const snapshot = await loadSnapshot(askOf(live().client))
    for (const setting of ['b, a', 'a, b', 'a, pg_catalog, pg_temp', 'public', 'public, pg_catalog', 'pg_temp, a', '"$user", a']) {
      await session.query(`set search_path = ${setting}`)
      const ask = askOf(session)
      const current = JSON.parse((await ask('select pg_catalog.to_json(pg_catalog.current_schemas(true))'))[0]?.[0] ?? '[]') as string[]
      for (const name of ['t', 'pg_class', 'v', 'closed', 'pg_temp.t', 'a.t', 'nowhere']) {
        const [expected] = await ask(`select pg_catalog.to_regclass('${name}')::pg_catalog.oid`)
        const [schema, table] = name.includes('.') ? name.split('.') : [undefined, name]
        const found = snapshot.findRelation(schema, table ?? '', current)
        t.is(found === undefined ? null : String(found.oid), expected?.[0] ?? null, `${name} along ${setting}`)
      }
    }
    t.deepEqual(snapshot.findRoutines(undefined, 'lower', ['pg_temp_9', 'public']).filter((routine) => routine.schema === 'public').length, 1)
    t.true(snapshot.findRoutines(undefined, 'lower', ['public']).some((routine) => routine.schema === 'pg_catalog'), 'pg_catalog is looked in though it is not named')
  } finally {
    await session.end()
  }
})

test.serial("a session's own operators and search_path do not change what is read", async (t) => {
  const session = await live().connect()
  try {
    const plain = await loadSnapshot(askOf(live().client))
    await session.query('set search_path = public, pg_catalog')
    const bent = await loadSnapshot(askOf(session))
    const list = (snapshot: typeof plain) => [...snapshot.relations].filter((relation) => !relation.isTemporary).map((relation) => `${relation.oid} ${relation.schema}.${relation.name} ${relation.columns.map((column) => column.name).join()}`).sort()
    t.deepEqual(list(bent), list(plain))
  } finally {
    await session.end()
  }
})

test.serial('an ordinary user who may read no table reads the whole catalogue', async (t) => {
  const session = await live().connect('plain')
  try {
    const snapshot = await loadSnapshot(askOf(session))
    t.deepEqual(snapshot.findRelation('public', 'closed', [])?.columns.map((column) => column.name), ['secret'])
    t.regex(snapshot.findRelation('public', 'v', [])?.definition ?? '', /a\.t/)
    const [routine] = snapshot.findRoutines('b', 'eq', [])
    t.deepEqual(routine?.results?.map((each) => each.name), ['c', 'd'])
    t.deepEqual([routine?.argumentNames, routine?.argumentCount, routine?.defaults], [['a', 'b'], 2, '2'])
  } finally {
    await session.end()
  }
})

test.serial('one definition that cannot be printed hides no other', async (t) => {
  const ask = askOf(live().client)
  const [broken] = await ask("select pg_catalog.to_regclass('public.v')::pg_catalog.oid")
  const failing: Ask = (sql) => sql.includes('then pg_catalog.pg_get_viewdef(c.oid)') || sql.includes(`pg_get_viewdef(${broken?.[0]}::`) ? Promise.reject(new Error('cache lookup failed')) : ask(sql)
  const snapshot = await loadSnapshot(failing)
  t.is(snapshot.findRelation('public', 'v', [])?.definition, undefined)
  t.deepEqual(snapshot.findRelation('public', 'v', [])?.columns.map((column) => column.name), ['shown'])
})

test.serial('a catalogue that cannot be read is an error of its own, with the cause', async (t) => {
  const error = await t.throwsAsync(loadSnapshot(() => Promise.reject(new Error('gone'))), { instanceOf: CatalogueError, message: "the database's version cannot be read" })
  t.is(error.code, 'ERR_CATALOGUE_UNREADABLE')
  t.is((error.cause as Error).message, 'gone')
  const endless: Ask = (sql) => sql.includes('pg_inherits') ? Promise.resolve(Array.from({ length: 1_000_001 }, () => ['1', '2'])) : askOf(live().client)(sql)
  const large = await t.throwsAsync(loadSnapshot(endless), { instanceOf: CatalogueError, message: "the database's inheritance: more than 1000000 rows" })
  t.is(large.code, 'ERR_CATALOGUE_TOO_LARGE')
})

test.serial('one reading serves all sessions until it is invalidated', async (t) => {
  let now = 0
  let readings = 0
  const ask: Ask = (sql) => { if (sql.includes('server_version_num')) readings++; return askOf(live().client)(sql) }
  const catalogue = new Catalogue(() => now)
  const [first, second] = await Promise.all([catalogue.current(ask), catalogue.current(ask)])
  t.true(first === second)
  now = 60_000
  t.true(await catalogue.current(ask) === first)
  t.is(readings, 1)
  catalogue.invalidate()
  await catalogue.current(ask)
  t.is(readings, 2)
})

test.serial('what was read before the clock was set back is asked about again', async (t) => {
  let now = 900_000
  let asked = 0
  const catalogue = new Catalogue(() => now)
  const ask: Ask = (sql) => { asked++; return askOf(live().client)(sql) }
  const first = await catalogue.current(ask)
  t.is(catalogue.fresh, first)
  now = 0
  t.is(catalogue.fresh, undefined)
  t.true(catalogue.isOlderThan(first, 1_000))
  const before = asked
  t.is(await catalogue.current(ask), first)
  t.is(asked, before + 1)
})

test.serial('a reading begun before an invalidation is not kept', async (t) => {
  let readings = 0
  const catalogue = new Catalogue(() => 0)
  const ask: Ask = async (sql) => {
    if (sql.includes('server_version_num') && ++readings === 1) catalogue.invalidate()
    return askOf(live().client)(sql)
  }
  const first = await catalogue.current(ask)
  t.not(await catalogue.current(ask), first)
  t.is(readings, 2)
})

test.serial('what somebody else changes is seen at the next look, and nothing is read while nothing changes', async (t) => {
  let now = 0
  let readings = 0
  const ask: Ask = async (sql) => { if (sql.includes('pg_get_viewdef')) readings++; return await askOf(live().client)(sql) }
  const catalogue = new Catalogue(() => now)
  const later = async () => { now += 60_000; return await catalogue.current(ask) }
  const other = await live().connect()
  try {
    await other.query("create schema watched; create table watched.t (a int); create function watched.f() returns int language sql as 'select 1'; create view watched.v as select a from watched.t; create type watched.mood as enum ('good')")
    const first = await catalogue.current(ask)
    t.true(await later() === first, 'nothing has changed')
    await other.query('create temporary table passing (a int primary key, b text default 1)')
    t.true(await later() === first, "another session's temporary table concerns nobody")
    t.is(readings, 1)
    for (const change of [
      "create or replace function watched.f() returns int language sql as 'select 2'", 'create or replace view watched.v as select a + 1 as a from watched.t', 'alter table watched.t add b text', "alter table watched.t alter b set default 'x'",
      'alter table watched.t enable row level security', 'create policy p on watched.t using (true)', 'alter policy p on watched.t using (false)', 'create index on watched.t (lower(b))', 'alter table watched.t add check (a > 0)',
      'create function watched.g() returns trigger language plpgsql as $$begin return new; end$$', 'create trigger g before insert on watched.t for each row execute function watched.g()', 'alter table watched.t disable trigger g',
      'create rule r as on delete to watched.t do instead nothing', 'create operator watched.## (leftarg = int, rightarg = int, function = int4pl)', 'create cast (watched.mood as int) with inout',
      'create table watched.child () inherits (watched.t)', 'alter table watched.child no inherit watched.t', 'alter schema watched rename to seen', 'create role member; grant member to plain', 'grant usage on schema seen to plain', 'drop schema seen cascade',
    ]) {
      const before = await catalogue.current(ask)
      await other.query(change)
      t.true(await later() !== before, change)
    }
  } finally {
    await other.end()
  }
})

test.serial('a question about changes that fails is asked again by whoever needs the answer', async (t) => {
  let now = 0
  const catalogue = new Catalogue(() => now)
  const first = await catalogue.current(askOf(live().client))
  now += 60_000
  const failed = await t.throwsAsync(catalogue.current(() => Promise.reject(new Error('gone'))), { instanceOf: CatalogueError, message: "the catalogue's version cannot be read" })
  t.is(failed.code, 'ERR_CATALOGUE_UNREADABLE')
  const [lost, kept] = await Promise.allSettled([catalogue.current(() => Promise.reject(new Error('gone'))), catalogue.current(askOf(live().client))])
  t.is(lost.status, 'rejected')
  t.true(kept.status === 'fulfilled' && kept.value === first)
})

test.serial('a reading whose connection the server ends is begun again, from its first question on', async (t) => {
  let asked = 0
  const ended: Ask = (sql) => ++asked === 1 ? Promise.reject(new Error('the server refused it: 57P01')) : askOf(live().client)(sql)
  const catalogue = new Catalogue(Date.now)
  t.true((await catalogue.current(ended)) !== undefined)
  t.true(asked > 1)
})

test.serial("a catalogue of the server's own that is locked for a while, as VACUUM FULL does, refuses nothing", async (t) => {
  let [now, left] = [0, 6]
  const locked: Ask = (sql) => left-- > 0 ? Promise.reject(new Error('the server refused it: 55P03')) : askOf(live().client)(sql)
  const catalogue = new Catalogue(() => now)
  const first = await catalogue.current(locked)
  t.is(await catalogue.current(locked), first)
  ;[now, left] = [60_000, 6]
  t.is(await catalogue.current(locked), first, 'nor where it has to be asked whether what is known still stands')
})
