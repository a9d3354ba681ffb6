// A Bind is decided, with its values, as the operation that its Executes run. What a portal was permitted for holds for one run, under the policy and the names
// of its Bind: what has run to its end, or was left by another policy, is an operation anew.
import type { Bind, Execute } from '../messages.ts'
import { isTooMuch } from '../operation/parameters.ts'
import { statementOperation } from '../operation.ts'
import { poison } from '../refuse.ts'
import { Act } from './act.ts'
import { mayFollow, type Step } from './draft.ts'
import { mayTakePortal } from './given-anew.ts'
import { isAsBound, isLookedUpAgain, meansStill } from './looked-up-again.ts'
import { endsTouched, isBarrier } from './name-changes.ts'
import type { PlannerOptions } from './plan.ts'
import { nativeError, type RefusedSteps } from './refused-steps.ts'
import { maxHeldBytes, maxPrepared, sizeOf, undoOf, type Portal, type Prepared } from './state.ts'
import { statementsOf, type ReadText } from './texts.ts'

export class Portals {
  readonly #o: PlannerOptions
  readonly #refused: RefusedSteps

  constructor(options: PlannerOptions, refused: RefusedSteps) {
    this.#o = options
    this.#refused = refused
  }

  bind(message: Bind, bytes: Uint8Array, before: readonly Step[]): Step | Promise<Step> {
    const { state, texts } = this.#o
    const { portal: name, statement } = message
    const step = this.#bindStep(name, bytes)
    const prepared = state.prepared.get(statement)
    if (prepared === undefined) return { ...step, error: nativeError('26000', statement === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${statement}" does not exist`) }
    if (!state.portals.has(name) && state.portals.size >= maxPrepared) return { ...step, error: nativeError('53400', `too many portals (${maxPrepared})`) }
    if (!state.hasRoomFor(sizeOf(message))) return { ...step, error: nativeError('53400', `prepared statements and portals hold more than ${maxHeldBytes} bytes`) }
    if (isTooMuch(message.values)) return this.#refused.tooMuch().then((refused) => ({ ...step, refused }))
    const known = texts.known(prepared.text)
    return known === undefined ? this.#bound(prepared, message, bytes, before) : this.#opened(prepared, message, bytes, before, known)
  }

  async #bound(prepared: Prepared, message: Bind, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    const { state, texts } = this.#o
    const read = await texts.read(prepared.text, await texts.names(prepared.text), 'at-once')
    mayFollow(state, before)
    return this.#opened(prepared, message, bytes, before, read)
  }

  #opened(prepared: Prepared, message: Bind, bytes: Uint8Array, before: readonly Step[], read: ReadText): Step {
    const { state } = this.#o
    const { portal: name } = message
    const { names } = read
    const act = this.#actOf(prepared, message, read)
    act.names = names
    // The Parse that came with it is part of the same operation, unless another Bind has taken it.
    const parse = before.findLast((step) => step.kind === 'parse' && step.due?.prepared === prepared)
    if (parse !== undefined && parse.act === undefined) parse.act = act
    const portal: Portal = { name, prepared, resultFormats: message.resultFormats, message, names, act, fields: undefined, isDescribing: false, before: state.portals.get(name), isUndone: false }
    state.portals.set(name, portal)
    state.held.forgetCursor(name)
    return { ...this.#bindStep(name, bytes), act, portal, due: { reply: 'bind', act, portal, undo: undoOf(state.portals, portal) } }
  }

  execute({ portal: name }: Execute, bytes: Uint8Array, before: readonly Step[]): Step | Promise<Step> {
    const { state, names: { fresh } } = this.#o
    const portal = state.portals.get(name)
    if (portal === undefined) return { kind: 'execute', bytes, isExtended: true, poison: poison.execute, error: nativeError('34000', `portal "${name}" does not exist`) }
    if (this.isOutdated(portal.act)) this.#o.leave(portal.act)
    const isAgain = isLookedUpAgain(portal)
    const isDecided = isAgain ? fresh !== undefined && isAsBound(portal, fresh) : !portal.act.hasEnded
    return isDecided ? this.#run(portal, portal.act, bytes) : this.#anew(portal, isAgain, bytes, before)
  }

  /** Its Bind was permitted for one run, and for what its names meant: what has run to its end is asked about again, and what means something else now is refused. */
  async #anew(portal: Portal, isAgain: boolean, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    const { gate, state, texts } = this.#o
    const { prepared, message, act, names: bound } = portal
    const read = await texts.read(prepared.text, isAgain ? await texts.names(prepared.text) : bound, 'at-once')
    if (isAgain) mayFollow(state, before)
    const names = isAgain ? read.names : bound
    if (!meansStill({ names: bound, statements: act.statements }, { names, statements: statementsOf(read.analysis) })) {
      const refused = await gate.refuse('request.invalid', 'What the portal names is not what it was when it was bound: bind it again')
      return { kind: 'execute', bytes, isExtended: true, poison: poison.execute, refused }
    }
    if (!act.hasEnded) return this.#run(portal, act, bytes)
    const anew = this.#actOf(prepared, message, read)
    // It may be held, and wait: what its Bind has fixed cannot change meanwhile.
    if (isAgain) anew.names = names
    return this.#run(portal, anew, bytes)
  }

  #run(portal: Portal, act: Act, bytes: Uint8Array): Step {
    const { state } = this.#o
    portal.act = act
    state.rename(act.statements)
    // It may have been bound before there was anything to take back.
    if (endsTouched(state, act.statements) || mayTakePortal(state, act.statements, portal.name)) act.isBarrier = true
    return { kind: 'execute', bytes, isExtended: true, act, poison: poison.execute, portal, due: { reply: 'execute', act, portal } }
  }

  /** It was permitted by a policy that is no longer in force, or for a session that is over: a portal may wait for long. */
  isOutdated(act: Act | undefined): boolean {
    return act?.permit !== undefined && !act.hasEnded && !this.#o.gate.holds(act.permit)
  }

  #bindStep(portal: string, bytes: Uint8Array): Pick<Step, 'bytes' | 'isExtended' | 'poison'> & { readonly kind: 'bind' } {
    return { kind: 'bind', bytes, isExtended: true, poison: () => poison.bind(portal) }
  }

  #actOf({ text, textBytes, describedTypes, parameterTypes }: Prepared, { values, formats }: Bind, { names, analysis }: ReadText): Act {
    const { about, state } = this.#o
    const operation = statementOperation({ ...about, names, analysis, text, textBytes, kind: 'execute', parameters: { values, formats, types: describedTypes ?? parameterTypes } })
    return new Act(operation, statementsOf(analysis), { text, isBarrier: isBarrier(state, analysis) })
  }
}
