import test from 'ava'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import path from 'node:path'
import { connect } from 'node:tls'
import { createRouter, listen } from '../../../gateway/connection/index.ts'

const folder = path.join(import.meta.dirname, 'tls')

/** The protocol that was agreed on and the answer, or the error's code. */
const exchange = (port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3') => new Promise<string>((resolve) => {
  const socket = connect({ port, host: '127.0.0.1', maxVersion, rejectUnauthorized: false }, () => {
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  })
  let text = ''
  socket.on('data', (chunk) => { text += `${socket.getProtocol()} ${String(chunk)}` })
  socket.on('close', () => resolve(text))
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
})

test('a listener with a certificate speaks TLS 1.3 and nothing older', async (t) => {
  const listener = await listen({
    config: { host: '127.0.0.1', port: 0, tls: { cert: path.join(folder, 'test-only-cert.pem'), key: path.join(folder, 'test-only-key.pem') } },
    router: () => createRouter({ targets: [], hosts: new Set() }),
    plain: new Map([['/healthz', (_request, response) => { response.end('ok') }]]),
    accept: () => undefined, refused: () => undefined,
  })
  t.teardown(() => listener.close(0))
  t.regex(await exchange(listener.address.port, 'TLSv1.3'), /^TLSv1\.3 HTTP\/1\.1 200 OK/)
  t.is(await exchange(listener.address.port, 'TLSv1.2'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
})

test('a connection under TLS is counted as its caller\'s, whichever of its requests made it so', async (t) => {
  const seats: unknown[] = []
  const listener = await listen({
    config: { host: '127.0.0.1', port: 0, tls: { cert: path.join(folder, 'test-only-cert.pem'), key: path.join(folder, 'test-only-key.pem') } },
    router: () => createRouter({ targets: [{ name: 'a', prefix: '/a' }], hosts: new Set(['localhost']) }), plain: new Map(), refused: () => undefined,
    accept: (client) => { seats.push(client.admit); if (client.framing === 'exchange') client.response.end() },
  })
  t.teardown(() => listener.close(0))
  const socket = connect({ port: listener.address.port, host: '127.0.0.1', rejectUnauthorized: false })
  const request = 'GET /a HTTP/1.1\r\nHost: localhost\r\n'
  socket.resume().write(`${request}\r\n${request}Connection: close\r\n\r\n`)
  await once(socket, 'close')
  t.is(seats.length, 2)
  t.is(seats[0], seats[1], 'the seat of the connection, not one made up for a request whose connection is not known')
})

test('a TLS handshake that fails is counted as such, one that is broken off is not, and nobody is told in HTTP', async (t) => {
  const refused: string[] = []
  const listener = await listen({
    config: { host: '127.0.0.1', port: 0, tls: { cert: path.join(folder, 'test-only-cert.pem'), key: path.join(folder, 'test-only-key.pem') } },
    router: () => createRouter({ targets: [], hosts: new Set() }), plain: new Map(), accept: () => undefined,
    refused: ({ code, message }, { ip }) => { refused.push(`${code} ${message} ${ip}`) },
  })
  t.teardown(() => listener.close(0))
  const { port } = listener.address
  const said = async (bytes: string | Uint8Array, isBrokenOff = false): Promise<Buffer> => {
    const socket = connectTcp({ host: '127.0.0.1', port })
    const heard: Buffer[] = []
    socket.on('data', (chunk: Buffer) => { heard.push(chunk) })
    socket.on('error', () => undefined)
    socket.write(bytes)
    if (isBrokenOff) socket.end()
    await once(socket, 'close')
    return Buffer.concat(heard)
  }
  t.false((await said('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')).includes('HTTP'))
  t.is((await said(Buffer.from('1603010005', 'hex'), true)).length, 0)
  t.is(await exchange(port, 'TLSv1.2'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  t.deepEqual(refused, Array.from({ length: 2 }, () => 'connection.tls The TLS handshake failed 127.0.0.1'))
})
