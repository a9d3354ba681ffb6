// What each message of the client comes to: what it is part of, what is due for it, and what stands for it when it is refused. Bind and Execute: portals.ts.
import type { Frame, FrontendMessage, FunctionCall, Parse } from '../messages.ts'
import { isTooMuch } from '../operation/parameters.ts'
import { functionOperation, statementOperation } from '../operation.ts'
import { poison } from '../refuse.ts'
import { maxTextBytes } from '../sql/parser.ts'
import { Act } from './act.ts'
import { mayFollow, type Step } from './draft.ts'
import { isBarrier, resolvesUnseen, unresolved } from './name-changes.ts'
import type { PlannerOptions } from './plan.ts'
import { Portals } from './portals.ts'
import { nativeError, RefusedSteps } from './refused-steps.ts'
import { maxHeldBytes, maxPrepared, sizeOfText, undoOf, undoOfClose, type Due, type Prepared } from './state.ts'
import { statementsOf, type ReadText } from './texts.ts'

export class Steps {
  readonly #o: PlannerOptions
  readonly #refused: RefusedSteps
  readonly #portals: Portals

  constructor(options: PlannerOptions) {
    this.#o = options
    this.#refused = new RefusedSteps(options.gate)
    this.#portals = new Portals(options, this.#refused)
  }

  /** At once where nothing has to be asked: a promise for each message would cost more than the message. @throws NotYet, NamesError */
  of(message: FrontendMessage, { bytes }: Frame, before: readonly Step[]): Step | undefined | Promise<Step | undefined> {
    switch (message.kind) {
      case 'query': return this.#query(message.text, message.textBytes, bytes, before)
      case 'parse': return this.#parse(message, bytes)
      case 'bind': return this.#portals.bind(message, bytes, before)
      case 'execute': return this.#portals.execute(message, bytes, before)
      case 'functionCall': return this.#function(message, bytes, before)
      case 'describe': return this.#describe(message, bytes)
      case 'close': return { kind: 'close', bytes, isExtended: true, control: message, due: this.#close(message.of, message.name) }
      case 'sync': return { kind: 'sync', bytes, isExtended: true, control: { kind: 'sync' }, due: { reply: 'ready', isSync: true } }
      case 'flush': return { kind: 'flush', bytes, isExtended: true, control: { kind: 'flush' } }
      case 'notUtf8': return this.#refused.notUtf8(message.of, bytes)
      case 'malformed': return this.#refused.malformed(message, bytes)
      // Outside a copy the server ignores them: they belong to one that has failed.
      case 'copyData': case 'copyDone': case 'copyFail': return undefined
      case 'password': case 'terminate': return undefined
    }
  }

  get refused(): RefusedSteps { return this.#refused }
  get portals(): Portals { return this.#portals }

  #query(text: string, textBytes: Uint8Array, bytes: Uint8Array, before: readonly Step[]): Step | Promise<Step> {
    const known = textBytes.length > maxTextBytes ? undefined : this.#o.texts.known(text)
    if (known === undefined || resolvesUnseen(known.analysis, this.#o.state.isTouched) !== -1) return this.#asked(text, textBytes, bytes, before)
    return this.#queried(text, textBytes, bytes, known)
  }

  async #asked(text: string, textBytes: Uint8Array, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    const { state, texts } = this.#o
    if (textBytes.length > maxTextBytes) return { kind: 'query', bytes, isExtended: false, poison: poison.query, refused: await this.#refused.tooLong() }
    const { names, analysis } = await texts.read(text, await texts.names(text), 'on-second-sight')
    mayFollow(state, before)
    // Names that could not be looked up are those of before the transaction failed.
    const unseen = resolvesUnseen(analysis, state.isTouched || state.isStale)
    if (unseen === -1) return this.#queried(text, textBytes, bytes, { names, analysis })
    if (this.#o.isTransparent) return this.#queried(text, textBytes, bytes, { names, analysis: unresolved(analysis, unseen) })
    const refused = await this.#o.gate.refuse('request.invalid', 'A statement changes how names resolve, and another behind it in the same message names something: send them one by one')
    return { kind: 'query', bytes, isExtended: false, poison: poison.query, refused }
  }

  #queried(text: string, textBytes: Uint8Array, bytes: Uint8Array, { names, analysis }: ReadText): Step {
    const { about, state } = this.#o
    const operation = statementOperation({ ...about, names, analysis, text, textBytes, kind: 'query' })
    const act = new Act(operation, statementsOf(analysis), { text, isBarrier: isBarrier(state, analysis) })
    state.rename(act.statements)
    act.names = names
    return { kind: 'query', bytes, isExtended: false, act, due: { reply: 'query', act }, poison: poison.query }
  }

  async #function(message: FunctionCall, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    const { about, names: sessionNames, state } = this.#o
    if (isTooMuch(message.values)) return { kind: 'functionCall', bytes, isExtended: false, refused: await this.#refused.tooMuch(), poison: poison.functionCall }
    const names = await sessionNames.now()
    mayFollow(state, before)
    const act = new Act(functionOperation({ ...about, names, call: message }), [], { text: '', isBarrier: true })
    return { kind: 'functionCall', bytes, isExtended: false, act, due: { reply: 'function', act }, poison: poison.functionCall }
  }

  #parse(message: Parse, bytes: Uint8Array): Step | Promise<Step> {
    const { state } = this.#o
    const { name, text, textBytes, types } = message
    const step = { kind: 'parse', bytes, isExtended: true, poison: () => poison.parse(name) } as const
    if (textBytes.length > maxTextBytes) return this.#refused.tooLong().then((refused) => ({ ...step, refused }))
    const before = state.prepared.get(name)
    const prepared: Prepared = {
      name, text, textBytes, parameterTypes: types, fields: undefined, isDescribing: false, describedTypes: undefined, before, isUndone: false,
    }
    if (before === undefined && state.prepared.size >= maxPrepared) return { ...step, error: nativeError('53400', `too many prepared statements (${maxPrepared})`) }
    if (!state.hasRoomFor(sizeOfText(prepared))) return { ...step, error: nativeError('53400', `prepared statements and portals hold more than ${maxHeldBytes} bytes`) }
    state.prepared.set(name, prepared)
    state.held.forgetPrepared(name)
    return { ...step, due: { reply: 'parse', prepared, undo: undoOf(state.prepared, prepared) } }
  }

  /** A Parse whose Bind did not come with it: nothing runs yet, and policy says whether it ever may. */
  async loneParse(step: Step): Promise<Act> {
    const { about, texts } = this.#o
    const { text, textBytes } = step.due?.prepared as Prepared
    const { names, analysis } = await texts.read(text, await texts.names(text), 'at-once')
    const operation = statementOperation({ ...about, names, analysis, text, textBytes, kind: 'prepare' })
    return new Act(operation, statementsOf(analysis), { text, isBarrier: false, isLoneParse: true })
  }

  #describe(message: Extract<FrontendMessage, { kind: 'describe' }>, bytes: Uint8Array): Step {
    const { state } = this.#o
    const prepared = message.of === 'S' ? state.prepared.get(message.name) : undefined
    const portal = message.of === 'P' ? state.portals.get(message.name) : undefined
    const asked = prepared ?? portal
    const undo = () => { if (asked !== undefined) asked.isDescribing = false }
    return { kind: 'describe', bytes, isExtended: true, control: message, due: { reply: 'describe', undo, ...at('prepared', prepared), ...at('portal', portal) } }
  }

  #close(of: 'S' | 'P', name: string): Due {
    const { prepared, portals } = this.#o.state
    if (of === 'S') {
      const closed = prepared.get(name)
      prepared.delete(name)
      return { reply: 'close', undo: undoOfClose(prepared, closed) }
    }
    const closed = portals.get(name)
    portals.delete(name)
    return { reply: 'close', ...at('portal', closed), undo: undoOfClose(portals, closed) }
  }
}

function at<K extends string, V>(name: K, value: V | undefined): { readonly [N in K]?: V } {
  return value === undefined ? {} : { [name]: value } as { readonly [N in K]?: V }
}
