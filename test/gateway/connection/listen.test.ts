import test from 'ava'
import { once } from 'node:events'
import { createServer, request as httpRequest, Agent } from 'node:http'
import { connect } from 'node:net'
import { maxStrangers } from '../../../gateway/connection/limits.ts'
import { createRouter, listen } from '../../../gateway/connection/index.ts'
import { GatewayError } from '../../../gateway/errors.ts'

const quiet = { plain: new Map(), router: () => createRouter({ targets: [], hosts: new Set<string>() }), accept: () => undefined, refused: () => undefined }

test('plaintext is refused off loopback', async (t) => {
  const error = await t.throwsAsync(listen({ ...quiet, config: { host: '0.0.0.0', port: 0 } }), { instanceOf: GatewayError })
  t.is(error.code, 'ERR_LISTEN')
  t.is(error.message, 'plaintext is refused off loopback: give 0.0.0.0:0 a certificate')
})

test('a port in use and an unreadable certificate are named', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const busy = await t.throwsAsync(listen({ ...quiet, config: { host: '127.0.0.1', port } }), { instanceOf: GatewayError })
  t.is(busy.message, `cannot listen on 127.0.0.1:${port}`)
  const missing = await t.throwsAsync(listen({ ...quiet, config: { host: '127.0.0.1', port: 0, tls: { cert: '/nowhere.pem', key: '/nowhere.pem' } } }), { instanceOf: GatewayError })
  t.is(missing.code, 'ERR_LISTEN')
  taken.close()
})

test('one connection without a token too many: the oldest of its address goes and is counted, and those with a caller stay', async (t) => {
  const refused: string[] = []
  const router = createRouter({ targets: [{ name: 'a', prefix: '/a' }], hosts: new Set(['localhost']) })
  const listener = await listen({
    ...quiet, config: { host: '127.0.0.1', port: 0 }, router: () => router,
    accept: (client) => { if (client.framing === 'exchange') client.response.end(String(client.admit('ana'))) },
    refused: ({ code, message }, { ip }) => { refused.push(`${code} ${message} ${ip}`) },
  })
  t.teardown(() => listener.close(0))
  const dial = async () => {
    const socket = connect(listener.address.port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }
  const known = await dial()
  const call = async () => { known.write('GET /a/x HTTP/1.1\r\nHost: localhost\r\n\r\n'); return String((await once(known, 'data') as [Buffer])[0]) }
  t.regex(await call(), /true$/)
  const oldest = await dial()
  const gone = once(oldest, 'close')
  oldest.resume()
  const others = await Promise.all(Array.from({ length: maxStrangers }, dial))
  await gone
  t.deepEqual(refused, ['identity.token_missing Too many connections have sent no token 127.0.0.1'])
  t.true(others.every((socket) => !socket.destroyed))
  t.regex(await call(), /true$/)
  for (const socket of [known, ...others]) socket.destroy()
})

test('closing lets the exchange in flight finish and takes no new one', async (t) => {
  const router = createRouter({ targets: [{ name: 'a', prefix: '/a' }], hosts: new Set(['localhost']) })
  let finish: (() => void) | undefined
  const listener = await listen({
    ...quiet, config: { host: '127.0.0.1', port: 0 }, router: () => router,
    accept: (client) => { if (client.framing === 'exchange') finish = () => { client.response.end('done') } },
  })
  const agent = new Agent({ keepAlive: true })
  const answer = new Promise<string>((resolve, reject) => {
    httpRequest({ port: listener.address.port, host: '127.0.0.1', path: '/a/x', headers: { host: 'localhost' }, agent }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => { text += chunk.toString() })
      response.on('end', () => resolve(text))
    }).on('error', reject).end()
  })
  while (finish === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  const closing = listener.close(10_000)
  await t.throwsAsync(fetch(`http://127.0.0.1:${listener.address.port}/a/x`))
  finish()
  t.is(await answer, 'done')
  agent.destroy()
  await closing
  t.pass()
})

test('an exchange that outlives the grace is cut', async (t) => {
  const router = createRouter({ targets: [{ name: 'a', prefix: '/a' }], hosts: new Set(['localhost']) })
  const accepted = Promise.withResolvers<void>()
  const listener = await listen({ ...quiet, config: { host: '127.0.0.1', port: 0 }, router: () => router, accept: () => accepted.resolve() })
  const failed = new Promise<string>((resolve) => {
    httpRequest({ port: listener.address.port, host: '127.0.0.1', path: '/a/x', headers: { host: 'localhost' } }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')).end()
  })
  await accepted.promise
  await listener.close(10)
  t.is(await failed, 'ECONNRESET')
})

const proxyRequest = 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('who asks for a proxy and hangs up at once is refused, and everybody else is served on', async (t) => {
  const refused: string[] = []
  const listener = await listen({ ...quiet, config: { host: '127.0.0.1', port: 0 }, plain: new Map([['/healthz', (_request, response) => { response.end('ok') }]]), refused: ({ code }) => { refused.push(code) } })
  t.teardown(() => listener.close(0))
  const { port } = listener.address
  for (let times = 0; times < 20; times++) {
    const socket = connect({ host: '127.0.0.1', port })
    await once(socket, 'connect')
    socket.write(proxyRequest)
    socket.resetAndDestroy()
    t.is(await (await fetch(`http://127.0.0.1:${port}/healthz`)).text(), 'ok')
  }
  t.deepEqual([...new Set(refused)], ['request.not_allowed'])
})

for (const [what, text] of [
  ['asked for a proxy', proxyRequest],
  ['asked for another protocol where nothing is', 'GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ['sent no HTTP', 'no HTTP\r\n\r\n'],
] as const) {
  test(`a connection that ${what} does not outlive its refusal, whatever it leaves unread or open`, async (t) => {
    const listener = await listen({ ...quiet, config: { host: '127.0.0.1', port: 0 } })
    const sockets = await Promise.all(['x'.repeat(200_000), ''].map(async (more) => {
      const socket = connect({ host: '127.0.0.1', port: listener.address.port, allowHalfOpen: true })
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.write(text + more)
      await once(socket, 'data')
      return socket
    }))
    sockets[0]?.destroy()
    await listener.close(60_000)
    sockets[1]?.destroy()
    t.pass()
  })
}

test('what is no HTTP behind a request is refused without a word inside or before the answer to that request', async (t) => {
  for (const hasBegun of [true, false]) {
    const refused: string[] = []
    const answer = Promise.withResolvers<import('node:http').ServerResponse>()
    const listener = await listen({
      ...quiet, config: { host: '127.0.0.1', port: 0 }, router: () => createRouter({ targets: [{ name: 'a', prefix: '/a' }], hosts: new Set(['localhost']) }),
      refused: ({ code }) => { refused.push(code) },
      accept(client) { if (client.framing === 'exchange') answer.resolve(client.response) },
    })
    t.teardown(() => listener.close(0))
    const socket = connect({ host: '127.0.0.1', port: listener.address.port })
    let heard = ''
    socket.on('data', (chunk: Buffer) => { heard += chunk.toString() })
    socket.write(`GET /a/slow HTTP/1.1\r\nHost: localhost\r\n\r\n${hasBegun ? '' : 'POST /a/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'}`)
    const response = await answer.promise
    if (hasBegun) {
      response.write('first part')
      await once(socket, 'data')
    }
    socket.write('no HTTP\r\n\r\n')
    await once(socket, 'close')
    t.is(heard.includes('first part'), hasBegun)
    t.notRegex(heard, /400/)
    t.deepEqual(refused, ['request.malformed'])
  }
})
