// What a stranger may send before anybody knows it, byte by byte, and what it is told.
import test, { type ExecutionContext } from 'ava'
import { once } from 'node:events'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { parseNegotiate } from '../../../../../gateway/protocols/postgres/messages.ts'
import { newAuthority } from './certificates.ts'
import { callOn, gssRequest, openFront, packet, spoken, sslRequest, startup, strangerOn, type Front, type FrontOptions, type Stranger } from './front-kit.ts'

const authority = newAuthority()

async function front(t: ExecutionContext, options: FrontOptions = {}): Promise<Front> {
  const open = await openFront(options)
  t.teardown(() => open.close())
  return open
}
const call = async (t: ExecutionContext, options: FrontOptions = {}) => {
  const at = await front(t, options)
  const stranger = await callOn(at.port)
  t.teardown(() => { stranger.socket.destroy() })
  return { at, stranger }
}
const secure = async (stranger: Stranger, options: ConnectionOptions = {}): Promise<Stranger> => {
  stranger.socket.removeAllListeners('data')
  const socket = connectTls({ socket: stranger.socket, ca: authority.cert, host: 'localhost', servername: 'localhost', ...options })
  await once(socket, 'secureConnect')
  return strangerOn(socket)
}
/** AuthenticationCleartextPassword: the stranger is asked who it is. */
const question = 'R\0\0\0\x08\0\0\0\x03'
const user = { user: 'ana' }

test('a client without TLS on a loopback listener is asked for its token', async (t) => {
  const { at, stranger } = await call(t)
  stranger.send(startup({ user: 'ana', application_name: 'psql' }))
  t.is(spoken(await stranger.hear(9)), question)
  t.like(at.welcomed[0], { kind: 'startup', user: 'ana', database: 'ana', minor: 0, isSecure: false })
  t.deepEqual(at.welcomed[0]?.kind === 'startup' && [...at.welcomed[0].parameters], [['application_name', 'psql'], ['client_encoding', 'UTF8']])
})

test('GSS encryption is declined and TLS accepted on the same connection', async (t) => {
  const { at, stranger } = await call(t, { tls: authority })
  stranger.send(gssRequest)
  t.is(spoken(await stranger.hear(1)), 'N')
  stranger.send(sslRequest)
  t.is(spoken(await stranger.hear(1)), 'S')
  const inside = await secure(stranger)
  inside.send(startup({ user: 'ana', database: 'books' }))
  t.is(spoken(await inside.hear(9)), question)
  t.like(at.welcomed[0], { kind: 'startup', database: 'books', isSecure: true })
})

test('TLS is declined and GSS encryption asked for afterwards: both are answered N', async (t) => {
  const { stranger } = await call(t)
  stranger.send(sslRequest)
  t.is(spoken(await stranger.hear(1)), 'N')
  stranger.send(gssRequest)
  t.is(spoken(await stranger.hear(1)), 'N')
  stranger.send(startup(user))
  t.is(spoken(await stranger.hear(9)), question)
})

test('TLS from the first byte is taken when it names postgresql', async (t) => {
  const { at, stranger } = await call(t, { tls: authority })
  const inside = await secure(stranger, { ALPNProtocols: ['postgresql'] })
  inside.send(startup(user))
  t.is(spoken(await inside.hear(9)), question)
  t.like(at.welcomed[0], { kind: 'startup', isSecure: true })
})

test('TLS from the first byte without the name postgresql is closed', async (t) => {
  const { at, stranger } = await call(t, { tls: authority })
  const inside = await secure(stranger)
  t.is(spoken(await inside.end()), '')
  t.deepEqual(at.welcomed, [{ kind: 'ended', reason: 'TLS without the ALPN name postgresql', code: 'connection.tls' }])
})

test('TLS that names another protocol is closed', async (t) => {
  const { at, stranger } = await call(t, { tls: authority })
  await t.throwsAsync(secure(stranger, { ALPNProtocols: ['http/1.1'] }), { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' })
  await stranger.end()
  t.deepEqual(at.welcomed, [{ kind: 'ended', reason: 'the TLS handshake failed (ERR_SSL_NO_APPLICATION_PROTOCOL)', code: 'connection.tls' }])
})

test('a handshake that fails is turned away as such, and one that is broken off as nothing', async (t) => {
  for (const [bytes, turnedAway] of [
    ['GET / HTTP/1.1\r\n\r\n', { kind: 'ended', reason: 'the TLS handshake failed (ERR_SSL_HTTP_REQUEST)', code: 'connection.tls' }],
    [Buffer.from('1603010005', 'hex'), { kind: 'ended', reason: 'the connection ended in the TLS handshake' }],
  ] as const) {
    const { at, stranger } = await call(t, { tls: authority })
    stranger.send(sslRequest)
    await stranger.hear(1)
    stranger.send(bytes)
    if (!('code' in turnedAway)) stranger.socket.end()
    await stranger.end()
    t.deepEqual(at.welcomed as unknown, [turnedAway])
  }
})

test('who renegotiates, or sends what is no TLS behind the handshake, is cut at once', async (t) => {
  for (const wrong of ['renegotiates', 'garbage'] as const) {
    for (const hasStarted of [false, true]) {
      const { at, stranger } = await call(t, { tls: authority })
      stranger.send(sslRequest)
      await stranger.hear(1)
      const inside = await secure(stranger, { maxVersion: 'TLSv1.2' })
      if (hasStarted) {
        inside.send(startup(user))
        await inside.hear(9)
      }
      if (wrong === 'renegotiates') (inside.socket as TLSSocket).renegotiate({}, () => undefined)
      else stranger.socket.write(Buffer.concat([Buffer.from('1703030020', 'hex'), Buffer.alloc(32, 7)]))
      await inside.end()
      t.is([...at.welcomed, ...at.signedIn].at(-1)?.kind, 'ended')
    }
  }
})

test('a listener with a certificate asks nobody for a token without TLS', async (t) => {
  const { at, stranger } = await call(t, { tls: authority })
  stranger.send(startup(user))
  t.is(spoken(await stranger.end()), 'FATAL 28000 this listener takes TLS connections only')
  t.deepEqual(at.welcomed, [{ kind: 'ended', reason: 'this listener takes TLS connections only', code: 'request.not_allowed' }])
})

for (const [what, first, options, reason] of [
  ['a start-up packet behind a request for TLS', [sslRequest, startup(user)], { tls: authority }, 'plaintext came behind a request for encryption'],
  ['a start-up packet behind a request for TLS that is declined', [sslRequest, startup(user)], {}, 'plaintext came behind a request for encryption'],
  ['a start-up packet behind a request for GSS encryption', [gssRequest, startup(user)], {}, 'plaintext came behind a request for encryption'],
  ['TLS from the first byte where there is none', [Buffer.from('160301020001000200', 'hex')], {}, 'start-up packet has length 369295618, not 8 to 10004'],
  ['HTTP', ['GET / HTTP/1.1\r\n'], {}, 'start-up packet has length 1195725856, not 8 to 10004'],
  ['a packet too short to be one', [Buffer.from([0, 0, 0, 7, 0, 0, 0])], {}, 'start-up packet has length 7, not 8 to 10004'],
  ['a packet of negative length', [Buffer.from([255, 255, 255, 255])], {}, 'start-up packet has length 4294967295, not 8 to 10004'],
  ['a packet longer than the cap', [startup({ user: 'x'.repeat(10_000) })], {}, 'start-up packet has length 10015, not 8 to 10004'],
  ['a request for TLS with something in it', [packet(80877103, Buffer.from('x'))], {}, 'start-up message has 1 bytes behind its end'],
  ['parameters without their end', [startup(user, 0x3_0000, '')], {}, 'start-up message has a string without its NUL'],
  ['something behind the end of the parameters', [startup(user, 0x3_0000, '\0\0')], {}, 'start-up message has 1 bytes behind its end'],
  ['a parameter twice', [startup([['user', 'ana'], ['user', 'eve']])], {}, 'start-up message has a parameter twice'],
  ['a parameter that is not UTF-8', [packet(0x3_0000, Buffer.from('user\0an\xe4\0\0', 'latin1'))], {}, 'start-up message has a parameter that is not UTF-8'],
  ['a cancel request without a key', [packet(80877102, Buffer.alloc(4))], {}, 'start-up message has a cancel key of 0 bytes'],
] as const) {
  test(`${what} closes the connection without a word`, async (t) => {
    const { at, stranger } = await call(t, options)
    stranger.send(...first)
    t.is(spoken(await stranger.end()), '')
    t.deepEqual(at.welcomed, [{ kind: 'ended', reason, code: 'request.malformed' }])
  })
}

test('TLS is not asked for twice, and not inside TLS', async (t) => {
  const { stranger } = await call(t)
  stranger.send(sslRequest)
  await stranger.hear(1)
  stranger.send(sslRequest)
  t.is(spoken(await stranger.end()), '')
  const { at, stranger: other } = await call(t, { tls: authority })
  other.send(sslRequest)
  await other.hear(1)
  const inside = await secure(other)
  inside.send(sslRequest)
  t.is(spoken(await inside.end()), '')
  t.deepEqual(at.welcomed, [{ kind: 'ended', reason: 'encryption was asked for twice', code: 'request.malformed' }])
})

for (const [what, bytes, said] of [
  ['protocol 2', startup({}, 0x2_0000), 'FATAL 0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.2'],
  ['protocol 4', startup(user, 0x4_0001), 'FATAL 0A000 unsupported frontend protocol 4.1: server supports 3.0 to 3.2'],
  ['no user', startup({ database: 'books' }), 'FATAL 28000 no PostgreSQL user name specified in startup packet'],
  ['physical replication', startup({ user: 'ana', replication: 'true' }), 'FATAL 42501 replication connections are not allowed through the gateway'],
  ['logical replication', startup({ user: 'ana', replication: 'database' }), 'FATAL 42501 replication connections are not allowed through the gateway'],
  ['a parameter that is not known to be harmless', startup({ user: 'ana', session_preload_libraries: 'secret-value' }), 'FATAL 42501 parameter "session_preload_libraries" may not be set at start-up through the gateway'],
  ['the same in options', startup({ user: 'ana', options: '-c Role=postgres' }), 'FATAL 42501 parameter "role" may not be set at start-up through the gateway'],
  ['replication in options', startup({ user: 'ana', options: '--replication=database' }), 'FATAL 42601 a start-up option has a name that no parameter has'],
  ['another user in options', startup({ user: 'ana', options: '-cuser=postgres' }), 'FATAL 42601 a start-up option has a name that no parameter has'],
  ['a switch of the server in options', startup({ user: 'ana', options: '-fs' }), 'FATAL 42601 options holds more than -c name=value and --name=value'],
  ['options that end inside', startup({ user: 'ana', options: '-c' }), 'FATAL 42601 options holds more than -c name=value and --name=value'],
  ['words in options', startup({ user: 'ana', options: 'endpoint=x' }), 'FATAL 42601 options holds more than -c name=value and --name=value'],
  ['an encoding in which a quote ends a character', startup({ user: 'ana', client_encoding: 'SJIS' }), 'FATAL 22023 client_encoding must be UTF8 through the gateway'],
  ['the same in options, in another spelling', startup({ user: 'ana', options: '--Client-Encoding=gb18030' }), 'FATAL 22023 client_encoding must be UTF8 through the gateway'],
  ['the same behind a backslash', startup({ user: 'ana', options: '-c client\\_encoding=LATIN1' }), 'FATAL 22023 client_encoding must be UTF8 through the gateway'],
  ['backslashes that escape', startup({ user: 'ana', standard_conforming_strings: 'off' }), 'FATAL 22023 standard_conforming_strings must be on through the gateway'],
  ['the same in few letters', startup({ user: 'ana', options: '-c STANDARD_conforming_strings=of' }), 'FATAL 22023 standard_conforming_strings must be on through the gateway'],
] as const) {
  test(`a start-up with ${what} is refused in words, before anything is asked`, async (t) => {
    const { at, stranger } = await call(t)
    stranger.send(bytes)
    t.is(spoken(await stranger.end()), said)
    t.is(at.welcomed[0]?.kind, 'ended')
  })
}

test('no refusal of a parameter repeats its value', async (t) => {
  const { stranger } = await call(t)
  stranger.send(startup({ user: 'ana', local_preload_libraries: 'hunter2-value', client_encoding: 'hunter2-encoding' }))
  t.notRegex(Buffer.from(await stranger.end()).toString(), /hunter2/)
})

test('the transparent profile takes any parameter, but none that changes how statements are read', async (t) => {
  const { at, stranger } = await call(t, { allowAnyParameters: true })
  stranger.send(startup({ user: 'ana', work_mem: '64MB', options: '-c my.own=a\\ b' }))
  t.is(spoken(await stranger.hear(9)), question)
  t.deepEqual(at.welcomed[0]?.kind === 'startup' && [...at.welcomed[0].parameters], [['my.own', 'a b'], ['work_mem', '64MB'], ['client_encoding', 'UTF8']])
  const other = await callOn(at.port)
  other.send(startup({ user: 'ana', client_encoding: 'BIG5' }))
  t.is(spoken(await other.end()), 'FATAL 22023 client_encoding must be UTF8 through the gateway')
})

test('options become plain parameters, and one of the packet wins', async (t) => {
  const { at, stranger } = await call(t)
  stranger.send(startup({ user: 'ana', database: '', replication: 'off', options: " -c  DateStyle=ISO,\\ DMY --statement-timeout=5s\t-cgeqo=off", datestyle: 'ISO', client_encoding: "'utf-8'", search_path: 'app' }))
  t.is(spoken(await stranger.hear(9)), question)
  t.like(at.welcomed[0], { database: 'ana' })
  t.deepEqual(at.welcomed[0]?.kind === 'startup' && Object.fromEntries(at.welcomed[0].parameters), { datestyle: 'ISO', statement_timeout: '5s', geqo: 'off', client_encoding: 'UTF8', search_path: 'app' })
})

test('psql in a C locale, which asks for SQL_ASCII, is given UTF8', async (t) => {
  const { at, stranger } = await call(t)
  stranger.send(startup({ user: 'ana', client_encoding: 'SQL_ASCII' }))
  t.is(spoken(await stranger.hear(9)), question)
  t.is(at.welcomed[0]?.kind === 'startup' && at.welcomed[0].parameters.get('client_encoding'), 'UTF8')
})

test('a newer protocol and options nobody knows are negotiated down', async (t) => {
  for (const [version, options, minor, agreed] of [[0x3_0009, {}, 2, 2], [0x3_0002, { '_pq_.x': '1' }, 2, 2], [0x3_0000, { '_pq_.x': '1', '_pq_.y': '' }, 0, 0]] as const) {
    const { at, stranger } = await call(t)
    stranger.send(startup({ ...user, ...options }, version))
    const head = Buffer.from(await stranger.hear(5))
    t.is(String.fromCharCode(head[0] ?? 0), 'v')
    t.deepEqual(parseNegotiate(Buffer.concat([head, await stranger.hear(head.readInt32BE(1) - 4)])), { minor, options: Object.keys(options) })
    t.is(spoken(await stranger.hear(9)), question)
    t.like(at.welcomed[0], { kind: 'startup', minor: agreed })
  }
})

test('protocol 3.2 is spoken without a word about it', async (t) => {
  const { at, stranger } = await call(t)
  stranger.send(startup(user, 0x3_0002))
  t.is(spoken(await stranger.hear(9)), question)
  t.like(at.welcomed[0], { kind: 'startup', minor: 2 })
})

test('a start-up that comes byte by byte is the same start-up', async (t) => {
  const { at, stranger } = await call(t)
  for (const byte of Buffer.concat([startup({ user: 'ana', application_name: 'slow' })])) {
    stranger.send(Uint8Array.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.is(spoken(await stranger.hear(9)), question)
  t.like(at.welcomed[0], { kind: 'startup', user: 'ana' })
})

test('a cancel request is taken in plaintext and under TLS, with a short key and a long one', async (t) => {
  const { at, stranger } = await call(t, { tls: authority })
  stranger.send(packet(80877102, Buffer.from([0, 0, 0, 7, 1, 2, 3, 4])))
  t.is(spoken(await stranger.end()), '')
  const other = await callOn(at.port)
  other.send(sslRequest)
  await other.hear(1)
  const inside = await secure(other)
  inside.send(packet(80877102, Buffer.concat([Buffer.from([0, 0, 0, 8]), Buffer.alloc(32, 9)])))
  t.is(spoken(await inside.end()), '')
  t.deepEqual(at.welcomed.map((one) => one.kind === 'cancel' && [one.pid, one.key.length]), [[7, 4], [8, 32]])
  t.deepEqual(at.cancels, ['unknown', 'unknown'])
})

test('a client that is too slow is closed, in the packet, in the handshake and at the password', async (t) => {
  for (const [bytes, options, heard, reason] of [
    [Buffer.from([0, 0]), {}, '', 'there was no more time'],
    [sslRequest, { tls: authority }, 'S', 'there was no more time for the TLS handshake'],
    [startup(user), {}, question, 'there was no more time'],
  ] as const) {
    const { at, stranger } = await call(t, options)
    stranger.send(bytes)
    t.is(spoken(await stranger.hear(heard.length)), heard)
    at.timeout.abort()
    t.is(spoken(await stranger.end()), '')
    t.deepEqual([...at.welcomed, ...at.signedIn].find(({ kind }) => kind === 'ended'), { kind: 'ended', reason })
  }
})

test('a client that hangs up in the middle ends quietly', async (t) => {
  const { at, stranger } = await call(t)
  stranger.send(Buffer.from([0, 0, 0, 20, 0]))
  stranger.socket.end()
  await stranger.end()
  t.deepEqual(at.welcomed, [{ kind: 'ended', reason: 'the connection ended inside a message' }])
})
