// What once reached a caller beside the masks, one row each, stated as the verdict. Rows are only ever added.
import test from 'ava'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { createMcp } from '../../gateway/protocols/mcp/index.ts'
import { createHttp } from '../../gateway/protocols/http/index.ts'
import { allow, openRig } from '../gateway/protocols/fake-door.ts'
import type { Decision } from '../../rego/index.ts'

const value = '219-09-9999'
const net: Decision['mask'] = [{ id: 'ssn', match: { class: 'US_SSN' }, op: 'redact' }]
const named: Decision['mask'] = [{ id: 'name', match: { columns: ['name'] }, op: 'redact' }]
const utf16 = (text: string) => Buffer.from(text, 'utf16le')

interface Row { readonly headers: Readonly<Record<string, string>>; readonly body: string | Buffer; readonly mask?: Decision['mask']; readonly never?: string | Buffer }

const rows: readonly (readonly [string, Row])[] = [
  ['in the id of an event', { headers: { 'content-type': 'text/event-stream' }, body: `id: ${value}\ndata: {}\n\n` }],
  ['in the name of an event', { headers: { 'content-type': 'text/event-stream' }, body: `event: ${value}\ndata: {}\n\n` }],
  ['in a Content-Type parameter', { headers: { 'content-type': `application/json; note="${value}"` }, body: '{}' }],
  ['in the subtype of Content-Type', { headers: { 'content-type': `text/${value}` }, body: 'x' }],
  ['in Allow', { headers: { 'content-type': 'application/json', allow: value }, body: '{}' }],
  ['in Vary', { headers: { 'content-type': 'application/json', vary: `x-${value}` }, body: '{}' }],
  ['in Retry-After', { headers: { 'content-type': 'application/json', 'retry-after': value }, body: '{}' }],
  ['in Sunset', { headers: { 'content-type': 'application/json', sunset: value }, body: '{}' }],
  ['in UTF-16 text that says so', { headers: { 'content-type': 'text/plain; charset=utf-16le' }, body: utf16(value), never: utf16(value) }],
  ['in UTF-16 text that does not say so', { headers: { 'content-type': 'text/plain' }, body: utf16(value), never: utf16(value) }],
  ['in UTF-7 text', { headers: { 'content-type': 'text/plain; charset=utf-7' }, body: '+ADIAMQA5-09-9999', never: '+ADIAMQA5' }],
  ['in JSON that says UTF-8 and UTF-7', { headers: { 'content-type': 'application/json; charset=utf-8; charset=utf-7' }, body: '{"n":"+ADIAMQA5-09-9999"}', never: '+ADIAMQA5' }],
  ['in JSON that says UTF-7', { headers: { 'content-type': 'application/json; charset=utf-7' }, body: '{"n":"+ADIAMQA5-09-9999"}', never: '+ADIAMQA5' }],
  ['in JSON whose charset stands behind a blank', { headers: { 'content-type': 'application/json; charset=" utf-7"' }, body: '{"n":"+ADIAMQA5-09-9999"}', never: '+ADIAMQA5' }],
  ['in a column of CSV that a rule names', { headers: { 'content-type': 'text/csv' }, body: 'id,name\n1,Mara Lind\n', mask: named, never: 'Mara' }],
  ['in an element of XML that a rule names', { headers: { 'content-type': 'text/xml' }, body: '<r><name>Mara Lind</name></r>', mask: named, never: 'Mara' }],
  ['in a cell of HTML that a rule names', { headers: { 'content-type': 'text/html' }, body: '<th>name<td>Mara Lind', mask: named, never: 'Mara' }],
]
for (const [name, { headers, body, mask = net, never = value }] of rows) {
  test(`not delivered: a value ${name}`, async (t) => {
    const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, headers).end(body) }, decide: () => ({ ...allow, mask }) })
    t.teardown(() => rig.close())
    const response = await fetch(`${rig.url}/x`, { headers: { authorization: 'Bearer alice' } })
    // A stream that cannot be masked is cut off; what came before that is nothing.
    t.false(Buffer.from(await response.arrayBuffer().catch(() => new ArrayBuffer(0))).includes(never))
    t.false(JSON.stringify([...response.headers]).includes(String(never)))
    t.true(rig.record.every(({ part }) => part === undefined || !Buffer.from(part.content).includes(never)))
  })
}

const declared = { 'GET /x': { effects: ['read'], labels: [], request: {}, result: { '/customer/name': 'NAME' }, isOpaque: false } }
const trees: readonly (readonly [string, string])[] = [
  ['JSON', '{"customer":{"name":"Mara Lind"}}'], ['JSON on many lines', '{\n  "customer": {\n    "name": "Mara Lind"\n  }\n}\n'], ['JSON line by line', '{"id":1}\n{"customer":{"name":"Mara Lind"}}\n'],
  ['JSON that is longer than a line may be', `{"pad":"${'a, b '.repeat(20_000)}","customer":{"name":"Mara Lind"}}`],
]
for (const [name, body] of trees) {
  test(`not delivered: a field declared by its place, in ${name} that says it is text`, async (t) => {
    const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': 'text/plain' }).end(body) }, decide: () => ({ ...allow, mask: [{ id: 'name', match: { class: 'NAME' }, op: 'redact' }] }), target: { catalogue: declared } })
    t.teardown(() => rig.close())
    const response = await fetch(`${rig.url}/x`, { headers: { authorization: 'Bearer alice' } })
    t.false((await response.text().catch(() => '')).includes('Mara'))
    t.true(rig.record.every(({ part }) => part === undefined || !Buffer.from(part.content).includes('Mara')))
    const failure = rig.record.find(({ part }) => part?.summary.code !== undefined)?.part?.summary
    t.deepEqual(failure && [failure.code, failure.title], name === 'JSON' || name === 'JSON line by line' ? undefined : ['mask.failed', 'The text is JSON in part, so that declared fields of it cannot be found'])
  })
}

test('not delivered: a number in escapes, in JSON that says it is text', async (t) => {
  const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': 'text/html' }).end('[{"n":"219\\u002d09\\u002d9999"}]\n') }, decide: () => ({ ...allow, mask: net }) })
  t.teardown(() => rig.close())
  t.is(await (await fetch(`${rig.url}/x`, { headers: { authorization: 'Bearer alice' } })).text(), '[{"n":"[REDACTED:ssn]"}]\n')
})

test('delivered as it is: text beside declared fields that is no JSON', async (t) => {
  const said = 'Not found\n[2026-11-22] {x} is no customer\n'
  const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (_request, response) => { response.writeHead(404, { 'content-type': 'text/plain' }).end(said) }, decide: () => ({ ...allow, mask: [{ id: 'name', match: { class: 'NAME' }, op: 'redact' }] }), target: { catalogue: declared } })
  t.teardown(() => rig.close())
  const response = await fetch(`${rig.url}/x`, { headers: { authorization: 'Bearer alice' } })
  t.deepEqual([response.status, await response.text()], [404, said])
})

const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
const messages: readonly (readonly [string, string, object])[] = [
  ['in a tree where isError is due', 'tools/call', { result: { content: [], isError: { note: value } } }],
  ['in a tree where the type of a block is due', 'tools/call', { result: { content: [{ type: { note: value } }] } }],
  ['in the type of a block', 'tools/call', { result: { content: [{ type: value }] } }],
  ['in a tree where a cursor is due', 'tools/list', { result: { tools: [], nextCursor: [value] } }],
  ['in a cursor', 'tools/list', { result: { tools: [], nextCursor: `after=${value}` } }],
  ['in the state of a request for input', 'tools/call', { result: { resultType: 'input_required', requestState: value } }],
  ['in a version', 'server/discover', { result: { supportedVersions: [value], capabilities: {} } }],
  ['in a capability', 'server/discover', { result: { supportedVersions: ['2026-07-28'], capabilities: { experimental: { note: value } } } }],
  ['in a tree where an error code is due', 'tools/call', { error: { code: { note: value }, message: 'failed' } }],
  ['in a default of a schema', 'tools/list', { result: { tools: [{ name: 'a', inputSchema: { type: 'object', properties: { ssn: { type: 'string', default: value } } } }] } }],
  ['in an example of a schema, as JSON in a text', 'tools/list', { result: { tools: [{ name: 'a', outputSchema: { type: 'object', description: `{"ssn":"${value}"}` } }] } }],
]
for (const [name, method, answer] of messages) {
  for (const kind of ['application/json', 'text/event-stream']) {
    test(`not delivered over MCP as ${kind}: a value ${name}`, async (t) => {
      const text = JSON.stringify({ jsonrpc: '2.0', id: 'a', ...answer })
      const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': kind }).end(kind === 'application/json' ? text : `data: ${text}\n\n`) }, decide: () => ({ ...allow, mask: net }) })
      t.teardown(() => rig.close())
      const { body, delivered } = await ask(rig.url, method)
      t.false(body.includes(value))
      t.true(rig.record.every(({ part }) => part === undefined || !Buffer.from(part.content).includes(value)))
      t.true(delivered)
    })
  }
}

const secret = 'SSN 219-09-9999 in a picture'
const png = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff]), Buffer.from(secret)]).toString('base64')
const wide = utf16(secret).toString('base64')
const block = (data: string) => ({ type: 'image', mimeType: 'image/png', data })
const pictures: readonly (readonly [string, string, object])[] = [
  ['in an image', 'tools/call', { result: { content: [{ type: 'text', text: 'here' }, block(png)] } }],
  ['in audio', 'tools/call', { result: { content: [{ type: 'audio', mimeType: 'audio/wav', data: png }] } }],
  ['in an image of base64 with blanks in it', 'tools/call', { result: { content: [block(`${png.slice(0, 16)} ${png.slice(16)}`)] } }],
  ['in a text of two-byte letters', 'tools/call', { result: { content: [{ type: 'resource', resource: { uri: 'x://1', blob: wide } }] } }],
  ['in an image that is too short to be looked at', 'tools/call', { result: { content: [block('/4kxMjM=')] } }],
  ['in an embedded file', 'tools/call', { result: { content: [{ type: 'resource', resource: { uri: 'x://1', blob: png } }] } }],
  ['in a block of a kind that nobody knows', 'tools/call', { result: { content: [{ type: 'video', data: png }] } }],
  ['in an image beside a failure', 'tools/call', { result: { isError: true, content: [block(png)] } }],
  ['in an image that a task brings', 'tasks/get', { result: { resultType: 'complete', status: 'completed', result: { content: [block(png)] } } }],
  ['in a picture of a request for input', 'tools/call', { result: { resultType: 'input_required', inputRequests: { a: { method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: block(png) }] } } } } }],
  ['in a resource that is a file', 'resources/read', { result: { contents: [{ uri: 'x://1', blob: png }] } }],
  ['in a prompt with an image', 'prompts/get', { result: { messages: [{ role: 'user', content: block(png) }] } }],
]
for (const [name, method, answer] of pictures) {
  for (const kind of ['application/json', 'text/event-stream']) {
    test(`not delivered over MCP as ${kind}: bytes beside a mask ${name}`, async (t) => {
      const text = JSON.stringify({ jsonrpc: '2.0', id: 'a', ...answer })
      const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': kind }).end(kind === 'application/json' ? text : `data: ${text}\n\n`) }, decide: () => ({ ...allow, mask: net }) })
      t.teardown(() => rig.close())
      const { body } = await ask(rig.url, method)
      t.true(body.includes('The answer holds an image, audio or a file, which masks cannot read'))
      t.regex(body, method === 'tools/call' ? /"code":"mask\.unenforceable"/ : /"code":4036/)
      for (const bytes of [png, wide, png.slice(0, 16)]) t.false(body.includes(bytes))
      t.true(rig.record.every(({ part }) => part === undefined || !Buffer.from(part.content).includes(png)))
      t.is(rig.record.filter(({ part }) => part?.summary.code === 'mask.unenforceable').length, 1, 'the outcome says so')
    })
  }
}

test('delivered over MCP: an image where nothing is masked, and one of a tool that is declared opaque, its text masked', async (t) => {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 'a', result: { content: [{ type: 'text', text: `SSN ${value}` }, block(png)] } })
  for (const [mask, isOpaque] of [[[], false], [net, true]] as const) {
    const rig = await openRig({
      protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(text) }, decide: () => ({ ...allow, mask }),
      target: { catalogue: { x: { effects: ['read'], labels: [], request: {}, result: {}, isOpaque } } },
    })
    t.teardown(() => rig.close())
    const { body } = await ask(rig.url, 'tools/call')
    t.true(body.includes(png))
    t.is(body.includes(value), mask.length === 0)
    t.is((await ask(rig.url, 'resources/read')).body.includes('mask.unenforceable'), mask.length > 0, 'what is declared of a tool is not said of a resource')
  }
})

test('not delivered over MCP: a value in the id of an event, with data and without', async (t) => {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 'a', result: { content: [] } })
  const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`id: ${value}\ndata:\n\nid: ${value}\ndata: ${text}\n\n`) }, decide: () => ({ ...allow, mask: net }) })
  t.teardown(() => rig.close())
  const { body } = await ask(rig.url, 'tools/call')
  t.false(body.includes(value))
  t.true(body.includes('"content":[]'))
})

for (const [headers, row] of [
  [{ 'if-none-match': '"a", "digest-of-219-09-9999"' }, { method: 'GET', status: 200, said: { ssn: '[REDACTED:ssn]' } }],
  [{ 'if-none-match': 'W/"digest-of-219-09-9999"' }, { method: 'HEAD', status: 200 }],
  [{ 'if-match': '"digest-of-219-09-9999"' }, { method: 'GET', status: 403, said: { code: 'mask.unenforceable', detail: 'An entity tag would tell whether a masked value was guessed' } }],
  [{ 'if-none-match': '"digest-of-219-09-9999"' }, { method: 'PUT', status: 403, said: { code: 'mask.unenforceable', detail: 'An entity tag would tell whether a masked value was guessed' } }],
] as const) {
  test(`not told: whether a masked value was guessed, to a ${row.method} with ${JSON.stringify(headers)}`, async (t) => {
    const rig = await openRig({
      protocol: (publicUrl) => createHttp({ publicUrl }), decide: () => ({ ...allow, mask: net }),
      upstream(request, response) {
        const isGuessed = /digest-of-219-09-9999/.test(`${request.headers['if-none-match']}${request.headers['if-match']}`)
        response.writeHead(isGuessed ? 304 : 200, { etag: '"digest-of-219-09-9999"', 'content-type': 'application/json' }).end(isGuessed ? undefined : `{"ssn":"${value}"}`)
      },
    })
    t.teardown(() => rig.close())
    const response = await fetch(`${rig.url}/x`, { method: row.method, headers: { authorization: 'Bearer alice', ...headers } })
    t.is(response.status, row.status)
    if ('said' in row) t.like(await response.json() as object, row.said)
  })
}

test('forwarded beside a mask: a precondition without a tag, which tells of no value', async (t) => {
  const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), decide: () => ({ ...allow, mask: net }), upstream: (request, response) => { response.writeHead(request.headers['if-none-match'] === '*' ? 412 : 200).end() } })
  t.teardown(() => rig.close())
  t.is((await fetch(`${rig.url}/x`, { method: 'PUT', headers: { authorization: 'Bearer alice', 'if-none-match': '*' } })).status, 412)
})

for (const [name, answer] of [['takes an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'], ['refuses an upgrade', 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="core"\r\nContent-Length: 0\r\n']] as const) {
  test(`not delivered: the gateway's own cookie, set by an upstream that ${name}`, async (t) => {
    const server = createServer()
    server.on('upgrade', (_request, socket) => { socket.end(`${answer}Set-Cookie: session=of-the-gateway\r\nX-Backend: core-7\r\n\r\n`) })
    const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: server })
    t.teardown(() => rig.close())
    const socket = connect(rig.port, '127.0.0.1')
    socket.write(`GET /bank/live HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: Bearer alice\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    t.true(text.startsWith(answer.slice(0, 12)), text)
    t.notRegex(text, /of-the-gateway|core/)
  })
}

for (const [name, message] of [
  ['a result beside a method, which some read as the answer', { id: 'a', method: 'notifications/message', params: {}, result: { content: [] } }],
  ['an error beside a method', { method: 'notifications/message', error: { code: 1, message: 'x' } }],
  ['a second result in another case, which some read in place of the first', { id: 'a', result: { content: [] }, Result: { content: [] } }],
] as const) {
  test(`not delivered over MCP: ${name}`, async (t) => {
    const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`) } })
    t.teardown(() => rig.close())
    const { body } = await ask(rig.url, 'tools/call')
    t.like(JSON.parse(body.replace('data: ', '')) as object, { error: { code: 5021, message: 'The upstream sent an event that is not JSON-RPC' } })
  })
}

async function ask(url: string, method: string): Promise<{ body: string; delivered: boolean }> {
  const name = { 'tools/call': 'x', 'prompts/get': 'x', 'resources/read': 'x://1', 'tasks/get': 't' }[method]
  const member = method === 'resources/read' ? 'uri' : method === 'tasks/get' ? 'taskId' : 'name'
  const params = name === undefined ? { _meta: meta } : { [member]: name, _meta: meta }
  const response = await fetch(url, {
    method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 'a', method, params }),
    headers: { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...name === undefined ? {} : { 'mcp-name': name } },
  })
  const body = await response.text()
  return { body, delivered: body.includes('jsonrpc') }
}
