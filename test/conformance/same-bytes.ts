// Masks that match nothing change nothing: each answer through the gateway has the very bytes that the server sent.
// The shipped masks are all on; the fixture's answers hold nothing of a customer's.
import type { Outcome } from './outcome.ts'

const both = 'application/json, text/event-stream'
const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'bytes', version: '1' }, progressToken: 'p-1' }

const asked: readonly (readonly [method: string, params: { readonly name?: string; readonly uri?: string; readonly [member: string]: unknown }])[] = [
  ['tools/list', {}], ['resources/list', {}], ['resources/templates/list', {}], ['prompts/list', {}],
  ...['test_simple_text', 'test_image_content', 'test_audio_content', 'test_embedded_resource', 'test_multiple_content_types', 'test_structured', 'test_error_handling', 'test_tool_with_progress', 'no_such_tool']
    .map((name) => ['tools/call', { name, arguments: {} }] as const),
  ...['test://static-text', 'test://static-binary', 'test://template/7/data', 'test://no-such-thing'].map((uri) => ['resources/read', { uri }] as const),
  ...['test_simple_prompt', 'test_prompt_with_image', 'no_such_prompt'].map((name) => ['prompts/get', { name }] as const),
  ['prompts/get', { name: 'test_prompt_with_arguments', arguments: { arg1: 'one', arg2: 'two' } }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'a' } }],
]

export async function sameBytes(direct: string, through: string, token: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const era of ['legacy', 'modern'] as const) {
    const sides = await Promise.all([openSide(era, direct), openSide(era, through, token)])
    const differing: string[] = []
    for (const [method, params] of asked) {
      const [sent, received] = await Promise.all(sides.map((ask) => ask(method, params)))
      if (sent === undefined || received === undefined) continue
      if (sent.messages.join('\n') !== received.messages.join('\n') || sent.messages.length === 0) differing.push(`${method} ${params.name ?? params.uri ?? ''}: ${received.messages.join(' ').slice(0, 200)}`)
      if (sent.status !== received.status) differing.push(`${method} ${params.name ?? params.uri ?? ''}: status ${received.status}, sent ${sent.status}`)
      if (!/masks=\w/.test(received.decision) || received.frame === '') differing.push(`${method} ${params.name ?? ''}: no masks were on, or nothing was recorded`)
    }
    outcomes.push({ name: `masks that match nothing leave every byte, ${era}`, passed: differing.length === 0, detail: differing.length === 0 ? `${asked.length} answers` : differing.join('\n  ') })
  }
  return outcomes
}

interface Answer { readonly status: number; readonly messages: readonly string[]; readonly decision: string; readonly frame: string; readonly session: string | null }
type Ask = (method: string, params: { readonly [member: string]: unknown }) => Promise<Answer>

/** A legacy client initializes first; a modern one repeats its words in headers. */
async function openSide(era: 'legacy' | 'modern', url: string, token?: string): Promise<Ask> {
  const headers: Record<string, string> = { 'content-type': 'application/json', accept: both, 'mcp-protocol-version': era === 'legacy' ? '2025-11-25' : '2026-07-28', ...token === undefined ? {} : { authorization: `Bearer ${token}` } }
  if (era === 'modern') {
    return (method, params) => {
      const name = params['name'] ?? params['uri']
      return post(url, { ...headers, 'mcp-method': method, ...typeof name === 'string' ? { 'mcp-name': name } : {} }, { jsonrpc: '2.0', id: 'b-1', method, params: { ...params, _meta: meta } })
    }
  }
  const { session } = await post(url, headers, { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bytes', version: '1' } } })
  headers['mcp-session-id'] = session ?? ''
  await post(url, headers, { jsonrpc: '2.0', method: 'notifications/initialized' })
  let id = 0
  return (method, params) => post(url, headers, { jsonrpc: '2.0', id: ++id, method, params: { ...params, _meta: { progressToken: id } } })
}

async function post(url: string, headers: Record<string, string>, message: object): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) })
  const text = await response.text()
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  return {
    status: response.status, messages: isStream ? text.split('\n').filter((line) => line.startsWith('data: {')) : [text].filter((body) => body !== ''),
    decision: response.headers.get('countersign-decision') ?? '', frame: response.headers.get('countersign-frame') ?? '', session: response.headers.get('mcp-session-id'),
  }
}
