// The gateway's start-up beside PostgreSQL's own: the same packet to both, and the same understood by both.
import test from 'ava'
import { Client } from 'pg'
import { parseNegotiate } from '../../../../../gateway/protocols/postgres/messages.ts'
import { login } from '../../../../../gateway/protocols/postgres/wire/login.ts'
import { sessionParameters } from '../../../../../gateway/protocols/postgres/wire/parameters.ts'
import { callOn, openFront, startup, type Stranger } from './front-kit.ts'
import { startServer, type TestServer } from './server-kit.ts'

let server: TestServer
test.serial.before(async () => { server = await startServer() })
test.after.always(async () => { await server.close() })

const shown = ['application_name', 'datestyle', 'statement_timeout', 'search_path', 'geqo', 'extra_float_digits', 'work_mem'] as const

/** What the server makes of `options` by itself; undefined when it refuses them. */
async function native(options: string): Promise<Record<string, string> | undefined> {
  const client = new Client({ host: '127.0.0.1', port: server.port, user: 'bank', database: 'postgres', options })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch {
    return undefined
  }
  const { rows } = await client.query<{ name: string; setting: string }>('SELECT lower(name) AS name, setting FROM pg_settings WHERE lower(name) = ANY($1)', [shown])
  await client.end()
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

/** What it makes of the parameters that the gateway reads in them. */
async function through(options: string): Promise<Record<string, string> | undefined> {
  const parameters = sessionParameters(new Map([['options', options]]), { allowAnyParameters: true })
  if ('sqlState' in parameters) return undefined
  const client = new Client({ host: '127.0.0.1', port: server.port, user: 'bank', database: 'postgres' })
  // The driver cannot send parameters of any name: the login under test does.
  const { socket } = await login({ access: server.access(), user: 'bank', database: 'postgres', parameters: new Map([...parameters, ['application_name', parameters.get('application_name') ?? '']]), signal: new AbortController().signal })
  socket.destroy()
  await client.connect()
  for (const [name, value] of parameters) await client.query('SELECT set_config($1, $2, false)', [name, value])
  const { rows } = await client.query<{ name: string; setting: string }>('SELECT lower(name) AS name, setting FROM pg_settings WHERE lower(name) = ANY($1)', [shown])
  await client.end()
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

for (const options of [
  '', ' ', '-c geqo=off', '-cgeqo=off', '--geqo=off', '-c statement_timeout=5s -c work_mem=8MB', '\t-c\n geqo=off \v', '--statement-timeout=7s', '-c search_path=a,b',
  '-c application_name=a\\\\b', '-c application_name=a\\ \\ b', '-c application_name=', '-c application_name=x=y', '-c GEQO=off', '-c DateStyle=ISO,\\ DMY', '-c extra_float_digits=3\\',
  '-c geqo=off -c geqo=on', '-c application_name=\\-c\\ geqo=off',
]) {
  test(`options mean the same to the gateway and to the server: ${JSON.stringify(options)}`, async (t) => {
    const direct = await native(options)
    t.truthy(direct)
    t.deepEqual(await through(options), direct)
  })
}

for (const options of ['-c', '-c geqo', 'geqo=off', '--geqo', '-', '-x', '-c =off', '--=off', '-c geqo off', '-c user=bank']) {
  test(`options that the server refuses are refused by the gateway: ${JSON.stringify(options)}`, async (t) => {
    t.is(await native(options), undefined)
    t.is(await through(options), undefined)
  })
}

async function answerOf(stranger: Stranger, bytes: Uint8Array): Promise<Uint8Array> {
  stranger.send(bytes)
  const head = Buffer.from(await stranger.hear(5))
  return Buffer.concat([head, await stranger.hear(head.readInt32BE(1) - 4)])
}

test('a newer protocol is negotiated down in the server’s own bytes', async (t) => {
  const front = await openFront()
  t.teardown(() => front.close())
  for (const [version, options] of [[0x3_0009, { '_pq_.x': '1' }], [0x3_0009, {}], [0x3_0000, { '_pq_.x': '1', '_pq_.y': '2' }]] as const) {
    const [ours, theirs] = await Promise.all([callOn(front.port), callOn(server.port)])
    const packet = startup({ user: 'bank', ...options }, version)
    const answer = await answerOf(theirs, packet)
    t.is(parseNegotiate(answer).options.length, Object.keys(options).length)
    t.deepEqual(Buffer.from(await answerOf(ours, packet)), Buffer.from(answer))
    theirs.socket.destroy()
    ours.socket.destroy()
  }
})

test('a major version that nobody speaks is refused in the server’s own SQLSTATE and words', async (t) => {
  const front = await openFront()
  t.teardown(() => front.close())
  const [ours, theirs] = await Promise.all([callOn(front.port), callOn(server.port)])
  const texts = await Promise.all([ours, theirs].map(async (stranger) => {
    stranger.send(startup({ user: 'bank' }, 0x4_0000))
    const bytes = Buffer.from(await stranger.end()).toString('latin1')
    return ['C', 'M'].map((letter) => bytes.split('\0').find((field) => field.startsWith(letter)))
  }))
  t.deepEqual(texts[0], texts[1])
})
