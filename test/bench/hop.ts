// A plain proxy hop as people write it: http-proxy-3 with a keep-alive agent and nothing on it. The bar.
import http from 'node:http'
import { createProxyServer } from 'http-proxy-3'

const [port = '0', target = ''] = process.argv.slice(2)
const proxy = createProxyServer({ target, agent: new http.Agent({ keepAlive: true, maxSockets: 256 }) })
proxy.on('error', (_error, _request, response) => { if ('destroy' in response) response.destroy() })
const server = http.createServer((request, response) => { void proxy.web(request, response) })
server.keepAliveTimeout = 60_000
server.listen(Number(port), '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`))
