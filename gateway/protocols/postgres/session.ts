// One session: a client and its server, joined by two loops. Everything a client may see passes the outlet; everything a server gets has a permit or is control.
import type { Socket } from 'node:net'
import type { SessionEnd } from '../../call.ts'
import type { PostgresConfig } from '../../config.ts'
import type { Masking, MaskPlan } from '../../mask/index.ts'
import type { ConnectionEnd, Gate } from '../../protocol.ts'
import { refusal, RefusalError, type RefusalCode } from '../../refusal.ts'
import { Act } from './session/act.ts'
import type { Backlog } from './session/backlog.ts'
import { createAsk } from './session/ask.ts'
import type { PostgresUpstream } from './dial.ts'
import { Few } from './few.ts'
import { mayTakePortal } from './session/given-anew.ts'
import { Holding, type HoldingOptions } from './session/holding.ts'
import { Inbox } from './session/inbox.ts'
import { createResultMasker, type ResultMasker } from './mask.ts'
import { encodeNotice, Framer, ProtocolViolation } from './messages.ts'
import { Names, setsTransaction } from './session/names.ts'
import type { OperationOptions, PostgresOperation } from './operation.ts'
import { giveBackRead } from './session/memory.ts'
import { Outlet } from './session/outlet.ts'
import { isUnchanged, Planner } from './session/plan.ts'
import { errorOf, poison } from './refuse.ts'
import { Replies } from './session/replies.ts'
import { Requests } from './session/requests.ts'
import { Fault } from './session/fault.ts'
import type { RowKernel } from './mask/kernel/row-kernel.ts'
import type { Reach } from './mask/reach.ts'
import type { Admission, Analyser } from './sql/analyse.ts'
import type { Analysis, Statement } from './sql/analysis.ts'
import type { Ask, Catalogue } from './sql/catalogue.ts'
import { hasForeignName } from './sql/foreign-names.ts'
import { mayNameAnything, resolveHeld, standsForOthers } from './session/held.ts'
import { maxDue, SessionState, type SessionNames } from './session/state.ts'
import { createUnasked } from './session/unasked.ts'

/** A catalogue younger than this is not read again for a name that it lacks. */
const staleMs = 1_000
/** For the server's last words once the client is gone: what became of a statement is worth knowing. */
const lastWordsMs = 5_000
/** For a statement that is under way when the token expires: one whose client does not read, or goes on to send rows, would never end. */
export const maxFinishMs = 60 * 60_000

/** How the gateway reads texts; PostgreSQL keeps `UNICODE` as it was said, for old clients (check_client_encoding). */
const read: Readonly<Record<string, readonly string[]>> = { standard_conforming_strings: ['on'], client_encoding: ['UTF8', 'UNICODE'] }

/** Why a session ends that its client did not end. */
export const overWords = {
  expired: ['The token has expired', 'identity.token_expired'],
  revoked: ['The session was revoked', 'identity.off_boarded'],
  reconfigured: ['The configuration of this target has changed: connect again', 'gateway.draining'],
  stopping: ['The gateway is stopping', 'gateway.draining'],
} as const satisfies Record<SessionEnd, readonly [string, RefusalCode]>

export interface SessionOptions {
  readonly socket: Socket
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly upstream: PostgresUpstream
  readonly masking: Masking
  readonly config: PostgresConfig
  readonly about: OperationOptions
  readonly analyser: Analyser
  readonly catalogue: Catalogue
  readonly aside: Ask
  /** As the server has said it at the sign-in; undefined: it has not. */
  readonly serverEncoding: string | undefined
  /** The target's catalogue: class of a column. */
  classOf(relation: string, column: string): string | undefined
  readonly reach: Reach
  readonly kernel: RowKernel
  readonly backlog: Backlog
}

export class Session {
  readonly #o: SessionOptions
  readonly #state = new SessionState()
  readonly #outlet: Outlet
  readonly #replies: Replies
  readonly #requests: Requests
  readonly #names: Names
  readonly #framer = new Framer('frontend')
  readonly #over = Promise.withResolvers<ConnectionEnd>()
  /** Settings by which the server reads texts otherwise. */
  readonly #misread = new Set<string>()
  /** Of the last run of what an analysis found: the next one has the same columns under the same masks. */
  readonly #maskers = new Few<readonly Statement[], { readonly masker: ResultMasker; readonly plan: MaskPlan; readonly names: SessionNames | undefined; readonly keepsBodies: boolean }>()
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
    this.#outlet = new Outlet(socket, (parts) => gate.deliver(parts), (error) => this.#fail(ofServer(error)), options.backlog)
    this.#replies = new Replies(state, {
      setting: (name, value) => this.#setting(name, value),
      broken: () => void this.#cancel(),
      unasked: createUnasked({ gate, masking: options.masking, about: options.about, masker: (plan, act) => this.#masker(plan, false, act) }),
      idle: () => this.#idle(),
      farewell: () => { this.#hasFarewell = true },
    })
    this.#names = new Names(state, options.catalogue, createAsk(state, upstream), options.aside, () => this.#settle(), (name, value) => this.#setting(name, value))
    const planner = new Planner({
      state, gate, names: this.#names, poison, about: options.about, isTransparent: config.unparsed === 'transparent',
      analyse: (text, names, admission) => this.#analyse(text, names, admission),
      known: (text, names) => this.#analysed(text, names),
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
      state, gate, upstream, planner, outlet: this.#outlet, replies: this.#replies,
      masker: (permit, act) => this.#masker(options.masking.planFor(permit.call.decision, undefined), permit.call.decision.record.level === 'body', act),
      bareMasker: (act) => this.#masker(options.masking.planFor({ mask: [] }, undefined), false, act),
      hold: () => new Holding(holds),
      answered: (holding) => {
        holding.done()
        if (this.#holding === holding) this.#holding = undefined
      },
      cancel: () => this.#cancel(),
      cancelled: () => this.#cancelling,
      note: () => this.#names.note(),
      changed: (act) => this.#changed(act),
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
    else if (this.#isUnsure) void this.#reconsider(chunk)
    else this.#read(chunk)
  }

  /** A result begins that was decided some time ago, here or behind others in the server: what it names may have been changed before the server looked. What this transaction has changed itself nobody else can see, or change. */
  get #isUnsure(): boolean {
    if (this.#state.hasUncommittedNames) return false
    for (const { names } of this.#state.unbegun()) return names?.snapshot !== this.#o.catalogue.fresh
    return false
  }

  /** Nothing more is read meanwhile, so nothing is asked on the session's own connection. */
  async #reconsider(chunk: Uint8Array): Promise<void> {
    const { upstream, catalogue, aside } = this.#o
    const unread = this.#unread = [chunk]
    upstream.socket.pause()
    try {
      const snapshot = await catalogue.current(aside).catch(() => undefined)
      for (const act of this.#state.unbegun()) {
        if (snapshot === undefined || !await this.#stands(act, snapshot)) act.broken ??= refusal('upstream.catalogue', 'What it names was changed before the server came to it, so its result is withheld')
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#unread = undefined
    for (const each of unread) if (!this.#isOver) this.#read(each)
    if (!this.#outlet.isFull) upstream.socket.resume()
  }

  /** As `Planner.stands` would say it, along the path that was looked up. */
  async #stands(act: Act, snapshot: SessionNames['snapshot']): Promise<boolean> {
    const { names: before, text } = act
    if (before === undefined || before.snapshot === snapshot) return true
    const { analyser } = this.#o
    const names = { ...before, snapshot }
    const again = (source: string) => analyser.analyse(source, names, 'on-second-sight')
    return isUnchanged(act, names, await resolveHeld(await again(text), this.#state.held, again))
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

  #masker(plan: MaskPlan, keepsBodies: boolean, { statements }: Act): ResultMasker {
    const { config, classOf, reach, kernel } = this.#o
    if (this.#misread.size > 0 && !plan.isEmpty) throw new RefusalError(refusal('mask.unenforceable', 'The session has a setting that makes the server read and write texts otherwise than the gateway'))
    const names = this.#names.last
    const known = this.#maskers.get(statements)
    if (known?.masker.isFree === true && known.plan === plan && known.names === names && known.keepsBodies === keepsBodies) {
      known.masker.lend()
      return known.masker
    }
    const masker = createResultMasker({
      plan, classOf, keepsBodies, kernel, snapshot: names?.snapshot, unknownOrigin: config.unknownOrigin,
      ...names === undefined ? {} : { viewLineage: names.viewLineage },
      reachesSensitive: !plan.isEmpty && (names === undefined || reach.reaches(statements, names.snapshot, plan)),
    })
    this.#maskers.set(statements, { masker, plan, names, keepsBodies })
    return masker
  }

  /** As `#analyse` would say it. */
  #analysed(text: string, names: SessionNames): Analysis | undefined {
    const analysis = this.#misread.size > 0 || this.#isForeign(text) ? undefined : this.#o.analyser.known(text, names)
    return analysis === undefined || isUnresolved(analysis) || standsForOthers(analysis) ? undefined : analysis
  }

  /** A database keeps its encoding for good. */
  #isForeign(text: string): boolean {
    return this.#o.serverEncoding !== 'UTF8' && hasForeignName(text)
  }

  /** What a text says as names resolve now; what EXECUTE and FETCH stand for is what this session has kept under their names. */
  async #analyse(text: string, names: SessionNames, admission: Admission): Promise<Analysis> {
    const { analyser, catalogue } = this.#o
    const [setting] = this.#misread
    if (setting !== undefined) return { status: 'error', message: `${setting} makes the server read texts otherwise than the gateway`, position: 0 }
    if (this.#isForeign(text)) return { status: 'error', message: 'names beyond ASCII cannot be told apart in a database that is not UTF8', position: 0 }
    let analysis = await analyser.analyse(text, names, admission)
    // A table made elsewhere a moment ago: looked for once more, and not again until something else may be there.
    if (isUnresolved(analysis) && catalogue.isOlderThan(names.snapshot, staleMs)) {
      catalogue.invalidate()
      analysis = await analyser.analyse(text, await this.#names.now(), admission)
    }
    return await resolveHeld(analysis, this.#state.held, (earlier) => analyser.analyse(earlier, names, 'at-once'))
  }

  /** How text is read decides what was decided: a server that reads it otherwise is left, unless policy may let pass what nobody could read. */
  #setting(name: string, value: string): void {
    const wanted = read[name]
    if (wanted?.includes(value) === true) this.#misread.delete(name)
    else if (wanted !== undefined) {
      if (this.#o.config.unparsed !== 'transparent') throw new RefusalError(refusal('policy.unenforceable', `${name} must be ${wanted[0]}`))
      this.#misread.add(name)
    }
    if (name === 'search_path' || name === 'session_authorization' || name === 'role') this.#state.isStale = true
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

  /** A statement that others depend on has ended: names may resolve differently, or there is one more of them. */
  #changed(act: Act): void {
    const state = this.#state
    // The end of a transaction, or of a part of it, takes back what it changed about names: also where the next begins at once.
    const isTakenBack = state.isTouched && act.statements.some(({ effects }) => effects.includes('transaction'))
    const isChanged = isTakenBack || act.statements.some((statement) => statement.isBarrier && !setsTransaction(statement)) || act.statements.length === 0
    if (isChanged) state.held.forgetCalling()
    state.rename(act.statements)
    if (act.hasEnded && act.failure === undefined && act.broken === undefined) state.held.keep(act.statements, act.text)
    const isTaken = act.isBarrier && mayTakePortal(state, act.statements)
    if (isChanged || isTaken) state.isStale = true
    if (isTaken) state.mayBeGivenAnew = true
    if (!isChanged) return
    state.isTouched = true
    if (act.statements.length === 0 || act.statements.some(mayNameAnything)) state.mayBeGivenAnew = true
    if (act.statements.length === 0 || act.statements.some(({ effects }) => effects.includes('ddl') || effects.includes('execute'))) state.hasUncommittedNames = true
    if (state.hasUncommittedNames) state.nameChanges++
    // Its own ReadyForQuery was there before: it is committed already.
    if (state.status === 'I' && !state.isUnsynced) this.#idle()
  }

  /** ReadyForQuery outside a transaction: what it changed is everybody's, or nobody's. */
  #idle(): void {
    const state = this.#state
    if (!state.isTouched) return
    state.isTouched = false
    state.isStale = true
    if (state.hasUncommittedNames) this.#o.catalogue.invalidate()
    state.hasUncommittedNames = false
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

function isUnresolved(analysis: Analysis): boolean {
  return analysis.status === 'ok' && analysis.statements.some(({ unknown }) => unknown.some((reason) => reason.startsWith('unresolved_')))
}
