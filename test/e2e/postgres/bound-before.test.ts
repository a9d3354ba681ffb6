// What was decided by what names meant runs by that, or not at all: portals that wait, statements behind a transaction that fails meanwhile, and what an approval was for.
import test from 'ava'
import { errorFields, errorOf, PostgresClient, texts, write } from '../postgres-client.ts'
import type { Reply } from '../postgres-client.ts'
import { eventually } from '../recorded.ts'
import { reset } from './conversations.ts'
import { frontOf } from './front.ts'
import type { Group } from './front.ts'
import { startRelay } from './relay.ts'
import type { Relay } from './relay.ts'

const { query, parse, bind, describe, execute, sync } = write
let relay: Relay
/** The gateway's clock, and while it stands still: what was looked up stays as it is. */
let ahead = 0
let standing: number | undefined
const front = frontOf(test, { settings: { approval_wait_s: 30 }, now: () => standing ?? Date.now() + ahead, upstream: async (port) => (relay = await startRelay(port)).port })
/** Looked in before `public`, one each time: what was dropped a moment ago is seen for a while. The last is not there yet. */
type Schema = 'one' | 'two' | 'three'
let superuser: PostgresClient
test.serial.before(async () => {
  superuser = await front().superuser()
  await superuser.simple('create schema one authorization app; create schema two authorization app')
})
test.serial.beforeEach(async () => { await superuser.simple(reset) })
test.afterEach.always(() => { relay.releaseReplies() })
test.after.always(async () => { superuser?.destroy(); await relay?.close() })

const codes = (replies: readonly Reply[]): string => replies.filter(({ tag }) => 'EZCGHs'.includes(tag)).map(({ tag, body }) => tag === 'E' ? errorFields(body)['C'] : tag === 'Z' ? `Z${body.toString()}` : tag === 'C' ? body.toString().replace('\0', '') : tag).join(' ')
const customers = async (): Promise<unknown> => texts(await superuser.simple('select count(*) from public.customers'))[0]?.[0]

async function withClient<T>(group: Group, use: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await front().as(group)
  try { return await use(client) } finally { client.destroy() }
}

/** A table in front of another, made past the gateway, and known to it. */
async function madeIn(schema: Schema): Promise<void> {
  standing = undefined
  await superuser.simple(`set role app; create schema if not exists ${schema}; create table ${schema}.customers (id int); reset role`)
  await withClient('analysts', (other) => eventually(async () => errorOf(await other.simple(`select id from ${schema}.customers`)) === undefined || undefined, 'the gateway to see it'))
}

/** In a transaction of which the server's answers are late, so that the gateway does not know yet that it has failed; what names mean is known, so that nothing waits for those answers. */
async function failing(client: PostgresClient, schema: Schema): Promise<void> {
  ahead += 60_000
  standing = Date.now() + ahead
  await client.pipeline([query(`set search_path = ${schema}, public`), parse('delete from customers where id = 1', 's'), sync(), query('begin'), query('select id from items')])
  relay.holdReplies('twice')
  client.send(query("insert into items values (1, 'twice')"))
  await eventually(() => relay.isReplying || undefined, 'the error')
}

test.serial('what is planned while a transaction fails is decided by names that were looked up behind its end', async (t) => {
  for (const [schema, more] of [['one', [query('rollback')]], ['two', [parse('rollback', 'r'), bind({ portal: 'r', name: 'r' }), execute('r'), sync()]]] as const) {
    await withClient('owners', async (client) => {
      await failing(client, schema)
      await madeIn(schema)
      client.send(...more, bind({ name: 's' }), execute(), sync())
      await new Promise((resolve) => setTimeout(resolve, 50))
      relay.releaseReplies()
      t.is(codes([...await client.until(), ...await client.until(), ...await client.until()]), '23505 ZE ROLLBACK ZI DELETE 0 ZI')
    })
  }
  t.is(await customers(), '1')
})

test.serial('what was approved does not run where nobody could look whether it is still the same', async (t) => {
  await withClient('leads', async (client) => {
    await failing(client, 'three')
    client.send(query('rollback'), query('delete from customers'))
    const [notice] = (await client.until('N')).slice(-1)
    const id = /Waiting for approval (\S+) /.exec(errorFields(notice?.body ?? Buffer.alloc(0))['M'] ?? '')?.[1] ?? ''
    await madeIn('three')
    t.is(await front().decide(id, 'approve'), 200)
    await new Promise((resolve) => setTimeout(resolve, 50))
    relay.releaseReplies()
    const said = [...await client.until(), ...await client.until(), ...await client.until()]
    t.is(codes(said), '23505 ZE ROLLBACK ZI 42501 ZI')
    t.is(errorOf(said.slice(-2))?.['M'], 'What it names is not in the database any more what it was when this was decided')
  })
  t.is(await customers(), '1')
})

test.serial('a bound EXECUTE is no way past an approval: it runs what it stood for when it was bound, or is refused', async (t) => {
  await withClient('leads', async (client) => {
    const prepared = [query('begin'), query('prepare t as select 1'), parse('execute t'), bind({ portal: 'p' }), sync(), query('deallocate t'), query('prepare t as delete from customers where id = 1')]
    t.is(codes(await client.pipeline(prepared)), 'BEGIN ZT PREPARE ZT ZT DEALLOCATE ZT PREPARE ZT')
    const refused = await client.pipeline([execute('p'), sync(), query('rollback')])
    t.is(codes(refused), '42601 ZE ROLLBACK ZI')
    t.is(errorOf(refused)?.['M'], 'What the portal names is not what it was when it was bound: bind it again')
    t.regex(errorOf(refused)?.['H'] ?? '', /Recorded as frame [0-9a-f]+\/\d+/)
    await client.simple('deallocate t')
    t.is(codes(await client.pipeline([query('begin'), query('prepare t as select 1'), parse('execute t'), bind({ portal: 'p' }), query('deallocate t'), parse('delete from customers where id = 1', 't'), execute('p'), sync(), query('rollback')])), 'BEGIN ZT PREPARE ZT DEALLOCATE ZT 42601 ZE ROLLBACK ZI')
  })
  t.is(await customers(), '1')
})

test.serial('a trigger that is made between Bind and Execute does not run by what was decided without it', async (t) => {
  await superuser.simple("set role app; create table fired (id int); create table notes (t text); create function copies() returns trigger language plpgsql as $$ begin insert into public.notes select ssn from public.customers; return new; end $$; reset role")
  try {
    await withClient('owners', async (client) => {
      await eventually(async () => errorOf(await client.simple('select id from fired')) === undefined || undefined, 'the gateway to see it')
      t.is(codes(await client.pipeline([query('begin'), parse('insert into fired values (1)'), bind({ portal: 'p' }), sync(), query('create trigger t before insert on fired for each row execute function copies()'), execute('p'), sync(), query('commit')])), 'BEGIN ZT ZT CREATE TRIGGER ZT 42601 ZE ROLLBACK ZI')
    })
  } finally {
    await superuser.simple('drop table fired, notes; drop function copies')
  }
})

test.serial('a portal whose names mean what they did goes on, whatever runs beside it', async (t) => {
  await superuser.simple('set role app; create function own(int) returns int language plpgsql volatile as $$ begin return $1; end $$; create function steady(int) returns int language plpgsql stable as $$ begin return $1; end $$; reset role')
  try {
    await withClient('owners', async (client) => {
      await eventually(async () => errorOf(await client.simple('select steady(1)')) === undefined || undefined, 'the gateway to see it')
      await client.pipeline([query('begin'), parse('select steady(id) from items order by id'), bind({ portal: 'p' }), execute('p', 1), sync(), query('prepare t as select id from items order by id'), parse('execute t'), bind({ portal: 'q' }), execute('q', 1), sync()])
      t.is(codes(await client.pipeline([query('select own(1)'), query('savepoint a'), query('select steady(1)'), query('rollback to a'), query('deallocate t')])), 'SELECT 1 ZT SAVEPOINT ZT SELECT 1 ZT ROLLBACK ZT DEALLOCATE ZT')
      const replies = await client.pipeline([execute('p', 1), execute('p'), execute('q', 1), sync(), parse('copy items to stdout'), bind({ portal: 'c' }), sync(), query('select own(2)'), execute('c'), sync(), query('commit')])
      t.is(codes(replies), 's SELECT 1 s ZT ZT SELECT 1 ZT H COPY 3 ZT COMMIT ZI')
      t.deepEqual(texts(replies).flat(), ['2', '3', '2', '2'])
      for (const sql of ['prepare u as select steady(id) from items order by id', 'begin', 'declare d cursor for select steady(id) from items order by id', 'fetch d', 'commit', 'prepare w as select own(2)', 'execute w']) {
        t.is(errorOf(await client.pipeline([parse(sql), bind(), describe('P'), execute(), sync()])), undefined, sql)
      }
    })
  } finally {
    await superuser.simple('drop function own; drop function steady')
  }
})
