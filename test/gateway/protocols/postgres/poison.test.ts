// The poison against a real PostgreSQL: it fails in every state of a session, and the server itself aborts and resynchronises.
import test, { type ExecutionContext } from 'ava'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Database } from '../../../../scripts/demo/postgres.ts'
import { startCluster } from '../../../e2e/cluster.ts'
import {
  backendTag, encodeBind, encodeCopyData, encodeDescribe, encodeExecute, encodeParse, encodeQuery, encodeSync, parseDiagnostic, parseNegotiate, rowCells, type Frame,
} from '../../../../gateway/protocols/postgres/messages.ts'
import { poison, poisonBind, poisonExecute, poisonNonce, poisonParse, poisonQuery } from '../../../../gateway/protocols/postgres/refuse.ts'
import { openRaw, said, type RawClient } from './raw-client.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'countersign-poison-'))
let database: Database
test.before(async () => {
  database = await startCluster(folder)
})
test.after.always(async () => {
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function session(t: ExecutionContext, parameters: Record<string, string> = {}): Promise<RawClient> {
  const client = await openRaw(database.port, { parameters })
  t.teardown(() => client.close())
  await client.ask([encodeQuery('create temp table kept (n int)')])
  return client
}

const rows = async (client: RawClient) => {
  const answer = await client.ask([encodeQuery('select count(*) from kept')])
  const row = answer.find(({ tag }) => tag === backendTag.dataRow)
  return row === undefined ? said(answer) : Buffer.from(rowCells(row.bytes)[0] ?? []).toString()
}

const bound = () => encodeBind({ portal: '', statement: '', formats: [], values: [], resultFormats: [] })
/** Parse, Bind and Execute of one text, unnamed. */
const run = (text: string) => [encodeParse('', text), bound(), encodeExecute('')]
const insert = (n: number) => run(`insert into kept values (${n})`)

/** The poison, what the client sent with it in the same pipeline, and the server's words. */
const extended = [
  { name: 'Parse', before: [], poisoned: () => poison.parse(''), after: [], state: '42601', said: '1 2 C(INSERT 0 1)' },
  { name: 'Parse of a named statement', before: [], poisoned: () => poison.parse('named'), after: [encodeDescribe('S', 'named')], state: '42601', said: '1 2 C(INSERT 0 1)' },
  { name: 'Bind', before: [encodeParse('', 'select 1')], poisoned: () => poison.bind(''), after: [encodeExecute('')], state: '26000', said: '1 2 C(INSERT 0 1) 1' },
  { name: 'Execute', before: [encodeParse('', 'select 1'), bound()], poisoned: () => poison.execute(), after: [], state: '34000', said: '1 2 C(INSERT 0 1) 1 2' },
]

for (const { name, before, poisoned, after, state, said: first } of extended) {
  test(`a poisoned ${name} undoes its pipeline, skips what follows, and the session goes on`, async (t) => {
    const client = await session(t)
    t.is(said(await client.ask([...insert(1), ...before, poisoned(), ...after, ...insert(3), encodeSync()])), `${first} E(${state}) Z(I)`)
    t.is(await rows(client), '0')
    t.is(said(await client.ask([...insert(4), encodeSync()])), '1 2 C(INSERT 0 1) Z(I)')
    t.is(await rows(client), '1')
  })

  test(`a poisoned ${name} fails the transaction it stands in, as any error would`, async (t) => {
    const client = await session(t)
    await client.ask([encodeQuery('begin')])
    t.is(said(await client.ask([...insert(1), ...before, poisoned(), ...after, ...insert(3), encodeSync()])), `${first} E(${state}) Z(E)`)
    t.is(said(await client.ask([encodeQuery('select 1')])), 'E(25P02) Z(E)')
    t.is(said(await client.ask([encodeQuery('rollback')])), 'C(ROLLBACK) Z(I)')
    t.is(await rows(client), '0')
  })

  test(`a poisoned ${name} in a failed transaction leaves it failed`, async (t) => {
    const client = await session(t)
    await client.ask([encodeQuery('begin')])
    await client.ask([encodeQuery('select 1/0')])
    t.is(said(await client.ask([poisoned(), ...after, encodeSync()])), `E(${state}) Z(E)`)
    t.is(said(await client.ask([encodeQuery('commit')])), 'C(ROLLBACK) Z(I)')
  })
}

test('a poisoned Query runs nothing in each state of the session', async (t) => {
  const client = await session(t)
  t.is(said(await client.ask([poison.query()])), 'E(42601) Z(I)')
  t.is(said(await client.ask([encodeQuery('begin; insert into kept values (1)')])), 'C(BEGIN) C(INSERT 0 1) Z(T)')
  t.is(said(await client.ask([poison.query()])), 'E(42601) Z(E)')
  t.is(said(await client.ask([poison.query()])), 'E(42601) Z(E)')
  t.is(said(await client.ask([encodeQuery('commit')])), 'C(ROLLBACK) Z(I)')
  t.is(await rows(client), '0')
})

test('a poisoned Query inside a pipeline without its Sync is skipped like the rest', async (t) => {
  const client = await session(t)
  t.is(said(await client.ask([poison.parse(''), poison.query(), encodeSync()])), 'E(42601) Z(I)')
})

test('a poisoned FunctionCall calls nothing in each state of the session', async (t) => {
  const client = await session(t)
  t.is(said(await client.ask([poison.functionCall()])), 'E(42883) Z(I)')
  await client.ask([encodeQuery('begin')])
  t.is(said(await client.ask([poison.functionCall()])), 'E(42883) Z(E)')
  t.is(said(await client.ask([poison.functionCall()])), 'E(25P02) Z(E)')
})

test('a COPY that was begun and is refused keeps no row, and the data still on its way is dropped', async (t) => {
  const client = await session(t)
  const answer = await client.ask([encodeQuery('copy kept from stdin'), encodeCopyData(Buffer.from('1\n')), poison.copy(), encodeCopyData(Buffer.from('2\n'))])
  t.is(said(answer), 'G E(57014) Z(I)')
  t.is(await rows(client), '0')
})

test('each error of a poison names its nonce, so that no other error is taken for it', async (t) => {
  const client = await session(t)
  const nonce = poisonNonce()
  const messageOf = (frames: readonly Frame[]) => parseDiagnostic(frames.find(({ tag }) => tag === backendTag.error)!.bytes).get('M')
  t.is(messageOf(await client.ask([poisonQuery(nonce)])), `syntax error at or near "${nonce}"`)
  t.is(messageOf(await client.ask([poisonParse('x', nonce), encodeSync()])), `syntax error at or near "${nonce}"`)
  t.is(messageOf(await client.ask([poisonBind('', nonce), encodeSync()])), `prepared statement "${nonce}" does not exist`)
  t.is(messageOf(await client.ask([poisonExecute(nonce), encodeSync()])), `portal "${nonce}" does not exist`)
  t.true(nonce.length < 63, 'no server truncates it, so no NOTICE names it')
})

test('a client that knows the nonce and prepares a statement of that name cannot make the poisoned Bind succeed', async (t) => {
  const client = await session(t)
  const nonce = poisonNonce()
  const prepared = await client.ask([encodeParse(nonce, 'insert into kept values (7)'), encodeSync()])
  t.is(said(prepared), '1 Z(I)')
  t.is(said(await client.ask([poisonBind('', nonce), encodeExecute(''), encodeSync()])), 'E(08P01) Z(I)')
  t.is(await rows(client), '0')
})

test('a client that sees a used nonce in its own debug messages does not know the next one', async (t) => {
  const client = await session(t, { client_min_messages: 'debug2' })
  const nonces = new Set<string>()
  for (let turn = 0; turn < 3; turn++) {
    const text = (await client.ask([poison.bind(''), encodeSync()])).map(({ bytes }) => Buffer.from(bytes).toString('latin1')).join('')
    for (const [nonce] of text.matchAll(/countersign_refused_[0-9a-f]{32}/g)) nonces.add(nonce)
  }
  t.is(nonces.size, 3)
})

test('a nonce that is not ours is refused before it becomes text', (t) => {
  t.throws(() => poisonQuery('select 1'), { instanceOf: RangeError, message: 'a poison takes a nonce of poisonNonce()' })
  t.throws(() => poisonParse('x', `${poisonNonce()}; drop table kept`), { instanceOf: RangeError, message: 'a poison takes a nonce of poisonNonce()' })
})

test('what the server says about versions it does not speak is read', async (t) => {
  const client = await openRaw(database.port, { minor: 9, parameters: { '_pq_.unheard': '1' } })
  t.teardown(() => client.close())
  const frame = client.greeting.find(({ tag }) => tag === backendTag.negotiate)
  t.deepEqual(parseNegotiate(frame!.bytes), { minor: 2, options: ['_pq_.unheard'] })
})
