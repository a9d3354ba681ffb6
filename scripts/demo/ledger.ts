// The demo's internal HTTP service: accounts and transfers over the same database, plain JSON, no idea who is calling.
import http from 'node:http'
import pg from 'pg'

const maxBodyBytes = 64 * 1024

export interface Ledger { readonly port: number; close(): Promise<void> }

/** `serviceKey` is the credential that the gateway adds and no client ever sees. */
export async function startLedger(port: number, databaseUrl: string, serviceKey: string): Promise<Ledger> {
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  // An idle connection that PostgreSQL closes (it stops, it restarts) is the pool's business: the next query opens another.
  database.on('error', () => undefined)
  const server = http.createServer((request, response) => {
    if (request.headers['x-service-key'] !== serviceKey) return void send(response, 401, { error: 'unknown service' })
    route(database, request, response).catch(() => send(response, 500, { error: 'ledger fault' }))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    port,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await database.end()
    },
  }
}

async function route(database: pg.Pool, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://ledger')
  const account = /^\/accounts\/(\d{1,20})$/.exec(pathname)?.[1]
  if (request.method === 'GET' && account !== undefined) {
    const found = await database.query('select a.number as account, a.balance::text as balance, a.card, c.name, c.ssn from accounts a join customers c on c.id = a.customer_id where a.customer_id = $1', [account])
    return found.rowCount === 0 ? send(response, 404, { error: 'no such account' }) : send(response, 200, found.rows[0])
  }
  if (request.method === 'GET' && pathname === '/accounts') {
    return send(response, 200, { accounts: (await database.query('select customer_id as id, number as account, balance::text as balance from accounts order by customer_id limit 20')).rows })
  }
  if (request.method === 'POST' && pathname === '/transfers') return await transfer(database, request, response)
  return send(response, 404, { error: 'no such resource' })
}

async function transfer(database: pg.Pool, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) {
    body += String(chunk)
    if (body.length > maxBodyBytes) return send(response, 413, { error: 'too large' })
  }
  const { from, to, amount } = JSON.parse(body) as { from?: number; to?: number; amount?: number }
  if (typeof from !== 'number' || typeof to !== 'number' || typeof amount !== 'number' || amount <= 0) return send(response, 400, { error: 'from, to and a positive amount are needed' })
  const moved = await database.query('with debit as (update accounts set balance = balance - $3 where customer_id = $1 and balance >= $3 returning 1) update accounts set balance = balance + $3 where customer_id = $2 and exists (select from debit)', [from, to, amount])
  return moved.rowCount === 1 ? send(response, 201, { from, to, amount, status: 'booked' }) : send(response, 409, { error: 'not booked' })
}

function send(response: http.ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
}
