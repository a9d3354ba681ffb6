// What once could reach an upstream in another shape than policy judged, one row each, stated as the verdict. Rows are only ever added.
import test from 'ava'
import { request as httpRequest } from 'node:http'
import { createHttp } from '../../gateway/protocols/http/index.ts'
import { createMcp } from '../../gateway/protocols/mcp/index.ts'
import { allow, openRig } from '../gateway/protocols/fake-door.ts'

const entry = { effects: ['write'], labels: [], request: {}, result: {}, isOpaque: false }
const repeating = { ...entry, repeats: ['tag'] }
const catalogue = { 'GET /search': repeating, 'POST /form': { ...entry, body: 'form' as const }, 'POST /transfers': entry, 'GET /customers/{id}': entry, 'GET /admin': entry, 'POST /blob': { ...entry, isOpaque: true } }

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
  ['a query name given twice, on which a rule about one value is silent', { path: '/customers/42?region=eu&region=us', code: 'request.invalid' }],
  ['a query name given twice, once in escapes', { path: '/customers/42?region=eu&%72egion=us', code: 'request.invalid' }],
  ['a query name given twice in another case', { path: '/customers/42?region=eu&Region=us', code: 'request.invalid' }],
  ['a query name given twice beside one that may repeat', { path: '/search?tag=a&tag=b&region=eu&region=us', code: 'request.invalid' }],
  ['a query name given twice on a route that nobody declared', { path: '/elsewhere?region=eu&region=us', code: 'request.invalid' }],
  ['a form field given twice', { method: 'POST', path: '/form', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'amount=1&amount=99999', code: 'request.invalid' }],
  ['JSON as plain text on a declared route, where a rule about a member is silent', { method: 'POST', path: '/transfers', headers: { 'content-type': 'text/plain' }, body: '{"amount":99999}', code: 'request.media_type' }],
  ['a form on a declared route that takes JSON', { method: 'POST', path: '/transfers', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'amount=99999', code: 'request.media_type' }],
  ['JSON on a declared route that takes a form', { method: 'POST', path: '/form', headers: { 'content-type': 'application/json' }, body: '{"amount":99999}', code: 'request.media_type' }],
  ['a body in two charsets, of which some take the last', { method: 'POST', path: '/transfers', headers: { 'content-type': 'application/json; charset=utf-8; charset=utf-7' }, body: '{"amount":1}', code: 'request.media_type' }],
  ['a body in a charset behind a blank, which some trim', { method: 'POST', path: '/transfers', headers: { 'content-type': 'application/json; charset=" utf-7"' }, body: '{"amount":1}', code: 'request.media_type' }],
  ['a body in a charset as RFC 8187 would write it', { method: 'POST', path: '/transfers', headers: { 'content-type': "application/json; charset*=utf-8''utf-7" }, body: '{"amount":1}', code: 'request.media_type' }],
  ['a body in a charset of which a reader sees another in quotes', { method: 'POST', path: '/transfers', headers: { 'content-type': 'application/json; x="; charset=utf-8"; charset=" utf-7"' }, body: '{"amount":1}', code: 'request.media_type' }],
  ['a declared route encoded twice, which some decode twice', { path: '/%2561dmin', code: 'request.malformed' }],
  ['a parameter encoded twice, on which a rule about its value is silent', { path: '/customers/%2542', code: 'request.malformed' }],
  ['a climb encoded twice', { path: '/open/%252e%252e/admin', code: 'request.malformed' }],
  ['a separator encoded three times', { path: '/open%25252fadmin', code: 'request.malformed' }],
  ['another method in the query, which some frameworks take for the method', { method: 'POST', path: '/transfers?_method=DELETE', headers: { 'content-type': 'application/json' }, body: '{"amount":1}', code: 'request.invalid' }],
  ['another method in a form', { method: 'POST', path: '/form', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'amount=1&_method=delete', code: 'request.invalid' }],
  ['another method in the query of a route that nobody declared', { method: 'POST', path: '/elsewhere?%5fmethod=PUT', code: 'request.invalid' }],
  ['a query name given twice, once with brackets', { path: '/customers/42?region=eu&region[]=us', code: 'request.invalid' }],
  ['a query name given twice, with a key in brackets first', { path: '/customers/42?region%5B0%5D=us&region=eu', code: 'request.invalid' }],
  ['a query name that may repeat, once more with brackets', { path: '/search?tag=a&tag=b&tag[]=c', code: 'request.invalid' }],
  ['a query name that may repeat, once more in another case', { path: '/search?tag=a&Tag=b', code: 'request.invalid' }],
  ['a query name that may repeat, behind one in another case', { path: '/search?Tag=a&tag=b', code: 'request.invalid' }],
  ['a form field given twice, once behind a blank', { method: 'POST', path: '/form', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'amount=1&+amount=99999', code: 'request.invalid' }],
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

const modern = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }

async function callTool(url: string, version: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const params = { name: 'read', arguments: { region: 'eu', page: 2 }, ...version === '2026-07-28' ? { _meta: modern } : {} }
  const response = await fetch(url, {
    method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    headers: { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': version, ...headers },
  })
  return await response.text()
}

test('not forwarded: headers of a legacy MCP message that name another tool than the message', async (t) => {
  let seen: NodeJS.Dict<string | string[]> = {}
  const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (request, response) => { seen = request.headers; response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}') } })
  t.teardown(() => rig.close())
  await callTool(rig.url, '2025-11-25', { 'mcp-method': 'tools/call', 'mcp-name': 'drop_table', 'mcp-param-region': 'us' })
  t.is(seen['mcp-protocol-version'], '2025-11-25')
  for (const name of ['mcp-method', 'mcp-name', 'mcp-param-region']) t.is(seen[name], undefined, name)
})

for (const [value, isForwarded] of [['us', false], ['=?base64?dXM=?=', false], ['', false], ['eu', true], ['=?base64?ZXU=?=', true], ['2', true]] as const) {
  test(`${isForwarded ? 'forwarded' : 'not forwarded'}: an Mcp-Param header "${value}" beside the arguments eu and 2`, async (t) => {
    let seen: NodeJS.Dict<string | string[]> | undefined
    const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (request, response) => { seen = request.headers; response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}') } })
    t.teardown(() => rig.close())
    const text = await callTool(rig.url, '2026-07-28', { 'mcp-method': 'tools/call', 'mcp-name': 'read', 'mcp-param-region': value })
    t.is(seen?.['mcp-param-region'], isForwarded ? value : undefined)
    if (!isForwarded) t.like(JSON.parse(text), { error: { code: -32020, message: 'An Mcp-Param header differs from the arguments' } })
  })
}

const customers = { 'demo://bank/customers': { ...entry, effects: ['read'], labels: ['pii'] }, 'file:///Mara Lind.txt': { ...entry, labels: ['pii'] } }
const readResource = async (uri: string) => {
  const seen: { id: string; labels: unknown }[] = []
  const rig = await openRig({
    protocol: (publicUrl) => createMcp({ publicUrl }), target: { catalogue: customers },
    upstream: (_request, response) => { response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{"contents":[]}}') },
    decide({ resource: { id, properties } }) { seen.push({ id, labels: properties['labels'] }); return allow },
  })
  const response = await fetch(rig.url, {
    method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri } }),
    headers: { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
  })
  const said = await response.json() as object
  await rig.close()
  return { said, seen }
}
const spellings = ['DEMO://bank/customers', 'demo://bank/./customers', 'demo://bank/x/../customers', 'demo://bank/%2e/customers', 'demo://bank/cust\tomers', ' demo://bank/customers', 'demo://bank/customers\n', 'demo://bank/%63ustomers', 'file://LOCALHOST/etc', 'file:\\\\etc', 'https://bank.example:443/a']
for (const uri of spellings) {
  test(`refused: a resource whose URI the official SDK reads as another, ${JSON.stringify(uri)}`, async (t) => {
    const { said, seen } = await readResource(uri)
    t.like(said, { error: { code: -32602, message: 'uri is not in its normal form' } })
    t.deepEqual(seen, [])
  })
}
for (const [uri, id, labels] of [
  ['demo://bank/customers', 'bank/demo://bank/customers', ['pii']], ['file:///Mara%20Lind.txt', 'bank/file:///Mara Lind.txt', ['pii']], ['file:///Mara Lind.txt', 'bank/file:///Mara Lind.txt', ['pii']],
  ['https://bank.example', 'bank/https://bank.example', []], ['https://bank.example?a=1', 'bank/https://bank.example?a=1', []], ['note:///Zürich', 'bank/note:///Zürich', []], ['urn:isbn:0451450523', 'bank/urn:isbn:0451450523', []], ['no uri', 'bank/no uri', []],
  ['file:///50%25', 'bank/file:///50%25', []], ['db://q?sql=SELECT%20%22a%22', 'bank/db://q?sql=SELECT%20%22a%22', []], ['x://y/%ff', 'bank/x://y/%ff', []],
] as const) {
  test(`decided by its declaration, whether or not it is escaped: the resource ${uri}`, async (t) => {
    t.deepEqual((await readResource(uri)).seen, [{ id, labels: [...labels] }])
  })
}

test('refused: another\'s stream taken up again by the id of its last event, which the official SDK replays to any session', async (t) => {
  const asked: unknown[] = []
  const rig = await openRig({
    protocol: (publicUrl) => createMcp({ publicUrl }),
    upstream(request, response) {
      if (request.method === 'GET') { asked.push(request.headers['last-event-id']); response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: e2\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"for alice"}}\n\n') }
      else response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'u' }).end('id: e1\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n')
    },
  })
  t.teardown(() => rig.close())
  const begin = async (who: string) => {
    const headers = { authorization: `Bearer ${who}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    const response = await fetch(rig.url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }) })
    const session = { authorization: `Bearer ${who}`, 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' }
    return { id: /^id: (.+)$/m.exec(await response.text())?.[1] ?? '', resume: async (id: string) => await (await fetch(rig.url, { headers: { ...session, accept: 'text/event-stream', 'last-event-id': id } })).text() }
  }
  const [alice, bob, alicesOther] = [await begin('alice'), await begin('bob'), await begin('alice')]
  for (const [who, id] of [[bob, alice.id], [bob, 'e1'], [bob, `${bob.id.slice(0, 17)}e2`], [bob, `${'A'.repeat(16)}.e1`], [alicesOther, alice.id]] as const) {
    t.like(JSON.parse(await who.resume(id)), { error: { code: -32600, message: 'Last-Event-ID is of no stream of this session' } })
  }
  t.deepEqual(asked, [])
  t.regex(await alice.resume(alice.id), /for alice/)
  t.deepEqual(asked, ['e1'])
})
