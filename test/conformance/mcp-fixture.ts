// An MCP server for tests that speaks both eras on one endpoint: sessions, listening streams and resumption for 2025-11-25 and before,
// stateless exchanges and subscriptions for 2026-07-28. Its tools, resources and prompts are those the public conformance suite asks for by name.
import { randomUUID } from 'node:crypto'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { localhostHostValidation, localhostOriginValidation, NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { classifyInboundRequest, createMcpHandler, createRequestStateCodec, isInitializeRequest, McpServer, type ServerNotifier } from '@modelcontextprotocol/server'
import { addAskingTools } from './fixture/asking.ts'
import { addContentTools } from './fixture/content.ts'
import { MemoryEvents } from './fixture/events.ts'
import { addInputRequired, type StateCodec } from './fixture/input-required.ts'
import { addPrompts } from './fixture/prompts.ts'
import { addResources } from './fixture/resources.ts'

/** Milliseconds after which a client whose stream was closed comes back. */
const retryMs = 200

export type Sessions = Map<string, NodeStreamableHTTPServerTransport>

export interface Fixture {
  /** `http://localhost:PORT/mcp` */
  readonly url: string
  close(): Promise<void>
}

export async function startFixture(): Promise<Fixture> {
  const sessions: Sessions = new Map()
  const states: StateCodec = createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)) })
  const modern = createMcpHandler(() => makeServer(sessions, states, () => modern.notify), { legacy: 'reject' })
  const serveModern = toNodeHandler(modern)
  const isOurHost = localhostHostValidation()
  const isOurOrigin = localhostOriginValidation()

  const server = http.createServer((request, response) => {
    if (!isOurHost(request, response) || !isOurOrigin(request, response)) return
    serve(request, response).catch(() => { if (response.headersSent) response.destroy(); else say(response, 500, -32603, 'Internal error') })
  })
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url !== '/mcp') { response.writeHead(404).end(); return }
    const body = request.method === 'POST' ? await json(request).catch(() => undefined) : undefined
    if (request.method === 'POST') {
      if (body === undefined) { say(response, 400, -32700, 'Parse error'); return }
      const { kind } = classifyInboundRequest({ httpMethod: 'POST', protocolVersionHeader: header(request, 'mcp-protocol-version'), mcpMethodHeader: header(request, 'mcp-method'), body })
      if (kind !== 'legacy') { await serveModern(request, response, body); return }
    }
    const id = header(request, 'mcp-session-id')
    const known = id === undefined ? undefined : sessions.get(id)
    if (known !== undefined) { await known.handleRequest(request, response, body); return }
    if (id !== undefined) { say(response, 404, -32001, 'Session not found'); return }
    if (!isInitializeRequest(body)) { say(response, 400, -32000, 'A session is required'); return }
    await (await openSession()).handleRequest(request, response, body)
  }
  async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(), eventStore: new MemoryEvents(), retryInterval: retryMs,
      onsessioninitialized: (id) => { sessions.set(id, transport) },
    })
    transport.onclose = () => { if (transport.sessionId !== undefined) sessions.delete(transport.sessionId) }
    await makeServer(sessions, states, () => modern.notify).connect(transport)
    return transport
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/mcp`,
    async close() {
      for (const transport of [...sessions.values()]) await transport.close()
      await modern.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function makeServer(sessions: Sessions, states: StateCodec, notifier: () => ServerNotifier): McpServer {
  const server = new McpServer({ name: 'countersign-fixture', version: '1.0.0' }, {
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, prompts: { listChanged: true }, logging: {}, completions: {} },
    requestState: { verify: states.verify },
  })
  addContentTools(server, sessions, notifier)
  addAskingTools(server)
  addInputRequired(server, states)
  addResources(server)
  addPrompts(server)
  server.server.setRequestHandler('logging/setLevel', () => ({}))
  server.server.setRequestHandler('completion/complete', () => ({ completion: { values: ['alpha', 'beta'], total: 2, hasMore: false } }))
  return server
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

function say(response: ServerResponse, status: number, code: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } }))
}
