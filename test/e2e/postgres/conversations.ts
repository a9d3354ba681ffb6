// What clients say to a server, message by message: each is played at the server itself and through the gateway, and the answers must be the same bytes.
// Names are those of the protocol's traps (PostgreSQL 18 §54.2), as trackers of other proxies know them.
import type { Reply } from '../postgres-client.ts'
import { PostgresClient, write } from '../postgres-client.ts'

const { query, parse, bind, describe, execute, close, sync, flush, copyData, copyDone, copyFail, functionCall } = write

export interface Conversation { readonly name: string; readonly messages: readonly Uint8Array[] }

const upper = 871          // pg_catalog.upper(text)
const one = 'select id, name from items where id = 1'
const several = 'select id, name from items order by id'
const insert = (id: number) => [parse('insert into items values ($1, $2)'), bind({ parameters: [String(id), `item ${id}`] }), execute()]
const run = (sql: string, parameters: readonly (string | null)[] = []) => [parse(sql), bind({ parameters }), describe('P'), execute()]

export const conversations: readonly Conversation[] = [
  { name: 'several statements in one text', messages: [query(`${one}; ${several}; insert into items values (100, 'x'); select 1 where false`)] },
  { name: 'an error in the middle of a text', messages: [query('insert into items values (100, \'x\'); select 1/0; select 2'), query('select count(*) from items')] },
  { name: 'a text without a statement', messages: [query(''), query(' ; '), query('-- nothing\n'), parse(''), bind(), describe('P'), execute(), sync()] },
  { name: 'the older name of UTF8', messages: [query("set client_encoding to 'UNICODE'"), query(one), query('reset client_encoding'), query(one)] },
  { name: 'transaction control in texts', messages: [query('begin; select 1'), query('select 2; commit; select 3'), query('commit'), query('rollback'), query('begin'), query('select 1/0'), query('select 1'), query('commit')] },
  { name: 'savepoints after an error', messages: [query('begin'), query('savepoint a'), query('select 1/0'), query('rollback to a'), query('select 1'), query('release a'), query('commit')] },
  { name: 'one statement in extended messages', messages: [parse(one), describe('S'), bind(), describe('P'), execute(), sync()] },
  { name: 'a statement that is never described', messages: [parse(several), bind(), execute(), sync(), bind(), execute(), sync()] },
  { name: 'binary results and parameters', messages: [parse('select id, name from items where id = $1', '', [23]), bind({ parameters: [Buffer.from([0, 0, 0, 2])], formats: [1] }), describe('P'), execute(), sync(), ...run('select $1::int8, $2::text', ['7', null]), sync()] },
  { name: 'a batch of inserts with one Sync', messages: [...[100, 101, 102, 103].flatMap(insert), sync(), query('select count(*) from items')] },
  { name: 'a batch whose second insert fails', messages: [...insert(100), ...insert(100), ...insert(102), sync(), query('select count(*) from items')] },
  { name: 'errors among several Syncs', messages: [...run(one), sync(), ...run('select 1/0'), ...run(one), sync(), ...run(one), sync(), ...run('select nothing'), sync(), sync(), ...run(one), sync()] },
  { name: 'an error without a Sync: everything is skipped, also a Query and a Flush', messages: [...run('select 1/0'), flush(), query('select 5'), ...run(one), flush(), sync(), query('select 6')] },
  { name: 'Flush without Sync', messages: [parse(several), flush(), bind(), flush(), describe('P'), flush(), execute('', 1), flush(), execute('', 0), flush(), sync()] },
  { name: 'a refused Parse that the server skipped leaves the unnamed statement', messages: [parse(one), bind({ parameters: ['x'], formats: [1] }), parse('selec 3'), parse('select length($1)'), sync(), bind(), execute(), sync()] },
  { name: 'Describe of a statement after Close', messages: [parse(one, 's1'), describe('S', 's1'), close('S', 's1'), describe('S', 's1'), sync(), bind({ name: 's1' }), sync(), close('S', 's1'), close('P', 'none'), sync()] },
  { name: 'Describe and Execute of portals that do not exist', messages: [describe('P', 'none'), sync(), execute('none'), sync(), bind({ name: 'none' }), execute(), sync()] },
  { name: 'a failed Parse leaves no statement', messages: [parse('select wrong from nowhere', 's2'), sync(), bind({ name: 's2' }), sync(), parse(one, 's2'), sync(), bind({ name: 's2' }), describe('P'), execute(), sync()] },
  { name: 'a failed Parse of the unnamed statement loses the one before', messages: [parse(one), sync(), parse('selec'), sync(), bind(), execute(), sync()] },
  { name: 'a name that is taken', messages: [parse(one, 's3'), parse(several, 's3'), sync(), bind({ name: 's3' }), describe('P'), execute(), sync()] },
  { name: 'the unnamed statement replaced while its portal is open', messages: [parse(several), bind(), parse(one), execute('', 1), bind(), describe('P'), execute(), sync()] },
  { name: 'rows in pieces', messages: [parse(several), bind({ portal: 'p1' }), bind({ portal: 'p2' }), describe('P', 'p1'), execute('p1', 1), execute('p2', 2), execute('p1', 1), execute('p2', 2), execute('p1', 1), execute('p1', 1), execute('p1', 1), sync()] },
  { name: 'rows in pieces over Syncs of one transaction', messages: [query('begin'), parse(several), bind({ portal: 'p1' }), execute('p1', 1), sync(), execute('p1', 1), sync(), execute('p1', 0), sync(), execute('p1', 0), sync(), query('commit'), execute('p1', 0), sync()] },
  { name: 'a portal after COMMIT', messages: [query('begin'), parse(several), bind({ portal: 'p1' }), execute('p1', 1), sync(), query('commit'), execute('p1', 1), sync(), describe('P', 'p1'), sync()] },
  { name: 'a portal after Sync outside a transaction', messages: [parse(several, 's4'), bind({ portal: 'p1', name: 's4' }), execute('p1', 1), sync(), execute('p1', 1), sync(), bind({ portal: 'p1', name: 's4' }), execute('p1', 1), sync()] },
  { name: 'a portal name that is taken', messages: [parse(one), bind({ portal: 'p1' }), bind({ portal: 'p1' }), sync(), bind({ portal: 'p1' }), close('P', 'p1'), bind({ portal: 'p1' }), execute('p1'), sync()] },
  { name: 'a portal that has run to its end runs no more', messages: [parse('insert into items values (100, \'x\')'), bind({ portal: 'p1' }), execute('p1'), execute('p1'), sync(), parse(one), bind(), execute(), execute(), sync()] },
  { name: 'a text without a statement runs again and again', messages: [parse(''), bind({ portal: 'p1' }), execute('p1'), execute('p1', 1), execute('p1'), sync(), parse(''), bind(), execute(), execute(), ...run('select 1/0'), sync(), query('select 1')] },
  { name: 'portals that an error has taken away', messages: [query('begin'), parse(several, 's6'), bind({ portal: 'p1', name: 's6' }), query('select 1/0'), execute('p1', 1), sync(), query('rollback'), execute('p1'), sync(), parse(several), bind(), parse(one, 's6'), sync(), execute(), sync()] },
  { name: 'a Bind with too few values', messages: [parse('select $1::int'), bind(), execute(), sync(), bind({ parameters: ['x'] }), execute(), sync(), bind({ parameters: ['5'] }), execute(), sync()] },
  { name: 'transactions by extended messages', messages: [...run('begin'), sync(), ...insert(100), sync(), ...run('select 1/0'), sync(), ...run(one), sync(), ...run('rollback'), sync(), ...run('begin'), ...insert(100), ...run('commit'), sync()] },
  { name: 'simple and extended messages mixed', messages: [parse(one, 's5'), query('select 1'), bind({ name: 's5' }), execute(), query('select 2'), sync(), ...insert(100), query('select count(*) from items'), sync()] },
  { name: 'settings that are reported', messages: [query('set application_name = \'a\''), query('set timezone = \'UTC\'; set datestyle = \'German\'; select date \'2020-01-02\''), query('begin; set local application_name = \'b\''), query('rollback'), query('reset all'), query('show application_name')] },
  { name: 'notices', messages: [query('do $$ begin raise notice \'one\'; raise warning \'two\'; end $$'), query('begin; begin'), query('commit; commit'), ...run('drop table if exists no_such_table'), sync()] },
  { name: 'COPY out', messages: [query('copy items to stdout'), query('copy (select 1 where false) to stdout'), query('copy items to stdout (format csv, header)'), query('copy items to stdout (format binary)'), parse('copy items to stdout'), bind(), describe('P'), execute(), sync()] },
  { name: 'COPY out that fails on the way', messages: [query('copy (select 1/(3 - g) from generate_series(1, 5) g) to stdout'), query('select 1')] },
  { name: 'COPY in', messages: [query('copy items from stdin'), copyData('100\tone\n101\t'), copyData('two\n102'), copyData('\tthree\n'), copyDone(), query('select count(*) from items')] },
  { name: 'COPY in that ends by CopyFail', messages: [query('copy items from stdin'), copyData('100\tone\n'), copyFail('never mind'), query('select count(*) from items')] },
  { name: 'COPY in with an error in the middle, and data behind it', messages: [query('copy items from stdin'), copyData('100\tone\n'), copyData('not a number\ttwo\n'), copyData('102\tthree\n'), copyData('103\tfour\n'), copyDone(), query('select count(*) from items')] },
  { name: 'COPY in by extended messages', messages: [parse('copy items from stdin'), bind(), execute(), copyData('100\tone\n'), copyDone(), sync(), query('select count(*) from items')] },
  { name: 'COPY in by extended messages with an early Sync', messages: [parse('copy items from stdin'), bind(), describe('P'), execute(), sync(), copyData('100\tone\n'), flush(), copyDone(), sync(), query('select count(*) from items')] },
  { name: 'COPY in by extended messages that fails', messages: [parse('copy items from stdin'), bind(), execute(), copyData('x\n'), copyDone(), sync(), parse('copy items from stdin'), bind(), execute(), copyFail('no'), sync(), query('select 1')] },
  { name: 'COPY in inside a transaction that fails', messages: [query('begin'), query('copy items from stdin'), copyData('x\n'), copyDone(), query('select 1'), query('rollback')] },
  { name: 'COPY in of two tables in one text', messages: [query('copy items from stdin; copy items from stdin; select count(*) from items'), copyData('100\tone\n'), copyDone(), copyData('101\ttwo\n'), copyDone()] },
  { name: 'a statement before COPY in and one behind it', messages: [query('insert into items values (99, \'z\'); copy items from stdin; select count(*) from items'), copyData('100\tone\n'), copyDone(), query('select 1')] },
  { name: 'COPY data where there is no COPY', messages: [copyData('1\n'), copyDone(), query('select 1'), copyFail('x'), query('select 2')] },
  { name: 'a function by its number', messages: [functionCall(upper, ['abc']), functionCall(upper, [null]), functionCall(999_999, []), query('begin'), functionCall(999_999, []), functionCall(upper, ['abc']), query('rollback')] },
  { name: 'notifications of one\'s own', messages: [query('listen news'), query('notify news, \'one\'; notify news, \'two\''), query('begin; notify news, \'three\''), query('commit'), ...run('notify news, \'four\''), sync(), query('unlisten *')] },
  { name: 'cursors', messages: [query('begin'), query('declare c cursor for select id, name from items order by id'), query('fetch 2 from c'), describe('P', 'c'), sync(), query('close c; commit')] },
  { name: 'PREPARE and EXECUTE in SQL', messages: [query('prepare q (int) as select id, name from items where id = $1'), query('execute q(1)'), query('deallocate q'), bind({ name: 'q', parameters: ['2'] }), sync()] },
  { name: 'a protocol statement by EXECUTE, and DEALLOCATE ALL', messages: [parse('select id from items where id = $1', 'q2', [23]), sync(), query('execute q2(1)'), query('deallocate all'), bind({ name: 'q2', parameters: ['2'] }), execute(), sync(), parse(one, 'q2'), bind({ name: 'q2' }), execute(), sync()] },
  { name: 'DISCARD ALL', messages: [parse(one, 'q3'), sync(), query('discard all'), bind({ name: 'q3' }), sync(), parse(one, 'q3'), bind({ name: 'q3' }), execute(), sync()] },
  { name: 'names of a table that was just made', messages: [query('create temp table items (id int, note text)'), query('insert into items values (5, \'temp\'); select note from items'), ...run('select note from items'), sync(), ...run('drop table pg_temp.items'), ...run('select name from items where id = 1'), sync()] },
  { name: 'SQL functions, errors with all their fields, types of every kind', messages: [query('select array[1,2], \'{"a":1}\'::jsonb, now() is not null, null, 1.5::numeric, \'\\x00ff\'::bytea, row(1,\'a\')'), query('insert into items values (1, \'twice\')'), query('insert into items values (100, null)'), query('select id +\n wrong from items'), ...run('select id + wrong from items'), sync()] },
]

const hangMs = 5_000
const endMark = 'the conversation is over'

/** Starts from the same rows each time. */
export const reset = 'truncate items, customers; insert into items values (1, \'one\'), (2, \'two\'), (3, \'three\'); insert into customers values (1, \'Ann\', \'123-45-6789\')'

/** How the bytes of a conversation arrive. */
export type Delivery = (client: PostgresClient, bytes: Buffer) => Promise<void>

export const atOnce: Delivery = async (client, bytes) => { client.send(bytes) }
export const byteByByte: Delivery = async (client, bytes) => { for (let at = 0; at < bytes.length; at++) await sent(client, bytes.subarray(at, at + 1)) }
export const inCuts = (random: () => number): Delivery => async (client, bytes) => {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + Math.floor(random() * 40)
    await sent(client, bytes.subarray(at, at + length))
    at += length
  }
}

async function sent(client: PostgresClient, bytes: Uint8Array): Promise<void> {
  client.send(bytes)
  await new Promise((resolve) => setImmediate(resolve))
}

/** @returns every reply up to the end, as text; pids are nobody's business */
export async function play(client: PostgresClient, messages: readonly Uint8Array[], deliver: Delivery = atOnce): Promise<string[]> {
  const all = [...messages, sync(), query(`select '${endMark}'`)]
  const replies: Reply[] = []
  // Only a hang takes this long: the connection ends, and what was missing is seen.
  const hung = setTimeout(() => { client.destroy() }, hangMs)
  await deliver(client, Buffer.concat(all))
  for (;;) {
    const more = await client.until()
    replies.push(...more)
    if (!client.isClosed && !more.some(({ tag, body }) => tag === 'D' && body.includes(endMark))) continue
    clearTimeout(hung)
    return replies.map(shown)
  }
}

/** Without what is the server's own business: the pid of a notification, and where in its source an error was found. */
export function shown({ tag, body }: Reply): string {
  const bytes = tag === 'A' ? body.subarray(4) : 'EN'.includes(tag) ? Buffer.from(body.toString('latin1').replaceAll(/(?<=^|\0)[FLR][^\0]+\0/g, ''), 'latin1') : body
  // Temporary tables get another number each time.
  if (tag === 'T') return `T ${fieldsOf(body).join(' ')}`
  return `${tag} ${Buffer.from(bytes).toString('latin1').replaceAll(/[^ -~]/g, (each) => each === '\0' ? '·' : `\\x${each.charCodeAt(0).toString(16)}`)}`
}

/** Name, whether a table's, and the rest as it is: attribute, type, size, modifier, format. */
function fieldsOf(body: Buffer): string[] {
  const fields: string[] = []
  for (let at = 2; at < body.length;) {
    const end = body.indexOf(0, at)
    fields.push(`${body.toString('utf8', at, end)}:${body.readUInt32BE(end + 1) === 0 ? 'expression' : 'column'}:${body.toString('hex', end + 5, end + 19)}`)
    at = end + 19
  }
  return fields
}
