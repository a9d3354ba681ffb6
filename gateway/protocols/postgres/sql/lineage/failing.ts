// What may fail by a value, or take its time over it: no mask hides whether an error came, so each such statement is an exact test of the value.
// Whatever total.ts does not have may fail, and all that is somebody's own.
import type { Routine } from '../analysis.ts'
import { firstNormal } from '../catalogue-named.ts'
import type { Context } from './context.ts'
import type { Scope } from './scope.ts'
import { failsBy, isDocument, isTotalCast, isTotalFunction, isTotalNative, isTotalOperator, isWritten, mayReadText, type Argument } from './total.ts'
import { isNearEnds, noteCollations, noteMeeting } from './meetings.ts'
import { bodyAt, bodyOf, listAt, qualifiedName, tagged, textAt, type Body } from './tree.ts'
import { unpack, type Value } from './value.ts'

/** Expressions of the grammar that read a document, or refuse one, by what they are called. */
const readers: ReadonlyMap<string, string> = new Map([
  ['XmlExpr', 'xml'], ['XmlSerialize', 'xmlserialize'], ['JsonFuncExpr', 'json_value'], ['JsonTableColumn', 'json_table'], ['JsonParseExpr', 'json'], ['JsonSerializeExpr', 'json_serialize'],
  ['JsonObjectConstructor', 'json_object'], ['JsonArrayConstructor', 'json_array'], ['JsonArrayQueryConstructor', 'json_array'], ['JsonObjectAgg', 'json_objectagg'], ['JsonArrayAgg', 'json_arrayagg'],
])

export function noteReader(context: Context, tag: string, value: Value): void {
  const name = readers.get(tag)
  if (name !== undefined) context.uses.fail([value], name)
}

/** Extensions' native code stands behind operators and functions of their own types; only a superuser makes it. */
const isTrusted = (routine: Pick<Routine, 'schema' | 'language'> | undefined): boolean => routine !== undefined && (routine.schema === 'pg_catalog' || routine.language === 'c')

/** @param sides one and the other, of an operator that is no comparison */
export function noteOperator(context: Context, name: string, sides: readonly Value[]): void {
  const isKept = isTotal(context, name) && !(name === '||' ? sides.some((side) => side.isBuilt === true || hasParts(context, side)) : sides[0]?.isBuilt === true || (sides[1]?.columns.size ?? 0) > 0)
  if (!isKept) context.uses.fail(sides, name)
  else if (sides[0] !== undefined && mayReadText(name, argumentOf(context, sides[0]).type)) context.uses.fail([], name)
}

/** Rows, also in arrays, are compared column by column, as far as they are equal: one of a type that cannot be compared may come last. */
export function noteComparison(context: Context, name: string, one: Value, other: Value, nodes: readonly [unknown, unknown]): void {
  const hasRows = ({ isComposite, isBuilt }: Value, node: unknown): boolean => isComposite === true || isBuilt === true && tagged(node)?.tag !== 'A_ArrayExpr'
  const mayBeRows = (hasRows(one, nodes[0]) || hasRows(other, nodes[1])) && !isScalar(context, one) && !isScalar(context, other)
  if (!isTotal(context, name) || mayBeRows) context.uses.fail([one, other], name)
  noteMeeting(context, name, [one, other])
  noteCollations(context, name, [one, other])
}

/** A column's own value, of a type without parts: no row is compared with it. What a parameter is, the client says, and the server then has no such operator. */
function isScalar(context: Context, { columns, isPlain }: Value): boolean {
  const { snapshot } = context.naming
  return isPlain === true && columns.size > 0 && [...columns].every((column) => {
    const type = snapshot.type(typeOf(context, column) ?? 0)
    const { kind, category } = (type?.base === undefined ? type : snapshot.type(type.base)) ?? {}
    return kind === 'e' || kind === 'b' && category !== 'A'
  })
}

/** Of operators, whatever their sides are. */
export function isTotal({ naming: { snapshot }, effort }: Context, name: string): boolean {
  if (!isTotalOperator(name)) return false
  const added = snapshot.operators(name)
  effort.spend(added.length)
  return added.every((oid) => isTrusted(snapshot.routine(oid)))
}

/** @param nodes of the arguments, where they were written; `candidates` none of a type that is called like a function */
export function noteCall(context: Context, name: string, candidates: readonly Routine[], args: readonly Value[], nodes: readonly unknown[]): void {
  // A field of a row is read like a call.
  if (candidates.length === 0 && args.length === 1 && args[0]?.isComposite === true) return
  noteCollations(context, name, args)
  if (others.has(name)) noteMeeting(context, name, args)
  const isOwn = isOwnName(candidates, (routine) => mayTake(context, routine, args))
  if (isOwn ? isTotalFunction(name) : isTotalNative(name, args.length) && candidates.length > 0 && candidates.every(isTrusted)) return
  const constantAt = (at: number): number | string | undefined => constantOf(nodes[at])
  const fails = (value: Value, at: number): boolean => !isOwn || (name === 'format' ? at === 0 || !isPlainFormat(constantAt(0)) : failsBy(name, at, argumentOf(context, value), constantAt, args.length))
  const by = args.filter((value, at) => value.columns.size > 0 && fails(value, at))
  if (by.length > 0 || !isOwn || args.some((each, at) => fails(anything, at) || mayReadText(name, argumentOf(context, each).type))) context.uses.fail(by, name)
}

/** Of those that never fail by themselves: what they are given becomes one type. */
const others = new Set(['lag', 'lead'])

/** Nobody knows of what. */
const anything: Value = { columns: new Set() }

/** An array or a document is put together by what gives one, and is none any more where something else is given. */
export function built({ naming: { snapshot } }: Context, value: Value, candidates: readonly Routine[]): Value {
  if (value.columns.size === 0) return value
  const types = candidates.map(({ returnType }) => snapshot.type(returnType))
  if (types.some((type) => type !== undefined && (isDocument(type.oid) || type.category === 'A'))) return { ...value, isBuilt: true }
  return types.length > 0 && types.every((type) => type?.kind === 'b') ? { ...value, isBuilt: false } : value
}

const isOwnName = (candidates: readonly Routine[], may: (routine: Routine) => boolean): boolean => candidates.some(({ schema }) => schema === 'pg_catalog') && candidates.every((routine) => isTrusted(routine) || !may(routine))

/** citext has a replace() of its own, which no text is given to: types that somebody made are taken by themselves alone, or by a cast. */
function mayTake(context: Context, { argumentTypes = [] }: Routine, args: readonly Value[]): boolean {
  return args.every(({ columns }, at) => {
    const type = argumentTypes[at] ?? 0
    return type < firstNormal || columns.size === 0 || [...columns].some((column) => typeOf(context, column) === type)
  })
}

/** Reading it makes it part of what like texts share (alike.ts). */
function constantOf(node: unknown): number | string | undefined {
  const body = bodyOf(node, 'A_Const')
  if (body === undefined) return undefined
  if ('ival' in body) return Number(bodyAt(body, 'ival')?.['ival'] ?? 0)
  return 'sval' in body ? textAt(bodyAt(body, 'sval') ?? {}, 'sval') ?? '' : undefined
}

/** `%I` fails for NULL, `%*s` by a width that is none. */
const isPlainFormat = (format: number | string | undefined): boolean => typeof format === 'string' && !format.replaceAll(/%(?:%|(?:\d{1,3}\$)?-?\d{0,3}[sL])/g, '').includes('%')

export function noteCast(context: Context, given: Value, node: unknown, typeName: Body, scope: Scope): void {
  const { schema, name } = qualifiedName(listAt(typeName, 'names'))
  const type = context.naming.snapshot.findType(schema, name, scope.frame.path)
  // A constant's is done before anything is run, but for a domain's checks.
  const from = given.columns.size > 0 ? undefined : tagged(node)?.tag
  if ((from === 'A_Const' || from === 'ParamRef') && type?.kind === 'b') return
  if (type === undefined || !isTotalInto(context, given, node, typeName, type.oid)) context.uses.fail([given], type === undefined ? 'cast' : type.name)
  else if (isNearEnds(given, type.oid)) context.uses.fail([], type.name)
}

function isTotalInto(context: Context, given: Value, node: unknown, typeName: Body, type: number): boolean {
  const { snapshot } = context.naming
  if (!snapshot.casts(type).every((oid) => isTrusted(snapshot.routine(oid)))) return false
  if (listAt(typeName, 'arrayBounds').length > 0) return isWritten(type) && makesArray(context, given, node)
  if (isWritten(type)) return true
  const from = argumentOf(context, given).type
  return from !== undefined && isTotalCast(from, type, listAt(typeName, 'typmods').length > 0)
}

function makesArray(context: Context, given: Value, node: unknown): boolean {
  const found = tagged(node)
  if (found?.tag === 'A_ArrayExpr') return true
  if (found?.tag === 'SubLink') return textAt(found.body, 'subLinkType') === 'ARRAY_SUBLINK'
  if (found?.tag === 'FuncCall') return qualifiedName(listAt(found.body, 'funcname')).name === 'array_agg'
  return given.isPlain === true && argumentOf(context, given).isArray
}

/** Of ARRAY[…], GREATEST and LEAST. */
export function noteParts(context: Context, name: string, parts: readonly Value[]): void {
  const by = parts.filter((part) => part.isBuilt === true || name !== 'array' && part.isComposite === true || part.columns.size > 0 && argumentOf(context, part).isArray)
  if (by.length > 0) context.uses.fail(by, name)
  noteMeeting(context, name, parts)
  if (name !== 'array') noteCollations(context, name, parts)
}

function argumentOf(context: Context, value: Value): Argument {
  let type: number | undefined
  let isOne = value.isPlain === true
  let hasArray = false
  // Without types there is nothing to tell of what was made of columns, but whether it may be an array.
  if (isOne || value.isBuilt === undefined) for (const column of value.columns) {
    const found = typeOf(context, column)
    if (found === undefined || type !== undefined && found !== type) isOne = false
    type = found
    hasArray ||= value.isBuilt === undefined && isArray(context, found)
  }
  return { type: isOne ? type : undefined, isArray: hasArray, isBuilt: value.isBuilt === true, isRow: value.isComposite === true }
}

const isArray = ({ naming }: Context, type: number | undefined): boolean => type !== undefined && naming.snapshot.type(type)?.category === 'A'
const hasParts = (context: Context, { columns, isBuilt }: Value): boolean => isBuilt === undefined && [...columns].some((column) => { const type = typeOf(context, column); return isArray(context, type) || type !== undefined && isDocument(type) })

function typeOf({ naming, effort }: Context, packed: number): number | undefined {
  const { relation, attribute } = unpack(packed)
  effort.spend(1)
  return naming.snapshot.relation(relation)?.columns.find((column) => column.attribute === attribute)?.type
}
