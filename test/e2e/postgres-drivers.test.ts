// Stock node drivers, and what drivers and tools send by themselves, under the policy as shipped with masks on: served, masked, refused in words, and the session goes on.
import fs from 'node:fs'
import test from 'ava'
import pg from 'pg'
import postgres from 'postgres'
import { openPostgresBank } from './postgres-kit.ts'
import type { PostgresBank } from './postgres-kit.ts'
import { PostgresClient, message, texts, write } from './postgres-client.ts'
import type { Reply } from './postgres-client.ts'
import { eventually } from './recorded.ts'

const ssn = '123-45-6789'
const masked = '[REDACTED:pg.ssn]'
const schema = `
  create table customers (id int primary key, name text, ssn text, email text, pin int, born date);
  insert into customers select g, 'Customer ' || g, '${ssn}', 'c@example.org', 1, '1980-01-01' from generate_series(1, 50) g;
  create table orders (id serial primary key, customer_id int references customers, total numeric); insert into orders (customer_id, total) select 1 + g % 50, g from generate_series(1, 40) g;
  create table notes (id bigint generated always as identity primary key, body text);
  create view customer_totals as select c.id, c.ssn, sum(o.total) total from customers c join orders o on o.customer_id = c.id group by 1, 2;
  create type mood as enum ('ok', 'bad');
  create function add_one(i int) returns int language sql immutable as 'select i + 1';
  create function whose(i int) returns text language sql stable as 'select ssn from customers where id = i';
  create function whose(i int, j int) returns text language sql immutable as $$ select 'nobody' $$;
  create schema mine; create function mine.uuid_generate_v4() returns text language plpgsql volatile as $$ declare x text; begin execute 'select ssn from customers limit 1' into x; return x; end $$`

let kit: PostgresBank
test.serial.before(async (t) => {
  t.timeout(240_000)
  kit = await openPostgresBank({ approval_wait_s: 1 })
  const superuser = await kit.superuser()
  await superuser.simple('grant create on schema public to app; create extension "uuid-ossp"; create extension pgcrypto; create extension unaccent')
  await superuser.end()
  const app = await kit.app()
  t.deepEqual((await app.simple(schema)).flatMap((reply) => errorOf(reply)), [])
  await app.end()
})
test.after.always(async () => { await kit?.close() })

function errorOf({ tag, body }: Reply): [state: string, words: string][] {
  if (tag !== 'E') return []
  const fields = new Map(body.toString().split('\0').map((field) => [field[0], field.slice(1)]))
  return [[fields.get('C') ?? '', fields.get('M') ?? '']]
}

/** Lines of a vector with the tool that sends them. */
function statements(name: string): { readonly tool: string; readonly sql: string }[] {
  let tool = ''
  return fs.readFileSync(new URL(`../vectors/postgres/${name}.txt`, import.meta.url), 'utf8').split('\n').flatMap((line) => {
    if (line.startsWith('# ')) tool = line.slice(2)
    return line === '' || line.startsWith('#') ? [] : [{ tool, sql: line }]
  })
}

/** With every parameter NULL, as a driver would send it: those with parameters by Parse, Bind and Execute. */
async function send(client: PostgresClient, sql: string): Promise<[string, string][]> {
  const count = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)))
  const replies = count === 0 ? await client.simple(sql) : await client.extended({ sql, parameters: Array.from({ length: count }, () => null) })
  return replies.flatMap((reply) => errorOf(reply))
}

test('what drivers and tools send by themselves is served to who may only read', async (t) => {
  const client = await PostgresClient.connect(await kit.through(['analysts']))
  const wrong: string[] = []
  const all = statements('preambles')
  for (const { tool, sql } of all) for (const [state, words] of await send(client, sql)) wrong.push(`${tool}: ${state} ${words}: ${sql.slice(0, 120)}`)
  t.deepEqual(wrong, [])
  t.true(all.length > 250)
  await client.end()
})

test('what tools read of the system catalogue is what the server says, byte for byte', async (t) => {
  const [direct, client] = [await kit.app(), await PostgresClient.connect(await kit.through(['analysts']))]
  const rows = (replies: readonly Reply[]) => replies.filter(({ tag }) => tag === 'D').map(({ body }) => body.toString('latin1'))
  const catalogue = { pg_proc: 'proname, prorettype, proargtypes, proallargtypes, proargmodes, proargnames', pg_index: 'indrelid, indkey, indclass, indoption, indcollation', pg_constraint: 'conname, conkey, conrelid', pg_type: 'typname, typarray, typinput', pg_class: 'relname, relkind, relacl', pg_opclass: '*' }
  for (const [name, columns] of Object.entries(catalogue)) {
    const key = name === 'pg_index' ? 'indexrelid' : 'oid'
    // PostgreSQL's own: what other tests make comes and goes.
    const sql = `select ${columns} from pg_catalog.${name} where ${key} < 16384 order by ${key}`
    for (const isBinary of name === 'pg_class' ? [false] : [false, true]) {
      const said = rows(await direct.extended({ sql, isBinary }))
      t.true(said.length > 100)
      t.deepEqual(rows(await client.extended({ sql, isBinary })), said, `${name}, ${isBinary ? 'binary' : 'text'}`)
    }
  }
  await direct.end()
  await client.end()
})

test('a setting that is named in a WHERE, as pg_dump does, is judged by that name each time', async (t) => {
  const client = await PostgresClient.connect(await kit.through(['analysts']))
  const set = (name: string) => send(client, `SELECT set_config(name, 'view', false) FROM pg_settings WHERE name = '${name}'`)
  for (let i = 0; i < 3; i++) {
    t.deepEqual(await set('restrict_nonsystem_relation_kind'), [])
    t.deepEqual(await set('log_statement'), [['42501', 'This is not among the settings that a session may change, or not to this value: log_statement.']])
    t.deepEqual(await set('role'), [['42501', 'SET ROLE and SET SESSION AUTHORIZATION are refused: rights follow from who you are, not from a role you take.']])
  }
  t.deepEqual(await send(client, "SELECT set_config(name, 'view', false) FROM pg_settings WHERE name LIKE 'restrict%'"), [['42501', 'This is not among the settings that a session may change, or not to this value: ?.']])
  await client.end()
})

test('the lock that a SELECT takes may be taken by name, as pg_dump does, and no other by who may only read', async (t) => {
  const client = await PostgresClient.connect(await kit.through(['analysts']))
  t.deepEqual(await send(client, 'begin; lock table public.orders in access share mode; rollback'), [])
  for (const mode of ['row share', 'share', 'access exclusive']) t.deepEqual(await send(client, `begin; lock table public.orders in ${mode} mode`), [['42501', 'Your groups may read this database, not change it.']])
  await client.end()
})

test('a value that an extension draws is nobody’s: keys that ORMs have the database make', async (t) => {
  const [analyst, job] = [await PostgresClient.connect(await kit.through(['analysts'])), await PostgresClient.connect(await kit.through(['ci']))]
  const id = /^.{6}[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/s
  for (const call of ['uuid_generate_v4()', 'public.uuid_generate_v1mc()', 'public.gen_random_uuid()']) {
    const replies = await analyst.simple(`select ${call}`)
    t.deepEqual(replies.flatMap((reply) => errorOf(reply)), [], call)
    t.regex(replies.find(({ tag }) => tag === 'D')?.body.toString('latin1') ?? '', id, call)
    t.deepEqual(await send(job, `insert into notes (body) select ${call}::text where false`), [], call)
  }
  // The name alone is nobody's word for it.
  const [[state, words] = []] = await send(analyst, 'select mine.uuid_generate_v4()')
  t.is(state, '42501')
  t.regex(words ?? '', /What this would read or write cannot be told, and you may not see every column/)
  await analyst.end()
  await job.end()
})

test('what only looks up a dictionary gives what it is given: a reader may search without accents, and sees a masked value masked', async (t) => {
  const [analyst, job] = [await PostgresClient.connect(await kit.through(['analysts'])), await PostgresClient.connect(await kit.through(['ci']))]
  const rows = async (sql: string) => texts(await analyst.simple(sql))
  t.deepEqual(await rows("select unaccent('Hôtel'), public.unaccent('public.unaccent', 'é')"), [['Hotel', 'e']])
  t.deepEqual(await rows("select id from customers where unaccent(name) = 'nobody'"), [])
  const [[masked, own] = []] = await rows('select unaccent(ssn), ssn from customers order by id limit 1')
  t.is(masked, own)
  t.regex(masked ?? '', /REDACTED/)
  t.is((await send(analyst, "select id from customers where unaccent(ssn) like '1%'"))[0]?.[0], '42501')
  // The name alone is nobody's word for it, nor is its text.
  const app = await kit.app()
  t.deepEqual((await app.simple("create schema if not exists own; create function own.unaccent(text) returns text language plpgsql stable as $$ declare x text; begin execute 'select ssn from customers limit 1' into x; return x; end $$; create function own.plain(text) returns text language sql stable as $$ select ssn from public.customers limit 1 $$")).flatMap((reply) => errorOf(reply)), [])
  await app.end()
  const words = await eventually(async () => {
    const [[, said] = []] = await send(analyst, "select own.unaccent('a')")
    return said?.includes('does not know yet') === true ? undefined : said ?? 'served'
  }, 'the function')
  t.regex(words, /What this would read or write cannot be told, and you may not see every column/)
  t.is((await send(analyst, "select public.unaccent(own.plain('a'))"))[0]?.[0], '42501')
  // Clocks, drawn keys and numbers of a sequence are PostgreSQL's own.
  for (const sql of ['select now(), clock_timestamp(), gen_random_uuid()', 'select current_timestamp, statement_timestamp()']) t.deepEqual((await analyst.simple(sql)).flatMap((reply) => errorOf(reply)), [], sql)
  t.is((await send(analyst, "select nextval('notes_id_seq')"))[0]?.[0], '42501', 'a reader takes no number from a sequence: it is a write')
  await analyst.end()
  await job.end()
})

test('what tools ask for of secrets, of others and of resources is refused in words, and the session goes on', async (t) => {
  const client = await PostgresClient.connect(await kit.through(['analysts']))
  for (const { tool, sql } of statements('preambles-refused')) {
    const [refused, ...more] = await send(client, sql)
    t.is(refused?.[0], '42501', `${tool}: ${sql}`)
    t.regex(refused?.[1] ?? '', /^(These show values of columns that are masked for you, or secrets|Masked columns may be compared with = and a value, not searched|What this would read or write cannot be told|This is not among the settings that a session may change)/)
    t.deepEqual([more, await send(client, 'select 1')], [[], []])
  }
  await client.end()
})

test('an overload that PostgreSQL takes for a parameter of type void is masked as that overload', async (t) => {
  const client = await PostgresClient.connect(await kit.through())
  const run = async (sql: string, types: readonly number[], parameters: readonly (string | null)[]) => {
    client.send(write.parse(sql, '', types), write.bind({ parameters }), write.describe('P'), write.execute(), write.sync())
    return message('x', ...(await client.until()).map(({ body }) => body)).toString()
  }
  t.true((await run('select * from add_one($1, $2) as result', [2278, 23], [null, '41'])).includes('42'))
  const direct = await kit.app()
  direct.send(write.parse('select whose($1, $2)', '', [2278, 23]), write.bind({ parameters: [null, '1'] }), write.execute(), write.sync())
  t.true(message('x', ...(await direct.until()).map(({ body }) => body)).includes(ssn))
  await direct.end()
  for (const [sql, types] of [['select whose($1, $2)', [2278, 23]], ['select whose($1::void, $2)', [0, 23]], ['select * from whose($1, $2)', [2278, 23]]] as const) {
    const answer = await run(sql, types, [null, '1'])
    // By its origin, not by the detector that finds numbers in any text.
    t.deepEqual([answer.includes(masked), answer.includes(ssn)], [true, false], sql)
  }
  await client.end()
})

test('node-postgres works: parameters, names, transactions, LISTEN, a pool, and after a refusal', async (t) => {
  const { host, port, user, database, password } = await kit.through()
  const options = { host: host ?? '', port, user, database, password: password ?? '' }
  const client = new pg.Client({ ...options, statement_timeout: 10_000, application_name: 'drivers' })
  await client.connect()
  const row = { id: 7, ssn: masked, pin: null, born: null }
  const text = 'select id, ssn, pin, born from customers where id = $1'
  for (const query of [{ text, values: [7] }, { text, values: [7], name: 'one' }, { text, values: [7], name: 'one' }, { text, values: [7], binary: true }, { text: text.replace('$1', '7') }]) t.deepEqual((await client.query(query)).rows, [row])
  const refused = await t.throwsAsync<pg.DatabaseError>(client.query('drop table customers'), { instanceOf: pg.DatabaseError })
  t.deepEqual([refused.code, refused.message], ['42501', 'Creating, changing or dropping objects is not open to your groups in this database. Do not retry; open a change request with the database team.'])
  const guessed = await t.throwsAsync<pg.DatabaseError>(client.query('select id from customers where ssn like $1', ['1%']))
  t.deepEqual([guessed.code, guessed.message], ['42501', 'Masked columns may be compared with = and a value, not searched, ordered, grouped or joined by: public.customers.ssn.'])
  await client.query('begin')
  t.is((await client.query('insert into notes (body) values ($1), ($2)', ['a', 'b'])).rowCount, 2)
  await client.query('rollback')
  const heard = new Promise<pg.Notification>((resolve) => client.once('notification', resolve))
  await client.query('listen drivers')
  await client.query('notify drivers')
  t.is((await heard).channel, 'drivers')
  await client.end()
  const pool = new pg.Pool({ ...options, max: 3 })
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, at) => (await pool.query<{ a: number }>('select $1::int a', [at])).rows[0]?.a))
  t.deepEqual(answers, Array.from({ length: 20 }, (_, at) => at))
  await pool.end()
})

test('postgres.js works: types it fetches, pipelines, cursors, COPY, LISTEN, cancel, and after a refusal', async (t) => {
  const { host, port, user, database, password } = await kit.through()
  const sql = postgres({ host: host ?? '', port, user, database, password: password ?? '', max: 2, onnotice: () => undefined })
  t.deepEqual([...await sql`select id, ssn, pin, born from customers where id = ${7}`], [{ id: 7, ssn: masked, pin: null, born: null }])
  t.deepEqual([...await sql`select ${sql.array([1, 2])}::int[] a, array['ok']::mood[] b`], [{ a: [1, 2], b: ['ok'] }])
  let seen = 0
  for await (const rows of sql`select ssn from customers`.cursor(7)) { seen += rows.length; t.true(rows.every((row) => row['ssn'] === masked)) }
  t.is(seen, 50)
  const many = await Promise.all(Array.from({ length: 60 }, (_, at) => sql<{ a: number; ssn: string }[]>`select ${at}::int a, ssn from customers where id = ${1 + at % 50}`))
  t.true(many.every(([row], at) => row?.a === at && row.ssn === masked))
  t.deepEqual((await sql`insert into notes ${sql([{ body: 'a' }, { body: 'b' }])} returning body`).map((row) => row['body']), ['a', 'b'])
  const writable = await sql`copy notes (body) from stdin`.writable()
  await new Promise<void>((resolve, reject) => { writable.once('finish', resolve).once('error', reject).end('c\nd\n') })
  let copied = ''
  for await (const chunk of await sql`copy orders (id) to stdout`.readable()) copied += String(chunk)
  t.is(copied.trim().split('\n').length, 40)
  const refused = await t.throwsAsync<postgres.PostgresError>(sql.begin(async (tx) => { await tx`select 1`; await tx`drop table customers` }))
  t.is(refused.code, '42501')
  t.deepEqual([...await sql`select count(*)::int n from notes`], [{ n: 4 }])
  const heard = Promise.withResolvers<void>()
  await sql.listen('drivers_js', () => heard.resolve())
  await sql.notify('drivers_js', '')
  await heard.promise
  const slow = sql`select pg_sleep(30)`
  const cancelled = t.throwsAsync<postgres.PostgresError>(slow)
  setTimeout(() => slow.cancel(), 300)
  t.is((await cancelled).code, '57014')
  t.deepEqual([...await sql`select 1 a`], [{ a: 1 }])
  await sql.end({ timeout: 1 })
})
