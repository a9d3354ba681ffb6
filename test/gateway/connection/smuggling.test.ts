// Requests that two readers could cut or route differently: each ends at the listener, and no upstream sees a byte.
import test from 'ava'
import { connect } from 'node:net'
import { createHttp } from '../../../gateway/protocols/http/index.ts'
import { createMcp } from '../../../gateway/protocols/mcp/index.ts'
import { openRig } from '../protocols/fake-door.ts'

const open = async () => {
  const seen: string[] = []
  const rig = await openRig({
    protocol: (publicUrl) => createHttp({ publicUrl }),
    upstream: (request, response) => { seen.push(`${request.method} ${request.url}`); response.end('ok') },
  })
  return { rig, seen }
}

/** Sends bytes and reads until the other side closes or answers. */
const exchange = (port: number, text: string) => new Promise<string>((resolve) => {
  const socket = connect(port, '127.0.0.1', () => { socket.write(text) })
  let answer = ''
  const done = () => { socket.destroy(); resolve(answer) }
  socket.on('data', (chunk) => { answer += chunk.toString('latin1'); if (answer.includes('\r\n\r\n')) setTimeout(done, 30) })
  socket.on('close', done)
  socket.on('error', done)
})

const bodies: readonly (readonly [string, (host: string) => string])[] = [
  ['Content-Length with Transfer-Encoding', (host) => `POST /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /bank/evil HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['two Content-Lengths', (host) => `POST /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nGET /`],
  ['Content-Length as a list', (host) => `POST /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nContent-Length: 3, 3\r\n\r\nabc`],
  ['a chunk size with a sign', (host) => `POST /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n`],
  ['an unknown transfer coding', (host) => `POST /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ['a header line that is folded', (host) => `GET /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nX-A: 1\r\n  folded\r\n\r\n`],
  ['a space before the colon', (host) => `GET /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization : Bearer alice\r\n\r\n`],
  ['two Host headers', (host) => `GET /bank/x HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\nAuthorization: Bearer alice\r\n\r\n`],
  ['two Authorization headers', (host) => `GET /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nAuthorization: Bearer bob\r\n\r\n`],
  ['two Content-Type headers', (host) => `POST /bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nContent-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`],
  ['a chunked body in HTTP/1.0', (host) => `POST /bank/x HTTP/1.0\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
  ['a version of another protocol', (host) => `GET /bank/x HTTP/2.0\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\n\r\n`],
  ['an absolute request target', (host) => `GET http://${host}/bank/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer alice\r\n\r\n`],
]

for (const [name, text] of bodies) {
  test(`${name} is refused and nothing reaches the upstream`, async (t) => {
    const { rig, seen } = await open()
    const answer = await exchange(rig.port, text(`127.0.0.1:${rig.port}`))
    t.regex(answer, /^HTTP\/1\.1 400 /)
    t.true(answer.includes('request.malformed'))
    t.deepEqual(seen, [])
    t.deepEqual(rig.record.map(({ kind, code }) => [kind, code]), [['refusal', 'request.malformed']])
    await rig.close()
  })
}

const paths: readonly (readonly [string, string])[] = [
  ['/bank/../admin', 'The path holds a dot segment'],
  ['/bank/./x', 'The path holds a dot segment'],
  ['/bank/%2e%2e/admin', 'The path holds an encoded dot'],
  ['/bank/a%2Fb', 'The path holds an encoded separator'],
  ['/bank/a%5cb', 'The path holds an encoded separator'],
  ['/bank/a\\b', 'The path holds a character that must be percent-encoded'],
  ['/bank//x', 'The path holds an empty segment'],
  ['//bank/x', 'The path holds an empty segment'],
  ['/bank/%00', 'The path holds an encoded control character'],
  ['/bank/%zz', 'The path holds a broken percent-encoding'],
  ['/bank/%4', 'The path holds a broken percent-encoding'],
  ['/bank/x#y', 'The path holds a character that must be percent-encoded'],
  [`/bank/${'a'.repeat(9000)}`, 'The path is too long'],
]
for (const [path, message] of paths) {
  test(`the path ${path.slice(0, 24)} is refused: ${message}`, async (t) => {
    const { rig, seen } = await open()
    const answer = await exchange(rig.port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\n\r\n`)
    t.regex(answer, /^HTTP\/1\.1 400 /)
    t.true(answer.includes(message))
    t.deepEqual(seen, [])
    await rig.close()
  })
}

for (const [title, line, more, status, code, message] of [
  ['CONNECT', 'CONNECT 127.0.0.1:80 HTTP/1.1', '', 405, 'request.not_allowed', 'This is no proxy'],
  ['an expectation that nobody knows', 'POST /bank/x HTTP/1.1', 'Expect: 200-maybe\r\nContent-Length: 0\r\n', 400, 'request.invalid', 'The expectation is not known'],
] as const) {
  test(`${title} is refused in words of ours and counted`, async (t) => {
    const { rig, seen } = await open()
    const answer = await exchange(rig.port, `${line}\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\n${more}\r\n`)
    t.true(answer.startsWith(`HTTP/1.1 ${status} `))
    t.true(answer.includes(`"detail":"${message}","code":"${code}"`))
    t.deepEqual(seen, [])
    t.deepEqual(rig.record.map(({ kind, code: counted }) => [kind, counted]), [['refusal', code]])
    await rig.close()
  })
}

test('a request without a Host is refused in words of ours and counted', async (t) => {
  const { rig } = await open()
  const answer = await exchange(rig.port, 'GET /bank/x HTTP/1.1\r\nAuthorization: Bearer alice\r\n\r\n')
  t.regex(answer, /^HTTP\/1\.1 403 /)
  t.true(answer.includes('The Host header does not name this gateway'))
  t.deepEqual(rig.record.map(({ kind, code }) => [kind, code]), [['refusal', 'request.origin']])
  await rig.close()
})

test('a Host or Origin that is not ours is refused even with a valid token', async (t) => {
  const { rig, seen } = await open()
  const host = `127.0.0.1:${rig.port}`
  const foreignHost = await exchange(rig.port, 'GET /bank/x HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer alice\r\n\r\n')
  t.regex(foreignHost, /^HTTP\/1\.1 403 /)
  t.true(foreignHost.includes('The Host header does not name this gateway'))
  const foreignOrigin = await exchange(rig.port, `GET /bank/x HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://evil.example\r\nAuthorization: Bearer alice\r\n\r\n`)
  t.regex(foreignOrigin, /^HTTP\/1\.1 403 /)
  t.true(foreignOrigin.includes('The Origin header is not allowed'))
  const own = await exchange(rig.port, `GET /bank/x HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nAuthorization: Bearer alice\r\n\r\n`)
  t.regex(own, /^HTTP\/1\.1 200 /)
  t.deepEqual(seen, ['GET /x'])
  await rig.close()
})

test('a path outside every target is refused, a neighbour of a prefix included', async (t) => {
  const { rig } = await open()
  for (const path of ['/', '/bankrupt', '/Bank/x']) {
    const response = await fetch(`http://127.0.0.1:${rig.port}${path}`, { headers: { authorization: 'Bearer alice' } })
    t.is(response.status, 404)
    t.is((await response.json() as { code: string }).code, 'request.unknown_target')
  }
  await rig.close()
})

test('headers over the maximum are refused, and so are too many of them', async (t) => {
  const { rig, seen } = await open()
  const host = `Host: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\n`
  const large = await exchange(rig.port, `GET /bank/x HTTP/1.1\r\n${host}X-A: ${'a'.repeat(40_000)}\r\n\r\n`)
  t.regex(large, /^HTTP\/1\.1 431 /)
  const many = await exchange(rig.port, `GET /bank/x HTTP/1.1\r\n${host}${Array.from({ length: 120 }, (_, n) => `X-${n}: 1\r\n`).join('')}\r\n`)
  t.regex(many, /^HTTP\/1\.1 4(?:13|31) /)
  t.true(many.includes('request.too_large'))
  t.deepEqual(seen, [])
  await rig.close()
})

test('an offer of HTTP/2 beside a call is not taken: the call is answered, its body is its own', async (t) => {
  const { rig, seen } = await open()
  t.teardown(() => rig.close())
  const body = '{"amount":1}'
  const answer = await exchange(rig.port, `POST /bank/x HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  t.regex(answer, /^HTTP\/1\.1 200 OK\r\n/)
  t.deepEqual(seen, ['POST /x'])
  t.deepEqual(rig.record.find(({ kind }) => kind === 'intent')?.operation?.request['body'], { amount: 1 })
})

test('a WebSocket to an MCP server is refused, and counted', async (t) => {
  const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (_request, response) => { response.end() } })
  t.teardown(() => rig.close())
  t.is(await exchange(rig.port, `GET /bank HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`), '')
  t.deepEqual(rig.record, [{ kind: 'refusal', code: 'request.not_allowed', message: 'This target takes no upgrades' }])
})
