// From the upstream's answer to the caller's: one JSON body, or events one by one. What passes is masked and on record first.
import { receiptHeaders, type MaskedPart, type Permit } from '../../call.ts'
import { drained, type Caller } from '../../caller.ts'
import type { Framing, MaskPlan } from '../../mask/index.ts'
import type { Answer, AnswerHeaders, ServerEvent } from '../../protocol.ts'
import { isRefusal, refusal, RefusalError } from '../../refusal.ts'
import type { McpUpstream } from './dial.ts'
import type { McpDoor, McpExchange, McpGate } from './gate.ts'
import { endPart, failedPart, filterList, maskMessage, planOf, privateResult, readAnswer, summaryOf } from './mask.ts'
import { idKey, readServerMessage, writeEvent, type ServerMessage } from './messages.ts'
import { closeMethod, streamMethod } from './methods.ts'
import { serverOperation, type McpOperation } from './operation.ts'
import { isHandle } from './own.ts'
import type { ResumableCall } from './resumable.ts'
import { keep, type McpSession, type McpSessions } from './sessions.ts'

type Whole = Extract<Answer, { kind: 'whole' }>
type Events = Extract<Answer, { kind: 'events' }>
type PermittedPart = readonly [Permit<McpOperation>, MaskedPart]

/** One answer on its way back. Owned by one exchange. */
export class Relay {
  readonly #client: McpExchange
  readonly #door: McpDoor
  readonly #gate: McpGate
  readonly #permit: Permit<McpOperation>
  readonly #caller: Caller
  readonly #sessions: McpSessions
  readonly #plan: MaskPlan
  /** In which the ids of its events are good. */
  #eventScope: string
  #isAnswered = false
  #resumable: ResumableCall | undefined

  constructor(client: McpExchange, door: McpDoor, gate: McpGate, permit: Permit<McpOperation>, caller: Caller, sessions: McpSessions) {
    this.#client = client
    this.#door = door
    this.#gate = gate
    this.#permit = permit
    this.#caller = caller
    this.#sessions = sessions
    this.#plan = planOf(permit, door.masking)
    this.#eventScope = this.#operation.message.session?.id ?? gate.owner
  }

  get #operation(): McpOperation { return this.#permit.call.operation }

  /** @throws RefusalError `upstream.*`, `mask.*`, `request.unknown_session`, `record.ambiguous` */
  async run(upstream: McpUpstream, answer: Answer): Promise<void> {
    if (answer.kind === 'events' && answer.status === 200) { await this.#runEvents(upstream, answer); return }
    if (answer.kind !== 'whole') {
      answer.source.cancel()
      throw broken('The upstream answered in a form that is not MCP')
    }
    // Its 401 or 403 is about our credential: nothing the caller could mend, and no challenge of theirs.
    if (answer.status === 401 || answer.status === 403) throw broken("The upstream refused the gateway's credential")
    const { session, method } = this.#operation.message
    if (answer.status === 404 && session !== undefined && method !== closeMethod) {
      await this.#close(session)
      throw new RefusalError(refusal('request.unknown_session', 'The session has ended: initialize again'))
    }
    if (method === closeMethod && session !== undefined) await this.#close(session)
    await (this.#isMessage(answer) ? this.#runWhole(answer) : this.#runEmpty(answer))
  }

  /** Results that were to come on a later stream will not: their calls end here. */
  async #close(session: McpSession): Promise<void> {
    this.#sessions.forget(session)
    const ended = refusal('upstream.broken', 'The session ended before the result came')
    const parts = session.calls.close().map((permit) => [permit, failedPart(ended, false, this.#door.masking)] as const)
    if (parts.length > 0) await this.#gate.deliver(parts)
  }

  /** Says a failure on a stream that is already open. @returns false when there is no such stream */
  sayFailure(text: string): boolean {
    const { response } = this.#client
    if (!response.headersSent) return false
    if (this.#operation.message.id === undefined || this.#isAnswered) response.destroy()
    else response.end(writeEvent(text, undefined, undefined))
    return true
  }

  #isMessage(answer: Whole): boolean {
    return answer.bytes.length > 0 && this.#operation.message.id !== undefined
  }

  /** 202 for a notification or a response, 405 for a GET that the server does not serve: a status is all there is. */
  async #runEmpty(answer: Whole): Promise<void> {
    const { id, method } = this.#operation.message
    if (id !== undefined) throw broken('The upstream gave no answer')
    const isTaken = answer.status >= 200 && answer.status < 300
    const status = isTaken ? (method === closeMethod ? 200 : 202) : passedStatuses.has(answer.status) ? answer.status : 502
    await this.#gate.deliver([[this.#permit, endPart(String(answer.status), this.#door.masking)]])
    this.#client.response.writeHead(status, { 'content-length': 0, 'cache-control': 'no-store' })
    this.#client.response.end()
  }

  async #runWhole(answer: Whole): Promise<void> {
    const read = readServerMessage(readAnswer(answer.bytes, this.#plan))
    if (read === undefined || !this.#isOwnAnswer(read)) throw broken('The upstream answered with something that is not the response')
    const message = this.#adjust(read)
    const parts = maskMessage(message, message === read ? answer.bytes : undefined, this.#permit, this.#plan, summaryOf(message))
    const recorded = await this.#gate.deliver(parts.map((part) => [this.#permit, part] as const))
    const length = recorded.reduce((sum, part) => sum + part.bytes.length, 0)
    const { response } = this.#client
    response.writeHead(answer.status, this.#headers(answer.headers, { 'content-type': 'application/json', 'content-length': length, 'cache-control': 'private, no-transform' }))
    for (const part of recorded.slice(0, -1)) response.write(part.bytes)
    response.end(recorded.at(-1)?.bytes)
  }

  #isOwnAnswer(message: ServerMessage): boolean {
    return message.kind === 'response' && (message.id === null || message.id === this.#operation.message.id)
  }

  #adjust(message: ServerMessage): ServerMessage {
    return privateResult(filterList(message, this.#permit, this.#door.target, (items) => this.#gate.visible(this.#permit, items)), this.#plan)
  }

  /** On `initialize` a session id of our own takes the place of the upstream's. */
  #headers(from: AnswerHeaders, headers: Record<string, string | number>): Record<string, string | number> {
    Object.assign(headers, receiptHeaders(this.#gate.session, this.#permit))
    const id = from['mcp-session-id']
    if (typeof id === 'string' && this.#operation.message.method === 'initialize') headers['mcp-session-id'] = this.#eventScope = this.#sessions.mint(this.#gate.owner, id).id
    return headers
  }

  async #runEvents(upstream: McpUpstream, answer: Events): Promise<void> {
    const { response } = this.#client
    const stop = (): void => answer.source.cancel()
    this.#gate.signal.addEventListener('abort', stop, { once: true })
    response.writeHead(200, this.#headers(answer.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' }))
    response.flushHeaders()
    const alive = setInterval(() => { if (!response.writableNeedDrain) response.write(keepAlive) }, keepAliveMs)
    try {
      for (let events = await answer.source.read(); events !== null && !this.#isAnswered; events = this.#isAnswered ? null : await answer.source.read()) {
        await this.#pass(upstream, events)
      }
      if (!this.#isAnswered) await this.#endUnanswered()
      response.end()
    } finally {
      clearInterval(alive)
      answer.source.cancel()
      this.#gate.signal.removeEventListener('abort', stop)
    }
  }

  /** All events of one read: decided together, one commit, then written in order. */
  async #pass(upstream: McpUpstream, events: readonly ServerEvent[]): Promise<void> {
    let parts: PermittedPart[] = []
    const { response } = this.#client
    for (const event of events) {
      if (event.id !== undefined) this.#resumable ??= this.#remember()
      if (this.#isAnswered) break                                 // the result is the last word of its stream
      if (event.comment !== undefined) { if (!response.write(keepAlive)) await drained(response); continue }
      if (event.event !== undefined && event.event !== 'message') continue
      if (event.data === undefined || event.data === '' || event.data === replayedPriming) {
        // Carries only an id or a pause to come back with (2025-11-25, "polling"): no content of anybody's.
        // It must not overtake: a client that comes back with this id is not sent what stands before it.
        await this.#write(parts)
        parts = []
        if (!response.write(writeEvent('', this.#passedId(event, this.#plan), event.retry))) await drained(response)
        continue
      }
      parts.push(...await this.#maskEvent(upstream, event, event.data))
    }
    await this.#write(parts)
  }

  async #write(parts: readonly PermittedPart[]): Promise<void> {
    if (parts.length === 0) return
    const { response } = this.#client
    for (const { bytes } of await this.#gate.deliver(parts)) if (bytes.length > 0 && !response.write(bytes)) await drained(response)
  }

  async #maskEvent(upstream: McpUpstream, event: ServerEvent, data: string): Promise<readonly PermittedPart[]> {
    const read = readServerMessage(readAnswer(data, this.#plan))
    if (read === undefined) throw broken('The upstream sent an event that is not JSON-RPC')
    if (read.kind === 'response') return this.#maskAnswer(read, event, data)
    if (read.kind === 'request') return this.#ask(upstream, read, event)
    return this.#parts(this.#permit, read, data, event, this.#plan)
  }

  /** Its own call's, or an earlier one's whose stream ended first; the masks are the call's that asked. Any other answer goes nowhere. */
  #maskAnswer(read: Extract<ServerMessage, { kind: 'response' }>, event: ServerEvent, data: string): readonly PermittedPart[] {
    const { session } = this.#operation.message
    if (this.#operation.message.method !== streamMethod) {
      if (!this.#isOwnAnswer(read)) throw broken('The upstream answered another request')
      if (this.#resumable?.isAnswered === true) return []          // a later stream was faster
      const message = this.#adjust(read)
      const parts = this.#parts(this.#permit, message, message === read ? data : undefined, event, this.#plan)
      this.#isAnswered = true                                     // not before: a result that cannot be masked is answered by a refusal
      if (this.#resumable !== undefined && read.id !== null) session?.calls.answer(read.id, this.#resumable)
      return parts
    }
    const call = read.id === null ? undefined : session?.calls.find(read.id)
    if (session === undefined || read.id === null || call === undefined) return []
    const { permit } = call
    const plan = planOf(permit, this.#door.masking)
    const message = privateResult(filterList(read, permit, this.#door.target, (items) => this.#gate.visible(permit, items)), plan)
    const raw = message === read ? data : undefined
    // Sent again it is no outcome of the call, which has one: it goes on record as this stream's.
    if (call.isAnswered) return this.#parts(permit, message, raw, event, plan, false).map(([, part]) => [this.#permit, part] as const)
    const parts = this.#parts(permit, message, raw, event, plan)
    session.calls.answer(read.id, call)
    return parts
  }

  #remember(): ResumableCall | undefined {
    const { session, id, method } = this.#operation.message
    return session === undefined || id === undefined || method === streamMethod ? undefined : session.calls.open(id, this.#permit)
  }

  #parts(permit: Permit<McpOperation>, message: ServerMessage, data: string | undefined, event: ServerEvent, plan: MaskPlan, isFinal?: boolean): readonly PermittedPart[] {
    const summary = summaryOf(message)
    const parts = maskMessage(message, data === undefined ? undefined : Buffer.from(data), permit, plan, isFinal === undefined ? summary : { ...summary, isFinal }, this.#framingOf(event, plan))
    return parts.map((part) => [permit, part] as const)
  }

  /** An id is the upstream's text. One that holds what is to be masked is left out: the stream cannot be taken up again from there. */
  #passedId({ id }: ServerEvent, plan: MaskPlan): string | undefined {
    return id === undefined || !isHandle(id, plan) ? undefined : this.#sessions.eventIds.write(this.#eventScope, id)
  }

  #framingOf(event: ServerEvent, plan: MaskPlan): Framing {
    const id = this.#passedId(event, plan)
    return { before: `${id === undefined ? '' : `id: ${id}\n`}${event.retry === undefined ? '' : `retry: ${event.retry}\n`}`, linePrefix: 'data: ', after: '\n\n' }
  }

  /** A request of the server's: an operation from the other side. Refused, the server is told so and the client never sees it. */
  async #ask(upstream: McpUpstream, read: Extract<ServerMessage, { kind: 'request' }>, event: ServerEvent): Promise<readonly PermittedPart[]> {
    const { session, era } = this.#operation.message
    if (era.name === 'modern') throw broken('The upstream made a request on a stream, which this protocol version does not have')
    if (session === undefined) throw broken('The upstream made a request without a session to answer in')
    let refused
    try {
      const operation = serverOperation(read.method, read.id, read.params, { era, session, body: nothing, headers: [], transport: [] }, this.#door.target)
      const [permit] = await this.#gate.request([operation], 'upstream', this.#caller)
      if (permit !== undefined && !isRefusal(permit)) {
        keep(session.asked, idKey(read.id), read.method)
        permit.spend()
        return this.#parts(permit, read, undefined, event, planOf(permit, this.#door.masking), true)
      }
      refused = permit ?? refusal('gateway.fault')
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      refused = await this.#gate.refuse(error.refusal.code, error.refusal.message)
    }
    await upstream.answerRefused(session, read.id, refused)
    return []
  }

  /** The call ends in a refusal: no later stream may bring what this one could not. */
  giveUp(): void {
    const { session, id } = this.#operation.message
    if (this.#resumable !== undefined && id !== undefined) session?.calls.forget(id, this.#resumable)
  }

  /** A listening stream just ends. A call's stream that ends early leaves its result to a later stream of the session, where there is one. */
  async #endUnanswered(): Promise<void> {
    const { id, method } = this.#operation.message
    if (method === streamMethod || id === undefined) {
      await this.#gate.deliver([[this.#permit, endPart('stream ended', this.#door.masking)]])
      return
    }
    if (!this.keepForLater()) throw broken('The stream ended without a result')
  }

  /**
   * Leaves the call open for a later stream of its session, for a while; only a stream with event ids can be taken up again.
   * @returns false where no later stream can bring the result
   */
  keepForLater(): boolean {
    const { session, id } = this.#operation.message
    const call = this.#resumable
    if (session === undefined || id === undefined || call === undefined) return false
    if (call.isAnswered) return !this.#isAnswered                  // by a later stream, and so on record
    const { signal } = this.#gate
    if (signal.aborted) return false
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      if (call.isAnswered) return
      session.calls.answer(id, call)
      const never = refusal('upstream.timeout', 'The result never came')
      this.#gate.deliver([[this.#permit, failedPart(never, false, this.#door.masking)]]).catch(() => undefined)
    }
    const timer = setTimeout(end, unansweredMs).unref()
    signal.addEventListener('abort', end, { once: true })
    return true
  }
}

/** How long a call waits for a later stream. */
const unansweredMs = 10 * 60_000
const nothing = new Uint8Array(0)
/** What servers on the 1.x SDK send again in place of a priming event: no message, so it becomes the empty event it was. */
const replayedPriming = '{}'
/** A comment: readers skip it, proxies on the way see that the stream lives (2026-07-28, streamable-http). */
const keepAlive = ':\n\n'
const keepAliveMs = 15_000
/** What a server says without a body to a notification, a DELETE or a GET it does not take; 409 while an earlier stream is still open. */
const passedStatuses = new Set([400, 404, 405, 409])

function broken(message: string): RefusalError {
  return new RefusalError(refusal('upstream.broken', message))
}
