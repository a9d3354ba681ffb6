// The client's half of a session: what one read brought is planned, decided and put on record together, and leaves in the order it came.
// A refused message leaves as poison: the server itself fails it, skips to Sync and keeps its transaction state (DESIGN.md, "PostgreSQL").
import { encodeError, type Frame } from '../messages.ts'
import { errorOf, type Saying } from '../refuse.ts'
import type { Act } from './act.ts'
import { copyIn, type CopyInOptions } from './copy-in.ts'
import { Decisions, unparsed, type DecisionsOptions } from './decisions.ts'
import { Departures } from './departures.ts'
import type { Step } from './draft.ts'
import { mayTakePortal } from './given-anew.ts'
import { missingWords } from './missing-name.ts'
import type { Outlet } from './outlet.ts'
import type { Planner } from './plan.ts'
import type { Replies } from './replies.ts'
import type { SessionState } from './state.ts'

export interface RequestsOptions extends DecisionsOptions, CopyInOptions {
  readonly outlet: Outlet
  readonly replies: Replies
  readonly planner: Planner
  /** Ends the statement under way. */
  cancel(): Promise<void>
  /** A cancel that is on its way to the server: nothing new is sent before it has arrived. */
  cancelled(): Promise<void> | undefined
  /** The session has ended: whatever was permitted and has not left stays here. */
  isOver(): boolean
  /** Before code that may name anything is sent. */
  note(): Promise<void>
}

/** In PostgreSQL's own words. */
const canceled = encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', '57014'], ['M', 'canceling statement due to user request']]))

export class Requests {
  readonly #o: RequestsOptions
  readonly #decisions: Decisions
  readonly #departures: Departures
  #isTaking = false
  /** The client would have what it sent last cancelled, and the server has none of that yet. */
  #isUnwanted = false

  constructor(options: RequestsOptions) {
    this.#o = options
    this.#decisions = new Decisions(options)
    this.#departures = new Departures(options.state, options.upstream, () => options.cancel())
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
        at = await copyIn(frames, at, this.#o)
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

  async #run(steps: readonly Step[]): Promise<void> {
    const undecided = new Set<Act>()
    for (const { act } of steps) if (act !== undefined && act.permit === undefined) undecided.add(act)
    if (undecided.size > 0) await this.#decisions.ask([...undecided])
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
      if (hasWaited && act?.permit !== undefined && act.stream === undefined && act.refused === undefined) await this.#decisions.reconsider(act, act.permit)
      const refused = step.refused ?? act?.refused
      let error = step.error ?? (refused === undefined ? undefined : errorOf(refused, saying(step, state)))
      if (this.#isUnwanted && (act !== undefined || error !== undefined)) {
        this.#isUnwanted = false
        if (act !== undefined && error === undefined) {
          await this.#decisions.drop(act)
          error = canceled
        }
      }
      if (error !== undefined) {
        this.#departures.poison(step, error)
        isPoisoned = step.isExtended
        continue
      }
      const paused = act !== undefined && isAwaited(steps, i, isIdle) ? act.paused : undefined
      this.#departures.forward(step)
      if (act === undefined || paused === undefined) continue
      if (step.isExtended) upstream.control({ kind: 'flush' })
      await this.#departures.flush()
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
    const full = this.#departures.flush()
    if (full !== undefined) await full
    if (left.length > 0) this.#o.outlet.send(this.#o.replies.notRun(left))
  }

  async #after(act: Act, step: Step): Promise<void> {
    this.#o.changed(act)
    if (act.broken !== undefined && act.failure === undefined && !this.#o.isOver()) await this.#departures.fail(step)
  }
}

function runs({ kind, error, refused }: Step, act: Act): boolean {
  return kind !== 'parse' && kind !== 'bind' && error === undefined && (refused ?? act.refused) === undefined
}

/** Last first: what a later message did to a name was done to what an earlier one had made of it. */
function takeBack(unsent: Step[]): void {
  for (const { due } of unsent.splice(0).toReversed()) due?.undo?.()
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

/** Nothing behind the last message of such an act leaves before it has ended. */
function isAwaited(steps: readonly Step[], at: number, isIdle: boolean): boolean {
  const { act, kind } = steps[at] as Step
  return act !== undefined && kind !== 'bind' && (act.isBarrier || (act.mayBeWithheld && !(isIdle && isReadAlone(steps, at)))) && !steps.some((later, i) => i > at && later.act === act)
}

/**
 * A result that may be withheld must not have anything beside it that the client will believe undone. A read by itself has nothing:
 * the Sync behind it may go with it, since its implicit transaction ends in nothing either way.
 */
function isReadAlone(steps: readonly Step[], at: number): boolean {
  const { act } = steps[at] as Step
  return steps[at + 1]?.kind === 'sync' && act?.operation.action.properties.effects.every((effect) => effect === 'read') === true
    && steps.every((step, i) => i > at || step.act === undefined || step.act === act)
}
