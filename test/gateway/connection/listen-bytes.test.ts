// A listener of byte streams: whose they are, how many strangers it bears, and how it ends.
import test from 'ava'
import { generateKeyPairSync } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import fs from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { listenBytes } from '../../../gateway/connection/index.ts'
import { maxOfCaller, maxStrangers } from '../../../gateway/connection/limits.ts'
import { Seats } from '../../../gateway/connection/seats.ts'
import { Strangers } from '../../../gateway/connection/strangers.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import type { ByteConnection } from '../../../gateway/protocol.ts'

const config = { host: '127.0.0.1', port: 0, target: 'appdb' }
const quiet = { accept: () => undefined, refused: () => undefined }
const folder = path.join(import.meta.dirname, 'tls')
const certificate = { cert: path.join(folder, 'test-only-cert.pem'), key: path.join(folder, 'test-only-key.pem') }

const dial = async (port: number): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

test('every connection is its target\'s, with the address the socket says and all its bytes unread', async (t) => {
  const accepted = Promise.withResolvers<ByteConnection>()
  const listener = await listenBytes({ ...quiet, config, accept: accepted.resolve })
  t.teardown(() => listener.close(0))
  const socket = await dial(listener.address.port)
  socket.write('first')
  const client = await accepted.promise
  t.like(client, { framing: 'bytes', target: 'appdb', peer: { ip: '127.0.0.1', port: socket.localPort } })
  t.is(client.secureContext, undefined)
  t.is(String((await once(client.socket, 'data'))[0]), 'first')
})

test('plaintext off loopback, a port in use and an unreadable certificate are refused', async (t) => {
  const off = await t.throwsAsync(listenBytes({ ...quiet, config: { ...config, host: '0.0.0.0' } }), { instanceOf: GatewayError })
  t.is(off.message, 'plaintext is refused off loopback: give 0.0.0.0:0 a certificate')
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const busy = await t.throwsAsync(listenBytes({ ...quiet, config: { ...config, port } }), { instanceOf: GatewayError })
  t.is(busy.code, 'ERR_LISTEN')
  t.is(busy.message, `cannot listen on 127.0.0.1:${port}`)
  taken.close()
  const missing = await t.throwsAsync(listenBytes({ ...quiet, config: { ...config, tls: { cert: '/nowhere.pem', key: '/nowhere.pem' } } }), { instanceOf: GatewayError })
  t.is(missing.message, 'the certificate of 127.0.0.1:0, /nowhere.pem, cannot be read')
  const stranger = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'listen-')), 'key.pem')
  t.teardown(() => { fs.rmSync(path.dirname(stranger), { recursive: true }) })
  fs.writeFileSync(stranger, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
  for (const [tls, message] of [
    [{ cert: certificate.key, key: certificate.key }, `${certificate.key} is no certificate in PEM, and 127.0.0.1:0 needs one`],
    [{ cert: certificate.cert, key: certificate.cert }, `${certificate.cert} is no private key in PEM, without a passphrase, and 127.0.0.1:0 needs one`],
    [{ cert: certificate.cert, key: stranger }, `${stranger} is not the key of the certificate ${certificate.cert}, and 127.0.0.1:0 needs both`],
  ] as const) t.is((await t.throwsAsync(listenBytes({ ...quiet, config: { ...config, tls } }), { instanceOf: GatewayError })).message, message)
})

test('the certificate is lent to the protocol, which starts TLS when its wire says so: 1.2 and newer', async (t) => {
  const listener = await listenBytes({
    ...quiet, config: { ...config, tls: certificate },
    accept(client) {
      client.socket.once('data', () => {                       // what a client sends first is in clear
        client.socket.write('S')
        const secure = new TLSSocket(client.socket, { isServer: true, secureContext: client.secureContext!, ALPNProtocols: ['postgresql'] })
        secure.on('error', () => undefined)
        secure.on('secure', () => secure.end(`${secure.getProtocol()}`))
      })
    },
  })
  t.teardown(() => listener.close(0))
  const agreed = async (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<string> => {
    const socket = await dial(listener.address.port)
    socket.write('?')
    await once(socket, 'data')
    const secure = connectTls({ socket, maxVersion, minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0', rejectUnauthorized: false, ALPNProtocols: ['postgresql'] })
    return await new Promise((resolve) => {
      secure.on('data', (chunk) => resolve(String(chunk)))
      secure.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    })
  }
  t.is(await agreed('TLSv1.3'), 'TLSv1.3')
  t.is(await agreed('TLSv1.2'), 'TLSv1.2')
  t.is(await agreed('TLSv1.1'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
})

test('a drain cuts those whom nobody knows, leaves the known their time, and takes nobody new', async (t) => {
  const accepted: ByteConnection[] = []
  const listener = await listenBytes({ ...quiet, config, accept: (client) => { accepted.push(client) } })
  const known = await dial(listener.address.port)
  while (accepted.length < 1) await new Promise(setImmediate)
  accepted[0]!.admit('ana')
  const stranger = await dial(listener.address.port)
  while (accepted.length < 2) await new Promise(setImmediate)
  const closing = listener.close(60_000)
  await once(stranger, 'close')
  t.false(known.destroyed)
  const late = connect({ host: '127.0.0.1', port: listener.address.port })
  const [error] = await once(late, 'error') as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNREFUSED')
  accepted[0]!.socket.write('last words')
  t.is(String((await once(known, 'data'))[0]), 'last words')
  accepted[0]!.socket.end()
  await closing
  t.pass()
})

test('a connection that outlives the grace is cut', async (t) => {
  const accepted = Promise.withResolvers<void>()
  const listener = await listenBytes({ ...quiet, config, accept: (client) => { client.admit('ana'); accepted.resolve() } })
  const socket = await dial(listener.address.port)
  await accepted.promise
  const closed = once(socket, 'close')
  socket.resume()
  await listener.close(10)
  await closed
  t.pass()
})

test('one stranger too many: the oldest of them goes, is counted, and the known stay', async (t) => {
  const refused: string[] = []
  const accepted: ByteConnection[] = []
  const listener = await listenBytes({ config, accept: (client) => { accepted.push(client) }, refused: ({ code, message }, { ip }) => { refused.push(`${code} ${message} ${ip}`) } })
  t.teardown(() => listener.close(0))
  const known = await dial(listener.address.port)
  while (accepted.length < 1) await new Promise(setImmediate)
  accepted[0]!.admit('ana')
  const oldest = await dial(listener.address.port)
  const sockets = [known]
  const gone = once(oldest, 'close')
  oldest.resume()
  for (let more = 0; more < maxStrangers; more++) sockets.push(await dial(listener.address.port))
  await gone
  t.deepEqual(refused, ['identity.token_missing Too many connections wait to sign in 127.0.0.1'])
  t.true(sockets.every((socket) => !socket.destroyed))
  for (const socket of sockets) socket.destroy()
})

test('one caller holds so many connections and no more, whatever their addresses; one that closes makes room, and others are let in', (t) => {
  const seats = new Seats(() => t.fail())
  const sockets: EventEmitter[] = []
  const come = () => {
    const socket = Object.assign(new EventEmitter(), { remoteAddress: `2001:db8::${sockets.length}`, remotePort: 1, destroyed: false })
    sockets.push(socket)
    return seats.take(socket as unknown as Socket)
  }
  const held = Array.from({ length: maxOfCaller }, () => {
    const seat = come()
    t.true(seat.admit('ana'))
    return seat
  })
  const late = come()
  t.false(late.admit('ana'))
  t.true(held[0]!.admit('ana'), 'another call on a connection of hers')
  t.is(seats.strangers.length, 1, 'who was not let in is a stranger still')
  t.true(late.admit('bob'))
  t.false(late.admit('ana'))
  sockets[1]!.emit('close')
  t.true(late.admit('ana'), 'one connection, first of the one and then of the other')
  t.false(come().admit('ana'))
  t.true(held[0]!.admit('bob'))
  t.true(come().admit('ana'))
})

test('strangers from one address do not take the places of another', (t) => {
  const dropped: string[] = []
  const socketOf = (name: string): Socket => ({ name }) as unknown as Socket
  const strangers = new Strangers(3, (socket) => { dropped.push((socket as unknown as { name: string }).name) })
  strangers.add('10.0.0.1', socketOf('patient'))
  for (const name of ['a', 'b', 'c', 'd']) strangers.add('203.0.113.9', socketOf(name))
  t.deepEqual(dropped, ['a', 'b'])
  t.deepEqual(strangers.sockets.map((socket) => (socket as unknown as { name: string }).name), ['patient', 'c', 'd'])
})
