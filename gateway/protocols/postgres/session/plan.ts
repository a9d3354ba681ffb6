// Makes a plan of what one read of the client asks for: what must be known of a message first is waited for here, and nowhere behind.
import { isDeepStrictEqual } from 'node:util'
import type { Gate } from '../../../protocol.ts'
import type { Refusal } from '../../../refusal.ts'
import { Act } from './act.ts'
import type { PostgresUpstream } from '../dial.ts'
import { Draft, isLoose, NotYet, type Plan, type Step } from './draft.ts'
import { encodeError, hasLongName, parseFrontend, ProtocolViolation, withShortNames, type Bind, type Execute, type Frame, type FrontendMessage, type FunctionCall, type Malformed, type Parse } from '../messages.ts'
import { NamesError, mayNameNothing, namesNothing, type Names } from './names.ts'
import { mayTakePortal } from './given-anew.ts'
import { isAsBound, isLookedUpAgain, meansStill } from './looked-up-again.ts'
import { functionOperation, statementOperation, type OperationOptions, type PostgresOperation } from '../operation.ts'
import { definitionsOf } from '../operation/definitions.ts'
import { isTooMuch, maxShownBytes } from '../operation/parameters.ts'
import { errorOf, type Poison } from '../refuse.ts'
import type { Admission } from '../sql/analyse.ts'
import type { Analysis, Statement } from '../sql/analysis.ts'
import { maxTextBytes } from '../sql/parser.ts'
import { maxHeldBytes, maxPrepared, sizeOf, sizeOfText, undoOf, undoOfClose, type Due, type Portal, type Prepared, type SessionState, type SessionNames } from './state.ts'

export interface PlannerOptions {
  readonly state: SessionState
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly names: Names
  readonly poison: Poison
  /** Waits until the server has answered all that was sent. */
  settle(): Promise<void>
  /** A Parse text will be seen again; a Query text may not. */
  analyse(text: string, names: SessionNames, admission: Admission): Promise<Analysis>
  /** The same at once, where it was worked out before and stands on nothing else. */
  known(text: string, names: SessionNames): Analysis | undefined
  /** Nothing more is asked of it; nothing of it is due. */
  leave(act: Act): void
  readonly about: OperationOptions
  /** Governed config forwards what cannot be parsed, where policy allows it. */
  readonly isTransparent: boolean
}

export class Planner {
  readonly #o: PlannerOptions

  constructor(options: PlannerOptions) {
    this.#o = options
  }

  get poison(): Poison { return this.#o.poison }
  get isTransparent(): boolean { return this.#o.isTransparent }

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
    if (!this.#mustWait(message, isFirst)) return this.#add(message, frame, draft)
    return isFirst && this.#settled(message, frame, draft)
  }

  async #settled(message: FrontendMessage, frame: Frame, draft: Draft): Promise<boolean> {
    await this.#o.settle()
    if (this.#o.state.isSkipping) {
      draft.end++
      return true
    }
    // Asked once more for the step itself, which is refused when that fails too.
    if (resolves.has(message.kind)) await this.#names(this.#textOf(message)).catch(unlessUnread)
    return await this.#add(message, frame, draft)
  }

  #add(message: FrontendMessage, frame: Frame, draft: Draft): boolean | Promise<boolean> {
    if (message.kind === 'sync' && this.#o.state.isSkipping && !draft.hasSync) draft.isResumed = true
    draft.end++
    const made = this.#step(message, frame, draft.steps)
    if (!(made instanceof Promise)) return this.#put(made, message, draft)
    return made.catch(async (error: unknown) => error instanceof NotYet ? error : await this.#unread(message, frame, error)).then((step) => {
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
      const act = await this.#prepare(step).catch(unlessUnread)
      if (act === undefined) step.refused = await this.#unreadable()
      else {
        step.act = act
        step.due = { ...step.due as Due, act }
      }
    }
    return draft
  }

  /** What a name stands for must be what the server will take it for: whether an earlier segment gave it, only its answer says. */
  #mustWait(message: FrontendMessage, isFirst: boolean): boolean {
    const { state } = this.#o
    if (isFirst && state.due === 0) state.touched.clear()
    if (state.isStale && state.status !== 'E' && resolves.has(message.kind)) return true
    if (message.kind === 'execute' && this.#isOutdated(state.portals.get(message.portal)?.act)) return true
    return state.touched.has(message, state.segment)
  }

  /** Looking once more for a name that was not known may find a newer catalogue: facts are told by the one that was read. */
  async #read(text: string, names: SessionNames, admission: Admission): Promise<{ readonly names: SessionNames; readonly analysis: Analysis }> {
    const isCurrent = names === this.#o.names.last
    const analysis = await this.#o.analyse(text, names, admission)
    return { analysis, names: isCurrent ? this.#o.names.last ?? names : names }
  }

  /** As names resolve now; inside a transaction a text that names nothing asks nothing. */
  async #names(text: string | undefined): Promise<SessionNames> {
    const { names, state } = this.#o
    const { last } = names
    if (text === undefined || last === undefined || (state.status !== 'T' && !state.isUnsynced) || !mayNameNothing(text)) return await names.now()
    const statements = statementsOf(await this.#o.analyse(text, last, 'on-second-sight'))
    return statements.length > 0 && statements.every(namesNothing) ? last : await names.now()
  }

  /** Refused in place, and on record: the session lives on. */
  async #unread(message: FrontendMessage, { bytes }: Frame, error: unknown): Promise<Step> {
    unlessUnread(error)
    const { poison } = this.#o
    const make = message.kind === 'query' ? poison.query : message.kind === 'functionCall' ? poison.functionCall : message.kind === 'bind' ? () => poison.bind(message.portal) : poison.execute
    return { kind: message.kind, bytes, isExtended: message.kind === 'bind' || message.kind === 'execute', poison: make, refused: await this.#unreadable() }
  }

  #unreadable(): Promise<Refusal> {
    return this.#o.gate.refuse('upstream.catalogue', 'What names mean in the database cannot be read now')
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

  /** At once where nothing has to be asked: a promise for each message would cost more than the message. */
  #step(message: FrontendMessage, frame: Frame, before: readonly Step[]): Step | undefined | Promise<Step | undefined> {
    const { state, poison } = this.#o
    const bytes = frame.bytes
    switch (message.kind) {
      case 'query': return this.#query(message.text, message.textBytes, bytes, before)
      case 'parse': return message.textBytes.length > maxTextBytes ? this.#tooLong().then((refused) => ({ kind: 'parse', bytes, isExtended: true, poison: () => poison.parse(message.name), refused })) : this.#parse(message, bytes)
      case 'bind': return this.#bind(message, bytes, before)
      case 'execute': return this.#execute(message, bytes, before)
      case 'functionCall': return this.#function(message, bytes, before)
      case 'describe': {
        const prepared = message.of === 'S' ? state.prepared.get(message.name) : undefined
        const portal = message.of === 'P' ? state.portals.get(message.name) : undefined
        const asked = prepared ?? portal
        const undo = () => { if (asked !== undefined) asked.isDescribing = false }
        return { kind: 'describe', bytes, isExtended: true, control: message, due: { reply: 'describe', undo, ...at('prepared', prepared), ...at('portal', portal) } }
      }
      case 'close': return { kind: 'close', bytes, isExtended: true, control: message, due: this.#close(message.of, message.name) }
      case 'sync': return { kind: 'sync', bytes, isExtended: true, control: { kind: 'sync' }, due: { reply: 'ready', isSync: true } }
      case 'flush': return { kind: 'flush', bytes, isExtended: true, control: { kind: 'flush' } }
      case 'notUtf8': return this.#notUtf8(message.of, bytes)
      case 'malformed': return this.#malformed(message, bytes)
      // Outside a copy the server ignores them: they belong to one that has failed.
      case 'copyData': case 'copyDone': case 'copyFail': return undefined
      case 'password': case 'terminate': return undefined
    }
  }

  /** The server fails it before it would lose an unnamed statement: so does what stands for it. */
  async #notUtf8(of: Extract<FrontendMessage, { kind: 'notUtf8' }>['of'], bytes: Uint8Array): Promise<Step> {
    const { poison } = this.#o
    const refused = await this.#o.gate.refuse('request.malformed', 'The text is not valid UTF-8')
    return { kind: of === 'copyFail' ? 'flush' : of, bytes, isExtended: of !== 'query', refused, poison: of === 'query' ? poison.functionCall : poison.execute }
  }

  /** The same. */
  async #malformed({ of, why }: Malformed, bytes: Uint8Array): Promise<Step> {
    const { poison } = this.#o
    const isExtended = of !== 'query' && of !== 'functionCall'
    return { kind: of, bytes, isExtended, poison: isExtended ? poison.execute : poison.functionCall, error: errorOf(await this.#o.gate.refuse('request.malformed', why)) }
  }

  #query(text: string, textBytes: Uint8Array, bytes: Uint8Array, before: readonly Step[]): Step | Promise<Step> {
    const names = textBytes.length > maxTextBytes ? undefined : this.#o.names.fresh
    const analysis = names === undefined ? undefined : this.#o.known(text, names)
    if (names === undefined || analysis === undefined || resolvesUnseen(analysis, this.#o.state.isTouched) !== -1) return this.#asked(text, textBytes, bytes, before)
    return this.#queried(text, textBytes, bytes, names, analysis)
  }

  async #asked(text: string, textBytes: Uint8Array, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    const { poison: { query: poison }, state } = this.#o
    if (textBytes.length > maxTextBytes) return { kind: 'query', bytes, isExtended: false, poison, refused: await this.#tooLong() }
    const { names, analysis: read } = await this.#read(text, await this.#names(text), 'on-second-sight')
    this.#mayFollow(before)
    // Names that could not be looked up are those of before the transaction failed.
    const unseen = resolvesUnseen(read, state.isTouched || state.isStale)
    const analysis = unseen === -1 ? read : unresolved(read, unseen)
    if (!this.#o.isTransparent && unseen !== -1) {
      const refused = await this.#o.gate.refuse('request.invalid', 'A statement changes how names resolve, and another behind it in the same message names something: send them one by one')
      return { kind: 'query', bytes, isExtended: false, poison, refused }
    }
    return this.#queried(text, textBytes, bytes, names, analysis)
  }

  #queried(text: string, textBytes: Uint8Array, bytes: Uint8Array, names: SessionNames, analysis: Analysis): Step {
    const operation = statementOperation({ ...this.#o.about, names, analysis, text, textBytes, kind: 'query' })
    const act = this.#act(operation, analysis, text)
    this.#o.state.rename(act.statements)
    act.names = names
    return { kind: 'query', bytes, isExtended: false, act, due: { reply: 'query', act }, poison: this.#o.poison.query }
  }

  #tooLong(): Promise<Refusal> {
    return this.#o.gate.refuse('request.too_large', `The text is longer than ${maxTextBytes} bytes`)
  }

  #tooMuch(): Promise<Refusal> {
    return this.#o.gate.refuse('request.too_large', `The values that policy reads are longer than ${maxShownBytes} bytes`)
  }

  #parse(message: Parse, bytes: Uint8Array): Step {
    const { state } = this.#o
    const { name, text, textBytes, types } = message
    const before = state.prepared.get(name)
    const prepared: Prepared = {
      name, text, textBytes, parameterTypes: types, fields: undefined, isDescribing: false, describedTypes: undefined, before, isUndone: false,
    }
    const poison = () => this.#o.poison.parse(name)
    if (before === undefined && state.prepared.size >= maxPrepared) return { kind: 'parse', bytes, isExtended: true, poison, error: nativeError('53400', `too many prepared statements (${maxPrepared})`) }
    if (!state.hasRoomFor(sizeOfText(prepared))) return { kind: 'parse', bytes, isExtended: true, poison, error: nativeError('53400', `prepared statements and portals hold more than ${maxHeldBytes} bytes`) }
    state.prepared.set(name, prepared)
    state.held.forgetPrepared(name)
    return { kind: 'parse', bytes, isExtended: true, poison, due: { reply: 'parse', prepared, undo: undoOf(state.prepared, prepared) } }
  }

  /** A Parse whose Bind did not come with it: nothing runs yet, and policy says whether it ever may. */
  async #prepare(step: Step): Promise<Act> {
    const prepared = step.due?.prepared as Prepared
    const { names, analysis } = await this.#read(prepared.text, await this.#names(prepared.text), 'at-once')
    const operation = statementOperation({ ...this.#o.about, names, analysis, text: prepared.text, textBytes: prepared.textBytes, kind: 'prepare' })
    return new Act(operation, statementsOf(analysis), { text: prepared.text, isBarrier: false, isLoneParse: true })
  }

  #bind(message: Bind, bytes: Uint8Array, before: readonly Step[]): Step | Promise<Step> {
    const { state } = this.#o
    const poison = () => this.#o.poison.bind(message.portal)
    const prepared = state.prepared.get(message.statement)
    if (prepared === undefined) {
      const text = message.statement === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${message.statement}" does not exist`
      return { kind: 'bind', bytes, isExtended: true, poison, error: nativeError('26000', text) }
    }
    const { portal: name } = message
    const earlier = state.portals.get(name)
    if (earlier === undefined && state.portals.size >= maxPrepared) return { kind: 'bind', bytes, isExtended: true, poison, error: nativeError('53400', `too many portals (${maxPrepared})`) }
    if (!state.hasRoomFor(sizeOf(message))) return { kind: 'bind', bytes, isExtended: true, poison, error: nativeError('53400', `prepared statements and portals hold more than ${maxHeldBytes} bytes`) }
    if (isTooMuch(message.values)) return this.#tooMuch().then((refused) => ({ kind: 'bind', bytes, isExtended: true, poison, refused }))
    const names = this.#o.names.fresh
    const analysis = names === undefined ? undefined : this.#o.known(prepared.text, names)
    if (names === undefined || analysis === undefined) return this.#bound(prepared, message, bytes, before)
    return this.#opened(prepared, message, bytes, before, names, this.#actOf(prepared, message, names, analysis))
  }

  async #bound(prepared: Prepared, message: Bind, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    const asked = await this.#names(prepared.text)
    const { names, analysis } = await this.#read(prepared.text, asked, 'at-once')
    this.#mayFollow(before)
    return this.#opened(prepared, message, bytes, before, asked, this.#actOf(prepared, message, names, analysis))
  }

  #opened(prepared: Prepared, message: Bind, bytes: Uint8Array, before: readonly Step[], names: SessionNames, act: Act): Step {
    const { state } = this.#o
    const { portal: name } = message
    const earlier = state.portals.get(name)
    const poison = () => this.#o.poison.bind(name)
    act.names = names
    // The Parse that came with it is part of the same operation, unless another Bind has taken it.
    const parse = before.findLast((step) => step.kind === 'parse' && step.due?.prepared === prepared)
    if (parse !== undefined && parse.act === undefined) parse.act = act
    const portal: Portal = { name, prepared, resultFormats: message.resultFormats, message, names, act, fields: undefined, isDescribing: false, before: earlier, isUndone: false }
    state.portals.set(name, portal)
    state.held.forgetCursor(name)
    return { kind: 'bind', bytes, isExtended: true, act, poison, portal, due: { reply: 'bind', act, portal, undo: undoOf(state.portals, portal) } }
  }

  /** Whether what a text names is still what was decided on, and approved: it may have waited for long, and others change the schema meanwhile. */
  async stands(act: Act): Promise<boolean> {
    const { names: before, statements, text } = act
    if (before === undefined || before === this.#o.names.fresh || (statements.length > 0 && statements.every(namesNothing))) return true
    // What is planned already, behind it, may end what is looked at here: whoever comes behind that looks for itself.
    const { state } = this.#o
    const { isStale, mayBeGivenAnew } = state
    const names = await this.#names(text).catch(unlessUnread)
    const isUnread = names === undefined || state.isStale
    state.isStale ||= isStale
    state.mayBeGivenAnew ||= mayBeGivenAnew
    if (isUnread) return false
    if (names === before) return true
    const { analysis } = await this.#read(text, names, 'at-once')
    return isUnchanged(act, names, analysis)
  }

  #actOf(prepared: Prepared, bind: Bind, names: SessionNames, analysis: Analysis): Act {
    const types = prepared.describedTypes ?? prepared.parameterTypes
    const operation = statementOperation({ ...this.#o.about, names, analysis, text: prepared.text, textBytes: prepared.textBytes, kind: 'execute', parameters: { values: bind.values, formats: bind.formats, types } })
    return this.#act(operation, analysis, prepared.text)
  }

  #execute(message: Execute, bytes: Uint8Array, before: readonly Step[]): Step | Promise<Step> {
    const { state } = this.#o
    const poison = this.#o.poison.execute
    const portal = state.portals.get(message.portal)
    if (portal === undefined) return { kind: 'execute', bytes, isExtended: true, poison, error: nativeError('34000', `portal "${message.portal}" does not exist`) }
    const step = (act: Act): Step => {
      state.rename(act.statements)
      // It may have been bound before there was anything to take back.
      if (this.#endsTouched(act.statements) || mayTakePortal(state, act.statements, portal.name)) act.isBarrier = true
      return { kind: 'execute', bytes, isExtended: true, act, poison, portal, due: { reply: 'execute', act, portal } }
    }
    if (this.#isOutdated(portal.act)) this.#o.leave(portal.act)
    const isAgain = isLookedUpAgain(portal)
    if (!isAgain && !portal.act.hasEnded) return step(portal.act)
    const names = isAgain ? this.#o.names.fresh : undefined
    if (names !== undefined && isAsBound(portal, names)) return step(portal.act)
    return this.#executed(portal, isAgain, bytes, before).then((act) => act instanceof Act ? step(portal.act = act) : act)
  }

  /** Its Bind was permitted for one run, and for what its names meant: what has run to its end is asked about again, and what means something else now is refused. */
  async #executed(portal: Portal, isAgain: boolean, bytes: Uint8Array, before: readonly Step[]): Promise<Act | Step> {
    const { prepared, message, act } = portal
    const { names, analysis } = await this.#read(prepared.text, isAgain ? await this.#names(prepared.text) : portal.names, 'at-once')
    if (isAgain) this.#mayFollow(before)
    if (meansStill(portal, statementsOf(analysis), isAgain ? names : portal.names)) return act.hasEnded ? this.#actOf(prepared, message, names, analysis) : act
    const refused = await this.#o.gate.refuse('request.invalid', 'What the portal names is not what it was when it was bound: bind it again')
    return { kind: 'execute', bytes, isExtended: true, poison: this.#o.poison.execute, refused }
  }

  /** Names that nobody could look up, since the server fails or skips everything, do for what it fails or skips: not for what runs behind the end of that. @throws NotYet */
  #mayFollow(before: readonly Step[]): void {
    const { isStale, isInBlock } = this.#o.state
    if (isStale && before.some(({ kind, act }) => kind === 'sync' ? !isInBlock : act !== undefined && kind !== 'parse' && kind !== 'bind' && mayEnd(act))) throw new NotYet()
  }

  /** It was permitted by a policy that is no longer in force, or for a session that is over: a portal may wait for long. */
  #isOutdated(act: Act | undefined): boolean {
    return act?.permit !== undefined && !act.hasEnded && !this.#o.gate.holds(act.permit)
  }

  async #function(message: FunctionCall, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    if (isTooMuch(message.values)) return { kind: 'functionCall', bytes, isExtended: false, refused: await this.#tooMuch(), poison: this.#o.poison.functionCall }
    const names = await this.#o.names.now()
    this.#mayFollow(before)
    const act = new Act(functionOperation({ ...this.#o.about, names, call: message }), [], { text: '', isBarrier: true })
    return { kind: 'functionCall', bytes, isExtended: false, act, due: { reply: 'function', act }, poison: this.#o.poison.functionCall }
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

  #act(operation: PostgresOperation, analysis: Analysis, text: string): Act {
    const statements = statementsOf(analysis)
    return new Act(operation, statements, { text, isBarrier: analysis.status === 'error' || this.#endsTouched(statements) || statements.some(isBarrier) || mayTakePortal(this.#o.state, statements) })
  }

  /** The end of a transaction takes back, or makes final, what it changed about names; of one that has failed, nothing could be asked in it. */
  #endsTouched(statements: readonly Statement[]): boolean {
    const { isTouched, isUnsynced, status } = this.#o.state
    return (status === 'E' || isTouched && (status !== 'I' || isUnsynced)) && statements.some(({ effects }) => effects.includes('transaction'))
  }
}

/** Whether a text means what it meant when it was decided. */
export function isUnchanged({ names: before, statements }: Act, names: Omit<SessionNames, 'viewLineage'>, analysis: Analysis): boolean {
  return before !== undefined && isDeepStrictEqual(namedBy(names, statementsOf(analysis)), namedBy(before, statements))
}

function namedBy({ snapshot, path, role, sessionRole }: Omit<SessionNames, 'viewLineage'>, statements: readonly Statement[]): unknown {
  return [path, role, sessionRole, definitionsOf(statements, { snapshot, path }), statements.map(({ relations, columns, routines, unknown, outputs, flows }) => [relations, columns, routines, unknown, outputs, flows])]
}

function unlessUnread(error: unknown): undefined {
  if (!(error instanceof NamesError)) throw error
}

/** A transaction that has failed: whatever nobody could read may say ROLLBACK. */
function mayEnd({ statements }: Act): boolean {
  return statements.length === 0 || statements.some(({ effects }) => effects.includes('transaction'))
}

/** Messages that are read by what names mean now. */
const resolves: ReadonlySet<FrontendMessage['kind']> = new Set(['query', 'parse', 'bind', 'execute', 'functionCall'])

/** Messages that end an implicit transaction; inside a block the text says what does. */
const endsImplicit: ReadonlySet<FrontendMessage['kind']> = new Set(['sync', 'query', 'functionCall'])

/** The client's data follows a COPY FROM STDIN; what came with it is read as part of that. A name that was kept is known to what follows. */
function isBarrier({ isBarrier, kind }: Statement): boolean {
  return isBarrier || kind === 'copy' || kind === 'prepare' || kind === 'declare_cursor'
}

/** What a later statement of the same message reads could only be known once the earlier one has run. @returns the earlier one's index; -1 */
function resolvesUnseen(analysis: Analysis, isTouched: boolean): number {
  const statements = statementsOf(analysis)
  // The end of a transaction takes back what it changed about names.
  const first = statements.findIndex(({ isBarrier, effects }) => isBarrier || (isTouched && effects.includes('transaction')))
  return first !== -1 && statements.slice(first + 1).some(({ relations, routines }) => relations.length > 0 || routines.length > 0) ? first : -1
}

/** The transparent profile sends it all the same: then nobody knows where the values behind it come from. */
function unresolved(analysis: Analysis, behind: number): Analysis {
  if (analysis.status === 'error') return analysis
  return { ...analysis, statements: analysis.statements.map(({ outputs, ...statement }, at) => at <= behind ? { ...statement, ...outputs === undefined ? {} : { outputs } } : { ...statement, unknown: [...statement.unknown, 'unresolved_relation'] }) }
}

function statementsOf(analysis: Analysis): readonly Statement[] {
  return analysis.status === 'ok' ? analysis.statements : []
}

function at<K extends string, V>(name: K, value: V | undefined): { readonly [N in K]?: V } {
  return value === undefined ? {} : { [name]: value } as { readonly [N in K]?: V }
}

/** Said as the server would say it, by the names the client used. */
function nativeError(sqlState: string, message: string): Uint8Array {
  return encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', sqlState], ['M', message]]))
}
