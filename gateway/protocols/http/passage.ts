// The upstream side of bytes nobody parses: http-proxy-3 carries them, and is shown only what may pass.
import { EventEmitter } from 'node:events'
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { ProxyServer } from 'http-proxy-3'
import type { UpstreamAccess } from '../../protocol.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import type { HttpMessage } from './messages.ts'

const connectTimeoutMs = 5_000

/** One upstream's pass-through side. */
export class Passage {
  readonly #access: UpstreamAccess

  constructor(access: UpstreamAccess) {
    this.#access = access
  }

  /** What the target's upstream is given for an answer's head. */
  get timeoutMs(): number { return this.#access.target.upstream.timeoutMs }

  /** Sends `body` and answers with the upstream's response, unread; `timeoutMs` is for its head, from the body's end on. @throws RefusalError `upstream.*` */
  exchange(message: HttpMessage, request: IncomingMessage, response: ServerResponse, body: Readable, timeoutMs: number): Promise<IncomingMessage> {
    // http-proxy-3 gives a DELETE or OPTIONS without a length the length 0 and still pipes its chunks: bytes of a second request.
    if ((message.method === 'DELETE' || message.method === 'OPTIONS') && request.headers['transfer-encoding'] !== undefined) {
      throw new RefusalError(refusal('request.invalid', 'A chunked body is not allowed here'))
    }
    const asked = this.#stand(message, request, ['content-length', 'transfer-encoding'])
    return new Promise((resolve, reject: (fault: RefusalError) => void) => {
      const proxy = this.#proxy()
      let outgoing: ClientRequest | undefined
      let deadline: NodeJS.Timeout | undefined
      const fail = (fault: RefusalError): void => {
        clearTimeout(deadline)
        reject(fault)
        outgoing?.destroy()
      }
      proxy.on('proxyReq', (sent) => { outgoing = sent })
      body.on('error', (cause) => fail(cause instanceof RefusalError ? cause : new RefusalError(refusal('upstream.broken', 'The upload broke off'), cause)))
      body.on('end', () => { deadline = setTimeout(() => fail(new RefusalError(refusal('upstream.timeout'))), timeoutMs) })
      proxy.on('proxyRes', (answer) => {
        clearTimeout(deadline)
        resolve(answer)
      })
      proxy.web(asked, response, { buffer: body, selfHandleResponse: true }, (error) => fail(faultOf(error)))
    })
  }

  /** Joins `socket` to an upgraded connection; an upstream that does not upgrade has its answer passed on and the socket closed. */
  upgrade(message: HttpMessage, request: IncomingMessage, socket: Duplex, failed: (fault: RefusalError) => void): void {
    const asked = this.#stand(message, request, ['connection', 'upgrade', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol', 'sec-websocket-extensions'])
    const proxy = this.#proxy()
    // The proxy writes every header of the answer to the caller's socket, so the answer has only what may pass before it looks.
    proxy.on('proxyReqWs', (sent) => {
      for (const event of ['upgrade', 'response']) sent.prependListener(event, (answer: IncomingMessage) => { answer.headers = only(passedBack, answer.headers) })
    })
    proxy.ws(asked, socket, undefined, {}, (error) => failed(faultOf(error)))
  }

  #proxy(): ProxyServer {
    const { origin, basePath, agent } = this.#access
    return new ProxyServer({ target: origin.origin + basePath, agent, changeOrigin: true, connectTimeout: connectTimeoutMs, secure: true })
  }

  /**
   * Stands in for the caller's request. The proxy copies every header it finds, so this one has only what may pass; and its
   * error handler reads `socket.destroyed` of a request that may have lost its socket, so errors of the real one never reach it.
   */
  #stand(message: HttpMessage, request: IncomingMessage, framing: readonly string[]): IncomingMessage {
    const headers = only(framing, request.headers)
    for (let at = 0; at < message.headers.length; at += 2) headers[message.headers[at] ?? ''] = message.headers[at + 1]
    Object.assign(headers, { 'accept-encoding': 'identity' }, this.#access.credentialHeaders())
    const { httpVersion, httpVersionMajor, httpVersionMinor, socket } = request
    const url = message.path.startsWith('/') ? message.path : `/${message.path}`
    return Object.assign(new EventEmitter(), { method: message.method, url, headers, httpVersion, httpVersionMajor, httpVersionMinor, socket }) as unknown as IncomingMessage
  }
}

/** Of the answer to an upgrade: cookies, challenges and the rest are the upstream's business with the gateway. */
const passedBack = ['connection', 'upgrade', 'sec-websocket-accept', 'sec-websocket-protocol', 'sec-websocket-extensions', 'content-type', 'content-length']

function only(names: readonly string[], headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(names.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]))
}

const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNECT_TIMEOUT'])

function faultOf(error: Error): RefusalError {
  const code = 'code' in error ? String(error.code) : ''
  return new RefusalError(refusal(unreachable.has(code) ? 'upstream.unavailable' : 'upstream.broken'), error)
}
