// An upstream that is a byte stream: its address, the gateway's role and password there, and whom it takes for the right one.
import test from 'ava'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { TargetConfig } from '../../../gateway/config.ts'
import { RefusalError } from '../../../gateway/refusal.ts'
import { openStream } from '../../../gateway/upstream/index.ts'

const folder = path.join(import.meta.dirname, '..', 'connection', 'tls')
const certificate = { cert: readFileSync(path.join(folder, 'test-only-cert.pem'), 'utf8'), key: readFileSync(path.join(folder, 'test-only-key.pem'), 'utf8') }
const target = (upstream: Partial<TargetConfig['upstream']>): TargetConfig => ({
  name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'test', labels: [], durability: 'strict', catalogue: {},
  upstream: { url: 'postgres://127.0.0.1', timeoutMs: 20_000, insecureAllowPlaintext: false, ...upstream },
  limits: { maxBodyBytes: 1, maxResultBytes: 1, maxDepth: 1 },
})
const secrets: Readonly<Record<string, string>> = { password: 'hunter2', ca: certificate.cert }
const open = (upstream: Partial<TargetConfig['upstream']>) => openStream(target(upstream), (name) => secrets[name] ?? '')
const never = new AbortController().signal

test('the URL says where and which database, the config who, and the secret is a password', (t) => {
  t.like(open({ url: 'postgres://db.internal:6432/my%20app', user: 'gateway' }), { host: 'db.internal', port: 6432, database: 'my app', user: 'gateway' })
  t.like(open({ url: 'postgresql://[2001:db8::1]' }), { host: '2001:db8::1', port: 5432, database: undefined, user: undefined })
  t.is(open({ credential: { secret: 'password' } }).password(), 'hunter2')
  t.is(open({}).password(), undefined)
})

test('plaintext is for loopback or for whom config says so; all else is under TLS and verified', (t) => {
  for (const url of ['postgres://localhost', 'postgres://127.8.0.1/x', 'postgres://[::1]:1']) t.is(open({ url }).tls, undefined, url)
  t.is(open({ url: 'postgres://db.internal', insecureAllowPlaintext: true }).tls, undefined)
  t.deepEqual(open({ url: 'postgres://db.internal' }).tls, { host: 'db.internal', servername: 'db.internal', rejectUnauthorized: true, minVersion: 'TLSv1.2' })
  t.deepEqual(open({ url: 'postgres://10.0.0.1', tls: { ca: 'ca', isDirect: false } }).tls, { host: '10.0.0.1', ca: certificate.cert, rejectUnauthorized: true, minVersion: 'TLSv1.2' })
  t.is(open({ url: 'postgres://127.0.0.1', tls: { isDirect: false, serverName: 'db.internal' } }).tls?.servername, 'db.internal')
})

test('a server with another name, or one that nobody vouches for, is not the upstream', async (t) => {
  const server = createTlsServer(certificate, (socket) => { socket.end('hello') }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `postgres://127.0.0.1:${(server.address() as AddressInfo).port}`
  const shake = async (tls: NonNullable<TargetConfig['upstream']['tls']>): Promise<string> => {
    const access = open({ url, tls })
    const secure = connectTls({ socket: await access.connect(never), ...access.tls })
    secure.on('secureConnect', () => secure.end())
    return await new Promise((resolve) => {
      secure.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      secure.on('data', (chunk) => resolve(String(chunk)))
    })
  }
  t.is(await shake({ ca: 'ca', serverName: 'localhost', isDirect: false }), 'hello')
  t.is(await shake({ ca: 'ca', serverName: 'db.internal', isDirect: false }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.regex(await shake({ serverName: 'localhost', isDirect: false }), /SELF_SIGNED|UNABLE_TO_VERIFY/)
})

test('an upstream that is not there, and a session that ends while it is called, are refusals that may be tried again', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = await open({ url: `postgres://127.0.0.1:${port}` }).connect(never)
  t.is(socket.remotePort, port)
  socket.destroy()
  const ended = await t.throwsAsync(open({ url: `postgres://127.0.0.1:${port}` }).connect(AbortSignal.abort('expired')), { instanceOf: RefusalError })
  t.is(ended.refusal.code, 'upstream.unavailable')
  t.is(ended.cause, 'expired')
  await new Promise((resolve) => server.close(resolve))
  const gone = await t.throwsAsync(open({ url: `postgres://127.0.0.1:${port}` }).connect(never), { instanceOf: RefusalError })
  t.is(gone.refusal.code, 'upstream.unavailable')
  t.is(gone.message, 'The upstream cannot be reached')
})
