// Makes a plan of what one read of the client asks for: what must be known of a message first is waited for here, and nowhere behind.
import type { Gate } from '../../../protocol.ts'
import type { PostgresUpstream } from '../dial.ts'
import { hasLongName, parseFrontend, ProtocolViolation, withShortNames, type Frame, type FrontendMessage } from '../messages.ts'
import type { OperationOptions, PostgresOperation } from '../operation.ts'
import type { Act } from './act.ts'
import { Draft, isLoose, NotYet, type Plan, type Step } from './draft.ts'
import type { Names } from './names.ts'
import { isDescribed, type Due, type SessionState } from './state.ts'
import { Steps } from './steps.ts'
import { unlessUnread, type Texts } from './texts.ts'

export interface PlannerOptions {
  readonly state: SessionState
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly names: Names
  readonly texts: Texts
  /** Waits until the server has answered all that was sent. */
  settle(): Promise<void>
  /** Nothing more is asked of it; nothing of it is due. */
  leave(act: Act): void
  readonly about: OperationOptions
  /** Governed config forwards what cannot be parsed, where policy allows it. */
  readonly isTransparent: boolean
}

export class Planner {
  readonly #o: PlannerOptions
  readonly #steps: Steps

  constructor(options: PlannerOptions) {
    this.#o = options
    this.#steps = new Steps(options)
  }

  /** Ends behind a barrier: what follows it can only be read once it is through. At once where nothing has to be asked. @throws ProtocolViolation */
  plan(frames: readonly Frame[], from: number): Plan | Promise<Plan> {
    const draft = new Draft(from)
    while (draft.end < frames.length) {
      const goesOn = this.#next(frames, draft)
      if (goesOn instanceof Promise) return this.#rest(frames, draft, goesOn)
      if (!goesOn) break
    }
    return draft.steps.some(isLoose) ? this.#loose(draft) : draft
  }

  async #rest(frames: readonly Frame[], draft: Draft, begun: Promise<boolean>): Promise<Plan> {
    for (let goesOn = await begun; goesOn && draft.end < frames.length;) goesOn = await this.#next(frames, draft)
    return draft.steps.some(isLoose) ? await this.#loose(draft) : draft
  }

  /** @returns whether the one behind it belongs to the same plan */
  #next(frames: readonly Frame[], draft: Draft): boolean | Promise<boolean> {
    const { state } = this.#o
    let frame = frames[draft.end] as Frame
    let message = parseFrontend(frame)
    if (hasLongName(message)) {
      frame = withShortNames(frame)
      message = parseFrontend(frame)
    }
    if (message.kind === 'password') throw new ProtocolViolation('a password where nobody asks for one')
    if (message.kind === 'terminate') {
      draft.isTerminated = true
      draft.end++
      return false
    }
    // The server reads and drops it; and it would drop a question of ours.
    if (state.isSkipping && !draft.hasSync && message.kind !== 'sync') {
      draft.end++
      return true
    }
    const isFirst = draft.steps.length === 0
    if (!this.#mustWait(message, isFirst) && this.#mayDescribe(message, draft)) return this.#add(message, frame, draft)
    return isFirst && this.#settled(message, frame, draft)
  }

  /** What a name stands for must be what the server will take it for: whether an earlier segment gave it, only its answer says. */
  #mustWait(message: FrontendMessage, isFirst: boolean): boolean {
    const { state } = this.#o
    if (isFirst && state.due === 0) state.touched.clear()
    if (state.isStale && state.status !== 'E' && resolves.has(message.kind)) return true
    if (message.kind === 'execute' && this.#steps.portals.isOutdated(state.portals.get(message.portal)?.act)) return true
    return state.touched.has(message, state.segment)
  }

  /** What is said of a name is kept with it, and the gateway may ask by itself; what has none goes with the next that has none. */
  #mayDescribe(message: FrontendMessage, draft: Draft): boolean {
    const { state } = this.#o
    const portal = message.kind === 'execute' && message.portal !== '' ? state.portals.get(message.portal) : undefined
    if (portal === undefined ? message.kind !== 'describe' || message.name === '' : isDescribed(portal) || !portal.act.mayHaveRows) return true
    draft.describing++
    return state.mayDescribe(draft.describing)
  }

  async #settled(message: FrontendMessage, frame: Frame, draft: Draft): Promise<boolean> {
    await this.#o.settle()
    this.#o.state.forgetDescriptions()
    if (this.#o.state.isSkipping) {
      draft.end++
      return true
    }
    // Asked once more for the step itself, which is refused when that fails too.
    if (resolves.has(message.kind)) await this.#o.texts.names(this.#textOf(message)).catch(unlessUnread)
    return await this.#add(message, frame, draft)
  }

  #add(message: FrontendMessage, frame: Frame, draft: Draft): boolean | Promise<boolean> {
    if (message.kind === 'sync' && this.#o.state.isSkipping && !draft.hasSync) draft.isResumed = true
    draft.end++
    const made = this.#steps.of(message, frame, draft.steps)
    if (!(made instanceof Promise)) return this.#put(made, message, draft)
    return made.catch(async (error: unknown) => error instanceof NotYet ? error : await this.#steps.refused.unread(message, frame, error)).then((step) => {
      if (!(step instanceof NotYet)) return this.#put(step, message, draft)
      draft.end--
      return false
    })
  }

  #put(step: Step | undefined, message: FrontendMessage, draft: Draft): boolean {
    if (step === undefined) return true
    draft.steps.push(step)
    const { state } = this.#o
    // What ends an implicit transaction takes back what it changed about names: whoever comes behind it waits, and looks.
    if (endsImplicit.has(step.kind) && state.isTouched && !state.isInBlock) state.isStale = true
    if (message.kind === 'sync') {
      draft.hasSync = true
      state.segment++
    } else state.touched.add(message, state.segment)
    return !draft.isResumed && !(step.act?.isBarrier === true && step.kind !== 'parse' && step.kind !== 'bind')
  }

  /** Parses whose Bind did not come with them are operations of their own. */
  async #loose(draft: Draft): Promise<Plan> {
    for (const step of draft.steps.filter(isLoose)) {
      const act = await this.#steps.loneParse(step).catch(unlessUnread)
      if (act === undefined) step.refused = await this.#steps.refused.unreadable()
      else {
        step.act = act
        step.due = { ...step.due as Due, act }
      }
    }
    return draft
  }

  #textOf(message: FrontendMessage): string | undefined {
    const { prepared, portals } = this.#o.state
    switch (message.kind) {
      case 'query': case 'parse': return message.text
      case 'bind': return prepared.get(message.statement)?.text
      case 'execute': return portals.get(message.portal)?.prepared.text
      default: return undefined
    }
  }
}

/** Messages that are read by what names mean now. */
const resolves: ReadonlySet<FrontendMessage['kind']> = new Set(['query', 'parse', 'bind', 'execute', 'functionCall'])

/** Messages that end an implicit transaction; inside a block the text says what does. */
const endsImplicit: ReadonlySet<FrontendMessage['kind']> = new Set(['sync', 'query', 'functionCall'])
