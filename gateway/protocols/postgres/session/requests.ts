// The client's half of a session: what one read brought is parsed, decided and put on record together, and leaves in the order it came.
// A refused message leaves as poison: the server itself fails it, skips to Sync and keeps its transaction state (DESIGN.md, "PostgreSQL").
import type { Permit, SqlFinding } from '../../../call.ts'
import type { Gate } from '../../../protocol.ts'
import { isRefusal, refusal, RefusalError, type Refusal } from '../../../refusal.ts'
import { Act } from './act.ts'
import type { PostgresUpstream } from '../dial.ts'
import type { Step } from './draft.ts'
import { drained } from './drained.ts'
import { mayTakePortal } from './given-anew.ts'
import type { Holding } from './holding.ts'
import type { ResultMasker } from '../mask.ts'
import { encodeError, parseFrontend, ProtocolViolation, type Frame } from '../messages.ts'
import type { PostgresOperation } from '../operation.ts'
import type { Outlet } from './outlet.ts'
import type { Planner } from './plan.ts'
import { errorOf, type Saying } from '../refuse.ts'
import type { Replies } from './replies.ts'
import { missingWords } from './missing-name.ts'
import { undoOfClose, type Due, type Portal, type Prepared, type SessionState } from './state.ts'

export interface RequestsOptions {
  readonly state: SessionState
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly upstream: PostgresUpstream
  readonly outlet: Outlet
  readonly replies: Replies
  readonly planner: Planner
  /** @throws RefusalError `mask.unenforceable` */
  masker(permit: Permit<PostgresOperation>, act: Act): ResultMasker
  /** For what got a permit and no masker: says only that it failed. */
  bareMasker(act: Act): ResultMasker
  /** For a request that may be held; ended by `answered`. */
  hold(): Holding
  answered(holding: Holding): void
  /** Ends the statement under way. */
  cancel(): Promise<void>
  /** A cancel that is on its way to the server: nothing new is sent before it has arrived. */
  cancelled(): Promise<void> | undefined
  /** The session has ended: whatever was permitted and has not left stays here. */
  isOver(): boolean
  /** Before code that may name anything is sent. */
  note(): Promise<void>
  /** A barrier is through: names may resolve differently now. */
  changed(act: Act): void
}

const nothing = new Uint8Array(0)
/** In PostgreSQL's own words. */
const canceled = encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', '57014'], ['M', 'canceling statement due to user request']]))

export class Requests {
  readonly #o: RequestsOptions
  #isTaking = false
  /** The client would have what it sent last cancelled, and the server has none of that yet. */
  #isUnwanted = false

  constructor(options: RequestsOptions) {
    this.#o = options
  }

  /** For a cancel that finds nothing at the server: the first statement of what is worked on stays here, and none that comes with a later read. */
  cancelNext(): void { this.#isUnwanted = this.#isTaking }

  /** It is held, and its wait is what such a cancel ends. */
  takeUnwanted(): boolean {
    const isUnwanted = this.#isUnwanted
    this.#isUnwanted = false
    return isUnwanted
  }

  /** One read of the client. Resolves when all of it has left, or waits in the server. @throws ProtocolViolation */
  async take(frames: readonly Frame[]): Promise<'terminate' | undefined> {
    this.#isTaking = true
    try {
      return await this.#take(frames)
    } finally {
      this.#isTaking = this.#isUnwanted = false
    }
  }

  async #take(frames: readonly Frame[]): Promise<'terminate' | undefined> {
    let at = 0
    while (at < frames.length && !this.#o.isOver()) {
      if (this.#o.state.copyIn !== undefined) {
        at = await this.#copy(frames, at)
        continue
      }
      const planned = this.#o.planner.plan(frames, at)
      const plan = planned instanceof Promise ? await planned : planned
      at = plan.end
      if (plan.steps.length > 0) await this.#run(plan.steps)
      if (plan.isTerminated) return 'terminate'
    }
    return undefined
  }

  /** COPY IN: data is on record, as count, before the server has it. Sync and Flush are what the server would ignore (§54.2.6). */
  async #copy(frames: readonly Frame[], from: number): Promise<number> {
    const { state, gate, upstream } = this.#o
    const act = state.copyIn as Act
    const data: Uint8Array[] = []
    let hasEnded = false
    let at = from
    for (; at < frames.length && !hasEnded; at++) {
      const frame = frames[at] as Frame
      const { kind } = parseFrontend(frame)
      if (kind === 'sync' || kind === 'flush') continue
      if (kind === 'terminate') {
        upstream.control({ kind: 'poison', bytes: this.#o.planner.poison.copy() })
        upstream.flush()
        await act.ended
        return at
      }
      // The server, too, ends the connection for it.
      if (kind !== 'copyData' && kind !== 'copyDone' && kind !== 'copyFail') throw new ProtocolViolation(`unexpected message type 0x${frame.tag.toString(16)} during COPY from stdin`)
      data.push(frame.bytes)
      hasEnded = kind !== 'copyData'
    }
    if (data.length === 0 || act.permit === undefined) return at
    const recorded = await gate.upload(act.permit, data.length === 1 ? data[0] as Uint8Array : Buffer.concat(data), hasEnded)
    // It may have failed meanwhile, and with it all that was on its way.
    if (state.copyIn !== act) return at
    act.stream?.write(recorded.bytes)
    // Of several in one text the next may begin: what follows is its data then.
    const paused = hasEnded && state.head?.reply === 'query' ? act.paused : undefined
    if (hasEnded) {
      state.copyIn = undefined
      this.#o.changed(act)
    }
    await this.#flush()
    await paused
    return at
  }

  async #run(steps: readonly Step[]): Promise<void> {
    const deciding = this.#decide(steps)
    if (deciding !== undefined) await deciding
    const { state, upstream } = this.#o
    const left: Act[] = []
    const pending = this.#o.cancelled()
    if (pending !== undefined) await pending
    let isPoisoned = false
    // Nothing is due, so this is what the server's state is.
    const isIdle = state.due === 0 && state.status === 'I' && !state.isUnsynced
    const unsent: Step[] = []
    let hasWaited = false
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i] as Step
      const { act } = step
      if (act !== undefined && !isPoisoned && !state.isSkipping && act.isBarrier && runs(step, act) && mayTakePortal(state, act.statements)) await this.#o.note()
      if (this.#o.isOver()) {
        for (const { act: waiting } of steps.slice(i)) if (waiting?.permit !== undefined && waiting.stream === undefined) left.push(waiting)
        break
      }
      if (step.kind === 'sync') {
        isPoisoned = false
        // It may have ended what was sent before in this segment.
        if (state.isUnsynced) this.#isUnwanted = false
        takeBack(unsent)
      } else if (isPoisoned || state.isSkipping) {
        unsent.push(step)
        if (act !== undefined && act.permit !== undefined && act.stream === undefined) left.push(act)
        else if (act !== undefined && act.permit === undefined) act.settle()
        continue
      }
      if (hasWaited && act?.permit !== undefined && act.stream === undefined && act.refused === undefined) await this.#reconsider(act, act.permit)
      const refused = step.refused ?? act?.refused
      let error = step.error ?? (refused === undefined ? undefined : errorOf(refused, saying(step, state)))
      if (this.#isUnwanted && (act !== undefined || error !== undefined)) {
        this.#isUnwanted = false
        if (act !== undefined && error === undefined) {
          await this.#drop(act)
          error = canceled
        }
      }
      if (error !== undefined) {
        this.#poison(step, error)
        isPoisoned = step.isExtended
        continue
      }
      const isAwaited = act !== undefined && step.kind !== 'bind' && (act.isBarrier || (act.mayBeCut && !(isIdle && isReadAlone(steps, i)))) && !steps.some((later, j) => j > i && later.act === act)
      const paused = isAwaited ? act.paused : undefined
      this.#forward(step)
      if (!isAwaited) continue
      if (step.isExtended) upstream.control({ kind: 'flush' })
      await this.#flush()
      await paused
      hasWaited = true
      if (state.copyIn === undefined) await this.#after(act, step)
      // Meant for this one, it must not hit the next.
      await this.#o.cancelled()
      if (state.copyIn !== undefined) {
        // What came with it was read as part of the copy, or is an error of it.
        for (const later of steps.slice(i + 1)) if (later.act !== undefined && later.act.permit !== undefined) left.push(later.act)
        break
      }
    }
    if (unsent.length > 0) takeBack(unsent)
    const full = this.#flush()
    if (full !== undefined) await full
    if (left.length > 0) this.#o.outlet.send(this.#o.replies.notRun(left))
  }

  #decide(steps: readonly Step[]): Promise<void> | undefined {
    const acts = new Set<Act>()
    for (const { act } of steps) if (act !== undefined && act.permit === undefined) acts.add(act)
    return acts.size === 0 ? undefined : this.#ask([...acts])
  }

  async #ask(acts: readonly Act[]): Promise<void> {
    const holding = this.#o.hold()
    let verdicts: readonly (Permit<PostgresOperation> | Refusal)[]
    try {
      verdicts = await this.#o.gate.request(acts.map(({ operation }) => operation), 'client', holding)
    } finally {
      this.#o.answered(holding)
    }
    for (const [index, act] of acts.entries()) {
      const verdict = verdicts[index] ?? refusal('gateway.fault')
      if (isRefusal(verdict)) {
        act.refused = verdict
        act.isWaitOver = verdict.code === 'approval.pending' && holding.isAborted
        continue
      }
      // First, so that it is masked by what names mean now.
      const stands = !holding.hasHeld || await this.#o.planner.stands(act)
      const stopped = this.#admit(act, verdict)
      if (stopped !== undefined) await stopped
      if (!stands && act.refused === undefined) await this.#stop(act, verdict, refusal('approval.superseded', 'What it names is not in the database any more what it was when this was decided'))
    }
  }

  /** A mask that cannot be enforced stops the statement here, and the record says so. */
  #admit(act: Act, permit: Permit<PostgresOperation>): Promise<void> | undefined {
    act.permit = permit
    const { rows, bytes } = permit.call.decision.limits
    act.mayBeCut = (rows !== undefined || bytes !== undefined) && act.mayHaveRows
    try {
      // Whatever policy says: only the transparent profile sends what nobody could read.
      if (unparsed(act) !== undefined && !this.#o.planner.isTransparent) throw new RefusalError(refusal('policy.denied', 'The text cannot be parsed, and this target forwards only what can'))
      act.masker = this.#o.masker(permit, act)
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      return this.#stop(act, permit, error.refusal)
    }
    return undefined
  }

  /** Decided with what it has waited behind, for as long as that took: what policy says and what names mean may be something else by now. */
  async #reconsider(act: Act, permit: Permit<PostgresOperation>): Promise<void> {
    const { gate, planner } = this.#o
    if (!gate.holds(permit)) await this.#stop(act, permit, refusal('approval.superseded', 'Another policy came into force while this waited for a statement before it'))
    else if (!await planner.stands(act)) await this.#stop(act, permit, refusal('approval.superseded', 'What it names is not in the database any more what it was when this was decided'))
  }

  async #stop(act: Act, permit: Permit<PostgresOperation>, refused: Refusal): Promise<void> {
    act.masker = this.#o.bareMasker(act)
    const failed = act.take({ title: 'not run', status: 'failed', isFinal: true, code: refused.code })
    if (failed !== undefined) await this.#o.gate.deliver([failed])
    act.refused = { ...refused, decisionId: Buffer.from(permit.call.decisionId).toString('hex'), frame: `${this.#o.gate.session}/${permit.seq}` }
  }

  /** Cancelled before it began: the record says so before the client is told. */
  async #drop(act: Act): Promise<void> {
    const dropped = act.stream === undefined ? act.take({ title: 'not run: cancelled', status: 'cancelled', isFinal: true }) : undefined
    if (dropped !== undefined) await this.#o.gate.deliver([dropped])
  }

  #forward(step: Step): void {
    const { state, upstream } = this.#o
    const { act, due } = step
    if (step.kind === 'sync') {
      state.isSkipping = false
      state.isUnsynced = false
    } else if (step.isExtended) state.isUnsynced = true
    if (act?.permit !== undefined) {
      // Rows that were never described could not be masked: the gateway asks for what the client did not.
      const { portal } = step
      if (step.kind === 'execute' && portal !== undefined && !isDescribed(portal) && act.permit.call.decision.mask.length > 0) {
        upstream.control({ kind: 'describe', of: 'P', name: portal.name })
        portal.isDescribing = true
        state.expect({ reply: 'describe', act, portal, own: unseen, undo: () => { portal.isDescribing = false } })
      }
      act.stream ??= upstream.forward(act.permit)
      act.stream.write(step.bytes)
      this.#time(act)
    } else if (step.control !== undefined) {
      if (step.kind === 'describe') expectFields(due)
      upstream.control(step.control)
    } else throw new ProtocolViolation('a message without a permit')
    if (due !== undefined) state.expect(due)
    if (step.kind === 'query' || step.kind === 'functionCall') state.expect({ reply: 'ready' })
  }

  /** Policy's time for a statement runs from when it leaves. */
  #time(act: Act): void {
    const limitMs = act.permit?.call.decision.limits.timeout_ms
    if (limitMs === undefined || act.timer !== undefined) return
    const check = (): void => {
      if (act.hasEnded) return
      act.timer = setTimeout(check, limitMs).unref()
      // One that waits behind another is asked about again: a cancel now would end that other.
      if (this.#o.state.current !== act) return
      act.broken = refusal('policy.limit', `The statement took longer than policy allows (${limitMs} ms)`)
      this.#o.cancel().catch(() => undefined)
    }
    act.timer = setTimeout(check, limitMs).unref()
  }

  #poison(step: Step, error: Uint8Array): void {
    const { state, upstream } = this.#o
    if (step.poison === undefined) throw new ProtocolViolation('a message that cannot be refused')
    upstream.control({ kind: 'poison', bytes: step.poison() })
    const undo = step.kind === 'parse' && step.due?.prepared?.name === '' ? loseUnnamed(state, step.due.prepared) : undefined
    step.due?.undo?.()
    if (step.isExtended) state.isUnsynced = true
    // What has begun ends with its portal.
    state.expect({ reply: 'poison', act: step.act?.stream === undefined ? step.act : undefined, error, isExtended: step.isExtended, ...undo === undefined ? {} : { undo } })
    if (!step.isExtended) state.expect({ reply: 'ready' })
  }

  /** The client was told of an error where the server saw none: its transaction must be one that failed. */
  async #after(act: Act, step: Step): Promise<void> {
    const { state, upstream } = this.#o
    this.#o.changed(act)
    if (act.broken === undefined || act.failure !== undefined || this.#o.isOver()) return
    if (step.isExtended) {
      upstream.control({ kind: 'poison', bytes: this.#o.planner.poison.parse('') })
      state.expect({ reply: 'poison', error: nothing, isExtended: true })
    } else if (state.status === 'T') {
      upstream.control({ kind: 'poison', bytes: this.#o.planner.poison.query() })
      state.expect({ reply: 'poison', error: nothing, isExtended: false })
      state.expect({ reply: 'ready', own: unseen })
    }
    await this.#flush()
    await state.settled()
  }

  /** One write; resolves when the server takes more, if it takes none now. */
  #flush(): Promise<void> | undefined {
    return this.#o.upstream.flush() ? undefined : drained(this.#o.upstream.socket)
  }
}

/** A Parse that fails takes the unnamed statement before it along. @returns what gives it back, where the server skips the poison for an earlier error's sake */
function loseUnnamed({ prepared }: SessionState, parsed: Prepared): () => void {
  const { before } = parsed
  parsed.before = undefined
  return undoOfClose(prepared, before)
}

function runs({ kind, error, refused }: Step, act: Act): boolean {
  return kind !== 'parse' && kind !== 'bind' && error === undefined && (refused ?? act.refused) === undefined
}

/** Last first: what a later message did to a name was done to what an earlier one had made of it. */
function takeBack(unsent: Step[]): void {
  for (const { due } of unsent.splice(0).toReversed()) due?.undo?.()
}

/** What its rows are is known, or on its way. */
function isDescribed({ fields, isDescribing, prepared }: Portal): boolean {
  return fields !== undefined || isDescribing || prepared.fields !== undefined || prepared.isDescribing
}

function expectFields(due: Due | undefined): void {
  if (due?.portal !== undefined) due.portal.isDescribing = true
  if (due?.prepared !== undefined) due.prepared.isDescribing = true
}

/** A text that the parser could not read is PostgreSQL's own syntax_error, at the parser's position. */
function saying({ act, refused }: Step, { status }: SessionState): Partial<Saying> {
  if (refused !== undefined && refused.code === 'request.malformed') return { sqlState: '22021' }
  if (act?.isWaitOver === true) return { sqlState: '57014' }
  const found = act === undefined || refused !== undefined ? undefined : unparsed(act)
  if (found !== undefined) return act?.refused?.code !== 'policy.denied' ? {} : { sqlState: '42601', position: found.position }
  // In a failed transaction nobody can look whether it is there.
  return act === undefined || refused !== undefined || status === 'E' ? {} : missingWords(act) ?? {}
}

/**
 * A result that may be cut short must not have anything beside it that the client will believe undone. A read by itself has nothing:
 * the Sync behind it may go with it, since its implicit transaction ends in nothing either way.
 */
function isReadAlone(steps: readonly Step[], at: number): boolean {
  const { act } = steps[at] as Step
  return steps[at + 1]?.kind === 'sync' && act?.operation.action.properties.effects.every((effect) => effect === 'read') === true
    && steps.every((step, i) => i > at || step.act === undefined || step.act === act)
}

function unparsed({ operation: { findings } }: Act): Extract<SqlFinding, { status: 'error' }> | undefined {
  return findings?.sql.status === 'error' ? findings.sql : undefined
}

const unseen = { row: () => undefined, failed: () => undefined }
