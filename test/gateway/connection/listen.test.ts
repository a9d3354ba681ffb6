import test from 'ava'
import { createServer, request as httpRequest, Agent } from 'node:http'
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
