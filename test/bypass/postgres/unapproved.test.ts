// What a writer does to a protected table, or to every row of one, by a way round the words that policy waits for: each of them waits for a lead.
import test from 'ava'
import { errorFields, PostgresClient, texts } from '../../e2e/postgres-client.ts'
import { eventually } from '../../e2e/recorded.ts'
import { frontOf } from '../../e2e/postgres/front.ts'

const front = frontOf(test, { settings: { approval_wait_s: 0 } })
/** Requests of one caller that may wait at once are few (approval/approvals.ts): more callers ask. */
const rowsOfCaller = 12

/** By whoever owns the tables, before anybody asks. `notes` and `customers` hold two rows each. */
const setup = `
insert into customers values (1, 'Ada', 'x'), (2, 'Bo', 'y');
create table notes (id int primary key, note text not null, other text); insert into notes values (1, 'a', 'b'), (2, 'c', 'd');
create table fired (id int primary key, note text); insert into fired values (1, 'a');
create function clears() returns int language plpgsql as $f$ begin delete from notes; return 1; end $f$;
create function clears_one(i int) returns int language sql as 'delete from notes where id = i; select 1';
create function calls_clears() returns int language plpgsql stable as $f$ begin return clears(); end $f$;
create function clears_quietly(int) returns int language plpgsql immutable as $f$ begin return clears(); end $f$;
create function renames() returns int language plpgsql as $f$ begin update customers set name = 'gone' where id = 1; return 1; end $f$;
create function empties() returns int language plpgsql as $f$ begin truncate notes; return 1; end $f$;
create function runs(q text) returns int language plpgsql as $f$ begin execute q; return 1; end $f$;
create table ruled (id int); create rule clears as on insert to ruled do also delete from notes;
create procedure clearing() language sql as 'delete from notes';
create procedure renaming() language plpgsql as $f$ begin perform renames(); end $f$;
create view few as select * from notes where id = 99;
create function clears_few() returns int language plpgsql as $f$ begin delete from few; return 1; end $f$;
create function fires() returns trigger language plpgsql as $f$ begin delete from notes; return new; end $f$;
create trigger fires before insert or update on fired for each row execute function fires();
create function renames_quietly(int) returns int language plpgsql immutable as $f$ begin return renames(); end $f$;
create function renames_for(int) returns int language plpgsql stable as $f$ begin return renames(); end $f$;
create function runs_quietly(q text) returns int language plpgsql immutable as $f$ declare r int; begin execute q into r; return r; end $f$;
create table logged (id int); create function logs() returns trigger language plpgsql as $f$ begin execute 'select 1'; delete from customers where id = new.id; return new; end $f$;
create trigger logs before insert on logged for each row execute function logs();
create table plans (id int primary key, code int unique, title text); insert into plans values (1, 1, 'gold');
alter table customers add column plan int references plans on update cascade, add column code int references plans (code) on update set null;
update customers set plan = 1, code = 1 where id = 1;
create view offers as select id as offer, title from plans;
create schema side; create table kin (id int, name text); alter table customers inherit kin; create table accounts (id int) partition by range (id); create table accounts_1 partition of accounts for values from (1) to (9)`

const rows: readonly (readonly [rule: string, text: string, name: string])[] = [
  ['pg.protected', "update customers set name = 'x' where id = 1", 'the words themselves'],
  ['pg.whole_table', 'delete from notes', 'the words themselves, for every row'],
  ['pg.whole_table', 'select clears()', 'a function deletes every row'],
  ['pg.whole_table', 'select clears() from fired where id = 1', 'a function deletes every row, for one row of another table'],
  ['pg.whole_table', 'select calls_clears()', 'a function that is called stable calls one that deletes every row'],
  ['pg.whole_table', 'select * from notes, clears() c where notes.id = 1', 'a function in FROM deletes every row'],
  ['pg.whole_table', 'call clearing()', 'a procedure deletes every row'],
  ['pg.protected', 'select renames()', 'a function changes a protected table'],
  ['pg.protected', 'insert into logged values (1)', 'a trigger that puts SQL together as well changes a protected table'],
  ['pg.protected', 'update plans set id = 2 where id = 1', 'a foreign key takes a new key into a protected table'],
  ['pg.protected', 'update plans set code = 2 where id = 1', 'a foreign key empties a column of a protected table'],
  ['pg.protected', 'update offers set offer = 2 where offer = 1', 'a foreign key takes a new key into a protected table, through a view'],
  ['pg.protected', "insert into plans values (1, 1, 'gold') on conflict (id) do update set code = 3", 'a foreign key, by an upsert'],
  ['pg.protected', 'merge into plans p using (values (1)) v(x) on p.id = v.x when matched then update set id = 9', 'a foreign key, by MERGE'],
  ['pg.protected', "update kin set name = 'x' where id = 1", 'a protected table inherits the one that is named'],
  ['pg.protected', 'delete from accounts_1 where id = 1', 'a partition of a protected table'],
  ['pg.protected', 'call renaming()', 'a procedure calls a function that changes a protected table'],
  ['pg.truncate', 'select empties()', 'a function empties a table'],
  ['pg.whole_table', "update fired set note = 'x' where id = 1", 'a trigger deletes every row'],
  ['pg.whole_table', "insert into fired values (1, 'y') on conflict (id) do update set note = 'z'", 'a trigger of an upsert deletes every row'],
  ...[
    ['the condition speaks of another table', 'delete from notes using (values (1)) v(x) where v.x = 1'],
    ['the condition speaks of another table by a bare name', 'delete from notes using (values (1)) v(x) where x = 1'],
    ['the condition speaks of a function in FROM', "update notes set note = 'x' from generate_series(1, 1) g where g = 1"],
    ['the condition speaks of a CTE', 'with t as (select 1 as one) delete from notes using t where t.one = 1'],
    ['a column is compared with itself by another name', 'delete from notes where notes.id = id'],
    ['a column is compared with itself by an alias', 'delete from notes n where id = n.id'],
    ['a column is cast and compared with itself', 'delete from notes where id = id::int'],
    ['a column is one of a list of itself', 'delete from notes where id in (id)'],
    ['a column is one of an array of itself', 'delete from notes where id = any (array[id])'],
    ['a column lies between itself and itself', 'delete from notes where id between id and id'],
    ['a column that is never null is not null', 'delete from notes where id is not null'],
    ['a column that is never null is not null, said twice', 'delete from notes where not (id is null)'],
    ['a column that is never null differs from null', 'delete from notes where note is distinct from null'],
    ['a comparison of what is never null is known', 'delete from notes where (id = 1) is not unknown'],
    ['whatever a text is, it is like anything', "delete from notes where note like '%'"],
    ['where a row lies is not null', 'delete from notes where ctid is not null'],
    ['which table a row is of', "delete from notes where tableoid = 'notes'::regclass"],
    ['a condition is denied that is never true', 'delete from notes where not (id = 5 and false)'],
    ['numbers that are not the same are denied to be', 'delete from notes where not (id = 5 and 1 = 0)'],
    ['one or another', 'delete from notes where id = 1 or id <> 1'],
    ['one, or not that one', 'delete from notes where id = 1 or not id = 1'],
    ['more, or not more', 'delete from notes where id > 1 or id <= 1'],
    ['a column is one of a list with itself and more', 'delete from notes where id in (id, 5)'],
    ['a column is what is given, or itself', 'delete from notes where id = coalesce(null, id)'],
    ['a column is itself, or what is given', 'delete from notes where coalesce(null, id) = id'],
    ['true either way', 'delete from notes where case when id = 1 then true else true end'],
    ['a query of its own gives a row', 'delete from notes where exists (select notes.id)'],
    ['the table meets itself', 'delete from notes using notes m where notes.id = m.id'],
    ['the table meets itself in an UPDATE', "update notes set note = 'x' from notes m where m.id = notes.id"],
    ['the table meets itself in a subquery of FROM', "update notes set note = 'x' from (select id from notes) m where m.id = notes.id"],
    ['the table meets itself in WITH', 'with m as (select id from notes) delete from notes using m where m.id = notes.id'],
    ['a row is one of the table', 'delete from notes where id in (select id from notes)'],
    ['a row is one of an array of the table', 'delete from notes where id = any (array(select id from notes))'],
    ['a row is in the table', 'delete from notes n where exists (select 1 from notes m where m.id = n.id)'],
    ['MERGE with the table itself', 'merge into notes n using notes m on n.id = m.id when matched then delete'],
    ['what is there is inserted once more', "insert into notes select * from notes on conflict (id) do update set note = 'x'"],
    ['a function deletes one row, for each row', 'select clears_one(id) from notes'],
    ['a function deletes one row, for each number', 'select clears_one(i) from generate_series(1, 2) i'],
    ['a function deletes one row, for each row that is looked at', 'select 1 from notes where clears_one(id) = 1'],
    ['a function deletes one row, beside each row', 'select 1 from notes, clears_one(notes.id)'],
    ['a function deletes one row, once and then for each row', 'select clears_one(99), (select max(clears_one(id)) from notes)'],
    ['MERGE joins by what is not of the table', 'merge into notes using (values (1)) v(x) on v.x = 1 when matched then delete'],
    ['MERGE chooses by what is not of the table', "merge into notes using (values (1)) v(x) on true when matched and x = 1 then update set note = 'x'"],
  ].map(([name = '', text = '']) => ['pg.whole_table', text, name] as const),
]

/** Of who sees every value, and is spared what keeps others from it. */
const sighted: readonly (readonly [rule: string, text: string])[] = [
  ['pg.protected', 'explain select renames_quietly(1)'],
  ['pg.protected', 'explain select 1 from notes where id = renames_for(1)'],
  ['pg.unseen', "select runs_quietly('select renames()')"],
  ['pg.unseen', "explain select runs_quietly('select renames()')"],
  ['pg.whole_table', 'do $$ declare r record; begin for r in select id from notes loop delete from notes where id = r.id; end loop; end $$'],
  ['pg.whole_table', 'do $$ begin for i in 1..10 loop delete from notes where id = i; end loop; end $$'],
  ['pg.whole_table', 'do $$ begin for i in 1..10 loop perform clears_one(i); end loop; end $$'],
  ['pg.system_write', "update pg_settings set setting = 'bank' where name = 'role'"],
]

/** Of who may change the schema. */
const changing: readonly (readonly [rule: string, text: string])[] = [
  ['pg.protected', 'drop table accounts_1'],
  ['pg.protected', 'alter table accounts_1 add column note text'],
  ['pg.protected', 'drop table kin cascade'],
  ['pg.protected', 'alter table kin add column note text'],
  ['pg.cascade', 'alter schema side rename to other'],
]

/** What must go on without a lead. */
const open: readonly (readonly [text: string, answer: string])[] = [
  ['select clears_one(99)', 'SELECT 1'],
  ["update notes set note = 'x' where id = 99", 'UPDATE 0'],
  ['delete from notes n using (values (99)) v(x) where n.id = v.x', 'DELETE 0'],
  ['delete from notes using (values (99)) v(x) where id = x', 'DELETE 0'],
  ['delete from notes where public.notes.id = 99', 'DELETE 0'],
  ['delete from notes where note = other', 'DELETE 0'],
  ["delete from notes where ctid = '(99,1)'", 'DELETE 0'],
  ['merge into notes n using (values (99)) v(x) on n.id = v.x when matched then delete', 'MERGE 0'],
  ['delete from notes where 1 = 0', 'DELETE 0'],
  ['delete from notes where false', 'DELETE 0'],
  ["delete from notes where note like '%none%'", 'DELETE 0'],
  ['delete from notes where id in (select id from notes where id = 99)', 'DELETE 0'],
  ['delete from notes where id in (select id from notes order by id limit 0)', 'DELETE 0'],
  ['delete from notes a using notes b where a.id > b.id and a.note = b.note', 'DELETE 0'],
  ["update notes set note = 'x' from notes m where m.id = notes.id and m.note = 'none'", 'UPDATE 0'],
  ['delete from notes using (select id, row_number() over (partition by note order by id) as place from notes) d where d.id = notes.id and d.place > 1', 'DELETE 0'],
  ["update plans set title = 'gold' where id = 1", 'UPDATE 1'],
  ["insert into plans as p values (1, 1, 'gold') on conflict (id) do update set id = excluded.id, title = excluded.title", 'INSERT 0 1'],
  ["update only kin set name = 'x' where id = 1", 'UPDATE 0'],
  ["insert into kin values (7, 'x')", 'INSERT 0 1'],
  ['select clears_one(id) from notes where id = 99', 'SELECT 0'],
  ['select * from clears_one(99)', 'SELECT 1'],
  ['explain delete from notes', 'EXPLAIN'],
]

let superuser: PostgresClient
test.serial.before(async (t) => {
  t.timeout(240_000)
  superuser = await front().superuser()
  const failed = (await superuser.simple(`set role app; ${setup}; create table known (); reset role`)).find(({ tag }) => tag === 'E')
  if (failed !== undefined) throw new Error(errorFields(failed.body)['M'])
  const client = await front().as('leads')
  await eventually(async () => (await client.simple('select from known')).every(({ tag }) => tag !== 'E') || undefined, 'the gateway to know the tables')
  client.destroy()
})
test.after.always(() => { superuser?.destroy() })

const state = async (): Promise<string> => JSON.stringify(texts(await superuser.simple("select 'c', c::text from customers c union all select 'n', n::text from notes n union all select 'f', f::text from fired f order by 1, 2")))

test.serial('a change of a protected table, or of every row, waits for a lead by whatever way it comes', async (t) => {
  t.timeout(240_000)
  const before = await state()
  let client: PostgresClient | undefined
  for (const [index, [rule, text, name]] of rows.entries()) {
    if (index % rowsOfCaller === 0) {
      client?.destroy()
      client = await front().as('leads', { sub: `writer-${index}` })
    }
    const fields = (await client?.simple(text))?.filter(({ tag }) => tag === 'E').map(({ body }) => errorFields(body))[0] ?? {}
    t.is(fields['C'], '42501', `${name}: ${fields['M'] ?? 'ran'}`)
    t.is(fields['M'], 'Waiting for approval', name)
    t.true(fields['D']?.includes(`${rule}: `), `${name}: ${fields['D']}`)
    t.is(await state(), before, name)
  }
  client?.destroy()
})

test.serial('who sees every value changes nothing unseen by code that nobody can read', async (t) => {
  t.timeout(240_000)
  const before = await state()
  const client = await front().as('seers', { sub: 'sighted' })
  for (const [rule, text] of sighted) {
    const fields = (await client.simple(text)).filter(({ tag }) => tag === 'E').map(({ body }) => errorFields(body))[0] ?? {}
    t.true(fields['D']?.includes(`${rule}: `), `${text}: ${fields['D'] ?? fields['M'] ?? 'ran'}`)
    t.is(await state(), before, text)
  }
  for (const text of ["do $$ begin execute 'delete from customers'; end $$", "select query_to_xml('select clears()', true, false, '')", "select runs('delete from notes')", "insert into ruled values (1)"]) {
    const fields = (await client.simple(text)).filter(({ tag }) => tag === 'E').map(({ body }) => errorFields(body))[0] ?? {}
    t.regex(fields['D'] ?? fields['M'] ?? 'ran', /^pg\.unseen: /, text)
    t.is(await state(), before, text)
  }
  client.destroy()
})

test.serial('who may change the schema changes a protected table by none of its parts, and moves it out of nobody’s sight', async (t) => {
  t.timeout(240_000)
  const before = await state()
  const client = await front().as('owners', { sub: 'owner' })
  for (const [rule, text] of changing) {
    const fields = (await client.simple(text)).filter(({ tag }) => tag === 'E').map(({ body }) => errorFields(body))[0] ?? {}
    t.is(fields['M'], 'Waiting for approval', text)
    t.true(fields['D']?.includes(`${rule}: `), `${text}: ${fields['D']}`)
  }
  t.is(await state(), before)
  client.destroy()
})

test.serial('what a writer may do alone asks nobody', async (t) => {
  t.timeout(240_000)
  const client = await front().as('leads', { sub: 'honest' })
  for (const [text, answer] of open) t.is((await client.simple(text)).filter(({ tag }) => tag === 'E' || tag === 'C').map(({ tag, body }) => tag === 'E' ? errorFields(body)['M'] : body.toString().replace('\0', ''))[0], answer, text)
  client.destroy()
})

test.serial('what was approved is not run once a view, or what a function calls, is another', async (t) => {
  t.timeout(240_000)
  const before = await state()
  const client = await front().as('leads', { sub: 'patient' })
  const pending = async (text: string): Promise<string> => {
    const error = (await client.simple(text)).find(({ tag }) => tag === 'E')
    const { M: message, H: hint = '' } = error === undefined ? {} : errorFields(error.body)
    t.is(message, 'Waiting for approval', text)
    return /\(approval (\w+)\)/.exec(hint)?.[1] ?? ''
  }
  const texts = ['delete from few', 'select clears_few()']
  const ids: string[] = []
  for (const text of texts) ids.push(await pending(text))
  for (const id of ids) t.is(await front().decide(id, 'approve'), 200)
  await superuser.simple('set role app; create or replace view few as select * from notes; create table known_too (); reset role')
  await eventually(async () => (await client.simple('select from known_too')).every(({ tag }) => tag !== 'E') || undefined, 'the gateway to know it')
  for (const [index, text] of texts.entries()) t.not(await pending(text), ids[index], 'a person is asked about what is there now')
  t.is(await state(), before)
  // As it was, it is what was approved.
  await superuser.simple('set role app; create or replace view few as select * from notes where id = 99; create table known_last (); reset role')
  await eventually(async () => (await client.simple('select from known_last')).every(({ tag }) => tag !== 'E') || undefined, 'the gateway to know it')
  t.true((await client.simple(texts[0] ?? '')).some(({ tag, body }) => tag === 'C' && body.toString() === 'DELETE 0\0'))
  t.is(await state(), before)
  client.destroy()
})

test.serial('what was approved is not run where the same words have come to mean something else', async (t) => {
  t.timeout(240_000)
  const before = await state()
  const ask = async (client: PostgresClient, text: string): Promise<string | undefined> => {
    const error = (await client.simple(text)).find(({ tag }) => tag === 'E')
    return /\(approval (\w+)\)/.exec(error === undefined ? '' : errorFields(error.body)['H'] ?? '')?.[1]
  }
  const client = await front().as('leads', { sub: 'dated' })
  const byDate = "delete from customers where id = 50 + extract(day from '01/02/2026'::date)"
  await client.simple('set datestyle to mdy')
  const first = await ask(client, byDate)
  t.is(await front().decide(first ?? '', 'approve'), 200)
  await client.simple('set datestyle to dmy')
  const other = await ask(client, byDate)
  t.truthy(other, 'the second of January is not the first of February')
  t.not(other, first)
  await client.simple('set datestyle to mdy')
  t.is(await ask(client, byDate), undefined, 'what was approved runs')

  const atCursor = async (id: number): Promise<string | undefined> => {
    for (const text of ['begin', `declare c cursor for select * from customers where id = ${id} for update`, 'fetch c']) await client.simple(text)
    const found = await ask(client, 'delete from customers where current of c')
    await client.simple('rollback')
    return found
  }
  const one = await atCursor(1)
  t.is(await front().decide(one ?? '', 'approve'), 200)
  const two = await atCursor(2)
  t.truthy(two, 'a yes is for the row where the cursor stood')
  t.not(two, one)
  t.is(await state(), before)
  client.destroy()
})
