import test from 'ava'
import { createHttp } from '../../../gateway/protocols/http/index.ts'
import { refusal } from '../../../gateway/refusal.ts'
import { allow, openRig, outcomes, type RigOptions } from './fake-door.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'

const headers = { authorization: 'Bearer alice', 'content-type': 'application/json' }
const open = async (options: Partial<RigOptions<never, never>> = {}, answer?: (request: IncomingMessage, response: ServerResponse) => void) => {
  const seen: IncomingMessage[] = []
  const rig = await openRig({
    ...options as object,
    protocol: (publicUrl) => createHttp({ publicUrl }),
    upstream: (request, response) => {
      seen.push(request)
      request.resume()
      if (answer === undefined) response.setHeader('content-type', 'application/json').end('{}')
      else answer(request, response)
    },
  })
  return { rig, seen }
}
interface Problem { code: string; detail: string; status: number; decision_id?: string; frame?: string; approval_url?: string; reasons: { id: string }[]; retryable: boolean }

const malformed: readonly (readonly [string, RequestInit, string, number, string, string])[] = [
  ['a body that is not JSON', { method: 'POST', headers, body: '{"a"' }, '/x', 400, 'request.malformed', 'the JSON text is malformed (byte 4)'],
  ['a member given twice', { method: 'POST', headers, body: '{"a":1,"a":2}' }, '/x', 400, 'request.malformed', 'an object has the same member twice (byte 7)'],
  ['nesting over the maximum', { method: 'POST', headers, body: `${'['.repeat(40)}${']'.repeat(40)}` }, '/x', 400, 'request.malformed', 'the JSON text is nested deeper than allowed (byte 32)'],
  ['text that is not UTF-8', { method: 'POST', headers: { ...headers, 'content-type': 'text/plain' }, body: Uint8Array.of(0xff) }, '/x', 400, 'request.malformed', 'The request body is not UTF-8'],
  ['another charset', { method: 'POST', headers: { ...headers, 'content-type': 'application/json; charset=utf-16' }, body: '{}' }, '/x', 415, 'request.media_type', 'The request body must be UTF-8'],
  ['an encoded body', { method: 'POST', headers: { ...headers, 'content-encoding': 'gzip' }, body: '{}' }, '/x', 415, 'request.media_type', 'An encoded request body cannot be read'],
  ['a query that is not UTF-8', { headers }, '/x?a=%ff', 400, 'request.malformed', 'A field is not UTF-8'],
  ['a path that is not UTF-8', { headers }, '/%ff', 400, 'request.malformed', 'The path is not UTF-8'],
  ['a query with too many fields', { headers }, `/x?${'a&'.repeat(1001)}`, 413, 'request.too_large', 'The request has too many fields'],
  ['a query name that is given twice', { headers }, '/x?a=1&a=2', 400, 'request.invalid', 'A field is given twice, and the route does not declare that it repeats'],
  ['a query name that is not allowed', { headers }, '/x?__proto__=1', 400, 'request.invalid', 'The request holds a field name that is not allowed'],
]
for (const [name, init, path, status, code, message] of malformed) {
  test(`${name} is refused and recorded`, async (t) => {
    const { rig, seen } = await open()
    t.teardown(() => rig.close())
    const response = await fetch(rig.url + path, init)
    const problem = await response.json() as Problem
    t.is(response.headers.get('content-type'), 'application/problem+json')
    t.deepEqual([response.status, problem.code, problem.detail], [status, code, message])
    t.is(seen.length, 0)
    t.deepEqual(rig.record.map(({ kind, message: said }) => [kind, said]), [['refusal', message]])
  })
}

test('a denial is a problem document with rule, decision and frame', async (t) => {
  const { rig, seen } = await open({ decide: () => refusal('policy.denied', 'Not at night', { decisionId: 'ab', frame: '00/1', reasons: [{ id: 'http.night', msg: 'Not at night' }] }) })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { headers })
  t.is(response.status, 403)
  const { code, decision_id, frame, reasons, retryable } = await response.json() as Problem
  t.deepEqual({ code, decision_id, frame, reasons, retryable }, { code: 'policy.denied', decision_id: 'ab', frame: '00/1', reasons: [{ id: 'http.night', msg: 'Not at night' }] as never, retryable: false })
  t.is(seen.length, 0)
})

test('a request that waits for a person says where and when to come back', async (t) => {
  const { rig } = await open({ decide: () => refusal('approval.pending', 'Needs a lead', { approval: { id: 'apr_1', url: 'https://gw/apr_1', expiresAt: 1 } }) })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { method: 'POST', headers, body: '{}' })
  t.is(response.status, 403)
  t.is(response.headers.get('retry-after'), '10')
  t.is((await response.json() as Problem).approval_url, 'https://gw/apr_1')
})

test('a caller with too many connections is told so with 429, and the connection ends', async (t) => {
  const { rig } = await open({ decide: () => refusal('connection.limit') })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { headers: { authorization: 'Bearer alice' } })
  t.is(response.status, 429)
  t.is(response.headers.get('connection'), 'close')
  t.is(response.headers.get('retry-after'), '1')
  t.like(await response.json() as object, { code: 'connection.limit', detail: 'Too many connections of this caller are open', retryable: true })
})

test('a rate that is used up is 429 with Retry-After', async (t) => {
  const { rig } = await open({ decide: () => refusal('policy.limit', undefined, { retryAfterS: 7 }) })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { headers })
  t.is(response.status, 429)
  t.is(response.headers.get('retry-after'), '7')
})

test('no or a bad token is 401 with the challenge', async (t) => {
  const { rig, seen } = await open()
  t.teardown(() => rig.close())
  const metadata = 'Bearer resource_metadata="http://127.0.0.1/.well-known/oauth-protected-resource/bank"'
  t.is((await fetch(`${rig.url}/x`)).headers.get('www-authenticate'), metadata)
  t.is((await fetch(`${rig.url}/x`, { headers: { authorization: 'Bearer nobody' } })).headers.get('www-authenticate'), `${metadata}, error="invalid_token"`)
  t.is(seen.length, 0)
})

test('the caller\'s credentials and unlisted headers never reach the upstream, and the upstream\'s never reach the caller', async (t) => {
  const { rig, seen } = await open({}, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'upstream=1', 'www-authenticate': 'Basic', 'cache-control': 'public, max-age=60', etag: '"1"' }).end('{}')
  })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { headers: { ...headers, cookie: 'session=1', 'proxy-authorization': 'Basic x', 'x-http-method-override': 'DELETE', 'x-forwarded-for': '1.2.3.4', 'if-match': '"7"' } })
  const sent = seen[0]?.headers
  t.is(sent?.authorization, 'Bearer upstream-secret')
  for (const name of ['cookie', 'proxy-authorization', 'x-http-method-override', 'x-forwarded-for']) t.is(sent?.[name], undefined, name)
  t.is(sent?.['if-match'], '"7"')
  t.is(sent?.['accept-encoding'], 'identity')
  t.is(response.headers.get('set-cookie'), null)
  t.is(response.headers.get('www-authenticate'), null)
  t.is(response.headers.get('cache-control'), 'private, no-transform')
  t.is(response.headers.get('etag'), '"1"')
})

test('a type nobody can mask is refused when there are masks, after the call was made, and the outcome says so', async (t) => {
  const { rig } = await open({ decide: () => ({ ...allow, mask: [{ id: 'ssn', match: { class: 'US_SSN' }, op: 'redact' }] }) }, (_request, response) => { response.writeHead(200, { 'content-type': 'image/png' }).end('219-09-9999') })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { headers })
  t.is(response.status, 403)
  t.is((await response.json() as Problem).code, 'mask.unenforceable')
  t.is(outcomes(rig.record)[0]?.summary.code, 'mask.unenforceable')
})

test('a mask that cannot be enforced stops the call before it is made', async (t) => {
  const { rig, seen } = await open({ decide: () => ({ ...allow, mask: [{ id: 'x', match: {}, op: 'redact' }] }) })
  t.teardown(() => rig.close())
  t.is((await (await fetch(`${rig.url}/x`, { headers })).json() as Problem).code, 'mask.unenforceable')
  t.is(seen.length, 0)
})

const faults: readonly (readonly [string, number, string, (response: ServerResponse) => void])[] = [
  ['resets before the answer', 502, 'upstream.broken', (response) => { response.socket?.destroy() }],
  ['resets inside a body', 502, 'upstream.broken', (response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 }).write('{"a"'); setTimeout(() => response.socket?.destroy(), 20) }],
  ['sends garbage for HTTP', 502, 'upstream.broken', (response) => { response.socket?.end('SSH-2.0-OpenSSH\r\n\r\n') }],
  ['sends garbage for JSON', 502, 'upstream.broken', (response) => { response.setHeader('content-type', 'application/json').end('<html>') }],
  ['does not answer in time', 504, 'upstream.timeout', () => undefined],
  ['stalls inside a body', 504, 'upstream.timeout', (response) => { response.writeHead(200, { 'content-type': 'application/json' }).write('{') }],
  ['declares a result over the maximum', 502, 'upstream.too_large', (response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-length': 10_000_000 }).write('{') }],
  ['sends a result over the maximum', 502, 'upstream.too_large', (response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(`"${'x'.repeat(5_000_000)}"`) }],
]
for (const [name, status, code, misbehave] of faults) {
  test(`an upstream that ${name} is ${code}, on record, and the gateway lives on`, async (t) => {
    // Short where time is what is tested, and nowhere else: a busy machine takes longer for the rest.
    const { rig } = await open({ timeoutMs: status === 504 ? 300 : 60_000 }, (_request, response) => misbehave(response))
    t.teardown(() => rig.close())
    const response = await fetch(`${rig.url}/x`, { headers })
    t.deepEqual([response.status, (await response.json() as Problem).code], [status, code])
    t.deepEqual(outcomes(rig.record).map(({ summary }) => [summary.status, summary.code]), [['failed', code]])
    t.is(await (await fetch(`http://127.0.0.1:${rig.port}/healthz`)).text(), 'ok')
  })
}
