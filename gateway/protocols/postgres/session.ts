// One session: a client and its server, joined by two loops. Everything a client may see passes the outlet; everything a server gets has a permit or is control.
//   client ──▶ inbox ──▶ plan: steps, portals ──▶ decisions ──▶ departures ══▶ server     one read of the client's is one turn of `requests`
//      ◀── outlet ◀── delivery ◀── outcomes ◀── results ◀── replies ◀──────────┘          each reply belongs to the head of the queue in `state`
// What a text means is for `texts` to say, what a statement does to that for `name-changes`.
import type { Socket } from 'node:net'
import type { SessionEnd } from '../../call.ts'
import type { Masking } from '../../mask/index.ts'
import type { ConnectionEnd, Gate } from '../../protocol.ts'
import { refusal, RefusalError, type RefusalCode } from '../../refusal.ts'
import type { PostgresUpstream } from './dial.ts'
import { encodeNotice, Framer, ProtocolViolation } from './messages.ts'
import type { OperationOptions, PostgresOperation } from './operation.ts'
import { errorOf } from './refuse.ts'
import { createAsk } from './session/ask.ts'
import type { Backlog } from './session/backlog.ts'
import { Fault } from './session/fault.ts'
import { Holding, type HoldingOptions } from './session/holding.ts'
import { Inbox } from './session/inbox.ts'
import { Maskers, type MaskersOptions } from './session/maskers.ts'
import { giveBackRead } from './session/memory.ts'
import { noteChanges, settleChanges } from './session/name-changes.ts'
import { Names } from './session/names.ts'
import { Outlet } from './session/outlet.ts'
import { Planner } from './session/plan.ts'
import { Replies } from './session/replies.ts'
import { Requests } from './session/requests.ts'
import { Settings } from './session/settings.ts'
import { maxDue, SessionState } from './session/state.ts'
import { Texts, type TextsOptions } from './session/texts.ts'
import { createUnasked } from './session/unasked.ts'

/** For the server's last words once the client is gone: what became of a statement is worth knowing. */
const lastWordsMs = 5_000
/** For a statement that is under way when the token expires: one whose client does not read, or goes on to send rows, would never end. */
export const maxFinishMs = 60 * 60_000

/** Why a session ends that its client did not end. */
export const overWords = {
  expired: ['The token has expired', 'identity.token_expired'],
  revoked: ['The session was revoked', 'identity.off_boarded'],
  reconfigured: ['The configuration of this target has changed: connect again', 'gateway.draining'],
  stopping: ['The gateway is stopping', 'gateway.draining'],
} as const satisfies Record<SessionEnd, readonly [string, RefusalCode]>

export interface SessionOptions extends Omit<TextsOptions, 'state' | 'names' | 'settings'>, Omit<MaskersOptions, 'names' | 'settings'> {
  readonly socket: Socket
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly upstream: PostgresUpstream
  readonly masking: Masking
  readonly about: OperationOptions
  readonly backlog: Backlog
}

export class Session {
  readonly #o: SessionOptions
  readonly #state = new SessionState()
  readonly #outlet: Outlet
  readonly #replies: Replies
  readonly #requests: Requests
  readonly #texts: Texts
  readonly #framer = new Framer('frontend')
  readonly #over = Promise.withResolvers<ConnectionEnd>()
  #isOver = false
  #fault: Fault | undefined
  /** The server has said itself why it ends the connection. */
  #hasFarewell = false
  #holding: Holding | undefined
  #cancelling: Promise<void> | undefined
  /** Of the server's, while a result that is in it is looked into once more. */
  #unread: Uint8Array[] | undefined

  constructor(options: SessionOptions) {
    this.#o = options
    const { gate, upstream, socket, config } = options
    const state = this.#state
    const isTransparent = config.unparsed === 'transparent'
    const settings = new Settings(state, isTransparent)
    const names = new Names(state, options.catalogue, createAsk(state, upstream), options.aside, () => this.#settle(), (name, value) => settings.said(name, value))
    const maskers = new Maskers({ ...options, names, settings })
    this.#texts = new Texts({ ...options, state, names, settings })
    this.#outlet = new Outlet(socket, (parts) => gate.deliver(parts), (error) => this.#fail(ofServer(error)), options.backlog)
    this.#replies = new Replies(state, {
      setting: (name, value) => settings.said(name, value),
      broken: () => void this.#cancel(),
      unasked: createUnasked({ gate, masking: options.masking, about: options.about, masker: (plan, act) => maskers.for(act, plan, false) }),
      idle: () => settleChanges(state, options.catalogue),
      farewell: () => { this.#hasFarewell = true },
    })
    const planner = new Planner({
      state, gate, names, texts: this.#texts, about: options.about, isTransparent,
      settle: () => this.#settle(),
      leave: (act) => this.#outlet.send(this.#replies.leave(act)),
    })
    const holds: HoldingOptions = {
      waitMs: config.approvalWaitS * 1000,
      begun: (holding) => {
        this.#holding = holding
        if (this.#requests.takeUnwanted()) holding.abort()
      },
      say: (message) => this.#outlet.send([{ kind: 'bytes', bytes: notice(message) }]),
    }
    this.#requests = new Requests({
      state, gate, upstream, planner, outlet: this.#outlet, replies: this.#replies, isTransparent,
      stands: (act) => this.#texts.stands(act),
      masker: ({ call: { decision } }, act) => maskers.for(act, options.masking.planFor(decision, undefined), decision.record.level === 'body'),
      bareMasker: (act) => maskers.for(act, options.masking.planFor({ mask: [] }, undefined), false),
      hold: () => new Holding(holds),
      answered: (holding) => {
        holding.done()
        if (this.#holding === holding) this.#holding = undefined
      },
      cancel: () => this.#cancel(),
      cancelled: () => this.#cancelling,
      note: () => names.note(),
      changed: (act) => noteChanges(state, options.catalogue, act),
      isOver: () => this.#isOver,
    })
  }

  /** Until either side is gone. @throws Fault for whoever keeps the log; the client has been told */
  async run(): Promise<ConnectionEnd> {
    const { socket, upstream, gate } = this.#o
    upstream.socket.on('data', (chunk: Uint8Array) => this.#fromServer(chunk))
    upstream.socket.once('close', () => this.#end(this.#hasFarewell ? undefined : 'the server closed the connection', 'upstream.broken'))
    upstream.socket.on('error', () => upstream.socket.destroy())
    const inbox = new Inbox(socket, () => this.#gone())
    gate.signal.addEventListener('abort', () => this.#revoked(), { once: true })
    if (gate.signal.aborted) this.#revoked()
    upstream.socket.resume()
    void this.#fromClient(inbox)
    return await this.#over.promise
  }

  /** For a cancel request with this session's key: of what the client has sent it ends what comes first, and nothing that is sent after. */
  async cancel(): Promise<void> {
    const isRunning = this.#isRunning
    // Without a Sync the server may have answered, and be silent: but what fails there and what fails here is skipped together.
    if (!isRunning || this.#state.isUnsynced) {
      if (this.#holding === undefined) this.#requests.cancelNext()
      else this.#holding.abort()
    }
    if (isRunning) await this.#cancel()
  }

  /** A question of ours is nothing that the client would cancel; a Describe of ours has its statement behind it. */
  get #isRunning(): boolean {
    const { head } = this.#state
    return head !== undefined && (head.own === undefined || head.reply === 'describe')
  }

  /** Ends what the server is at, if it is at anything. */
  async #cancel(): Promise<void> {
    if (!this.#isRunning || this.#cancelling !== undefined) return
    const cancelling = this.#o.upstream.cancel().catch(() => undefined).then(() => { this.#cancelling = undefined })
    this.#cancelling = cancelling
    await cancelling
  }

  async #fromClient(inbox: Inbox): Promise<void> {
    try {
      for (;;) {
        const chunks = await inbox.next()
        if (chunks === undefined || this.#isOver) break
        const frames = chunks.length === 1 ? this.#framer.push(chunks[0] as Uint8Array) : chunks.flatMap((chunk) => this.#framer.push(chunk))
        if (frames.length > 0 && await this.#requests.take(frames) === 'terminate') break
        // Without a Sync the server keeps its last answers to itself.
        if (this.#state.due > maxDue || this.#state.touched.isFull) await this.#settle()
      }
      if (!this.#isOver) await this.#leave()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fromServer(chunk: Uint8Array): void {
    if (this.#isOver) return
    if (this.#unread !== undefined) this.#unread.push(chunk)
    else if (this.#texts.hasUnsure) void this.#reconsider(chunk)
    else this.#read(chunk)
  }

  /** Nothing more is read meanwhile, so nothing is asked on the session's own connection. */
  async #reconsider(chunk: Uint8Array): Promise<void> {
    const { upstream } = this.#o
    const unread = this.#unread = [chunk]
    upstream.socket.pause()
    try {
      for (const act of await this.#texts.unsure()) act.broken ??= refusal('upstream.catalogue', 'What it names was changed before the server came to it, so its result is withheld')
    } catch (error) {
      this.#fail(error)
    }
    this.#unread = undefined
    for (const each of unread) if (!this.#isOver) this.#read(each)
    if (!this.#outlet.isFull) upstream.socket.resume()
  }

  #read(chunk: Uint8Array): void {
    try {
      const { upstream } = this.#o
      const items = this.#replies.read(upstream.framer.pushRuns(chunk))
      giveBackRead(chunk, items)
      if (items.length > 0) this.#outlet.send(items)
      if (!this.#outlet.isFull) return
      upstream.socket.pause()
      void this.#outlet.drained.then(() => upstream.socket.resume())
    } catch (error) {
      this.#fail(ofServer(error))
    }
  }

  /** The client is gone while something may still run for it: the server is told, and what became of it is put on record. */
  #gone(): void {
    this.#holding?.abort()
    if (this.#state.due > 0) void this.#cancel()
    setTimeout(() => this.#end(undefined, 'upstream.timeout'), lastWordsMs).unref()
  }

  async #leave(): Promise<void> {
    const timer = setTimeout(() => this.#end(undefined, 'upstream.timeout'), lastWordsMs)
    if (this.#state.due > 0) await this.#cancel()
    await this.#state.settled()
    clearTimeout(timer)
    this.#end(undefined)
  }

  /** Ends both sides, and every operation that is under way. */
  #end(message: string | undefined, code: RefusalCode = 'upstream.broken', end: ConnectionEnd = 'ended'): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#holding?.abort()
    const { socket, upstream, gate } = this.#o
    const items = this.#replies.abandon(code)
    if (items.length > 0) this.#outlet.send(items)
    // A client that does not read is not waited for.
    void Promise.race([this.#outlet.drained, delay(lastWordsMs)]).then(() => {
      if (!socket.destroyed) {
        if (message === undefined) socket.end()
        else socket.end(errorOf(refusal(code, message), { severity: 'FATAL' }))
        setTimeout(() => socket.destroy(), lastWordsMs).unref()
      }
      upstream.end()
      gate.close()
      const fault = this.#fault
      if (fault === undefined) this.#over.resolve(end)
      // Whoever logs it drops the connection: not before the client has its last words.
      else if (socket.destroyed) this.#over.reject(fault)
      else socket.once('close', () => this.#over.reject(fault))
    })
  }

  #fail(error: unknown): void {
    if (error instanceof ProtocolViolation) {
      this.#o.gate.refuse('request.malformed', error.message).catch(() => undefined)
      return this.#end(error.message, 'request.malformed', 'refused')
    }
    if (error instanceof RefusalError) return this.#end(error.refusal.message, error.refusal.code, 'aborted')
    // Its stack says where; its message may be the caller's words, and is nobody's to read.
    this.#fault = new Fault(error)
    this.#end('An internal fault of the gateway', 'gateway.fault', 'aborted')
  }

  /** Expired: when the statement under way is through, where config lets it finish. For any other reason: at once. */
  #revoked(): void {
    const { gate, config } = this.#o
    if (gate.signal.reason !== 'expired' || config.onExpiry !== 'finish') return this.#expel()
    const timer = setTimeout(() => this.#expel(), maxFinishMs).unref()
    void this.#state.settled().then(() => {
      clearTimeout(timer)
      this.#expel()
    })
  }

  #expel(): void {
    const [message, code] = overWords[this.#o.gate.signal.reason as SessionEnd]
    if (this.#state.due > 0) void this.#cancel()
    this.#end(message, code, 'aborted')
  }

  /** Resolves when the server has answered all that was sent; without a Sync it is asked to. */
  async #settle(): Promise<void> {
    const { upstream } = this.#o
    if (this.#state.due > 0) {
      if (this.#state.isUnsynced) upstream.control({ kind: 'flush' })
      upstream.flush()
      await this.#state.settled()
    }
    // It must not hit the question that comes next.
    await this.#cancelling
  }
}

function notice(message: string): Uint8Array {
  return encodeNotice(new Map([['S', 'NOTICE'], ['V', 'NOTICE'], ['C', '00000'], ['M', message]]))
}

/** What the server has sent is no fault of the client's. */
function ofServer(error: unknown): unknown {
  return error instanceof ProtocolViolation ? new RefusalError(refusal('upstream.broken', error.message), error) : error
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms).unref() })
}
