import test from 'ava'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TargetConfig } from '../../../gateway/config.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import type { UpstreamRequest } from '../../../gateway/protocol.ts'
import { RefusalError } from '../../../gateway/refusal.ts'
import { openUpstream } from '../../../gateway/upstream/index.ts'

const target = (upstream: Partial<TargetConfig['upstream']>): TargetConfig => ({
  name: 'bank', protocol: 'http', prefix: '/bank', env: 'test', labels: [], durability: 'strict', catalogue: {},
  upstream: { url: 'http://127.0.0.1', timeoutMs: 20_000, insecureAllowPlaintext: false, ...upstream },
  limits: { maxBodyBytes: 1, maxResultBytes: 1, maxDepth: 1 },
})
const request = (more: Partial<UpstreamRequest> = {}): UpstreamRequest => ({ method: 'GET', path: '/x', headers: [], body: null, maxBytes: 1000, timeoutMs: 20_000, isStreamed: () => false, onSent: () => undefined, ...more })
const serve = async (listener: Parameters<typeof createServer>[1]) => {
  const server = createServer(listener as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => { server.closeAllConnections(); server.close() } }
}

test('an upstream in plaintext off loopback needs the word for it', (t) => {
  const error = t.throws(() => openUpstream(target({ url: 'http://10.0.0.1' }), () => ''), { instanceOf: GatewayError })
  t.is(error.code, 'ERR_CONFIG_INVALID')
  t.is(error.message, 'target bank: the upstream must be https, or say insecure_allow_plaintext')
  for (const url of ['http://localhost', 'http://127.8.0.1', 'http://[::1]:80', 'https://10.0.0.1']) t.notThrows(() => openUpstream(target({ url }), () => ''))
  t.notThrows(() => openUpstream(target({ url: 'http://10.0.0.1', insecureAllowPlaintext: true }), () => ''))
})

test('the credential is added to every request, with its scheme, and connections are kept', async (t) => {
  const seen: unknown[] = []
  const server = await serve((incoming, response) => {
    seen.push([incoming.url, incoming.headers['x-key'], incoming.headers['accept-encoding'], incoming.socket.remotePort])
    response.end('ok')
  })
  const access = openUpstream(target({ url: `${server.url}/base/`, credential: { header: 'X-Key', secret: 'bank', scheme: 'Token' } }), (name) => `secret of ${name}`)
  t.teardown(async () => { await access.close(); server.close() })
  await access.send(request())
  await new Promise((resolve) => setImmediate(resolve))           // the pool frees a connection after it has handed on the answer's end
  await access.send(request({ path: '/y?z=1' }))
  const [first, second] = seen as [unknown[], unknown[]]
  t.deepEqual(first.slice(0, 3), ['/base/x', 'Token secret of bank', 'identity'])
  t.is(second[0], '/base/y?z=1')
  t.is(first[3], second[3])
})

test('a redirect is an answer, never followed', async (t) => {
  let calls = 0
  const server = await serve((_incoming, response) => { calls++; response.writeHead(302, { location: 'http://169.254.169.254/' }).end() })
  const access = openUpstream(target({ url: server.url }), () => '')
  t.teardown(async () => { await access.close(); server.close() })
  t.is((await access.send(request())).status, 302)
  t.is(calls, 1)
})

test('a request that was sent is never sent again, whatever became of it', async (t) => {
  let calls = 0
  const server = await serve((incoming) => { calls++; incoming.socket.destroy() })
  const access = openUpstream(target({ url: server.url }), () => '')
  t.teardown(async () => { await access.close(); server.close() })
  const error = await t.throwsAsync(access.send(request()), { instanceOf: RefusalError })
  t.is(error.refusal.code, 'upstream.broken')
  t.is(calls, 1)
})

test('a cancelled request closes its connection', async (t) => {
  const asked = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const server = await serve((_incoming, response) => { response.on('close', () => closed.resolve()); asked.resolve() })
  const access = openUpstream(target({ url: server.url }), () => '')
  t.teardown(async () => { await access.close(); server.close() })
  let cancel: (() => void) | undefined
  const sending = access.send(request({ onSent: (stop) => { cancel = stop } }))
  await asked.promise
  cancel?.()
  await t.throwsAsync(sending, { instanceOf: RefusalError, message: 'The call was cancelled' })
  await closed.promise
  t.pass()
})
