// The upstream of the bench, a process of its own: answers every POST with the same kilobyte, as MCP or as plain JSON. `/stream` streams events.
import http from 'node:http'
import { mcpAnswer, plainAnswer } from './requests.ts'

const server = http.createServer((request, response) => {
  if (request.url === '/stream') return void stream(response)
  request.on('end', () => {
    const answer = request.url === '/mcp' ? mcpAnswer : plainAnswer
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
    response.end(answer)
  })
  request.resume()
})

/** Events of 64 bytes a second, or 0: as fast as the reader takes them. */
const eventsPerSecond = Number(process.argv[3] ?? 0)
const burstsPerSecond = 10

/** Until the reader leaves. */
function stream(response: http.ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = `data: {"tick":"${'x'.repeat(40)}"}\n\n`
  if (eventsPerSecond > 0) {
    const timer = setInterval(() => response.write(event.repeat(eventsPerSecond / burstsPerSecond)), 1000 / burstsPerSecond)
    response.once('close', () => clearInterval(timer))
    return
  }
  const push = () => {
    while (!response.destroyed && response.write(event)) { /* until the socket is full */ }
    if (!response.destroyed) response.once('drain', push)
  }
  push()
}

server.keepAliveTimeout = 60_000
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`))
