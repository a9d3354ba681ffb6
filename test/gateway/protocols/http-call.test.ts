import test from 'ava'
import { createHttp } from '../../../gateway/protocols/http/index.ts'
import { allow, openRig } from './fake-door.ts'

test('a JSON request is matched to its route, decided, forwarded as the same bytes and its answer masked', async (t) => {
  let seen = ''
  const rig = await openRig({
    protocol: (publicUrl) => createHttp({ publicUrl }),
    upstream: (request, response) => {
      request.on('data', (chunk: Buffer) => { seen += `${request.method} ${request.url} ${chunk.toString()}` })
      request.on('end', () => { response.setHeader('content-type', 'application/json').end('{"ssn": "219-09-9999", "n": 1.0}') })
    },
    target: { catalogue: { 'POST /customers/{id}': { effects: ['read'], labels: [], request: {}, result: {}, isOpaque: false, repeats: ['a', 'b'] } } },
    decide: () => ({ ...allow, mask: [{ id: 'ssn', match: { columns: ['ssn'] }, op: 'redact' }] }),
  })
  const response = await fetch(`${rig.url}/customers/C-1?a=1&a=2&b=3`, { method: 'POST', headers: { authorization: 'Bearer alice', 'content-type': 'application/json' }, body: '{"x": 1}' })
  t.is(response.status, 200)
  t.is(await response.text(), '{"ssn":"[REDACTED:ssn]","n":1}')
  t.is(seen, 'POST /customers/C-1?a=1&a=2&b=3 {"x": 1}')
  const [intent] = rig.record
  t.is(intent?.operation?.resource.id, 'bank/POST /customers/{id}')
  t.deepEqual(intent?.operation?.action, { name: 'http.post', properties: { effects: ['read'] } })
  t.deepEqual(intent?.operation?.request['query'], { a: ['1', '2'], b: ['3'] }, 'a declared name is an array however often it comes')
  t.deepEqual(intent?.operation?.request['params'], { id: 'C-1' })
  await rig.close()
})

test('the time that policy gives holds on a route that is passed unread, too', async (t) => {
  const rig = await openRig({
    protocol: (publicUrl) => createHttp({ publicUrl }), upstream: () => undefined, timeoutMs: 60_000, decide: () => ({ ...allow, limits: { timeout_ms: 50 } }),
    target: { catalogue: { 'POST /blob': { effects: ['write'], labels: [], request: {}, result: {}, isOpaque: true } } },
  })
  const response = await fetch(`${rig.url}/blob`, { method: 'POST', headers: { authorization: 'Bearer alice' }, body: 'x' })
  t.is(response.status, 504)
  t.like(await response.json(), { code: 'upstream.timeout', detail: 'The upstream did not answer in time' })
  await rig.close()
})

test('a form on a route that declares one is read as fields', async (t) => {
  const rig = await openRig({
    protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (_request, response) => { response.end() },
    target: { catalogue: { 'POST /login': { effects: ['write'], labels: [], request: {}, result: {}, isOpaque: false, body: 'form' }, 'POST /note': { effects: ['write'], labels: [], request: {}, result: {}, isOpaque: false, body: 'text' } } },
  })
  const send = (path: string, type: string, body: string) => fetch(`${rig.url}${path}`, { method: 'POST', headers: { authorization: 'Bearer alice', 'content-type': type }, body })
  t.is((await send('/login', 'application/x-www-form-urlencoded', 'user=ana&role=a%2Bb')).status, 200)
  t.is((await send('/note', 'text/plain', 'a=1')).status, 200)
  t.deepEqual(rig.record.flatMap(({ kind, operation }) => kind === 'intent' ? [operation?.request['body']] : []), [{ user: 'ana', role: 'a+b' }, 'a=1'])
  await rig.close()
})
