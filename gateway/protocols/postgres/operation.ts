// Statements as operations: what policy sees of them, where the caller's values stand, and the bytes that an approval binds to.
// Columns are known by OID, so a value is judged by the column it meets, whatever the text calls it (DESIGN.md, "PostgreSQL").
import { randomUUID } from 'node:crypto'
import type { Json, Operation, Slot, SqlFinding } from '../../call.ts'
import type { TargetConfig } from '../../config.ts'
import { declaredClasses, describeColumn } from './operation/declared.ts'
import { definitionsOf } from './operation/definitions.ts'
import type { Few } from './few.ts'
import type { FunctionCall } from './messages.ts'
import { maxShownUnits, parameterText, type BoundParameters } from './operation/parameters.ts'
import { quietMessage } from './operation/quiet.ts'
import { isCallerNamed, sensitivePredicates, sensitiveWrites, statementView, touchedRelations, touchesDeclared, type Surroundings } from './operation/statement-view.ts'
import type { Analysis, BaseColumn, Literal, Naming, Statement } from './sql/analysis.ts'
import { maxShownValues, readShape } from './sql/literals.ts'
import { routineClass } from './sql/facts/routine-classes.ts'

export type PostgresOperation = Operation

/** What stays the same in a session. */
export interface OperationOptions {
  readonly target: TargetConfig
  readonly database: string
  /** As the server knows the session. */
  readonly user: string
  /** Of the session: an approval is for this connection and no other. */
  readonly nonce: string
  /** Named when it was opened. */
  readonly ticket?: string
  /** Kept for as long as the target's config is: a prepared statement is looked at once. */
  readonly views?: StatementViews
  /** Of the session: what the last run came to, of a prepared statement by its analysis, of simple messages by the statements that like texts share. */
  readonly runs?: Few<Analysis | readonly Statement[], Run>
}

/** One run of a prepared statement, none of whose parameters was null: the next one differs in their values alone. Or of a text: one like it differs in its constants and its length. */
export interface Run { readonly names: StatementOptions['names']; readonly count: number; readonly operation: PostgresOperation }

/** What policy reads of statements, worked out before; texts that share them differ in their values alone (sql/alike.ts). Of one target. */
export type StatementViews = WeakMap<readonly Statement[], StatementsView>
interface StatementsView { readonly request: { readonly [name: string]: Json }; readonly relations: Json; readonly effects: readonly string[]; readonly isTouching: boolean; readonly isCallerNamed: boolean; readonly isCopyIn: boolean }

export interface StatementOptions extends OperationOptions {
  readonly names: Naming & { readonly role: string; readonly sessionRole: string; /** How dates, numbers and bytes are read and written. */ readonly values?: string }
  readonly analysis: Analysis
  readonly text: string
  readonly textBytes: Uint8Array
  /** `query`: a simple message; `execute`: Bind and Execute; `prepare`: a Parse by itself. */
  readonly kind: 'query' | 'execute' | 'prepare'
  readonly parameters?: BoundParameters
}

/** Class of a constant that nobody can place in a statement on declared columns. */
const literalClass = 'LITERAL'

export function statementOperation(options: StatementOptions): PostgresOperation {
  const { analysis } = options
  return analysis.status === 'error' ? unparsedOperation(options, analysis) : parsedOperation(options, analysis)
}

function parsedOperation(options: StatementOptions, analysis: Analysis & { readonly status: 'ok' }): PostgresOperation {
  const { statements } = analysis
  const ran = options.kind === 'execute' ? analysis : statements
  const last = options.kind === 'prepare' ? undefined : options.runs?.get(ran)
  const again = last === undefined ? undefined : options.kind === 'execute' ? repeated(options, last, statements) : alike(options, last, analysis)
  if (again !== undefined) return again
  const around = surroundings(options)
  let view = options.views?.get(statements)
  const isNew = view === undefined
  if (view === undefined) {
    view = viewOf(analysis, around)
    options.views?.set(statements, view)
  }
  const { literals, slots: literalSlots } = shownLiterals(analysis, around, view.isTouching)
  const { values, slots: valueSlots } = shownParameters(options.parameters, analysis.parameters, around, view.isTouching)
  const isUnread = analysis.literals.length > maxShownValues || (options.parameters?.values.length ?? 0) > maxShownValues || analysis.shape.length > maxShownUnits
  const slots: Slot[] = [{ path: '/statement' }, ...literalSlots, ...valueSlots]
  if (view.isCallerNamed) slots.push({ path: '/statements' }, { path: '/sensitive_write' })
  const operation: PostgresOperation = {
    action: { name: options.kind === 'prepare' ? 'pg.prepare' : statements.length === 1 ? `pg.${statements[0]?.kind ?? 'multi'}` : 'pg.multi', properties: { effects: view.effects } },
    ...common(options, view.relations),
    request: { ...basis(options), ...view.request, literals, parameters: values, ...isUnread ? { unread: true } : {} }, slots,
    findings: parsed, ...view.isCopyIn ? { isUnread: true } : {}, canonical: () => canonical(options, statements),
  }
  // Most texts are seen once: they are not worth the place of one that comes again.
  if (options.kind === 'prepare' || (options.kind === 'query' && isNew) || options.runs === undefined || isUnread || values.includes(null) || !isKept(options)) return operation
  const first = { ...operation, repeats: { members: options.kind === 'execute' ? ofParameters : ofTexts } }
  options.runs.set(ran, { names: options.names, count: values.length, operation: first })
  return first
}

/** Bytes of text and values of a run that is kept: a session keeps several, each with its values, for as long as it lives. */
const maxRunBytes = 16_384

function isKept({ textBytes, parameters }: StatementOptions): boolean {
  let bytes = textBytes.length
  for (const value of parameters?.values ?? []) bytes += value?.length ?? 0
  return bytes <= maxRunBytes
}

/** What stands where, and which column a value meets, is as it was. */
function repeated(options: StatementOptions, { names, count, operation }: Run, statements: readonly Statement[]): PostgresOperation | undefined {
  const { parameters: bound } = options
  if (names !== options.names || (bound?.values.length ?? 0) !== count || bound?.values.includes(null) === true) return undefined
  const values = bound === undefined ? [] : bound.values.map((_, i) => parameterText(bound, i))
  return { ...operation, request: { ...operation.request, parameters: values }, canonical: () => canonical(options, statements) }
}

/** Another text on the same statements: where its constants stand among them, and which columns they meet, is as it was. */
function alike(options: StatementOptions, { names, operation }: Run, { statements, literals }: Analysis & { readonly status: 'ok' }): PostgresOperation | undefined {
  if (names !== options.names) return undefined
  return { ...operation, request: { ...operation.request, bytes: options.textBytes.length, literals: literals.map(shownLiteral) }, canonical: () => canonical(options, statements) }
}

/** What differs between runs of a prepared statement, and between texts that are alike. */
const ofParameters = ['parameters']
const ofTexts = ['bytes', 'literals']

function viewOf({ statements, shape }: Analysis & { readonly status: 'ok' }, around: Surroundings): StatementsView {
  return {
    request: {
      statement: cut(shape), statements: statements.map((statement) => statementView(statement, around)), multi: statements.length > 1,
      sensitive_predicate: sensitivePredicates(statements, around), sensitive_write: sensitiveWrites(statements, around),
    },
    relations: touchedRelations(statements, around), effects: [...new Set(statements.flatMap(({ effects }) => effects))],
    isTouching: touchesDeclared(statements, around), isCallerNamed: statements.some(isCallerNamed),
    isCopyIn: statements.some(({ kind, command }) => kind === 'copy' && command === 'from_client'),
  }
}

const noConstants = { locations: new Set<number>(), booleans: new Set<number>() }
const parsed = { sql: { status: 'ok' } } as const satisfies { sql: SqlFinding }

/** Nothing is known of its constants but where they are: none of them is shown, and detectors read the rest. What is shown is made of the text's beginning. */
function unparsedOperation(options: StatementOptions, { message, position }: Analysis & { readonly status: 'error' }): PostgresOperation {
  return {
    action: { name: options.kind === 'prepare' ? 'pg.prepare' : 'pg.unparsed', properties: { effects: ['write', 'ddl'] } },
    ...common(options, []),
    request: { ...basis(options), statement: cut(readShape(options.text.slice(0, 2 * maxShownUnits), noConstants).shape), literals: [], parameters: shownParameters(options.parameters, new Map(), surroundings(options), true).values, statements: [], multi: false, unparsed: true, sensitive_predicate: [], sensitive_write: [] },
    slots: [{ path: '/statement' }, ...(options.parameters?.values ?? []).slice(0, maxShownValues).map((_, i) => ({ path: `/parameters/${i}`, declared: literalClass }))],
    findings: { sql: { status: 'error', message: quietMessage(message), position } },
    canonical: () => canonical(options, []),
  }
}

/** A routine called by its OID (§54.2.5): nothing says what it reads, but for its name. */
export function functionOperation(options: OperationOptions & { readonly names: StatementOptions['names']; readonly call: FunctionCall }): PostgresOperation {
  const { names, call } = options
  const routine = names.snapshot.routine(call.oid)
  const named = routineClass(routine?.name ?? '')
  const { values, slots } = shownParameters({ values: call.values, formats: call.formats, types: [] }, new Map(), surroundings(options), true)
  const view: Json = {
    kind: 'function_call', effects: ['execute', 'write'], relations: [], columns: [], has_where: false, returning: true, unknown: routine === undefined ? ['unresolved_routine'] : [],
    routines: [{ schema: routine?.schema ?? '', name: routine?.name ?? String(call.oid), volatility: routine?.volatility ?? 'v', is_known: routine !== undefined, ...named === undefined ? {} : { class: named } }],
  }
  return {
    action: { name: 'pg.function_call', properties: { effects: ['execute', 'write'] } }, ...common(options, []),
    request: { ...basis({ ...options, textBytes: new Uint8Array(0) }), statement: '', literals: [], parameters: values, statements: [view], multi: false, sensitive_predicate: [], sensitive_write: [] },
    slots, findings: parsed,
    canonical: () => canonical({ ...options, kind: 'function', textBytes: Buffer.from(String(call.oid)), parameters: { values: call.values, formats: call.formats, types: [] } }, []),
  }
}

/** What the server says of itself: a notification, a notice, a setting's new value. Its words are masked as a result, and stand in no request. */
export function unaskedOperation(options: OperationOptions & { readonly frame: { readonly tag: number; readonly bytes: Uint8Array } }): PostgresOperation {
  const { frame } = options
  const kind = frame.tag === 0x41 ? 'notification' : frame.tag === 0x53 ? 'parameter_status' : frame.tag === 0x45 ? 'error' : 'notice'
  const view: Json = { kind, effects: ['read'], relations: [], columns: [], routines: [], has_where: false, returning: false, unknown: [] }
  return {
    action: { name: 'pg.notification', properties: { effects: ['read'] } }, ...common(options, []),
    request: { protocol: 'postgres', database: options.database, user: options.user, statement: '', literals: [], parameters: [], statements: [view], multi: false, sensitive_predicate: [], sensitive_write: [], bytes: frame.bytes.length },
    slots: [], findings: parsed, canonical: () => new Uint8Array(frame.bytes),
  }
}

function basis({ database, user, textBytes }: Pick<StatementOptions, 'database' | 'user' | 'textBytes'>): { [name: string]: Json } {
  return { protocol: 'postgres', database, user, bytes: textBytes.length }
}

function common({ target, database, user, ticket }: OperationOptions, relations: Json): Pick<Operation, 'resource' | 'catalogueKey' | 'isOpaque' | 'ticket'> {
  const id = [target.name, database].join('/')
  return { resource: { type: 'database', id, properties: { target: target.name, env: target.env, labels: [...target.labels], database, user, relations } }, catalogueKey: id, isOpaque: false, ...ticket === undefined ? {} : { ticket } }
}

function surroundings({ target, names }: OperationOptions & Pick<StatementOptions, 'names'>): Surroundings {
  const { catalogue } = target
  return { snapshot: names.snapshot, classOf: declaredClasses(target), labelsOf: (relation) => Object.hasOwn(catalogue, relation) ? catalogue[relation]?.labels ?? [] : [] }
}

/** The class of the first declared column that a value meets; of one that nobody can place, that of an unplaced literal. */
function slotAt(path: string, columns: readonly BaseColumn[] | undefined, { snapshot, classOf }: Surroundings, isTouching: boolean): Slot {
  if (columns === undefined) return isTouching ? { path, declared: literalClass } : { path }
  for (const column of columns) {
    const declared = describeColumn(column, snapshot, classOf)?.class
    if (declared !== undefined) return { path, declared }
  }
  return { path }
}

/** Numbers, too, are text here: a detector can then replace a part of one, and a rule need not know how a client binds its values. */
function shownLiterals({ literals }: Analysis & { readonly status: 'ok' }, around: Surroundings, isTouching: boolean): { readonly literals: Json[]; readonly slots: readonly Slot[] } {
  const shown = literals.slice(0, maxShownValues)
  const slots = shown.map(({ columns, isAttributed }, i) => slotAt(`/literals/${i}`, isAttributed ? columns : undefined, around, isTouching))
  return {
    literals: shown.map(shownLiteral),
    slots: slots.every(({ declared }) => declared === undefined) ? [{ path: '/literals' }] : slots,
  }
}

function shownLiteral({ value, start, end }: Literal): Json {
  return typeof value === 'string' && value.length > maxShownUnits ? { bytes: end - start } : value === null ? null : String(value)
}

function shownParameters(bound: BoundParameters | undefined, columns: ReadonlyMap<number, readonly BaseColumn[]>, around: Surroundings, isTouching: boolean): { readonly values: Json[]; readonly slots: readonly Slot[] } {
  if (bound === undefined || bound.values.length === 0) return { values: [], slots: [] }
  const values = bound.values.slice(0, maxShownValues).map((_, i) => parameterText(bound, i))
  const slots = values.flatMap((value, i) => value === null ? [] : slotAt(`/parameters/${i}`, columns.get(i + 1), around, isTouching))
  return { values, slots: slots.every(({ declared }) => declared === undefined) ? [{ path: '/parameters' }] : slots }
}

function cut(text: string): string {
  return text.length > maxShownUnits ? text.slice(0, maxShownUnits) : text
}

/** A header of lengths, names and what stands behind them, then the bytes themselves: two operations with the same bytes do the same, in this session and as names resolve now. */
function canonical(options: Omit<StatementOptions, 'kind' | 'text' | 'analysis'> & { readonly kind: string }, statements: readonly Statement[]): Uint8Array {
  const { target, database, user, nonce, names, textBytes, parameters, kind } = options
  const oids = [...new Set(statements.flatMap(({ relations }) => relations.flatMap(({ oid }) => oid ?? [])))].sort((a, b) => a - b)
  const values = parameters?.values ?? []
  const header = JSON.stringify([
    'postgres', kind, target.name, database, user, names.role, names.sessionRole, names.values ?? '', [...names.path], nonce, oids, definitionsOf(statements, names), textBytes.length,
    values.map((value) => value === null ? null : value.length), [...parameters?.formats ?? []], [...parameters?.types ?? []],
    ...statements.flatMap(({ source }) => source ?? []),
    // Which row that is, the text does not say: a yes is for the one where the cursor stands now.
    ...statements.some(({ isAtCursor }) => isAtCursor === true) ? [randomUUID()] : [],
  ])
  return Buffer.concat([Buffer.from(`${header}\n`), textBytes, ...values.flatMap((value) => value ?? [])])
}
