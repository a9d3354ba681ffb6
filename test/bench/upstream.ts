// The upstream of the bench, a process of its own: answers every POST with the same kilobyte, as MCP or as plain JSON. `/sse` streams events, `/sink` swallows.
import http from 'node:http'

const rows = Array.from({ length: 7 }, (_, index) => ({ id: 1001 + index, name: `Customer ${index}`, branch: 'Dayton', balance: '1042.17', ssn: `219-09-${1000 + index}`, note: 'standing order monthly' }))
const mcp = (id: unknown) => JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', content: [{ type: 'text', text: 'ok' }], structuredContent: { rows } } })
const mcpAnswer = Buffer.from(mcp(1))
const plainAnswer = Buffer.from(JSON.stringify({ rows, count: rows.length, page: 'x'.repeat(120) }))

const server = http.createServer((request, response) => {
  if (request.url === '/sse') return void stream(response)
  request.on('end', () => {
    const answer = request.url === '/mcp' ? mcpAnswer : plainAnswer
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
    response.end(answer)
  })
  request.resume()
})

/** 64-byte events as fast as the reader takes them, until it leaves. */
function stream(response: http.ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = `data: {"tick":"${'x'.repeat(40)}"}\n\n`
  const push = () => {
    while (!response.destroyed && response.write(event)) { /* until the socket is full */ }
    if (!response.destroyed) response.once('drain', push)
  }
  push()
}

server.keepAliveTimeout = 60_000
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`))
