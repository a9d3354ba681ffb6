// The kilobyte that every bench sends (one tool call with arguments, and the same as a plain POST; `%N` in a name becomes a number that rises), and
// the kilobyte that it gets back: seven rows with an SSN in each.
const version = '2026-07-28'

export const mcpHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': 'run_report' }

export const mcpCall = (report: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: {
  name: 'run_report', arguments: { report, limit: 5, columns: ['id', 'name', 'branch', 'balance'], filter: { branch: 'Dayton', since: '2026-01-01', note: 'n'.repeat(520) } },
  _meta: { 'io.modelcontextprotocol/protocolVersion': version, 'io.modelcontextprotocol/clientCapabilities': {} },
} })

export const httpSearch = (query: string) => JSON.stringify({ query, limit: 5, columns: ['id', 'name', 'branch', 'balance'], filter: { branch: 'Dayton', since: '2026-01-01', note: 'n'.repeat(820) } })

const rows = Array.from({ length: 7 }, (_, index) => ({ id: 1001 + index, name: `Customer ${index}`, branch: 'Dayton', balance: '1042.17', ssn: `219-09-${1000 + index}`, note: 'standing order monthly' }))
const mcp = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { resultType: 'complete', content: [{ type: 'text', text: 'ok' }], structuredContent: { rows } } })
export const mcpAnswer = Buffer.from(mcp)
export const plainAnswer = Buffer.from(JSON.stringify({ rows, count: rows.length, page: 'x'.repeat(120) }))
