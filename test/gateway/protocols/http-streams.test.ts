// Long bodies in either direction, event streams, WebSockets: recorded chunk by chunk, in flat memory.
import test from 'ava'
import { createHash, randomBytes } from 'node:crypto'
import { createServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { createHttp } from '../../../gateway/protocols/http/index.ts'
import { allow, openRig, outcomes } from './fake-door.ts'

const headers = { authorization: 'Bearer alice' }
const mebibyte = 1024 * 1024
const http = (publicUrl: string) => createHttp({ publicUrl })
const entry = { effects: ['write'], labels: [], request: {}, result: {} }

test.serial('a 200 MB upload passes whole, on record before it is written, in flat memory', async (t) => {
  t.timeout(60_000)
  const hash = createHash('sha256')
  let received = 0
  let sent: NodeJS.Dict<string | string[]> = {}
  const rig = await openRig({
    protocol: http,
    upstream: (request, response) => {
      sent = request.headers
      request.on('data', (chunk: Buffer) => { hash.update(chunk); received += chunk.length })
      request.on('end', () => { response.writeHead(201, { 'content-type': 'text/plain' }).end('stored') })
    },
  })
  t.teardown(() => rig.close())
  const block = randomBytes(mebibyte)
  const expected = createHash('sha256')
  const blocks = 200
  let peak = 0
  const before = process.memoryUsage().rss
  const body = Readable.from((function* () {
    for (let n = 0; n < blocks; n++) {
      expected.update(block)
      peak = Math.max(peak, process.memoryUsage().rss)
      yield block
    }
  })(), { objectMode: false, highWaterMark: mebibyte })
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(`${rig.url}/files`, { method: 'POST', headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': blocks * mebibyte } }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    request.on('error', reject)
    body.pipe(request)
  })
  t.is(status, 201)
  t.is(received, blocks * mebibyte)
  t.is(hash.digest('hex'), expected.digest('hex'))
  t.is(sent['authorization'], 'Bearer upstream-secret')
  t.true(rig.record[0]?.operation?.isOpaque)
  t.is(rig.record.reduce((sum, { bytes = 0 }) => sum + bytes, 0), blocks * mebibyte)
  t.true(peak - before < 120 * mebibyte, `memory grew by ${Math.round((peak - before) / mebibyte)} MiB`)
})

test('a chunked body over the cap loses nothing of what was read before the cap', async (t) => {
  const hash = createHash('sha256')
  const rig = await openRig({ protocol: http, upstream: (request, response) => { request.on('data', (chunk: Buffer) => hash.update(chunk)); request.on('end', () => response.end()) } })
  t.teardown(() => rig.close())
  const block = randomBytes(300_000)
  const response = await fetch(`${rig.url}/files`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: Readable.from([block.subarray(0, 50_000), block.subarray(50_000)]) as never, duplex: 'half' } as RequestInit)
  t.is(response.status, 200)
  t.is(hash.digest('hex'), createHash('sha256').update(block).digest('hex'))
})

test('masks on bytes nobody parses are refused before a byte is sent', async (t) => {
  let calls = 0
  const rig = await openRig({
    protocol: http, upstream: (_request, response) => { calls++; response.end() },
    target: { catalogue: { 'POST /blob': { ...entry, isOpaque: true } } },
    decide: () => ({ ...allow, mask: [{ id: 'ssn', match: { class: 'US_SSN' }, op: 'redact' }] }),
  })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/blob`, { method: 'POST', headers, body: 'x' })
  t.is((await response.json() as { code: string }).code, 'mask.unenforceable')
  t.is(calls, 0)
})

test('a chunked DELETE on an opaque route is refused: its chunks would be read as a second request', async (t) => {
  let calls = 0
  const rig = await openRig({ protocol: http, upstream: (_request, response) => { calls++; response.end() }, target: { catalogue: { 'DELETE /blob': { ...entry, isOpaque: true } } } })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/blob`, { method: 'DELETE', headers, body: Readable.from(['GET /evil HTTP/1.1\r\n\r\n']) as never, duplex: 'half' } as RequestInit)
  t.is((await response.json() as { detail: string }).detail, 'A chunked body is not allowed here')
  t.is(calls, 0)
})

test('events are masked one by one and each leaves when it has come', async (t) => {
  let next: (() => void) | undefined
  const rig = await openRig({
    protocol: http,
    upstream: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': secret comment\nid: 1\ndata: {"ssn":"219-0')
      next = () => { response.end('9-9999"}\n\ndata: plain 219-09-9999\n\n') }
      response.write('9-9999"}\n\n')
    },
    decide: () => ({ ...allow, mask: [{ id: 'ssn', match: { class: 'US_SSN' }, op: 'redact' }] }),
  })
  t.teardown(() => rig.close())
  const reader = (await fetch(`${rig.url}/feed`, { headers })).body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('id: 1')) text += (await reader.read()).value ?? ''
  next?.()
  for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value
  t.false(/219-09-9999|secret/.test(text))
  t.true(text.startsWith(':\n\nid: 1\ndata: {"ssn":"[REDACTED:ssn]"}\n\n'))
  t.true(text.endsWith('data: plain [REDACTED:ssn]\n\n'))
  t.is(outcomes(rig.record).length, 1)
})

test.serial('a slow reader stops the source: memory stays flat while an endless stream waits', async (t) => {
  let written = 0
  const rig = await openRig({
    protocol: http,
    upstream: (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      const line = `${JSON.stringify({ filler: 'x'.repeat(8_000) })}\n`
      const more = () => { while (!response.destroyed && response.write(line)) written += line.length; response.once('drain', more) }
      more()
    },
  })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/feed`, { headers })
  const reader = response.body!.getReader()
  await reader.read()
  let last = -1
  while (last !== written) { last = written; await new Promise((resolve) => setTimeout(resolve, 300)) }
  t.true(written < 40 * mebibyte, `${written} bytes were taken from the source`)
  await reader.cancel()
  while (outcomes(rig.record).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.is(outcomes(rig.record)[0]?.summary.status, 'cancelled')
})

test('a long JSON result is recorded in chunks and arrives whole', async (t) => {
  const value = JSON.stringify({ rows: Array.from({ length: 20_000 }, (_, n) => ({ n, name: 'Zoë' })) })
  const rig = await openRig({ protocol: http, upstream: (_request, response) => { response.setHeader('content-type', 'application/json').end(value) } })
  t.teardown(() => rig.close())
  t.is(await (await fetch(`${rig.url}/rows`, { headers })).text(), value)
  const parts = rig.record.flatMap(({ part }) => part ?? [])
  t.true(parts.length > 5)
  t.true(parts.every(({ bytes }) => bytes.length <= 65_536))
  t.deepEqual(parts.map(({ summary }) => summary.isFinal), parts.map((_, index) => index === parts.length - 1))
})

test('a WebSocket passes through the gate: both directions are on record', async (t) => {
  const upstream = createServer()
  let upgrade: NodeJS.Dict<string | string[]> = {}
  upstream.on('upgrade', (request, socket) => {
    upgrade = request.headers
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
    socket.on('data', (chunk: Buffer) => socket.write(Buffer.concat([Buffer.from('echo '), chunk])))
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
  })
  const rig = await openRig({ protocol: http, upstream })
  t.teardown(() => rig.close())
  const socket = connect(rig.port, '127.0.0.1')
  socket.write(`GET /bank/live HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\nCookie: a=1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n`)
  let text = ''
  const until = async (needle: string) => { while (!text.includes(needle)) text += String((await new Promise<Buffer>((resolve) => socket.once('data', resolve)))) }
  await until('\r\n\r\n')
  t.true(text.startsWith('HTTP/1.1 101 '))
  socket.write('hello')
  await until('echo hello')
  t.is(upgrade['authorization'], 'Bearer upstream-secret')
  t.is(upgrade['cookie'], undefined)
  socket.end()
  while (outcomes(rig.record).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.is(outcomes(rig.record)[0]?.summary.status, 'delivered')
  t.is(rig.record[0]?.operation?.isOpaque, true)
  t.is(rig.record.filter(({ kind }) => kind === 'upload').reduce((sum, { bytes = 0 }) => sum + bytes, 0), 5)
  t.true(rig.record.some(({ part }) => part !== undefined && Buffer.from(part.bytes).toString() === 'echo hello'))
})

test('an upgrade without a token, or to another protocol, is refused', async (t) => {
  const rig = await openRig({ protocol: http, upstream: (_request, response) => { response.end() } })
  t.teardown(() => rig.close())
  const upgrade = (extra: string, protocol: string) => new Promise<string>((resolve) => {
    const socket = connect(rig.port, '127.0.0.1', () => socket.write(`GET /bank/live HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\n${extra}Upgrade: ${protocol}\r\nConnection: Upgrade\r\n\r\n`))
    let text = ''
    socket.on('data', (chunk) => { text += String(chunk) })
    socket.on('close', () => resolve(text))
  })
  t.regex(await upgrade('', 'websocket'), /^HTTP\/1\.1 401 [^]*identity\.token_missing/)
  t.regex(await upgrade('Authorization: Bearer alice\r\n', 'connect-udp'), /^HTTP\/1\.1 400 [^]*Only WebSocket upgrades are served/)
})

test('an upstream that is down refuses an upload and an upgrade as unavailable', async (t) => {
  const rig = await openRig({ protocol: http, upstream: (_request, response) => { response.end() }, target: { upstream: { url: 'http://127.0.0.1:1', timeoutMs: 1000, insecureAllowPlaintext: false }, catalogue: { 'POST /blob': { ...entry, isOpaque: true } } } })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/blob`, { method: 'POST', headers, body: 'x' })
  t.is((await response.json() as { code: string }).code, 'upstream.unavailable')
  t.is(outcomes(rig.record)[0]?.summary.code, 'upstream.unavailable')
  const text = await new Promise<string>((resolve) => {
    const socket = connect(rig.port, '127.0.0.1', () => socket.write(`GET /bank/live HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`))
    let read = ''
    socket.on('data', (chunk) => { read += String(chunk) })
    socket.on('close', () => resolve(read))
  })
  t.regex(text, /^HTTP\/1\.1 502 [^]*upstream\.unavailable/)
  t.is(outcomes(rig.record)[1]?.summary.code, 'upstream.unavailable')
})

test('an upload chunk that cannot be recorded is not written', async (t) => {
  let received = 0
  const rig = await openRig({ protocol: http, upstream: (request, response) => { request.on('data', (chunk: Buffer) => { received += chunk.length }); request.on('error', () => undefined); request.on('end', () => response.end()) }, target: { catalogue: { 'POST /blob': { ...entry, isOpaque: true } } }, failing: 'upload' })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/blob`, { method: 'POST', headers, body: 'x'.repeat(1000) })
  t.is((await response.json() as { code: string }).code, 'record.unavailable')
  t.is(received, 0)
})

test('a result that cannot be recorded is withheld and called ambiguous', async (t) => {
  const rig = await openRig({ protocol: http, upstream: (_request, response) => { response.setHeader('content-type', 'application/json').end('{"secret":1}') }, failing: 'deliver' })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { headers })
  const text = await response.text()
  t.is(response.status, 502)
  t.true(text.includes('record.ambiguous'))
  t.false(text.includes('secret'))
})

test('an undeclared route is judged by its path and named without it', async (t) => {
  const rig = await openRig({ protocol: http, upstream: (_request, response) => { response.setHeader('content-type', 'application/json').end('{}') } })
  t.teardown(() => rig.close())
  await fetch(`${rig.url}/customers/%32%31%39-09-9999`, { headers })
  const operation = rig.record[0]?.operation
  t.is(operation?.resource.id, 'bank/GET *')
  t.is(operation?.request['path'], '/customers/219-09-9999')
  t.deepEqual(operation?.action.properties.effects, ['write'])
  t.true(operation?.slots.some(({ path }) => path === '/path'))
})

test('a caller who leaves in the middle of an upload leaves the gateway standing', async (t) => {
  const closed = Promise.withResolvers<void>()
  const rig = await openRig({ protocol: http, upstream: (request) => { request.resume(); request.on('error', () => undefined); request.on('close', () => closed.resolve()) }, target: { catalogue: { 'POST /blob': { ...entry, isOpaque: true } } } })
  t.teardown(() => rig.close())
  const socket = connect(rig.port, '127.0.0.1', () => socket.write(`POST /bank/blob HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\nContent-Length: 100000\r\n\r\npart of it`))
  while (!rig.record.some(({ kind }) => kind === 'upload')) await new Promise((resolve) => setTimeout(resolve, 5))
  socket.destroy()
  await closed.promise
  while (outcomes(rig.record).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.is(outcomes(rig.record)[0]?.summary.status, 'cancelled')
  t.is(await (await fetch(`http://127.0.0.1:${rig.port}/healthz`)).text(), 'ok')
})
