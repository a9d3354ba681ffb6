// What once could reach an upstream in another shape than policy judged, one row each, stated as the verdict. Rows are only ever added.
import test from 'ava'
import { request as httpRequest } from 'node:http'
import { createHttp } from '../../gateway/protocols/http/index.ts'
import { openRig } from '../gateway/protocols/fake-door.ts'

const entry = { effects: ['write'], labels: [], request: {}, result: {}, isOpaque: false }
const catalogue = { 'POST /transfers': entry, 'GET /customers/{id}': entry, 'GET /admin': entry, 'POST /blob': { ...entry, isOpaque: true } }

interface Row { readonly method?: string; readonly path: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string; readonly code: string }

const rows: readonly (readonly [string, Row])[] = [
  ['a JSON body on a declared route under another type, which no rule would see', { method: 'POST', path: '/transfers', headers: { 'content-type': 'application/octet-stream' }, body: '{"amount":99999}', code: 'request.media_type' }],
  ['a JSON body on a declared route without a type', { method: 'POST', path: '/transfers', body: '{"amount":99999}', code: 'request.media_type' }],
  ['a JSON body on a declared route padded past what is read', { method: 'POST', path: '/transfers', headers: { 'content-type': 'application/json' }, body: `{"amount":99999${' '.repeat(70_000)}}`, code: 'request.too_large' }],
  ['a WebSocket on a declared route that reads one thing', { path: '/admin', headers: { upgrade: 'websocket', connection: 'Upgrade' }, code: 'request.invalid' }],
  ['a declared route in another case', { path: '/Admin', code: 'request.malformed' }],
  ['a declared route with a slash at its end', { path: '/admin/', code: 'request.malformed' }],
  ['a declared route with a parameter and a slash at its end', { path: '/customers/42/', code: 'request.malformed' }],
  ['a declared route in full-width letters', { path: '/%EF%BD%81dmin', code: 'request.malformed' }],
  ['a declared route with a space at its end', { path: '/admin%20', code: 'request.malformed' }],
  ['a matrix parameter, which some servers cut off', { path: '/admin;x=1', code: 'request.malformed' }],
  ['a matrix parameter inside a path parameter', { path: '/customers/42;v=2', code: 'request.malformed' }],
  ['a query that ends early for some', { path: '/customers/42?a=1#&b=2', code: 'request.malformed' }],
  ['a query with a separator that only some know', { path: '/customers/42?a=1;b=2', code: 'request.malformed' }],
  ['a body under a transfer coding that nobody undoes', { method: 'POST', path: '/blob', headers: { 'transfer-encoding': 'gzip, chunked' }, body: 'x', code: 'request.malformed' }],
  ['an encoded matrix parameter', { path: '/admin%3bx', code: 'request.malformed' }],
]
for (const [name, row] of rows) {
  test(`not forwarded: ${name}`, async (t) => {
    let calls = 0
    const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (_request, response) => { calls++; response.end() }, target: { catalogue } })
    t.teardown(() => rig.close())
    const text = await new Promise<string>((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: rig.port, method: row.method ?? 'GET', path: `/bank${row.path}`, headers: { authorization: 'Bearer alice', ...row.headers } }, (response) => {
        let read = ''
        response.setEncoding('utf8').on('data', (chunk: string) => { read += chunk }).on('end', () => resolve(read))
      })
      request.on('error', reject)
      request.end(row.body)
    })
    t.is((JSON.parse(text) as { code: string }).code, row.code)
    t.is(calls, 0)
  })
}
