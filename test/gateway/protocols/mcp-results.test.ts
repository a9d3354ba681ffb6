// What leaves in lists and results: filtered by the rule of the call, masked everywhere, and the protocol's own members untouched.
import test from 'ava'
import { createMcp } from '../../../gateway/protocols/mcp/index.ts'
import type { Json } from '../../../gateway/call.ts'
import { allow, openRig, outcomes, type RigOptions } from './fake-door.ts'

const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, progressToken: 'p' }
const all = { ...allow, mask: [{ id: 'net', match: { class: 'US_SSN' }, op: 'redact' as const }, { id: 'dob', match: { class: 'DOB' }, op: 'redact' as const }, { id: 'ssn', match: { columns: ['ssn'] }, op: 'redact' as const }] }
const canary = '219-09-9999'

async function answer(method: string, params: object, result: Json, options: Partial<RigOptions<never, never>> = {}) {
  const rig = await openRig({
    ...options as object,
    protocol: (publicUrl) => createMcp({ publicUrl }),
    upstream: (_request, response) => { response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: 'a', ...result as object })) },
  })
  const name = (params as { name?: string; uri?: string }).name ?? (params as { uri?: string }).uri
  const response = await fetch(rig.url, {
    method: 'POST',
    headers: { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...name === undefined ? {} : { 'mcp-name': name } },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'a', method, params: { ...params, _meta: meta } }),
  })
  const text = await response.text()
  const { record } = rig
  await rig.close()
  return { text, json: JSON.parse(text) as { result: { [name: string]: Json } }, record }
}

const surfaces: readonly (readonly [string, string, object, Json])[] = [
  ['a text block', 'tools/call', { name: 'x' }, { result: { content: [{ type: 'text', text: `SSN ${canary}` }] } }],
  ['JSON inside a text block', 'tools/call', { name: 'x' }, { result: { content: [{ type: 'text', text: `{"ssn":"${canary}"}` }] } }],
  ['structured content', 'tools/call', { name: 'x' }, { result: { content: [], structuredContent: { rows: [{ ssn: canary }] } } }],
  ['a scalar as structured content', 'tools/call', { name: 'x' }, { result: { content: [], structuredContent: canary } }],
  ['an embedded resource', 'tools/call', { name: 'x' }, { result: { content: [{ type: 'resource', resource: { uri: `bank://${canary}`, text: `SSN: ${canary}` } }] } }],
  ['a resource link', 'tools/call', { name: 'x' }, { result: { content: [{ type: 'resource_link', uri: 'bank://x', name: canary, description: `of ${canary}` }] } }],
  ['result metadata', 'tools/call', { name: 'x' }, { result: { content: [], _meta: { note: `SSN ${canary}` } } }],
  ['a tool error', 'tools/call', { name: 'x' }, { result: { isError: true, content: [{ type: 'text', text: `no such SSN ${canary}` }] } }],
  ['an error message', 'tools/call', { name: 'x' }, { error: { code: -32000, message: `duplicate SSN ${canary}` } }],
  ['error data', 'tools/call', { name: 'x' }, { error: { code: -32000, message: 'failed', data: { detail: `Key (ssn)=(${canary})` } } }],
  ['a resource', 'resources/read', { uri: 'bank://c' }, { result: { contents: [{ uri: 'bank://c', text: `SSN ${canary}` }] } }],
  ['a prompt', 'prompts/get', { name: 'p' }, { result: { description: `for SSN ${canary}`, messages: [{ role: 'user', content: { type: 'text', text: `SSN ${canary}` } }] } }],
  ['a completion', 'completion/complete', { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: 'b' } }, { result: { completion: { values: [canary] } } }],
  ['instructions', 'server/discover', {}, { result: { supportedVersions: ['2026-07-28'], capabilities: {}, instructions: `Ask for SSN ${canary}` } }],
  ['a tool description', 'tools/list', {}, { result: { tools: [{ name: 'a', description: `like SSN ${canary}`, inputSchema: { type: 'object' } }] } }],
  ['a request for input', 'tools/call', { name: 'x' }, { result: { resultType: 'input_required', inputRequests: { a: { method: 'elicitation/create', params: { message: `Is SSN ${canary} right?` } } } } }],
]
for (const [surface, method, params, result] of surfaces) {
  test(`${surface} is masked, for the caller and in the record`, async (t) => {
    const { text, record } = await answer(method, params, result, { decide: () => all })
    t.false(text.includes(canary), text)
    t.is(outcomes(record).length, 1)
    t.false(Buffer.from(outcomes(record)[0]?.content ?? []).toString().includes(canary))
    t.true((outcomes(record)[0]?.masked.size ?? 0) > 0)
  })
}

test('members of the protocol keep their values, a schema its fields', async (t) => {
  const discover = await answer('server/discover', {}, { result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 1000, cacheScope: 'private' } }, { decide: () => all })
  t.deepEqual(discover.json.result, { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 1000, cacheScope: 'private' })
  const inputSchema = { type: 'object', properties: { ssn: { type: 'string' } } }
  const list = await answer('tools/list', {}, { result: { tools: [{ name: 'a', inputSchema }] } }, { decide: () => all })
  t.deepEqual(list.json.result['tools'], [{ name: 'a', inputSchema }])
})

test('a list shows what may be called, keeps its cursor, and is private', async (t) => {
  const { json } = await answer('tools/list', {}, { result: { tools: [{ name: 'a' }, { name: 'b' }, { title: 'nameless' }], nextCursor: 'n', ttlMs: 5, cacheScope: 'public' } }, { isVisible: (id) => id === 'bank/b' })
  t.deepEqual(json.result, { tools: [{ name: 'b' }], nextCursor: 'n', ttlMs: 5, cacheScope: 'private' })
  const resources = await answer('resources/list', {}, { result: { resources: [{ uri: 'x://1', name: 'one' }, { uri: 'x://2', name: 'two' }] } }, { isVisible: (id) => id === 'bank/x://2' })
  t.deepEqual(resources.json.result['resources'], [{ uri: 'x://2', name: 'two' }])
})

test('a result that nothing matched arrives as the same bytes', async (t) => {
  const { text } = await answer('tools/call', { name: 'x' }, { result: { content: [{ type: 'text', text: 'é \u2028 1.0' }], n: 1e21 } }, { decide: () => all })
  t.is(text, JSON.stringify({ jsonrpc: '2.0', id: 'a', result: { content: [{ type: 'text', text: 'é \u2028 1.0' }], n: 1e21 } }))
})

test('an approval binds to arguments, not to their order or the progress token', async (t) => {
  const canonical = async (params: object) => {
    const { record } = await answer('tools/call', { name: 'x', ...params }, { result: {} })
    return Buffer.from(record[0]?.operation?.canonical() ?? []).toString()
  }
  const one = await canonical({ arguments: { a: 1, b: { c: 2, d: 3 } } })
  t.is(await canonical({ arguments: { b: { d: 3, c: 2 }, a: 1 } }), one)
  t.not(await canonical({ arguments: { a: 1, b: { c: 2, d: 4 } } }), one)
  t.false(one.includes('progressToken'))
})

test('what policy sees of a tool call', async (t) => {
  const { record } = await answer('tools/call', { name: 'x', arguments: { a: 1 } }, { result: {} }, { target: { catalogue: { x: { effects: ['read'], labels: ['pii'], request: {}, result: {}, isOpaque: false } }, labels: ['core'] } })
  const operation = record[0]?.operation
  t.deepEqual(operation?.action, { name: 'tools/call', properties: { effects: ['read'] } })
  t.deepEqual(operation?.resource, { type: 'tool', id: 'bank/x', properties: { target: 'bank', env: 'test', labels: ['core', 'pii'] } })
  const { bytes, ...request } = operation?.request ?? {}
  t.is(typeof bytes, 'number')
  t.deepEqual(request, { protocol: 'mcp', era: 'modern', version: '2026-07-28', method: 'tools/call', tool: 'x', arguments: { a: 1 }, params: {} })
})
