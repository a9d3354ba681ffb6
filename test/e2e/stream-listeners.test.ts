// Listeners of byte streams in a whole gateway: whom they belong to, and what becomes of a connection that belongs to nobody.
import { once } from 'node:events'
import fs from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import path from 'node:path'
import test from 'ava'
import pg from 'pg'
import { bankConfig, bankOf, publicUrl } from './gateway-kit.ts'
import { eventually } from './recorded.ts'
import { startHere } from './running.ts'
import type { Running } from './running.ts'

/** A database that lets nobody in, each name in its own way. */
const impostor = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.once('data', (startup: Buffer) => {
    const asked = Object.keys(answers).find((name) => startup.includes(`\0${name}\0`)) as keyof typeof answers | undefined
    if (asked !== undefined) socket.write(answers[asked])
    // Whatever comes for an answer.
    socket.once('data', () => { socket.end(refusal) })
  })
})
const named = 'gateway-role@10.1.2.3'
const refusal = error(`SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "${named}"\0\0`)
const answers = { asks: Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]), refuses: refusal, elsewhere: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), waits: Buffer.alloc(0),
  babbles: Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49, 0x7e, 0, 0, 0, 4]),
  late: Buffer.concat([Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]), error('SFATAL\0VFATAL\0C22023\0Minvalid value for parameter "work_mem"\0\0')]) }
function error(fields: string): Buffer {
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(4 + Buffer.byteLength(fields), 1)
  return Buffer.concat([head, Buffer.from(fields)])
}
test.serial.before(async () => { await once(impostor.listen(0, '127.0.0.1'), 'listening') })
test.after.always(() => { impostor.close() })

const bank = bankOf(test, (about) => {
  const config = bankConfig(about) as { targets: object[]; identity: { audiences: string[] }[] }
  config.identity[0]?.audiences.push(`${publicUrl}/closed`)
  return {
    ...config, targets: [...config.targets, { name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'prod', upstream: { url: 'postgres://127.0.0.1:1/app' }, postgres: { sign_in: ['token', 'scram'], databases: ['app'] } }, {
      name: 'closed', protocol: 'postgres', prefix: '/closed', env: 'prod', upstream: { url: `postgres://127.0.0.1:${(impostor.address() as AddressInfo).port}`, user: 'gateway-role', credential: { secret: 'service-key' } },
      postgres: { sign_in: ['token', 'scram'], parameters: 'any' },
    }],
    machine_prefix: 'job-', machines: [{ name: 'job-nightly', verifier: 'service-key', targets: ['appdb', 'closed'] }],
  }
})
let gateway: Running
let admin = ''
let skewMs = 0
test.serial.before(async () => {
  const home = await bank().home({ streams: ['nowhere', 'bank', 'appdb', 'closed'] })
  admin = home.admin
  // RFC 7677 §3: the password is `pencil`.
  fs.writeFileSync(path.join(home.dir, 'service-key'), 'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=')
  gateway = await startHere(home, { now: () => Date.now() + skewMs })
})

for (const [index, target, why] of [[1, 'nowhere', 'that no config knows'], [2, 'bank', 'that speaks HTTP']] as const) {
  test.serial(`a byte stream to a target ${why} is closed unread, and counted`, async (t) => {
    const [host, port] = gateway.addresses[index]!.split(':')
    const socket = connect({ host, port: Number(port) })
    let heard = 0
    socket.on('data', ({ length }) => { heard += length })
    socket.on('error', () => undefined)                        // a reset is an end, too
    socket.write('GET /bank HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    t.is(heard, 0)
    const { event } = await eventually(() => gateway.frames().find(({ kind, event: about }) => kind === 'unauthenticated' && about?.['target'] === target), 'the count')
    t.like(event, { code: 'request.unknown_target', source: '127.0.0.1', target })
    t.regex(gateway.log(), new RegExp(`"target":"${target}","msg":"a listener hangs up: config in force has no such target that speaks PostgreSQL"`))
  })
}

test('on one port a machine proves its password and a person brings a token, by how the user name begins', async (t) => {
  const [host, port] = gateway.addresses[3]!.split(':')
  const token = await bank().token({ audience: `${publicUrl}/appdb` })
  const said = async (user: string, password: string): Promise<string> => {
    const client = new pg.Client({ host: String(host), port: Number(port), database: 'app', user, password })
    client.on('error', () => undefined)
    return (await t.throwsAsync<Error>(client.connect())).message
  }
  t.is(await said('job-nightly', 'pencil'), 'The upstream cannot be reached', 'let in, and there is no database behind')
  t.is(await said('ana', token), 'The token was issued for another audience: here it has to be https://gateway.bank.example/appdb', 'it was read as a token')
  t.is(await said('job-nightly', token), 'The password is not valid')
  t.is(await said('job-nobody', 'pencil'), 'The password is not valid')
  t.is(await said('nightly', 'pencil'), 'The token is not valid')
  await eventually(() => gateway.frames().find(({ kind, event }) => kind === 'open' && event?.['subject'] === 'machine|job-nightly'), 'the session of the machine')
})

/** A start-up message of protocol 3.0 (§54.7). */
function startUp(...words: readonly string[]): Buffer {
  const body = Buffer.from(`${words.join('\0')}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length)
  head.writeInt32BE(0x3_0000, 4)
  return Buffer.concat([head, body])
}

for (const [what, bytes, code, heard] of [
  ['speaks no PostgreSQL', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'request.malformed', ''],
  ['would copy the whole cluster', startUp('user', 'ana', 'replication', 'true'), 'request.not_allowed', 'replication connections are not allowed through the gateway'],
] as const) {
  test.serial(`a stranger who ${what} is turned away, and counted`, async (t) => {
    const [host, port] = gateway.addresses[3]!.split(':')
    const socket = connect({ host, port: Number(port) })
    let said = ''
    socket.on('data', (chunk: Buffer) => { said += chunk.toString() })
    socket.on('error', () => undefined)                        // a reset is an end, too
    socket.write(bytes)
    await once(socket, 'close')
    t.is(heard === '' ? said : /\0M([^\0]+)/.exec(said)?.[1], heard)
    const { event } = await eventually(() => gateway.frames().find(({ kind, event: about }) => kind === 'unauthenticated' && about?.['target'] === 'appdb' && about['code'] === code), 'the count')
    t.like(event, { code, source: '127.0.0.1', target: 'appdb' })
    t.regex(await (await fetch(`${admin}/metrics`)).text(), new RegExp(`^countersign_turned_away_total\\{target="appdb",code="${code}"\\} 1$`, 'm'))
  })
}

test('a database that is not served is refused by name, and that is on record in the session', async (t) => {
  const [host, port] = gateway.addresses[3]!.split(':')
  const client = new pg.Client({ host: String(host), port: Number(port), database: 'payroll', user: 'job-nightly', password: 'pencil' })
  client.on('error', () => undefined)
  t.like(await t.throwsAsync(client.connect()), { code: '3D000', message: 'database "payroll" is not served here' })
  const { event } = await eventually(() => gateway.frames().find(({ kind, event: about }) => kind === 'refusal' && about?.['code'] === 'request.unknown_target'), 'the refusal')
  t.like(event, { message: 'database "payroll" is not served here' })
})

/** A client of the target whose database lets nobody in. */
function closed(database: string, password = 'pencil', user = 'job-nightly'): pg.Client {
  const [host, port] = gateway.addresses[4]!.split(':')
  const client = new pg.Client({ host: String(host), port: Number(port), database, user, password })
  client.on('error', () => undefined)
  return client
}

test.serial('a token that expires while the database is waited for is what the client is told, and what is on record', async (t) => {
  const token = await bank().token({ audience: 'closed', expiresInS: 600 })
  const reached = once(impostor, 'connection')
  const said = t.throwsAsync<pg.DatabaseError>(closed('waits', token, 'ana').connect())
  await reached
  skewMs = 3_600_000
  t.like(await said, { code: '28P01', message: 'The token has expired', severity: 'FATAL' })
  skewMs = 0
  await eventually(() => gateway.frames().find(({ kind, event }) => kind === 'refusal' && event?.['code'] === 'identity.token_expired'), 'the refusal')
})

test.serial('who hangs up while the database is waited for is refused nothing', async (t) => {
  const reached = once(impostor, 'connection')
  const client = closed('waits')
  client.connect().catch(() => undefined)
  await reached
  const stream = (client as unknown as { connection: { stream: Socket } }).connection.stream
  const before = new Set(gateway.frames().filter(({ kind }) => kind === 'close').map(({ session }) => session))
  stream.resetAndDestroy()
  const { session } = await eventually(() => gateway.frames().find((frame) => frame.kind === 'close' && !before.has(frame.session)), 'the end of the session')
  t.deepEqual(gateway.frames().filter((frame) => frame.session === session).map(({ kind }) => kind), ['open', 'close'])
})

test('a database that has let the gateway in may say to a client of any parameters what is wrong with one, and the record says it in our words', async (t) => {
  t.like(await t.throwsAsync(closed('late').connect()), { code: '22023', message: 'invalid value for parameter "work_mem"' })
  const message = 'The database does not take a start-up parameter (22023)'
  await eventually(() => gateway.frames().find(({ kind, event }) => kind === 'refusal' && event?.['message'] === message), 'the refusal')
})

test('a database that ceases to speak PostgreSQL is what ends the session, and nothing its client has sent', async (t) => {
  const client = closed('babbles')
  client.connect().catch(() => undefined)
  const [said] = await once(client, 'error') as [pg.DatabaseError]
  t.like(said, { severity: 'FATAL', code: '08006', message: 'unknown backend message type 0x7e' })
  const malformed = gateway.frames().filter(({ kind, event }) => kind === 'refusal' && event?.['code'] === 'request.malformed')
  t.deepEqual(malformed, [])
})

for (const [database, sqlState, code, message] of [
  ['asks', '28P01', 'upstream.unavailable', 'The database does not accept the gateway\'s password (28P01)'],
  ['refuses', '28P01', 'upstream.unavailable', 'The database does not accept the gateway\'s password (28P01)'],
  ['elsewhere', '08006', 'upstream.unavailable', 'The connection to the database failed: a message is not 5 to 30000 bytes long'],
  ['d'.repeat(64), '22023', 'request.params', 'The name of a user or database is longer than 63 bytes: the server would take it for another'],
] as const) {
  test(`whom the way to the database ${database.slice(0, 10)} does not let in is told why, and the session has it on record, without a word of the server's`, async (t) => {
    const said = await t.throwsAsync<pg.DatabaseError>(closed(database).connect())
    t.like(said, { code: sqlState, message, severity: 'FATAL' })
    const [, session, seq] = /Recorded as frame ([0-9a-f]+)\/(\d+)\.$/.exec(said?.hint ?? '') ?? []
    const frame = await gateway.frame(`${session}/${seq}`)
    t.like(frame, { kind: 'refusal', event: { code, message } })
    for (const text of [JSON.stringify(gateway.frames()), gateway.log(), JSON.stringify(said)]) t.false(text.includes(named) || text.includes('SCRAM-SHA-256$'))
  })
}

test('a target with listeners of its own is reached by no path', async (t) => {
  const answer = await gateway.send('/appdb', { token: await bank().token({ audience: `${publicUrl}/appdb` }) })
  t.is(answer.status, 404)
  t.is(answer.json['code'] as unknown, 'request.unknown_target')
})
