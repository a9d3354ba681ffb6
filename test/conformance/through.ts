// Started by the conformance suite as the client under test, with its server's URL as last argument: puts a gateway before that server and
// drives the stock client through it. What the suite then judges at its end is what the gateway sends upstream.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { frontServers } from './gateway.ts'

const upstream = process.argv.at(-1) ?? ''
const { MCP_CONFORMANCE_SCENARIO: scenario = '', MCP_CONFORMANCE_PROTOCOL_VERSION: version = '', MCP_CONFORMANCE_CONTEXT: context = '{}' } = process.env
const isModern = version === '2026-07-28'
/** The suite's servers for these scenarios do not answer discovery; a client that has discovered them before would not ask. */
const isUndiscoverable = ['http-standard-headers', 'http-custom-headers', 'http-invalid-tool-headers', 'sep-2322-client-request-state'].includes(scenario)

const gateway = await frontServers({ mcp: upstream })
try {
  const client = new Client({ name: 'stock', version: '2' }, { capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: { listChanged: true } }, versionNegotiation: { mode: isModern ? 'auto' : 'legacy' } })
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: isModern ? { confirmed: true } : {} as Record<string, never> }))
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url('mcp')), { requestInit: { headers: { authorization: `Bearer ${gateway.token}` } }, ...isUndiscoverable ? { fetch: discovered } : {} }))
  const { tools } = await client.listTools()
  const { toolCalls } = JSON.parse(context) as { toolCalls?: { name: string; arguments: Record<string, unknown> }[] }
  for (const call of toolCalls ?? tools.map(({ name }) => ({ name, arguments: argumentsFor(name) }))) await client.callTool(call).catch(() => undefined)
  if (scenario === 'http-standard-headers') {
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri })
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name, arguments: {} })
  }
  await client.close()
} finally {
  await gateway.stop()
  gateway.remove()
}
process.exit(0)

function argumentsFor(name: string): Record<string, unknown> {
  return name === 'add_numbers' ? { a: 5, b: 3 } : scenario === 'http-invalid-tool-headers' ? { region: 'us-west1' } : {}
}

async function discovered(url: string | URL, init?: RequestInit): Promise<Response> {
  const asked = JSON.parse(typeof init?.body === 'string' ? init.body : '{}') as { id?: unknown; method?: string }
  if (asked.method !== 'server/discover') return await fetch(url, init)
  return Response.json({ jsonrpc: '2.0', id: asked.id, result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {}, resources: {}, prompts: {} }, ttlMs: 0, cacheScope: 'private', _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'suite', version: '1' } } } })
}
