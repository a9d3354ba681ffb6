// The gateway signs in to a real PostgreSQL, by every proof it knows, and to servers that are none.
import test from 'ava'
import { once } from 'node:events'
import { createServer, Socket, type AddressInfo } from 'node:net'
import { backendTag, encodeQuery, ProtocolViolation } from '../../../../../gateway/protocols/postgres/messages.ts'
import { take, takeMessage } from '../../../../../gateway/protocols/postgres/wire/intake.ts'
import { login, sendCancel, type LoginRequest } from '../../../../../gateway/protocols/postgres/wire/login.ts'
import { LoginError } from '../../../../../gateway/protocols/postgres/wire/login-error.ts'
import { Proof } from '../../../../../gateway/protocols/postgres/wire/proof.ts'
import { chooseMechanism, maxScramIterations, scramClient } from '../../../../../gateway/protocols/postgres/wire/scram-client.ts'
import { saslprep } from '../../../../../gateway/protocols/postgres/wire/saslprep.ts'
import { RefusalError } from '../../../../../gateway/refusal.ts'
import { endPoint, newAuthority } from './certificates.ts'
import { oddPassword, passwords, startServer, type TestServer } from './server-kit.ts'

let server: TestServer
test.serial.before(async () => { server = await startServer() })
test.after.always(async () => { await server.close() })

const never = new AbortController().signal
const enter = (access: LoginRequest['access'], user: string, more: Partial<LoginRequest> = {}) =>
  login({ access, user, database: 'postgres', parameters: new Map([['client_encoding', 'UTF8']]), signal: never, ...more })
const underTls = { tls: { ca: 'ca', isDirect: false } }

/** What one question says, on a connection that login handed over. */
async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(encodeQuery(text))
  for (let said = '';;) {
    const message = await takeMessage(socket, 100_000, never)
    if (message[0] === backendTag.dataRow) said = Buffer.from(message.subarray(11)).toString()
    if (message[0] === backendTag.error) said = Buffer.from(message).toString('latin1')
    if (message[0] === backendTag.ready) return said
  }
}

for (const [user, upstream, what] of [
  ['bank', {}, 'no proof at all'],
  ['mia', { password: passwords.mia }, 'an MD5 password'],
  ['paul', { password: passwords.paul }, 'a password in the clear on loopback'],
  ['sven', { password: passwords.sven }, 'SCRAM-SHA-256'],
  ['odette', { password: passwords.odette }, 'SCRAM-SHA-256 with a password that SASLprep changes'],
  ['stella', { password: passwords.stella, ...underTls }, 'SCRAM-SHA-256-PLUS bound to the TLS end point'],
  ['stella', { password: passwords.stella, tls: { ca: 'ca', isDirect: true } }, 'SCRAM under TLS from the first byte'],
  ['paul', { password: passwords.paul, ...underTls }, 'a password in the clear under TLS'],
  ['carol', { tls: { ca: 'ca', cert: 'client', key: 'client-key', isDirect: false } }, 'a client certificate'],
] as const) {
  test(`the gateway signs in with ${what}`, async (t) => {
    const open = await enter(server.access(upstream), user)
    t.teardown(() => open.socket.destroy())
    t.is(open.status, 'I')
    t.is(open.parameters.get('client_encoding'), 'UTF8')
    t.is(open.parameters.get('standard_conforming_strings'), 'on')
    t.is(open.key.length, 4)
    t.true(open.framer.isBetweenMessages)
    t.is(await ask(open.socket, 'SELECT current_user'), user)
    t.is(await ask(open.socket, 'SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()'), 'tls' in upstream ? 'true' : 'false')
    t.is(await ask(open.socket, 'SELECT pg_backend_pid()'), String(open.pid))
  })
}

const refusals: readonly (readonly [string, () => Promise<unknown>, string, string, string | undefined])[] = [
  ['a wrong password', () => enter(server.access({ password: 'wrong' }), 'sven'), 'upstream.unavailable', "The database does not accept the gateway's password (28P01)", '28P01'],
  ['a wrong MD5 password', () => enter(server.access({ password: 'wrong' }), 'mia'), 'upstream.unavailable', "The database does not accept the gateway's password (28P01)", '28P01'],
  ['no password where one is asked for', () => enter(server.access(), 'sven'), 'upstream.unavailable', 'The database asks for a password, and none is configured', undefined],
  ['a database that does not exist', () => enter(server.access(), 'bank', { database: 'no-such' }), 'upstream.unavailable', 'The database does not exist (3D000)', '3D000'],
  ['a start-up parameter that the server does not know', () => enter(server.access(), 'bank', { parameters: new Map([['no_such', '1']]) }), 'upstream.unavailable', 'The database does not know a start-up parameter (42704)', '42704'],
  ['a user that may not connect without TLS', () => enter(server.access({ password: passwords.stella }), 'stella'), 'upstream.unavailable', "The database does not accept the gateway's user (28000)", '28000'],
  ['a user whose certificate is missing', () => enter(server.access(underTls), 'carol'), 'upstream.unavailable', "The database does not accept the gateway's user (28000)", '28000'],
  ['another encoding than UTF8', () => enter(server.access(), 'bank', { parameters: new Map([['client_encoding', 'LATIN1']]) }), 'upstream.unavailable', 'The database does not speak UTF8', undefined],
  ['backslashes that escape', () => enter(server.access(), 'bank', { parameters: new Map([['standard_conforming_strings', 'off']]) }), 'upstream.unavailable', 'The database has standard_conforming_strings off', undefined],
  ['an authority that is not trusted', () => enter(server.access({ ...underTls, authority: newAuthority('Another Authority') }), 'bank'), 'upstream.unavailable', 'The connection to the database failed: the TLS handshake failed (SELF_SIGNED_CERT_IN_CHAIN)', undefined],
  ['a certificate for another name', () => enter(server.access({ tls: { ca: 'ca', isDirect: false, serverName: 'db.internal' } }), 'bank'), 'upstream.unavailable', 'The connection to the database failed: the TLS handshake failed (ERR_TLS_CERT_ALTNAME_INVALID)', undefined],
  ['a client certificate that is none', () => enter(server.access({ tls: { ca: 'ca', cert: 'ca', key: 'ca', isDirect: false } }), 'bank'), 'upstream.unavailable', 'The connection to the database failed: TLS cannot begin (ERR_OSSL_UNSUPPORTED)', undefined],
]
for (const [what, attempt, code, message, sqlState] of refusals) {
  test(`a login ends in a refusal: ${what}`, async (t) => {
    const error = await t.throwsAsync(attempt, { instanceOf: LoginError })
    t.is(error.refusal.code, code as never)
    t.is(error.refusal.message, message)
    t.is(error.sqlState, sqlState)
  })
}

/** A server of the test's own: each answer is sent once so many bytes have come. */
async function impostor(t: { teardown(end: () => void): void }, serve: (socket: Socket) => Promise<void>): Promise<Partial<Parameters<TestServer['access']>[0]>> {
  const open = new Set<Socket>()
  const listener = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    serve(socket).catch(() => undefined)
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => { listener.close(); for (const socket of open) socket.destroy() })
  return { url: `postgres://127.0.0.1:${(listener.address() as AddressInfo).port}` }
}

const message = (tag: string, ...parts: (number | string | Uint8Array)[]): Uint8Array => {
  const body = Buffer.concat(parts.map((part) => typeof part === 'number' ? Buffer.from([part >>> 24, part >>> 16, part >>> 8, part]) : Buffer.from(part as string)))
  return Buffer.concat([Buffer.from(tag), Buffer.from([0, 0, (body.length + 4) >> 8, (body.length + 4) & 255]), body])
}
const afterStartup = (answer: (socket: Socket) => Promise<void> | void) => async (socket: Socket) => {
  const head = await take(socket, 4, never)
  await take(socket, Buffer.from(head).readInt32BE() - 4, never)
  await answer(socket)
}
const scram = (first: (nonce: string) => string, final?: Uint8Array) => afterStartup(async (socket) => {
  socket.write(message('R', 10, 'SCRAM-SHA-256\0\0'))
  const nonce = /r=(.*)$/.exec(Buffer.from(await takeMessage(socket, 1_000, never)).toString())?.[1] ?? ''
  socket.write(message('R', 11, first(nonce)))
  await takeMessage(socket, 1_000, never)
  if (final !== undefined) socket.write(final)
})
const salt = Buffer.alloc(16).toString('base64')
const broken: readonly (readonly [string, (socket: Socket) => Promise<void>, string, object?])[] = [
  ['offers no TLS', async (socket) => { await take(socket, 8, never); socket.write('N') }, 'The database does not offer TLS', underTls],
  ['answers neither yes nor no to TLS', async (socket) => { await take(socket, 8, never); socket.write('E') }, 'The database did not answer the request for TLS', underTls],
  ['puts plaintext behind its yes to TLS', async (socket) => { await take(socket, 8, never); socket.write(Buffer.concat([Buffer.from('S'), message('R', 0)])) }, 'The database did not answer the request for TLS', underTls],
  ['lets in without the proof of its own', scram((nonce) => `r=${nonce}abc,s=${salt},i=4096`, message('R', 0)), 'The database authenticates out of order'],
  ['proves a password that is another', scram((nonce) => `r=${nonce}abc,s=${salt},i=4096`, message('R', 12, `v=${Buffer.alloc(32).toString('base64')}`)), 'The database did not prove that it knows the password'],
  ['asks for more SCRAM iterations than the maximum', scram((nonce) => `r=${nonce}abc,s=${salt},i=${maxScramIterations + 1}`), 'The database sent a SCRAM challenge that is not valid'],
  ['asks for SCRAM iterations past 32 bits', scram((nonce) => `r=${nonce}abc,s=${salt},i=99999999999`), 'The database sent a SCRAM challenge that is not valid'],
  ['gives the nonce back without one of its own', scram((nonce) => `r=${nonce},s=${salt},i=4096`), 'The database sent a SCRAM challenge that is not valid'],
  ['gives another nonce back', scram(() => `r=abcdefghijklmnop,s=${salt},i=4096`), 'The database sent a SCRAM challenge that is not valid'],
  ['sends a salt that is none', scram((nonce) => `r=${nonce}abc,s=%%%%,i=4096`), 'The database sent a SCRAM challenge that is not valid'],
  ['asks for Kerberos', afterStartup((socket) => void socket.write(message('R', 7))), 'The database asks for an authentication method that the gateway does not know (7)'],
  ['offers a mechanism that nobody knows', afterStartup((socket) => void socket.write(message('R', 10, 'PLAIN\0\0'))), 'The database offers no SASL mechanism that the gateway knows'],
  ['asks twice for the password', afterStartup((socket) => void socket.write(Buffer.concat([message('R', 3), message('R', 3)]))), 'The database authenticates out of order'],
  ['is ready before it has let anybody in', afterStartup((socket) => void socket.write(message('Z', 'I'))), 'The database sent a message that has no place at the start of a connection'],
  ['announces a message longer than any', afterStartup((socket) => void socket.write(Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff]))), 'The connection to the database failed: a message is not 5 to 30000 bytes long'],
  ['announces a message of negative length', afterStartup((socket) => void socket.write(Buffer.from([0x52, 0xff, 0xff, 0xff, 0xff]))), 'The connection to the database failed: a message is not 5 to 30000 bytes long'],
  ['says no without a SQLSTATE (CVE-2026-6666)', afterStartup((socket) => void socket.write(message('E', 'SFATAL\0Mgo away 4111 1111\0\0'))), 'The database refused the connection (no SQLSTATE)'],
  ['says no in a form that is none', afterStartup((socket) => void socket.write(message('E', 'Cabc'))), 'The database does not speak the protocol'],
  ['talks without end', afterStartup((socket) => void socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => message('N', 'Mhello\0\0'))))), 'The database sent a message that has no place at the start of a connection'],
  ['reports settings without end', afterStartup((socket) => void socket.write(Buffer.concat([message('R', 0), ...Array.from({ length: 20 }, (_, i) => message('S', `setting_${i}\0${'x'.repeat(20_000)}\0`)), message('Z', 'I')]))), 'The database sent a message that has no place at the start of a connection'],
  ['begins in a transaction', afterStartup((socket) => void socket.write(Buffer.concat([message('R', 0), message('Z', 'T')]))), 'The database sent a message that has no place at the start of a connection'],
  ['gives a cancel key longer than any', afterStartup((socket) => void socket.write(Buffer.concat([message('R', 0), message('K', 7, Buffer.alloc(257)), message('Z', 'I')]))), 'The database does not speak the protocol'],
  ['negotiates a protocol that nobody asked for', afterStartup((socket) => void socket.write(Buffer.concat([message('v', 0x3_0000, 0), message('R', 0), message('Z', 'I')]))), 'The database sent a message that has no place at the start of a connection'],
  ['is ready with nothing behind its yes', afterStartup((socket) => void socket.write(Buffer.concat([message('R', 0), message('R', 3)]))), 'The database sent a message that has no place at the start of a connection'],
  ['hangs up', afterStartup((socket) => void socket.end()), 'The connection to the database failed: the connection ended'],
]
for (const [what, serve, words, upstream] of broken) {
  test(`a server that ${what} is not signed in to`, async (t) => {
    const access = server.access({ password: 'secret', ...await impostor(t, serve), ...upstream })
    const error = await t.throwsAsync(enter(access, 'bank'), { instanceOf: LoginError })
    t.is(error.refusal.message, words)
    t.true(['upstream.unavailable', 'upstream.broken'].includes(error.refusal.code))
  })
}

test('a password never goes in the clear where others could read it', async (t) => {
  const abroad = new Socket()                                // no TLS, and no loopback address at the other end
  const error = await t.throwsAsync(new Proof(abroad, 'gateway', () => 'secret').answer({ kind: 'cleartext' }), { instanceOf: LoginError })
  t.is(error.refusal.code, 'upstream.unavailable')
  t.is(error.refusal.message, 'The database asks for the password in the clear, without TLS')
})

test('a session that ends while the server thinks ends the login', async (t) => {
  const left = new AbortController()
  const access = server.access(await impostor(t, afterStartup(() => left.abort())))
  const error = await t.throwsAsync(enter(access, 'bank', { signal: left.signal }), { instanceOf: LoginError })
  t.is(error.refusal.message, 'The database did not let the gateway in in time')
})

test('a server that says nothing is given up after the time of its target', async (t) => {
  const access = server.access({ timeoutMs: 50, ...await impostor(t, afterStartup(() => undefined)) })
  const error = await t.throwsAsync(enter(access, 'bank'), { instanceOf: LoginError })
  t.is(error.refusal.message, 'The database did not let the gateway in in time')
})

test('a server that is not there is a refusal that may be tried again', async (t) => {
  const error = await t.throwsAsync(enter(server.access({ url: 'postgres://127.0.0.1:1' }), 'bank'), { instanceOf: RefusalError })
  t.is(error.refusal.code, 'upstream.unavailable')
})

test('what comes behind ReadyForQuery is still in the socket', async (t) => {
  const access = server.access(await impostor(t, afterStartup((socket) => void socket.write(Buffer.concat([message('R', 0), message('K', 7, 9), message('Z', 'I'), message('N', 'Mlater\0\0')])))))
  const open = await enter(access, 'bank')
  t.teardown(() => open.socket.destroy())
  t.deepEqual([open.pid, [...open.key]], [7, [0, 0, 0, 9]])
  const heard = new Promise<Uint8Array>((resolve) => open.socket.once('data', resolve))
  t.deepEqual(open.framer.push(await heard).map(({ tag }) => tag), [backendTag.notice])
})

test('a cancel request ends what its session is doing, in plaintext and under TLS', async (t) => {
  for (const upstream of [{}, underTls]) {
    const access = server.access(upstream)
    const open = await enter(access, 'bank')
    const slow = ask(open.socket, 'SELECT pg_sleep(60)')
    while ((await server.query(`SELECT 1 FROM pg_stat_activity WHERE pid = ${open.pid} AND wait_event = 'PgSleep'`)).length === 0) { /* not asleep yet */ }
    await sendCancel(access, open.pid, open.key)
    t.regex(await slow, /C57014/)
    t.is(await ask(open.socket, 'SELECT 1'), '1')
    open.socket.destroy()
  }
})

test('a user name cannot end early and become another parameter', async (t) => {
  const error = await t.throwsAsync(enter(server.access(), 'bank\0database\0other'), { instanceOf: LoginError })
  t.is(error.refusal.message, 'The database does not speak the protocol')
  t.true(error.cause instanceof ProtocolViolation)
})

test('the client half of an exchange has the form of RFC 7677, and trusts no server before it', async (t) => {
  const client = scramClient('pencil', { mechanism: 'SCRAM-SHA-256', header: 'n,,', data: new Uint8Array(0) }, 'rOprNGfwEbeRWgbNEkqO')
  t.is(client.first, 'n,,n=,r=rOprNGfwEbeRWgbNEkqO')
  t.false(client.isServer('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='), 'nothing was asked yet')
  const final = await client.final('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  t.regex(final ?? '', /^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=[A-Za-z0-9+/]{43}=$/)
})

test('the strongest mechanism is chosen, and a stripped offer is told to the server', (t) => {
  const authority = newAuthority()
  const { cert } = authority.issue('db')
  const raw = Buffer.from(cert.replace(/-----[^-]+-----/g, ''), 'base64')
  t.deepEqual(chooseMechanism(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'], raw), { mechanism: 'SCRAM-SHA-256-PLUS', header: 'p=tls-server-end-point,,', data: endPoint(cert) as never })
  t.is(chooseMechanism(['SCRAM-SHA-256'], raw)?.header, 'y,,')
  t.is(chooseMechanism(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'], undefined)?.header, 'n,,')
  t.is(chooseMechanism(['SCRAM-SHA-256-PLUS'], undefined), undefined)
})

test('a password is prepared as the server prepared it, or not at all', (t) => {
  t.is(saslprep(oddPassword), 'p\u00e4ss wordIX')
  t.is(saslprep('plain ASCII'), 'plain ASCII')
  t.is(saslprep('with\u0007bell\u00ad'), 'with\u0007bell\u00ad', 'prohibited: used as it is')
  t.is(saslprep('\u00ad'), '\u00ad', 'nothing would be left')
  for (const odd of ['\u{1f600}\u00b2', '\u0340\u00b2', '\u{e0001}\u00b2']) t.is(saslprep(odd), odd, 'prohibited before it is normalised')
})
