// The upstream behind the gateways under test: MCP at /mcp, plain JSON elsewhere. What a test asks for in the call decides how it behaves.
import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const ssn = '219-09-9999'

export interface Seen { readonly path: string; readonly body: string; readonly headers: IncomingMessage['headers'] }
export type Behaviour = (response: ServerResponse, seen: Seen) => void

export interface BankUpstream {
  readonly url: string
  /** All that ever reached it, in order. */
  readonly seen: Seen[]
  /** Calls whose path or body has this word are answered so. */
  behave(word: string, behaviour: Behaviour): void
  /** Nobody listens there any more, until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

export async function startUpstream(): Promise<BankUpstream> {
  const seen: Seen[] = []
  const behaviours = new Map<string, Behaviour>()
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() })
    request.on('end', () => {
      const one: Seen = { path: request.url ?? '', body, headers: request.headers }
      seen.push(one)
      const [, behaviour] = [...behaviours].find(([word]) => one.path.includes(word) || body.includes(word)) ?? []
      if (behaviour !== undefined) return behaviour(response, one)
      answer(response, one)
    })
  })
  server.keepAliveTimeout = 60_000
  const up = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await up(0)
  const { port } = server.address() as AddressInfo
  const down = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  return {
    url: `http://127.0.0.1:${port}`, seen, down, up: () => up(port),
    behave: (word, behaviour) => void behaviours.set(word, behaviour),
    close: down,
  }
}

/** The answer of a bank: one customer, with what must not leave. */
export function answer(response: ServerResponse, { path, body }: Seen): void {
  const customer = { id: 1001, name: 'Jane Ashworth', ssn, balance: '1042.17' }
  const said = path.startsWith('/mcp')
    ? { jsonrpc: '2.0', id: (JSON.parse(body) as { id: number }).id, result: { content: [{ type: 'text', text: 'ok' }], structuredContent: { rows: [customer] } } }
    : { rows: [customer] }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(said))
}
