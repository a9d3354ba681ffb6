// Messages that must go nowhere: each has its status, its code and its frame, and the upstream sees nothing.
import test from 'ava'
import { createMcp } from '../../../gateway/protocols/mcp/index.ts'
import { refusal } from '../../../gateway/refusal.ts'
import { openRig, type RigOptions } from './fake-door.ts'

const both = 'application/json, text/event-stream'
const legacy = { authorization: 'Bearer alice', 'content-type': 'application/json', accept: both }
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'drop_table', arguments: { table: 'customers' } } }
const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
const modernCall = { ...call, params: { ...call.params, _meta: meta } }
const modern = { ...legacy, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'drop_table' }

const open = async (options: Partial<RigOptions<never, never>> = {}) => {
  let calls = 0
  const rig = await openRig({
    ...options as object,
    protocol: (publicUrl) => createMcp({ publicUrl }),
    upstream: (_request, response) => { calls++; response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}') },
  })
  return { rig, calls: () => calls }
}
type Said = { id?: unknown; error?: { code: number; message: string; data?: { [name: string]: unknown } }; result?: { isError?: boolean; content: { text: string }[]; resultType?: string; _meta: { [name: string]: { [name: string]: unknown } } } }

const malformed: readonly (readonly [string, string | Uint8Array, { [name: string]: string }, number, number, string])[] = [
  ['a body that is not JSON', '{"jsonrpc"', legacy, 400, -32700, 'the JSON text is malformed (byte 10)'],
  ['an empty body', '', legacy, 400, -32700, 'the JSON text is malformed (byte 0)'],
  ['trailing bytes', `${JSON.stringify(call)}x`, legacy, 400, -32700, `the JSON text is malformed (byte ${JSON.stringify(call).length})`],
  ['a body that is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), legacy, 400, -32700, 'the JSON text is not UTF-8 (byte 0)'],
  ['a byte order mark', `\ufeff${JSON.stringify(call)}`, legacy, 400, -32700, 'the JSON text starts with a byte order mark (byte 0)'],
  ['a member given twice', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok","name":"drop_table"}}', legacy, 400, -32700, 'an object has the same member twice (byte 68)'],
  ['a member given twice, once escaped', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok","n\\u0061me":"drop_table"}}', legacy, 400, -32700, 'an object has the same member twice (byte 68)'],
  ['nesting over the maximum', `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(40)}${']'.repeat(40)}}}`, legacy, 400, -32700, 'the JSON text is nested deeper than allowed (byte 84)'],
  ['a member named __proto__', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"__proto__":{}}}', legacy, 400, -32700, 'an object has a member named __proto__ (byte 50)'],
  ['a batch', JSON.stringify([call]), legacy, 400, -32600, 'A batch is not allowed: send one message a request'],
  ['a scalar', '"ping"', legacy, 400, -32600, 'The body must be one JSON-RPC message'],
  ['an envelope member in another case', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}', legacy, 400, -32600, 'The message has a member that is not JSON-RPC'],
  ['a parameter in another case', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok","Name":"drop_table"}}', legacy, 400, -32602, 'A parameter is spelled like name, but not quite'],
  ['another JSON-RPC version', JSON.stringify({ ...call, jsonrpc: '1.0' }), legacy, 400, -32600, 'jsonrpc must be "2.0"'],
  ['an id that is null', JSON.stringify({ ...call, id: null }), legacy, 400, -32600, 'id must be a string or an integer'],
  ['an id with a fraction', JSON.stringify({ ...call, id: 1.5 }), legacy, 400, -32600, 'id must be a string or an integer'],
  ['a message that is request and response', JSON.stringify({ ...call, result: {} }), legacy, 400, -32600, 'A message is a request or a response, not both'],
  ['a response nobody asked for', '{"jsonrpc":"2.0","id":9,"result":{}}', legacy, 400, -32600, 'The response answers no request of the server'],
  ['params that are a list', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', legacy, 400, -32602, 'params must be an object'],
  ['a tool without a name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', legacy, 400, -32602, 'name must be a string'],
  ['arguments that are a list', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":[]}}', legacy, 400, -32602, 'arguments must be an object'],
  ['a number policy and upstream would read differently', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"n":12345678901234567890}}}', legacy, 400, -32700, 'a number has more digits than can be judged exactly; send it as a string (byte 84)'],
  ['a body over the cap', JSON.stringify({ ...call, params: { name: 'x', arguments: { blob: 'x'.repeat(70_000) } } }), legacy, 413, 4130, 'The message is too large'],
  ['another content type', JSON.stringify(call), { ...legacy, 'content-type': 'text/plain' }, 415, -32600, 'The content type must be application/json'],
  ['another charset', JSON.stringify(call), { ...legacy, 'content-type': 'application/json; charset=utf-16' }, 415, -32600, 'The content type must be application/json'],
  ['an unknown session', JSON.stringify(call), { ...legacy, 'mcp-session-id': 'made-up' }, 404, 4041, 'Unknown or expired session: initialize again'],
  ['a version header nobody knows', JSON.stringify(call), { ...legacy, 'mcp-protocol-version': 'banana' }, 400, -32600, 'MCP-Protocol-Version is not supported'],
  ['a modern header without the member', JSON.stringify(call), modern, 400, -32602, '_meta["io.modelcontextprotocol/protocolVersion"] is missing'],
  ['a modern member without the header', JSON.stringify(modernCall), legacy, 400, -32020, 'The MCP-Protocol-Version header is missing'],
  ['a version header that differs', JSON.stringify(modernCall), { ...modern, 'mcp-protocol-version': '2025-11-25' }, 400, -32020, 'MCP-Protocol-Version differs from the message'],
  ['no Mcp-Method', JSON.stringify(modernCall), { ...modern, 'mcp-method': '' }, 400, -32020, 'Mcp-Method differs from the message'],
  ['an Mcp-Method that differs', JSON.stringify(modernCall), { ...modern, 'mcp-method': 'tools/list' }, 400, -32020, 'Mcp-Method differs from the message'],
  ['an Mcp-Name that differs', JSON.stringify(modernCall), { ...modern, 'mcp-name': 'run_report' }, 400, -32020, 'Mcp-Name differs from the message'],
  ['an Mcp-Name in broken Base64', JSON.stringify(modernCall), { ...modern, 'mcp-name': '=?base64?ZHJvc?=' }, 400, -32020, 'Mcp-Name differs from the message'],
  ['a method that this era no longer has, though its headers name nothing', JSON.stringify({ ...modernCall, method: 'tasks/result', params: { taskId: 't-1', _meta: meta } }), { ...modern, 'mcp-method': 'tasks/result', 'mcp-name': '' }, 404, -32601, 'Method not found'],
  ['no client capabilities', JSON.stringify({ ...call, params: { ...call.params, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } }), modern, 400, -32602, '_meta["io.modelcontextprotocol/clientCapabilities"] is missing'],
  ['a modern Accept without events', JSON.stringify(modernCall), { ...modern, accept: 'application/json' }, 406, -32600, 'Accept must list application/json and text/event-stream'],
  ['a version of the future', JSON.stringify({ ...call, params: { ...call.params, _meta: { ...meta, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } } }), { ...modern, 'mcp-protocol-version': '2099-01-01' }, 400, -32022, 'The protocol version is not supported'],
  ['a method that does not exist, modern', JSON.stringify({ ...modernCall, method: 'tools/drop' }), { ...modern, 'mcp-method': 'tools/drop' }, 404, -32601, 'Method not found'],
  ['a method that does not exist, legacy', JSON.stringify({ ...call, method: 'tools/drop' }), legacy, 200, -32601, 'Method not found'],
  ['a method of another era', JSON.stringify({ ...modernCall, method: 'initialize' }), { ...modern, 'mcp-method': 'initialize' }, 404, -32601, 'Method not found'],
]
for (const [name, body, headers, status, code, message] of malformed) {
  test(`${name} is refused and recorded`, async (t) => {
    const { rig, calls } = await open()
    t.teardown(() => rig.close())
    const response = await fetch(rig.url, { method: 'POST', headers, body: body as string })
    const said = await response.json() as Said
    t.is(response.status, status)
    t.deepEqual([said.error?.code, said.error?.message], [code, message])
    t.is(calls(), 0)
    t.deepEqual(rig.record.map(({ kind }) => kind), ['refusal'])
    t.is(rig.record[0]?.message, message)
  })
}

test('an unsupported version is answered with those that discovery lists', async (t) => {
  const { rig } = await open()
  t.teardown(() => rig.close())
  const response = await fetch(rig.url, { method: 'POST', headers: { ...modern, 'mcp-protocol-version': '2099-01-01' }, body: JSON.stringify({ ...call, params: { ...call.params, _meta: { ...meta, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } } }) })
  const said = await response.json() as Said
  t.is(said.id, 1)
  t.deepEqual(said.error?.data, { supported: ['2026-07-28'], requested: '2099-01-01' })
})

test('without a token the challenge names the metadata; with a bad one it says so', async (t) => {
  const { rig, calls } = await open()
  t.teardown(() => rig.close())
  const missing = await fetch(rig.url, { method: 'POST', headers: { ...legacy, authorization: '' }, body: JSON.stringify(call) })
  t.is(missing.status, 401)
  t.is(missing.headers.get('www-authenticate'), 'Bearer resource_metadata="http://127.0.0.1/.well-known/oauth-protected-resource/bank"')
  const bad = await fetch(rig.url, { method: 'POST', headers: { ...legacy, authorization: 'Bearer stolen' }, body: JSON.stringify(call) })
  t.is(bad.status, 401)
  t.is(bad.headers.get('www-authenticate'), 'Bearer resource_metadata="http://127.0.0.1/.well-known/oauth-protected-resource/bank", error="invalid_token"')
  t.is((await bad.json() as Said).error?.code, 4011)
  t.is(calls(), 0)
})

test('a caller with too many connections is told so with 429, and the connection ends', async (t) => {
  const { rig, calls } = await open({ decide: () => refusal('connection.limit') })
  t.teardown(() => rig.close())
  const response = await fetch(rig.url, { method: 'POST', headers: modern, body: JSON.stringify(modernCall) })
  t.is(response.status, 429)
  t.is(response.headers.get('connection'), 'close')
  t.is(response.headers.get('retry-after'), '1')
  t.like(await response.json() as object, { error: { code: 4291, message: 'Too many connections of this caller are open' } })
  t.is(calls(), 0)
})

test('a denied tool answers with a result a model can act on', async (t) => {
  const denied = refusal('policy.denied', 'Tables are dropped by nobody', { decisionId: 'ab', frame: '00/3', reasons: [{ id: 'mcp.destructive', msg: 'Tables are dropped by nobody' }] })
  const { rig, calls } = await open({ decide: () => denied })
  t.teardown(() => rig.close())
  const response = await fetch(rig.url, { method: 'POST', headers: modern, body: JSON.stringify(modernCall) })
  const { id, result } = await response.json() as Said
  t.is(response.status, 200)
  t.is(id, 1)
  t.is(result?.isError, true)
  t.is(result?.resultType, 'complete')
  t.is(result?.content[0]?.text, 'Refused by policy: Tables are dropped by nobody. Nothing was run. Repeating the same call will be refused again; change what the reason names, or use another tool. Rule: mcp.destructive. Decision: ab.')
  t.deepEqual(result?._meta['countersign/refusal'], { code: 'policy.denied', retryable: false, reasons: [{ id: 'mcp.destructive', msg: 'Tables are dropped by nobody' }], decision_id: 'ab', frame: '00/3' })
  t.is(calls(), 0)
})

test('a tool the caller may not know of answers like one that does not exist', async (t) => {
  const hidden = refusal('policy.denied', 'The caller may not use this resource.', { decisionId: 'ab', reasons: [{ id: 'countersign.access', msg: 'The caller may not use this resource.' }] })
  const { rig } = await open({ decide: () => hidden })
  t.teardown(() => rig.close())
  const said = await (await fetch(rig.url, { method: 'POST', headers: legacy, body: JSON.stringify(call) })).json()
  t.deepEqual(said, { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'Unknown tool: drop_table' } })
})

test('a call that waits for a person says where, and that the same call is to be made again', async (t) => {
  const pending = refusal('approval.pending', 'Bulk exports need a lead', { decisionId: 'ab', reasons: [{ id: 'mcp.bulk_export', msg: 'Bulk exports need a lead' }], approval: { id: 'apr_1', url: 'https://gw/approvals/apr_1', expiresAt: 5 } })
  const { rig } = await open({ decide: () => pending })
  t.teardown(() => rig.close())
  const { result } = await (await fetch(rig.url, { method: 'POST', headers: legacy, body: JSON.stringify(call) })).json() as Said
  t.true(result?.isError)
  t.true(result?.content[0]?.text.startsWith('Approval apr_1 is pending: Bulk exports need a lead. A person decides at https://gw/approvals/apr_1. Nothing was run. Call again with exactly the same arguments after approval'))
  t.deepEqual(result?._meta['countersign/refusal']?.['approval'], { id: 'apr_1', url: 'https://gw/approvals/apr_1', expires_at: 5, status: 'pending' })
})

test('an approval that nobody gave in time is asked for anew', async (t) => {
  const { rig } = await open({ decide: () => refusal('approval.pending', 'Nobody decided in time; the same call asks again', { decisionId: 'ab', reasons: [{ id: 'mcp.bulk_export', msg: 'Bulk exports need a lead' }] }) })
  t.teardown(() => rig.close())
  const { result } = await (await fetch(rig.url, { method: 'POST', headers: legacy, body: JSON.stringify(call) })).json() as Said
  t.is(result?.content[0]?.text, 'Nobody decided in time; the same call asks again. Nothing was run. Call again with exactly the same arguments to ask anew. Rule: mcp.bulk_export. Decision: ab.')
})

test('a reason that ends in a full stop is not given another', async (t) => {
  const { rig } = await open({ decide: () => refusal('policy.denied', 'Items are frozen.', { decisionId: 'ab', reasons: [{ id: 'frozen', msg: 'Items are frozen.' }] }) })
  t.teardown(() => rig.close())
  const { result } = await (await fetch(rig.url, { method: 'POST', headers: legacy, body: JSON.stringify(call) })).json() as Said
  t.true(result?.content[0]?.text.startsWith('Refused by policy: Items are frozen. Nothing was run.'))
})

test('GET and DELETE belong to the legacy eras, other methods to none', async (t) => {
  const { rig, calls } = await open()
  t.teardown(() => rig.close())
  for (const method of ['GET', 'DELETE', 'PUT']) {
    const response = await fetch(rig.url, { method, headers: { authorization: 'Bearer alice', accept: 'text/event-stream', 'mcp-protocol-version': '2026-07-28' } })
    t.is(response.status, 405, method)
  }
  t.is(calls(), 0)
})
