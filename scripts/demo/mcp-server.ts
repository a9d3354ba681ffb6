// The demo's MCP server, a process of its own: tools over the bank's database. It trusts whoever holds the service key, as many such servers do;
// who called, and whether they may, is the gateway's business.
import { timingSafeEqual } from 'node:crypto'
import http from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server'
import type { CallToolResult } from '@modelcontextprotocol/server'
import pg from 'pg'
import { z } from 'zod'

/** The reports a caller may name; the text of each query is the server's own. */
const reports = {
  branch_balances: 'select c.branch, count(*)::int as customers, sum(a.balance)::text as total from customers c join accounts a on a.customer_id = c.id group by c.branch order by c.branch',
  largest_accounts: 'select c.id, c.name, c.ssn, c.email, a.number as account, a.card, a.balance::text as balance from customers c join accounts a on a.customer_id = c.id order by a.balance desc limit $1',
} as const

const rows = (found: pg.QueryResult): CallToolResult => {
  const structured = { rows: found.rows as Record<string, unknown>[], count: found.rowCount ?? 0 }
  return { content: [{ type: 'text', text: JSON.stringify(structured) }], structuredContent: structured }
}

const said = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] })

function bankServer(database: pg.Pool): McpServer {
  const server = new McpServer({ name: 'bank', version: '1.0.0' })
  server.registerTool('run_report', {
    description: 'Runs one of the bank\'s reports: branch_balances or largest_accounts.',
    inputSchema: z.object({ report: z.enum(['branch_balances', 'largest_accounts']), limit: z.number().int().min(1).max(50).default(5) }),
  }, async ({ report, limit }) => rows(await database.query(reports[report], report === 'largest_accounts' ? [limit] : [])))
  server.registerTool('lookup_customer', {
    description: 'Finds a customer by id or by SSN.',
    inputSchema: z.object({ id: z.number().int().optional(), ssn: z.string().max(11).optional() }),
  }, async ({ id, ssn }) => rows(await database.query('select id, name, ssn, email, phone, born::text as born, branch from customers where id = $1 or ssn = $2', [id ?? null, ssn ?? null])))
  server.registerTool('export_customers', {
    description: 'Exports all customers of a branch, or of every branch.',
    inputSchema: z.object({ branch: z.string().max(40).optional() }),
  }, async ({ branch }) => rows(await database.query('select id, name, ssn, email, branch from customers where $1::text is null or branch = $1 order by id', [branch ?? null])))
  server.registerTool('delete_customer', {
    description: 'Deletes a customer and the customer\'s accounts.',
    inputSchema: z.object({ id: z.number().int() }),
  }, async ({ id }) => said(`${(await database.query('delete from customers where id = $1', [id])).rowCount ?? 0} customer deleted`))
  server.registerTool('drop_table', {
    description: 'Drops a table.',
    inputSchema: z.object({ table: z.string().max(63) }),
  }, async ({ table }) => {
    await database.query(`drop table ${pg.escapeIdentifier(table)} cascade`)
    return said(`table ${table} dropped`)
  })
  server.registerTool('deploy_model', {
    description: 'Deploys a version of a scoring model.',
    inputSchema: z.object({ model: z.string().max(60), version: z.string().max(30) }),
  }, async ({ model, version }) => {
    await database.query('insert into models (name, version, deployed_by) values ($1, $2, current_user) on conflict (name) do update set version = excluded.version, deployed_at = now()', [model, version])
    return said(`${model} ${version} deployed`)
  })
  return server
}

const { DATABASE_URL = '', SERVICE_KEY = '', PORT = '0' } = process.env
const database = new pg.Pool({ connectionString: DATABASE_URL, max: 4 })
// An idle connection that PostgreSQL closes (it stops, it restarts) is the pool's business: the next query opens another.
database.on('error', () => undefined)
const expected = Buffer.from(`Bearer ${SERVICE_KEY}`)
const answer = toNodeHandler(createMcpHandler(() => bankServer(database)))
const server = http.createServer((request, response) => {
  const presented = Buffer.from(request.headers.authorization ?? '')
  if (SERVICE_KEY === '' || presented.length !== expected.length || !timingSafeEqual(presented, expected)) {
    response.writeHead(401).end()
    return
  }
  void answer(request, response)
})
server.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('ready\n'))
const stop = () => {
  server.close()
  server.closeAllConnections()
  void database.end()
  process.stdin.destroy()
}
process.once('SIGTERM', stop)
// Its starter holds the other end: whatever ends that one ends this one.
process.stdin.once('end', stop).resume()
