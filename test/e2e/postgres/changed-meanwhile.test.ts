// What is sent behind a slow statement is decided long before the server comes to it: what somebody else changes meanwhile is seen, and no value comes out by what was there before.
import test from 'ava'
import { errorOf, PostgresClient, texts, write } from '../postgres-client.ts'
import { eventually } from '../recorded.ts'
import { frontOf } from './front.ts'

const { query, parse, bind, describe, execute, sync } = write
const front = frontOf(test)
const secret = 'XQVKJWZ'
const told = [...secret].toReversed().join('')
let superuser: PostgresClient
let holder: PostgresClient
test.serial.before(async () => {
  superuser = await front().superuser()
  holder = await front().superuser()
})
test.after.always(() => { superuser?.destroy(); holder?.destroy() })

const asApp = async (sql: string): Promise<void> => {
  const error = errorOf(await superuser.simple(`set role app; ${sql}; reset role`))
  if (error !== undefined) throw new Error(error['M'])
}
const harmless = 'create or replace view shown as select id, name as x from customers'
const telling = 'create or replace view shown as select id, reverse(ssn) as x from customers'
const reading = 'select x from shown order by id'
const slow = 'select name from items where id = 1 for update'
const slowWrite = "update items set name = 'y' where id = 1"

/** Runs while the row is locked and the gateway has been told of the messages; it is unlocked when the gateway knows what was done meanwhile. */
async function meanwhile(client: PostgresClient, messages: readonly Uint8Array[], change: string, isKnown: (other: PostgresClient) => Promise<boolean>): Promise<void> {
  const other = await front().as('leads', { sub: 'other' })
  await holder.simple('begin; select from items where id = 1 for update')
  client.send(...messages)
  await eventually(async () => texts(await superuser.simple("select 1 from pg_stat_activity where wait_event_type = 'Lock' and usename = 'app'")).length > 0 || undefined, 'the slow statement')
  await asApp(change)
  await eventually(async () => await isKnown(other) || undefined, 'the gateway to know it')
  await holder.simple('commit')
  other.destroy()
}

const ways: readonly (readonly [string, readonly Uint8Array[], string])[] = [
  ['behind a slow SELECT', [query(slow), query(reading)], '42501'],
  ['behind a slow UPDATE, which nobody waits for', [query(slowWrite), query(reading)], '55P03'],
  ['in the same text', [query(`${slow}; ${reading}`), query('select 1')], '55P03'],
  ['in extended messages', [parse(slowWrite), bind(), execute(), sync(), parse(reading), bind(), describe('P'), execute(), sync()], '55P03'],
]
test.serial('a view that is replaced while a statement waits for its turn gives no masked value away', async (t) => {
  t.timeout(60_000)
  await asApp(`insert into customers values (1, 'Ada', '${secret}'); insert into items values (1, 'x'); ${harmless}`)
  for (const [name, messages, code] of ways) {
    await asApp(harmless)
    const client = await front().as('leads')
    await eventually(async () => texts(await client.simple(reading))[0]?.[0] === 'Ada' || undefined, 'the harmless view')
    await meanwhile(client, messages, telling, async (other) => !['Ada', told].includes(texts(await other.simple(reading))[0]?.[0] ?? 'Ada'))
    const replies = [...await client.until(), ...await client.until()]
    t.false(client.received.toString().includes(told), name)
    t.is(errorOf(replies)?.['C'], code, name)
    t.is(texts(await client.simple('select name from customers'))[0]?.[0], 'Ada', 'the session goes on')
    client.destroy()
  }
})

test.serial('what others change beside what is read takes no result away', async (t) => {
  t.timeout(60_000)
  const client = await front().as('leads')
  await meanwhile(client, [query(slow), query('select name from customers'), query(slowWrite), query('select name from items')], 'create table beside (id int)', async (other) => errorOf(await other.simple('select from beside')) === undefined)
  const replies = [...await client.until(), ...await client.until(), ...await client.until(), ...await client.until()]
  t.is(errorOf(replies), undefined)
  t.deepEqual(texts(replies).slice(1), [['Ada'], ['y']])
  client.destroy()
})

test.serial('a portal whose function is another by the time it runs gives no masked value away', async (t) => {
  t.timeout(60_000)
  const as = (value: string) => `create or replace function inner_said() returns text language plpgsql as $f$ begin return (select ${value} from customers where id = 1); end $f$`
  await asApp(`${as('name')}; create or replace function said() returns text language plpgsql as $f$ begin perform 1 from items; return inner_said(); end $f$`)
  const client = await front().as('leads')
  await eventually(async () => texts(await client.simple('select said()'))[0]?.[0] === 'Ada' || undefined, 'the functions')
  await client.pipeline([query('begin'), parse('select said()', 's'), bind({ portal: 'p', name: 's' }), describe('P', 'p'), sync()])
  await asApp(`${as('reverse(ssn)')}; create table portal_mark ()`)
  const other = await front().as('leads', { sub: 'other' })
  await eventually(async () => errorOf(await other.simple('select from portal_mark')) === undefined || undefined, 'the gateway to know it')
  other.destroy()
  const replies = await client.pipeline([execute('p'), sync()])
  t.is(errorOf(replies)?.['C'], '42601', 'it is to be bound again')
  t.deepEqual(texts(replies), [])
  client.destroy()
})

test.serial('a table that somebody else has made a moment ago is written by extended messages, too', async (t) => {
  t.timeout(30_000)
  const client = await front().as('leads')
  // The gateway has looked a moment ago, and read the catalogue before that.
  for (const end = Date.now() + 1_200; Date.now() < end;) {
    await client.simple('select id from items where id = 1')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await asApp('create table just_made (id int)')
  t.is(errorOf(await client.pipeline([parse('insert into just_made values (1)'), bind(), execute(), sync()])), undefined)
  t.deepEqual(texts(await superuser.simple('select id from just_made')), [['1']])
  client.destroy()
})
