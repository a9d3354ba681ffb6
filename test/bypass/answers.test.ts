// What once reached a caller beside the masks, one row each, stated as the verdict. Rows are only ever added.
import test from 'ava'
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
  ['in JSON that says UTF-7', { headers: { 'content-type': 'application/json; charset=utf-7' }, body: '{"n":"+ADIAMQA5-09-9999"}', never: '+ADIAMQA5' }],
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

test('not delivered over MCP: a value in the id of an event, with data and without', async (t) => {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 'a', result: { content: [] } })
  const rig = await openRig({ protocol: (publicUrl) => createMcp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`id: ${value}\ndata:\n\nid: ${value}\ndata: ${text}\n\n`) }, decide: () => ({ ...allow, mask: net }) })
  t.teardown(() => rig.close())
  const { body } = await ask(rig.url, 'tools/call')
  t.false(body.includes(value))
  t.true(body.includes('"content":[]'))
})

async function ask(url: string, method: string): Promise<{ body: string; delivered: boolean }> {
  const params = method === 'tools/call' ? { name: 'x', _meta: meta } : { _meta: meta }
  const response = await fetch(url, {
    method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 'a', method, params }),
    headers: { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...method === 'tools/call' ? { 'mcp-name': 'x' } : {} },
  })
  const body = await response.text()
  return { body, delivered: body.includes('jsonrpc') }
}
