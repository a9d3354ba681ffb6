// Bytes nobody parses: uploads over the cap, routes declared opaque, WebSocket upgrades. They pass through http-proxy-3,
// but every chunk goes through the gate first: it is on record before it is written, in either direction.
import { EventEmitter } from 'node:events'
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Duplex, Readable } from 'node:stream'
import { ProxyServer } from 'http-proxy-3'
import type { Permit } from '../../call.ts'
import type { UpstreamAccess } from '../../protocol.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import { drained, type Caller } from './caller.ts'
import { endPart, opaquePart, planOf } from './mask.ts'
import type { HttpMessage, HttpOperation } from './messages.ts'
import { answerHeaders } from './response.ts'
import type { HttpExchange, HttpGate } from './serve.ts'
import type { Masking, MaskPlan } from '../../mask/index.ts'

const connectTimeoutMs = 5_000
const nothing = new Uint8Array(0)

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
    this.#proxy().ws(asked, socket, undefined, {}, (error) => failed(faultOf(error)))
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
    const headers: IncomingHttpHeaders = {}
    for (const name of framing) if (request.headers[name] !== undefined) headers[name] = request.headers[name]
    for (let at = 0; at < message.headers.length; at += 2) headers[message.headers[at] ?? ''] = message.headers[at + 1]
    Object.assign(headers, { 'accept-encoding': 'identity' }, this.#access.credentialHeaders())
    const { httpVersion, httpVersionMajor, httpVersionMinor, socket } = request
    const url = message.path.startsWith('/') ? message.path : `/${message.path}`
    return Object.assign(new EventEmitter(), { method: message.method, url, headers, httpVersion, httpVersionMajor, httpVersionMinor, socket }) as unknown as IncomingMessage
  }
}

const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNECT_TIMEOUT'])

function faultOf(error: Error): RefusalError {
  const code = 'code' in error ? String(error.code) : ''
  return new RefusalError(refusal(unreachable.has(code) ? 'upstream.unavailable' : 'upstream.broken'), error)
}

/** One exchange, chunk by chunk: recorded, then written. */
export async function passExchange(passage: Passage, permit: Permit<HttpOperation>, gate: HttpGate, client: HttpExchange, chunks: AsyncIterable<Uint8Array>, caller: Caller, masking: Masking): Promise<void> {
  const plan = planOf(permit, masking)
  opaquePart(nothing, plan)                                      // masks on bytes nobody parses: refused before anything is sent
  const { request, response } = client
  const body = Readable.from(recorded(gate, permit, chunks), { objectMode: false, highWaterMark: 64 * 1024 })
  const { timeout_ms: asked = Infinity } = permit.call.decision.limits
  const answer = await passage.exchange(permit.spend().message, request, response, body, Math.min(passage.timeoutMs, asked))
  const revoked = (): void => { answer.destroy(new RefusalError(refusal('upstream.broken', 'The session was revoked'))) }
  gate.signal.addEventListener('abort', revoked, { once: true })
  caller.onSent(() => answer.destroy())
  try {
    const status = answer.statusCode ?? 502
    const headers = answerHeaders({ status, headers: answer.headers }, permit, undefined)
    // An answer that came before the upload's end leaves bytes behind that must not be read as a request.
    response.writeHead(status, request.complete ? headers : { ...headers, connection: 'close' })
    for await (const chunk of answer) {
      for (const part of await gate.deliver([[permit, opaquePart(chunk as Uint8Array, plan)]])) if (!response.write(part.bytes)) await drained(response)
    }
    if (caller.isGone) throw new RefusalError(refusal('upstream.broken', 'The caller went away'))
    await gate.deliver([[permit, endPart(String(status), masking)]])
    response.end()
  } catch (error) {
    throw error instanceof RefusalError ? error : new RefusalError(refusal('upstream.broken'), error)
  } finally {
    gate.signal.removeEventListener('abort', revoked)
  }
}

async function* recorded(gate: HttpGate, permit: Permit<HttpOperation>, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield (await gate.upload(permit, chunk, false)).bytes
  await gate.upload(permit, nothing, true)
}

/** The caller's socket as the proxy sees it: what is read was recorded, what is written is recorded before it leaves. */
export class GateSocket extends Duplex {
  readonly #socket: Duplex
  readonly #gate: HttpGate
  readonly #permit: Permit<HttpOperation>
  readonly #plan: MaskPlan
  #isRecording = false
  #hasEnded = false
  #hasWritten = false

  constructor(socket: Duplex, gate: HttpGate, permit: Permit<HttpOperation>, plan: MaskPlan) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#gate = gate
    this.#permit = permit
    this.#plan = plan
    socket.on('data', (chunk: Uint8Array) => { void this.#upload(chunk) })
    socket.on('end', () => this.#end())
    socket.on('close', () => { this.destroy() })
    socket.pause()
  }

  // What http-proxy-3 asks of a socket besides being a stream. Time-outs and delays were set on the real one.
  setTimeout(): this { return this }
  setNoDelay(): this { return this }
  setKeepAlive(): this { return this }
  /** Before the first byte the socket is left to whoever refuses the upgrade on it. */
  destroySoon(): void {
    if (!this.#hasWritten) return
    if (this.writableEnded) this.destroy(); else this.end(() => this.destroy())
  }

  override _read(): void { if (!this.#isRecording) this.#socket.resume() }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#hasWritten = true
    this.#gate.deliver([[this.#permit, opaquePart(chunk, this.#plan)]]).then(([part]) => {
      if (part === undefined) done(new Error('nothing was recorded'))
      else this.#socket.write(part.bytes, done)
    }, done)
  }

  override _final(done: (error?: Error | null) => void): void { this.#socket.end(done) }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  async #upload(chunk: Uint8Array): Promise<void> {
    this.#isRecording = true
    this.#socket.pause()
    try {
      const { bytes } = await this.#gate.upload(this.#permit, chunk, false)
      this.#isRecording = false
      if (this.push(bytes)) this.#socket.resume()
      if (this.#hasEnded) this.push(null)
    } catch (cause) {
      this.destroy(cause instanceof Error ? cause : undefined)
    }
  }

  #end(): void {
    this.#hasEnded = true
    if (!this.#isRecording) this.push(null)
  }
}
