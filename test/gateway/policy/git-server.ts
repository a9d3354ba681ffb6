// Git over HTTP or HTTPS as forges serve it: `git http-backend` behind Node's server, on loopback. It can be told to misbehave.
import { spawn } from 'node:child_process'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'

export interface GitServer extends AsyncDisposable {
  /** Of the repository at `<root>/<path>`. */
  url(path: string): string
  /** Answers in place of Git; undefined: Git does. */
  instead: ((request: http.IncomingMessage, response: http.ServerResponse) => void) | undefined
  /** The header `Authorization` that lets somebody in; undefined: all may. */
  admits: string | undefined
  readonly requests: string[]
  /** `Git-Protocol` of each request. */
  readonly protocols: string[]
}

/** @param tls with which it is one over HTTPS */
export async function startGitServer(root: string, tls?: { readonly cert: string; readonly key: string }): Promise<GitServer> {
  const requests: string[] = [], protocols: string[] = []
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    requests.push(`${request.method} ${request.url}`)
    protocols.push(String(request.headers['git-protocol'] ?? ''))
    if (it.instead !== undefined) return it.instead(request, response)
    if (it.admits !== undefined && request.headers.authorization !== it.admits) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    const { pathname, search } = new URL(request.url ?? '', 'http://git')
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'], GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*', PATH_INFO: pathname, QUERY_STRING: search.slice(1), REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '', CONTENT_LENGTH: request.headers['content-length'] ?? '', HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '', GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    child.stdin.on('error', () => undefined)
    request.pipe(child.stdin)
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('close', () => {
      const all = Buffer.concat(chunks), end = all.indexOf('\r\n\r\n')
      const headers = all.toString('latin1', 0, end).split('\r\n').map((line) => line.split(': ') as [string, string])
      const status = headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? '200'
      response.writeHead(Number(status), Object.fromEntries(headers.filter(([name]) => name !== 'Status'))).end(all.subarray(end + 4))
    })
  }
  const server = tls === undefined ? http.createServer(answer) : https.createServer(tls, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const it: GitServer = {
    requests, protocols, instead: undefined, admits: undefined, url: (path) => `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return it
}
