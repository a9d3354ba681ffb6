// The clients of the tour, each with its own token: a stock MCP client, a plain HTTP client, and the gateway's own command line.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { CallToolResult } from '@modelcontextprotocol/client'

export const launcher = path.join(import.meta.dirname, '..', '..', 'gateway', 'countersign.js')

/** What the gateway says about a call besides its result: its receipt. */
export interface Receipt { readonly decision: string; readonly frame: string }

export interface ToolAnswer { readonly result: CallToolResult; readonly receipt: Receipt }

export interface Agent { call(name: string, args: Record<string, unknown>): Promise<ToolAnswer>; tools(): Promise<string[]>; close(): Promise<void> }

const receiptOf = (headers: Headers): Receipt => ({ decision: headers.get('countersign-decision') ?? '', frame: headers.get('countersign-frame') ?? '' })

/** A stock MCP client; all it knows is a URL and a token. */
export async function connectAgent(url: string, token: string, mode: 'auto' | 'legacy' = 'auto'): Promise<Agent> {
  let receipt: Receipt = { decision: '', frame: '' }
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      if (response.headers.has('countersign-frame')) receipt = receiptOf(response.headers)
      return response
    },
  })
  const client = new Client({ name: 'desk-agent', version: '1.0.0' }, { versionNegotiation: { mode } })
  await client.connect(transport)
  return {
    async call(name, args) {
      const result = await client.callTool({ name, arguments: args }) as CallToolResult
      return { result, receipt }
    },
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    close: () => client.close(),
  }
}

export interface HttpAnswer { readonly status: number; readonly body: unknown; readonly receipt: Receipt }

export async function callHttp(url: string, token: string, body?: unknown): Promise<HttpAnswer> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text), receipt: receiptOf(response.headers) }
}

export interface CommandEnd { readonly code: number; readonly output: string }

/** Runs `countersign …` as a person would, and gives its exit code and what it printed. */
export async function countersign(args: readonly string[], environment: Record<string, string> = {}): Promise<CommandEnd> {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { code: code ?? 1, output }
}
