// A cancel request that comes before the server has what it means, or when the server has it no more: what was sent is cancelled, and what is sent later is not.
import test from 'ava'
import { errorFields, errorOf, PostgresClient, texts, write } from '../postgres-client.ts'
import type { Reply } from '../postgres-client.ts'
import { eventually } from '../recorded.ts'
import type { Frame } from '../recorded.ts'
import { reset } from './conversations.ts'
import { frontOf } from './front.ts'
import type { Group } from './front.ts'
import { startRelay } from './relay.ts'
import type { Relay } from './relay.ts'

const { query, parse, bind, execute, sync } = write
let relay: Relay
/** The gateway's clock while it stands still: what was looked up stays as it is. */
let standing: number | undefined
const front = frontOf(test, { settings: { approval_wait_s: 30 }, now: () => standing ?? Date.now(), upstream: async (port) => (relay = await startRelay(port)).port })
let superuser: PostgresClient
/** Two that lock a table each. */
let lockers: readonly [PostgresClient, PostgresClient]
test.serial.before(async () => {
  superuser = await front().superuser()
  lockers = [await front().superuser(), await front().superuser()]
})
test.serial.beforeEach(async () => {
  standing = undefined
  await superuser.simple(reset)
})
test.afterEach.always(async () => { for (const locker of lockers) await locker.simple('rollback') })
test.after.always(async () => { for (const client of [superuser, ...lockers]) client.destroy(); await relay?.close() })

const codes = (replies: readonly Reply[]): string => replies.filter(({ tag }) => 'EZCGs'.includes(tag)).map(({ tag, body }) => tag === 'E' ? errorFields(body)['C'] : tag === 'Z' ? `Z${body.toString()}` : tag === 'C' ? body.toString().replace('\0', '') : tag).join(' ')
const ids = async (): Promise<unknown> => texts(await superuser.simple('select id from items order by id')).flat().join()
/** Somebody waits for a lock on it. */
const isAwaited = async (table: string): Promise<true | undefined> => texts(await superuser.simple(`select 1 from pg_locks where not granted and relation = '${table}'::regclass`)).length > 0 || undefined
const waitsFor = (table: string) => eventually(() => isAwaited(table), `one that waits for ${table}`)
const says = (text: string) => ({ request }: Frame): boolean => JSON.stringify(request ?? '').includes(text)

/** What became of the calls whose text has this in it, as the record says it. */
async function outcomes(text: string, count = 1): Promise<readonly unknown[]> {
  return await eventually(() => {
    const frames = front().gateway.frames()
    const found = frames.filter((frame) => frame.kind === 'intent' && says(text)(frame)).map((intent) => frames.find(({ kind, session, ref }) => kind === 'outcome' && session === intent.session && ref === intent.seq)?.outcome)
    return found.length === count && !found.includes(undefined) ? found.map((outcome) => `${outcome?.status}: ${outcome?.title}`) : undefined
  }, 'the outcomes')
}

async function withClient<T>(group: Group, use: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await front().as(group)
  try { return await use(client) } finally { client.destroy() }
}

/** Sends, and cancels while the gateway waits for an answer of the server's about names: the server has none of what was sent. */
async function cancelWhilePlanned(client: PostgresClient, ...messages: readonly Uint8Array[]): Promise<void> {
  relay.hold()
  try {
    client.send(...messages)
    await eventually(() => relay.held.includes('search_path') || undefined, 'the question')
    await client.cancel()
  } finally {
    relay.release()
  }
}

/** Nothing has to be looked up from here on: a statement that is sent while another runs is planned at once. */
async function known(client: PostgresClient): Promise<void> {
  standing = Date.now() + 600_000
  await client.simple('select 1 from items')
}

/** The next statement's names are asked for. */
async function stale(client: PostgresClient, sql = 'set search_path to public'): Promise<void> {
  await client.simple(sql)
}

async function approvalIn(client: PostgresClient): Promise<string> {
  const [notice] = await client.until('N')
  return /Waiting for approval (\S+) /.exec(errorFields(notice?.body ?? Buffer.alloc(0))['M'] ?? '')?.[1] ?? ''
}

test.serial('a statement that is cancelled while what it names is still looked up never runs, is told in the server\'s words, and is on record as cancelled', async (t) => {
  await withClient('leads', async (client) => {
    await stale(client)
    await cancelWhilePlanned(client, query("insert into items values (80, 'unwanted')"))
    const replies = await client.until()
    t.is(codes(replies), '57014 ZI')
    t.is(errorOf(replies)?.['M'], 'canceling statement due to user request')
    t.is(await ids(), '1,2,3')
    t.deepEqual(await outcomes('unwanted'), ['cancelled: not run: cancelled'])
    t.is(codes(await client.simple("insert into items values (81, 'next')")), 'INSERT 0 1 ZI')
  })
})

test.serial('of what one write brought, a cancel ends the first statement and no other', async (t) => {
  await withClient('leads', async (client) => {
    await stale(client)
    await cancelWhilePlanned(client, query("insert into items values (80, 'x')"), query("insert into items values (81, 'x')"))
    t.is(codes([...await client.until(), ...await client.until()]), '57014 ZI INSERT 0 1 ZI')
    await stale(client)
    const insert = (id: number) => [parse(`insert into items values (${id}, 'piped')`), bind(), execute()]
    await cancelWhilePlanned(client, ...insert(82), ...insert(83), sync(), ...insert(84), sync())
    t.is(codes([...await client.until(), ...await client.until()]), '57014 ZI INSERT 0 1 ZI', 'an error skips to the next Sync')
    t.deepEqual(await outcomes('piped', 3), ['cancelled: not run: cancelled', 'cancelled: not run: an earlier statement failed', 'delivered: INSERT 0 1'])
    await client.simple('begin')
    await stale(client)
    await cancelWhilePlanned(client, query("insert into items values (85, 'x')"), query('commit'))
    t.is(codes([...await client.until(), ...await client.until()]), '57014 ZE ROLLBACK ZI')
  })
  t.is(await ids(), '1,2,3,81,84')
})

test.serial('a cancel while a statement is prepared, or a portal is read on, is an error of that one', async (t) => {
  await withClient('leads', async (client) => {
    await stale(client)
    await cancelWhilePlanned(client, parse("select 'unprepared'", 's'), sync())
    t.is(codes(await client.until()), '57014 ZI')
    t.deepEqual(await outcomes('unprepared'), ['cancelled: not run: cancelled'])
    t.is(codes(await client.pipeline([bind({ name: 's' }), sync()])), '26000 ZI')
    t.is(codes(await client.pipeline([query('begin'), parse('select id as half from items order by id'), bind({ portal: 'p' }), execute('p', 1), sync()])), 'BEGIN ZT s ZT')
    await stale(client)
    await cancelWhilePlanned(client, execute('p', 1), sync())
    t.is(codes(await client.until()), '57014 ZE')
    t.is(codes(await client.simple('rollback')), 'ROLLBACK ZI')
    t.deepEqual(await outcomes('half'), ['delivered: not read to its end'])
  })
})

test.serial('a cancel goes on over a Sync that ends nothing, and over none behind which the server may have what it meant', async (t) => {
  await withClient('owners', (other) => withClient('leads', async (client) => {
    await client.simple('select 1')
    for (const [index, begun] of [[], [parse("select 'begun'")]].entries()) {
      client.send(...begun)
      if (begun.length > 0) await eventually(() => front().gateway.frames().some((frame) => frame.kind === 'intent' && says('begun')(frame)) || undefined, 'the Parse')
      // What it names is looked up anew.
      await other.simple(`create table t${index} (id int)`)
      relay.hold()
      client.send(sync(), parse('select 2', 'b'), sync())
      await eventually(() => relay.held !== '' || undefined, 'the question')
      await client.cancel()
      relay.release()
      t.is(codes([...await client.until(), ...await client.until()]), begun.length === 0 ? 'ZI 57014 ZI' : 'ZI ZI')
    }
  }))
})

test.serial('data that comes with a COPY that is cancelled before it began is nobody\'s', async (t) => {
  await withClient('leads', async (client) => {
    await stale(client)
    await cancelWhilePlanned(client, query('copy items from stdin'), write.copyData('80\tx\n'), write.copyDone())
    t.is(codes(await client.until()), '57014 ZI')
    t.is(codes(await client.simple('select 1')), 'SELECT 1 ZI')
  })
  t.is(await ids(), '1,2,3')
})

test.serial('a cancel that comes before its statement is held ends the wait before it begins', async (t) => {
  await withClient('leads', async (client) => {
    await stale(client)
    await cancelWhilePlanned(client, query('delete from items'), query("select 'behind'"))
    const id = await approvalIn(client)
    await front().decide(id, 'approve')
    t.is(codes([...await client.until(), ...await client.until()]), '57014 ZI SELECT 1 ZI')
    await outcomes('behind')
    t.false(front().gateway.frames().some(({ kind, structure }) => kind === 'approval' && structure?.['1'] === id && Number(structure?.['2']) > 1), 'nobody used the yes')
  })
  t.is(await ids(), '1,2,3')
})

test.serial('a cancel of what policy refuses, or of a name that does not exist, is none of what comes behind', async (t) => {
  await withClient('leads', async (client) => {
    await stale(client)
    await cancelWhilePlanned(client, query('drop table items'), query('select 1'))
    t.is(codes([...await client.until(), ...await client.until()]), '42501 ZI SELECT 1 ZI')
    await stale(client)
    await cancelWhilePlanned(client, bind({ name: 'nothing' }), sync(), query('select 1'))
    t.is(codes([...await client.until(), ...await client.until()]), '26000 ZI SELECT 1 ZI')
    await stale(client)
    await cancelWhilePlanned(client, parse('select 1', 'a'), bind({ name: 'b' }), sync())
    t.is(codes(await client.until()), '57014 ZI')
  })
})

test.serial('a cancel ends what runs and leaves what is held behind it; the next one ends that', async (t) => {
  await withClient('leads', async (client) => {
    await known(client)
    await lockers[0].simple('begin; lock table items')
    client.send(query("insert into items values (80, 'x')"))
    await waitsFor('items')
    client.send(query('delete from items'))
    const id = await approvalIn(client)
    await client.cancel()
    t.is(codes(await client.until()), '57014 ZI')
    await lockers[0].simple('rollback')
    t.is(await front().decide(id, 'approve'), 200)
    t.is(codes(await client.until()), 'DELETE 3 ZI')
  })
  t.is(await ids(), '')
})

test.serial('a statement that its client does not have described is cancelled like any other', async (t) => {
  await withClient('leads', async (client) => {
    await client.simple('select 1 from items')
    await lockers[0].simple('begin; lock table items')
    client.send(parse('select count(*) from items'), bind(), execute(), sync())
    await waitsFor('items')
    await client.cancel()
    await eventually(async () => await isAwaited('items') === undefined || undefined, 'its end')
    await lockers[0].simple('rollback')
    t.is(codes(await client.until()), '57014 ZI')
  })
})

test.serial('a held statement is cancelled also behind a message that the server has answered, and says nothing of before a Sync', async (t) => {
  await withClient('leads', async (client) => {
    await known(client)
    client.send(parse("insert into items values (80, 'early')"))
    await eventually(() => front().gateway.frames().some((frame) => frame.kind === 'intent' && says('early')(frame)) || undefined, 'the Parse')
    client.send(bind(), execute(), parse('delete from items'), bind(), execute(), sync())
    const id = await approvalIn(client)
    await client.cancel()
    await front().decide(id, 'approve')
    t.is(codes(await client.until()), 'INSERT 0 1 57014 ZI')
  })
  t.is(await ids(), '1,2,3')
})

test.serial('a statement that takes longer than policy allows is ended also while another is held behind it, which stays held', async (t) => {
  await withClient('brief', async (client) => {
    await known(client)
    client.send(parse('select pg_sleep(20)'), bind(), execute(), sync())
    await eventually(async () => texts(await superuser.simple("select 1 from pg_stat_activity where query like 'select pg_sleep%'")).length > 0 || undefined, 'the statement')
    client.send(query('delete from items'))
    const said: Reply[] = []
    let id: string | undefined
    while (id === undefined || !said.some(({ tag }) => tag === 'Z')) {
      const reply = await client.next()
      if (reply.tag === 'N') id = /Waiting for approval (\S+) /.exec(errorFields(reply.body)['M'] ?? '')?.[1]
      else said.push(reply)
    }
    t.is(codes(said), '54000 ZI')
    t.is(await front().decide(id, 'approve'), 200)
    t.is(codes(await client.until()), 'DELETE 3 ZI')
  })
})

// `few_rows`: what has a limit of rows is waited for, and what came with it is planned by then. What changes names ends a plan. A later write is a plan of its own.
for (const [group, first, isLater] of [['few_rows', 'select count(*) from items', false], ['owners', 'alter table items add column more int', false], ['leads', 'select count(*) from items', true]] as const) {
  test.serial(`a cancel that is still under way when its statement ends hits nothing behind it: ${group}, ${first}`, async (t) => {
    await withClient(group, async (client) => {
      const next = query('select count(*) from customers')
      await client.simple('select 1 from items, customers')
      await lockers[0].simple('begin; lock table items')
      await lockers[1].simple('begin; lock table customers')
      client.send(query(first), ...isLater ? [] : [next])
      await waitsFor('items')
      relay.holdCancels()
      const cancelled = client.cancel()
      await eventually(() => relay.cancels === 1 || undefined, 'the cancel')
      await lockers[0].simple('rollback')
      t.regex(codes(await client.until()), /^(SELECT 1|ALTER TABLE) ZI$/)
      if (isLater) client.send(next)
      for (let looks = 0; looks < 30; looks++) if (await isAwaited('customers')) return t.fail('the next is with the server before the cancel')
      await relay.releaseCancels()
      await cancelled
      await waitsFor('customers')
      await lockers[1].simple('rollback')
      t.is(codes(await client.until()), 'SELECT 1 ZI')
    })
  })
}

test.serial('a second cancel while the first is under way is forgotten with what it came for', async (t) => {
  await withClient('few_rows', async (client) => {
    await client.simple('select 1 from items')
    await lockers[0].simple('begin; lock table items')
    client.send(query('select count(*) from items'))
    await waitsFor('items')
    relay.holdCancels()
    const cancelled = client.cancel()
    await eventually(() => relay.cancels === 1 || undefined, 'the cancel')
    await lockers[0].simple('rollback')
    t.is(codes(await client.until()), 'SELECT 1 ZI')
    await client.cancel()
    await relay.releaseCancels()
    await cancelled
    t.is(codes(await client.simple('select 1')), 'SELECT 1 ZI')
  })
})
