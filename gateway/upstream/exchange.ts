// One request on the wire: undici's raw handler, turned into one answer. No stream is built for an answer that arrives whole.
import type { Dispatcher } from 'undici'
import type { Answer, AnswerHeaders, AnswerSource, UpstreamRequest } from '../protocol.ts'
import { refusal, RefusalError, type RefusalCode } from '../refusal.ts'
import { EventSource } from './events.ts'

/** Bytes of a streamed answer held unread before the source is paused. */
const highWaterBytes = 64 * 1024

export class Exchange implements Dispatcher.DispatchHandler, AnswerSource<Uint8Array> {
  readonly #request: UpstreamRequest
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (fault: RefusalError) => void
  #controller: Dispatcher.DispatchController | undefined
  #isCancelled = false
  /** The head is with the caller and chunks are read from here. */
  #isStreaming = false
  #isSettled = false
  #status = 0
  #headers: AnswerHeaders = {}
  #chunks: Uint8Array[] = []
  #size = 0
  #isEnded = false
  #fault: RefusalError | undefined
  #reader: PromiseWithResolvers<Uint8Array | null> | undefined
  #deadline: NodeJS.Timeout | undefined

  constructor(request: UpstreamRequest, resolve: (answer: Answer) => void, reject: (fault: RefusalError) => void) {
    this.#request = request
    this.#resolve = resolve
    this.#reject = reject
    request.onSent(() => this.cancel())
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isCancelled) controller.abort(new Error('cancelled'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    const { maxBytes, timeoutMs, method } = this.#request
    if (status < 200) {
      // RFC 9110 §15.2: interim, the answer is still to come. Each of them starts undici's timer anew, so from the first one on it is ours.
      this.#deadline ??= setTimeout(() => this.#stop(controller, 'upstream.timeout'), timeoutMs)
      return
    }
    clearTimeout(this.#deadline)
    const coding = headers['content-encoding']
    if (status > 599 || (coding !== undefined && coding !== 'identity' && method !== 'HEAD')) { this.#stop(controller, 'upstream.broken'); return }   // no status; not what was asked for
    this.#status = status
    this.#headers = headers
    const isEvents = mediaType(headers) === 'text/event-stream'
    if (isEvents || this.#request.isStreamed(status, headers)) {
      this.#isStreaming = this.#isSettled = true
      this.#resolve(isEvents ? { kind: 'events', status, headers, source: new EventSource(this) } : { kind: 'stream', status, headers, source: this })
      return
    }
    const declared = headers['content-length']
    if (typeof declared === 'string' && Number(declared) > maxBytes && method !== 'HEAD') { this.#stop(controller, 'upstream.too_large'); return }
    // undici's own body timer is off, because a stream may idle; a whole answer may not.
    this.#deadline = setTimeout(() => this.#stop(controller, 'upstream.timeout'), timeoutMs)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#isCancelled) return
    if (this.#reader !== undefined) {
      this.#reader.resolve(chunk)
      this.#reader = undefined
      return
    }
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#isStreaming) { if (this.#size >= highWaterBytes) controller.pause() }
    else if (this.#size > this.#request.maxBytes) this.#stop(controller, 'upstream.too_large')
  }

  onResponseEnd(): void {
    clearTimeout(this.#deadline)
    this.#isEnded = true
    if (this.#isStreaming) {
      this.#reader?.resolve(null)
      this.#reader = undefined
      return
    }
    if (this.#isSettled) return
    this.#isSettled = true
    const only = this.#chunks[0]
    const bytes = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, this.#size)
    this.#resolve({ kind: 'whole', status: this.#status, headers: this.#headers, bytes })
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(new RefusalError(refusal(this.#codeOf(error)), error))
  }

  read(): Promise<Uint8Array | null> {
    if (this.#isCancelled && this.#fault !== undefined) return Promise.reject(this.#fault)
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#size -= chunk.length
      if (this.#size < highWaterBytes) this.#controller?.resume()
      return Promise.resolve(chunk)
    }
    if (this.#fault !== undefined) return Promise.reject(this.#fault)
    if (this.#isEnded) return Promise.resolve(null)
    this.#reader = Promise.withResolvers()
    return this.#reader.promise
  }

  /** The caller went away: the upstream sees its connection close. Harmless after the end. */
  cancel(): void {
    if (this.#isEnded || this.#isCancelled) return
    this.#isCancelled = true
    const fault = new RefusalError(refusal('upstream.broken', 'The call was cancelled'))
    this.#fail(fault)                                            // first: aborting comes back as an error of its own
    this.#controller?.abort(fault)
  }

  #stop(controller: Dispatcher.DispatchController, code: RefusalCode): void {
    this.#fail(new RefusalError(refusal(code)))
    this.#isCancelled = true
    controller.abort(new Error(code))
  }

  #fail(fault: RefusalError): void {
    clearTimeout(this.#deadline)
    this.#fault ??= fault
    this.#reader?.reject(fault)
    this.#reader = undefined
    if (this.#isSettled) return
    this.#isSettled = true
    this.#reject(fault)
  }

  #codeOf(error: Error): RefusalCode {
    const code = 'code' in error ? error.code : undefined
    if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'upstream.timeout'
    // Not one byte went out before onRequestStart: the same call may be made again.
    return this.#controller === undefined ? 'upstream.unavailable' : 'upstream.broken'
  }
}

function mediaType(headers: AnswerHeaders): string {
  const value = headers['content-type']
  return typeof value === 'string' ? (value.split(';', 1)[0] ?? '').trim().toLowerCase() : ''
}
