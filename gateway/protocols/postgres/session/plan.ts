// What one read of the client asks for: each message with the operation it is part of, the reply it is due, and what stands for it when it is refused.
import type { Gate } from '../../../protocol.ts'
import type { Refusal } from '../../../refusal.ts'
import { Act } from './act.ts'
import type { Control, PostgresUpstream } from '../dial.ts'
import { encodeError, parseFrontend, type Bind, type Execute, type Frame, type FrontendMessage, type FunctionCall, type Parse } from '../messages.ts'
import { NamesError, mayNameNothing, namesNothing, type Names, type SessionNames } from './names.ts'
import { functionOperation, statementOperation, type OperationOptions, type PostgresOperation } from '../operation.ts'
import type { Poison } from '../refuse.ts'
import type { Admission } from '../sql/analyse.ts'
import type { Analysis, Statement } from '../sql/analysis.ts'
import { maxTextBytes } from '../sql/parser.ts'
import { maxHeldBytes, maxPrepared, sizeOf, standing, undoOf, type Due, type Portal, type Prepared, type SessionState } from './state.ts'

/** One message of the client on its way out. */
export interface Step {
  readonly kind: FrontendMessage['kind']
  readonly bytes: Uint8Array
  /** Simple messages end by themselves; an error in an extended one skips to Sync. */
  readonly isExtended: boolean
  /** The operation it is part of. A Parse gets that of its Bind, when both came at once. */
  act?: Act
  due?: Due
  /** What stands for it when it is refused. */
  readonly poison?: () => Uint8Array
  /** Refused before anybody was asked. */
  refused?: Refusal
  /** An error in PostgreSQL's own words: a name that does not exist. */
  readonly error?: Uint8Array
  /** It carries no statement. */
  readonly control?: Control
  readonly portal?: Portal
}

export interface Plan { readonly steps: readonly Step[]; /** Index of the first frame that is not in it. */ readonly end: number; readonly isTerminated: boolean }

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
  readonly about: Pick<OperationOptions, 'target' | 'database' | 'user' | 'nonce'>
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

  /** Ends behind a barrier: what follows it can only be read once it is through. @throws ProtocolViolation */
  async plan(frames: readonly Frame[], from: number): Promise<Plan> {
    const steps: Step[] = []
    const loose: Step[] = []
    let end = from
    let isTerminated = false
    let isResumed = false
    // An error may come in at any await here; behind a Sync that is planned it skips nothing.
    let hasSync = false
    for (; end < frames.length; end++) {
      const frame = frames[end] as Frame
      const message = parseFrontend(frame)
      if (message.kind === 'terminate') { isTerminated = true; end++; break }
      // The server reads and drops it; and it would drop a question of ours.
      if (this.#o.state.isSkipping && !hasSync && message.kind !== 'sync') continue
      if (this.#mustWait(message, steps.length === 0)) {
        if (steps.length > 0) break
        await this.#o.settle()
        if (this.#o.state.isSkipping) continue
        // Asked once more for the step itself, which is refused when that fails too.
        if (resolves.has(message.kind)) await this.#names(this.#textOf(message)).catch(unlessUnread)
      }
      if (message.kind === 'sync' && this.#o.state.isSkipping && !hasSync) isResumed = true
      const made = this.#step(message, frame, steps)
      const step = made instanceof Promise ? await made.catch((error: unknown) => this.#unread(message, frame, error)) : made
      if (step === undefined) continue
      steps.push(step)
      hasSync ||= step.kind === 'sync'
      this.#touch(message)
      if (isResumed) { end++; break }
      if (step.act?.isBarrier === true && step.kind !== 'parse' && step.kind !== 'bind') { end++; break }
    }
    for (const step of steps) if (step.kind === 'parse' && step.act === undefined && step.error === undefined && step.refused === undefined) loose.push(step)
    for (const step of loose) {
      const act = await this.#prepare(step).catch(unlessUnread)
      if (act === undefined) step.refused = await this.#unreadable()
      else {
        step.act = act
        step.due = { ...step.due as Due, act }
      }
    }
    return { steps, end, isTerminated }
  }

  /** What a name stands for must be what the server will take it for: whether an earlier segment gave it, only its answer says. */
  #mustWait(message: FrontendMessage, isFirst: boolean): boolean {
    const { state } = this.#o
    if (isFirst && state.due === 0) state.touched.clear()
    if (state.isStale && state.status !== 'E' && resolves.has(message.kind)) return true
    return namesIn(message).some(({ key, isReplaced }) => !isReplaced && (state.touched.get(key) ?? state.segment) < state.segment)
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

  #touch(message: FrontendMessage): void {
    const { state } = this.#o
    if (message.kind === 'sync') state.segment++
    else for (const { key, isTouched } of namesIn(message)) if (isTouched) state.touched.set(key, state.segment)
  }

  /** At once where nothing has to be asked: a promise for each message would cost more than the message. */
  #step(message: FrontendMessage, frame: Frame, before: readonly Step[]): Step | undefined | Promise<Step | undefined> {
    const { state, poison } = this.#o
    const bytes = frame.bytes
    switch (message.kind) {
      case 'query': return this.#query(message.text, message.textBytes, bytes)
      case 'parse': return message.textBytes.length > maxTextBytes ? this.#tooLong().then((refused) => ({ kind: 'parse', bytes, isExtended: true, poison: () => poison.parse(message.name), refused })) : this.#parse(message, bytes)
      case 'bind': return this.#bind(message, bytes, before)
      case 'execute': return this.#execute(message, bytes)
      case 'functionCall': return this.#function(message, bytes)
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
      // Outside a copy the server ignores them: they belong to one that has failed.
      case 'copyData': case 'copyDone': case 'copyFail': return undefined
      case 'password': return undefined
      case 'terminate': return undefined
    }
  }

  async #notUtf8(of: Extract<FrontendMessage, { kind: 'notUtf8' }>['of'], bytes: Uint8Array): Promise<Step> {
    const { poison } = this.#o
    const refused = await this.#o.gate.refuse('request.malformed', 'The text is not valid UTF-8')
    return { kind: of === 'copyFail' ? 'flush' : of, bytes, isExtended: of !== 'query', refused, poison: of === 'query' ? poison.query : () => poison.parse('') }
  }

  async #query(text: string, textBytes: Uint8Array, bytes: Uint8Array): Promise<Step> {
    const poison = this.#o.poison.query
    if (textBytes.length > maxTextBytes) return { kind: 'query', bytes, isExtended: false, poison, refused: await this.#tooLong() }
    const { names, analysis: read } = await this.#read(text, await this.#names(text), 'on-second-sight')
    const unseen = resolvesUnseen(read, this.#o.state.isTouched)
    const analysis = unseen === -1 ? read : unresolved(read, unseen)
    if (!this.#o.isTransparent && unseen !== -1) {
      const refused = await this.#o.gate.refuse('request.invalid', 'A statement changes how names resolve, and another behind it in the same message names something: send them one by one')
      return { kind: 'query', bytes, isExtended: false, poison, refused }
    }
    const operation = statementOperation({ ...this.#o.about, names, analysis, text, textBytes, kind: 'query' })
    const act = this.#act(operation, analysis, text)
    return { kind: 'query', bytes, isExtended: false, act, due: { reply: 'query', act }, poison }
  }

  #tooLong(): Promise<Refusal> {
    return this.#o.gate.refuse('request.too_large', `The text is longer than ${maxTextBytes} bytes`)
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
    if (!state.hasRoomFor(textBytes.length)) return { kind: 'parse', bytes, isExtended: true, poison, error: nativeError('53400', `prepared statements and portals hold more than ${maxHeldBytes} bytes`) }
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
    const names = this.#o.names.fresh
    const analysis = names === undefined ? undefined : this.#o.known(prepared.text, names)
    if (names === undefined || analysis === undefined) return this.#bound(prepared, message, bytes, before)
    return this.#opened(prepared, message, bytes, before, names, this.#actOf(prepared, message, names, analysis))
  }

  async #bound(prepared: Prepared, message: Bind, bytes: Uint8Array, before: readonly Step[]): Promise<Step> {
    const names = await this.#names(prepared.text)
    return this.#opened(prepared, message, bytes, before, names, await this.#run(prepared, message, names))
  }

  #opened(prepared: Prepared, message: Bind, bytes: Uint8Array, before: readonly Step[], names: SessionNames, act: Act): Step {
    const { state } = this.#o
    const { portal: name } = message
    const earlier = state.portals.get(name)
    const poison = () => this.#o.poison.bind(name)
    // The Parse that came with it is part of the same operation, unless another Bind has taken it.
    const parse = before.findLast((step) => step.kind === 'parse' && step.due?.prepared === prepared)
    if (parse !== undefined && parse.act === undefined) parse.act = act
    const portal: Portal = { name, prepared, resultFormats: message.resultFormats, message, names, act, fields: undefined, isDescribing: false, before: earlier, isUndone: false }
    state.portals.set(name, portal)
    state.held.forgetCursor(name)
    return { kind: 'bind', bytes, isExtended: true, act, poison, portal, due: { reply: 'bind', act, portal, undo: undoOf(state.portals, portal) } }
  }

  async #run(prepared: Prepared, bind: Bind, as: SessionNames): Promise<Act> {
    const { names, analysis } = await this.#read(prepared.text, as, 'at-once')
    return this.#actOf(prepared, bind, names, analysis)
  }

  #actOf(prepared: Prepared, bind: Bind, names: SessionNames, analysis: Analysis): Act {
    const types = prepared.describedTypes ?? prepared.parameterTypes
    const operation = statementOperation({ ...this.#o.about, names, analysis, text: prepared.text, textBytes: prepared.textBytes, kind: 'execute', parameters: { values: bind.values, formats: bind.formats, types } })
    return this.#act(operation, analysis, prepared.text)
  }

  #execute(message: Execute, bytes: Uint8Array): Step | Promise<Step> {
    const { state } = this.#o
    const poison = this.#o.poison.execute
    const portal = state.portals.get(message.portal)
    if (portal === undefined) return { kind: 'execute', bytes, isExtended: true, poison, error: nativeError('34000', `portal "${message.portal}" does not exist`) }
    // Its Bind was permitted for one run; a portal that has run to its end is asked about again.
    const step = (act: Act): Step => ({ kind: 'execute', bytes, isExtended: true, act, poison, portal, due: { reply: 'execute', act, portal } })
    return portal.act.hasEnded ? this.#run(portal.prepared, portal.message, portal.names).then((act) => step(portal.act = act)) : step(portal.act)
  }

  async #function(message: FunctionCall, bytes: Uint8Array): Promise<Step> {
    const names = await this.#o.names.now()
    const act = new Act(functionOperation({ ...this.#o.about, names, call: message }), [], { text: '', isBarrier: true })
    return { kind: 'functionCall', bytes, isExtended: false, act, due: { reply: 'function', act }, poison: this.#o.poison.functionCall }
  }

  #close(of: 'S' | 'P', name: string): Due {
    const { prepared, portals } = this.#o.state
    if (of === 'S') {
      const closed = prepared.get(name)
      prepared.delete(name)
      return { reply: 'close', undo: () => { const left = standing(closed); if (left !== undefined && !prepared.has(name)) prepared.set(name, left) } }
    }
    const closed = portals.get(name)
    portals.delete(name)
    return { reply: 'close', ...at('portal', closed), undo: () => { const left = standing(closed); if (left !== undefined && !portals.has(name)) portals.set(name, left) } }
  }

  #act(operation: PostgresOperation, analysis: Analysis, text: string): Act {
    const statements = statementsOf(analysis)
    this.#o.state.rename(statements)
    const { isTouched, isUnsynced, status } = this.#o.state
    // The end of a transaction takes back, or makes final, what it changed about names.
    const endsTouched = isTouched && (status !== 'I' || isUnsynced) && statements.some(({ effects }) => effects.includes('transaction'))
    return new Act(operation, statements, { text, isBarrier: analysis.status === 'error' || endsTouched || statements.some(isBarrier) })
  }
}

function unlessUnread(error: unknown): undefined {
  if (!(error instanceof NamesError)) throw error
}

/** Messages that are read by what names mean now. */
const resolves: ReadonlySet<FrontendMessage['kind']> = new Set(['query', 'parse', 'bind', 'execute', 'functionCall'])

interface NameUse { readonly key: string; /** Means something else from here on. */ readonly isTouched: boolean; /** Whatever it was before. */ readonly isReplaced: boolean }

function namesIn(message: FrontendMessage): readonly NameUse[] {
  const use = (of: 'S' | 'P', name: string, isTouched: boolean): NameUse => ({ key: of + name, isTouched, isReplaced: isTouched && name === '' })
  switch (message.kind) {
    case 'parse': return [use('S', message.name, true)]
    case 'bind': return [use('S', message.statement, false), use('P', message.portal, true)]
    case 'execute': return [use('P', message.portal, false)]
    case 'describe': return [use(message.of, message.name, false)]
    case 'close': return [use(message.of, message.name, true)]
    default: return []
  }
}

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
