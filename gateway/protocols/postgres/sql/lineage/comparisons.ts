// Comparisons: which literals meet which columns, and whether a condition asks for one value or searches.
import type { Routine } from '../analysis.ts'
import { operatorBodies } from './calls.ts'
import { evaluate } from './expressions.ts'
import type { Context } from './context.ts'
import { noteComparison } from './failing.ts'
import { noteGuard, noteLast } from './guards.ts'
import { comparesAll } from './meetings.ts'
import type { Scope } from './scope.ts'
import { bodyAt, bodyOf, itemsOf, listAt, qualifiedName, tagged, textAt, walk, type Body } from './tree.ts'
import { empty, flat, kindsAmong, merge, unpack, type Value } from './value.ts'

interface Compared { readonly value: Value; /** Columns alone on one side, on the other values that are written out. */ readonly isEquality: boolean; /** How many of them. */ readonly guesses: number; readonly isColumnPair: boolean; readonly isBarePair: boolean }

/** Both sides' values, each side's literals attributed to the columns of both. Rows are compared field by field. @param isRange BETWEEN: the second bound is looked at where the first one holds */
export function compare(context: Context, operator: string, left: unknown, right: unknown, scope: Scope, isRange = false): Compared {
  const leftRow = bodyOf(left, 'RowExpr')
  const rightRow = bodyOf(right, 'RowExpr')
  if (leftRow !== undefined && rightRow !== undefined && listAt(leftRow, 'args').length === listAt(rightRow, 'args').length) {
    const rights = listAt(rightRow, 'args')
    const lefts = listAt(leftRow, 'args')
    const risks: number[] = []
    const parts = lefts.map((each, at) => {
      const compared = compare(context, operator, each, rights[at], scope)
      noteGuard(context, compared.value, [...lefts.slice(at + 1), ...rights.slice(at + 1)], scope)
      risks.push(context.uses.risks)
      return compared
    })
    const all = context.uses.risks
    parts.forEach((part, at) => noteOutcome(context, part, all - (risks[at] ?? 0)))
    return together(parts)
  }
  const list = itemsOf(right)
  if (leftRow !== undefined && list !== undefined && list.length > 0 && list.every((each) => bodyOf(each, 'RowExpr') !== undefined)) {
    const before = context.uses.risks
    const parts = list.map((each) => compare(context, operator, left, each, scope))
    const all = together(parts)
    noteGuard(context, all.value, list, scope)
    noteOutcome(context, all, context.uses.risks - before)
    // Each of the rows is a guess at the columns, as each of a list of values is.
    return { ...all, guesses: parts.length }
  }
  const one = flat(evaluate(context, left, scope))
  const before = context.uses.risks
  const other = flat(evaluate(context, right, scope))
  const risks = context.uses.risks - before
  noteComparison(context, operator, one, other, [left, right])
  const both = merge([one, other])
  if (list !== undefined) {
    noteGuard(context, isRange ? both : one, list, scope)
    noteLast(context, both, risks)
  }
  context.uses.attribute(both.inputs, both)
  const isGiven = (node: unknown, value: Value): boolean => value.columns.size === 0 && value.unknown === undefined && comparesAll(value.collation) && isWrittenOut(context, node, scope)
  return {
    value: { ...both, inputs: undefined, kinds: kindsAmong([one, other]) },
    isEquality: isBare(left, one) && isGiven(right, other) || isBare(right, other) && isGiven(left, one),
    guesses: Math.max(countOf(left), countOf(right)),
    isColumnPair: one.columns.size > 0 && other.columns.size > 0,
    isBarePair: isBare(left, one) && isBare(right, other),
  }
}

/** What may fail behind a column that is compared with values tells that it is one of them, or none: a guess. */
function noteOutcome(context: Context, { value, isEquality }: Compared, risks: number): void {
  if (!isEquality) noteLast(context, value, risks)
  else if (risks > 0) context.uses.use(value, 'predicate', 'equality')
}

function together(parts: readonly Compared[]): Compared {
  return { value: merge(parts.map((part) => part.value)), isEquality: parts.every((part) => part.isEquality), guesses: parts.reduce((sum, part) => sum + part.guesses, 0), isColumnPair: parts.every((part) => part.isColumnPair), isBarePair: parts.every((part) => part.isBarePair) }
}

/** Casts that keep the whole value (text, varchar, numeric, int8, date), and types of which they keep a part; `char(1)` keeps a letter of a text, and asks for that. By OIDs of pg_type.dat. */
const wholeCasts: ReadonlyMap<number, ReadonlySet<number>> = new Map([[25, new Set()], [1043, new Set()], [1700, new Set([700, 701])], [20, new Set([700, 701, 1700, 790])], [1082, new Set([1114, 1184])]])

/** A name may stand for what a subquery, a view or a function made of a column, and a cast may keep a part: then it is not plain. */
function isBare(node: unknown, { isPlain, collation }: Value): boolean {
  let at = tagged(node)
  for (; at?.tag === 'CollateClause' || at?.tag === 'TypeCast'; at = tagged(at.body['arg'])) if (!comparesAll(collation)) return false
  return isPlain === true && at?.tag === 'ColumnRef'
}

/** @param value what is cast, of whatever columns */
export function keepsWhole(context: Context, type: Body, value: Value, { frame: { path } }: Scope): boolean {
  if (listAt(type, 'typmods').length > 0 || listAt(type, 'arrayBounds').length > 0) return false
  const { schema, name } = qualifiedName(listAt(type, 'names'))
  const oid = context.naming.snapshot.findType(schema, name, path)?.oid ?? 0
  return wholeCasts.has(oid) && staysWhole(context, oid, value)
}

/** Of values that become this type, asked for or not: a routine's result is cast to what it is declared to return. */
export function staysWhole({ naming: { snapshot } }: Context, type: number, { columns }: Value): boolean {
  const lossy = wholeCasts.get(type)
  return [...columns].every((packed) => {
    const { relation, attribute } = unpack(packed)
    const given = snapshot.relation(relation)?.columns.find((column) => column.attribute === attribute)?.type ?? 0
    return given === type || lossy !== undefined && !lossy.has(snapshot.type(given)?.base ?? given)
  })
}

/** Somebody's own `=` asks for what he likes. An extension's native one compares. */
function isOwnEquality({ naming: { snapshot } }: Context): boolean {
  return snapshot.operators('=').some((oid) => { const language = snapshot.routine(oid)?.language; return language !== 'c' && language !== 'internal' })
}

/** Subqueries and columns of other items may hold any number of guesses, and what gives another value each time gives one a row. */
function isWrittenOut(context: Context, node: unknown, scope: Scope): boolean {
  let isOne = true
  walk(node, (body, tag) => {
    if (!isOne) return
    if (tag === 'ColumnRef' || tag === 'SelectStmt') isOne = false
    else if (tag === 'FuncCall' || tag === 'A_Expr' || tag === 'TypeCast') isOne = routinesBehind(context, tag, body, scope).every(isSteady)
  })
  return isOne
}

/** Of operators and casts those that somebody made. */
function routinesBehind({ naming: { snapshot }, effort }: Context, tag: 'FuncCall' | 'A_Expr' | 'TypeCast', body: Body, { frame: { path } }: Scope): readonly Routine[] {
  const { schema, name } = qualifiedName(tag === 'TypeCast' ? listAt(bodyAt(body, 'typeName') ?? {}, 'names') : listAt(body, tag === 'FuncCall' ? 'funcname' : 'name'))
  const type = tag === 'TypeCast' ? snapshot.findType(schema, name, path) : undefined
  const oids = tag === 'A_Expr' ? snapshot.operators(name) : type === undefined ? [] : snapshot.casts(type.oid)
  const found = tag === 'FuncCall' ? snapshot.findRoutines(schema, name, path) : oids.flatMap((oid) => snapshot.routine(oid) ?? [])
  effort.spend(1 + found.length)
  return found
}

/** The server folds what is immutable into a constant. Of what is only stable, the server's own and native code keeps its word. */
const isSteady = ({ volatility, language }: Routine): boolean => volatility === 'i' || volatility === 's' && (language === 'internal' || language === 'c')

function isListed(context: Context, node: unknown, scope: Scope): boolean {
  const array = bodyOf(node, 'A_ArrayExpr')
  return array !== undefined && listAt(array, 'elements').every((each) => isSingle(context, each, scope))
}

/** No array: of a parameter without a cast, the client says what it is. */
function isSingle(context: Context, node: unknown, scope: Scope): boolean {
  const found = tagged(node)
  if (found?.tag !== 'TypeCast') return found?.tag === 'A_Const'
  return keepsWhole(context, bodyAt(found.body, 'typeName') ?? {}, empty, scope)
}

const countOf = (node: unknown): number => itemsOf(node)?.length ?? listAt(bodyOf(node, 'A_ArrayExpr') ?? {}, 'elements').length

/**
 * A condition: WHERE, HAVING, ON, FILTER, WHEN. Notes each comparison in it.
 * In ON, a comparison of columns with columns is a join; one of a column with a value is a predicate there too.
 * @returns what feeds it, for conditions whose outcome can be seen
 */
export function test(context: Context, node: unknown, scope: Scope, use: 'predicate' | 'join'): Value {
  const found = tagged(node)
  if (found?.tag === 'BoolExpr') return context.effort.deeper(() => merge(listAt(found.body, 'args').map((each) => test(context, each, scope, use))))
  const isEqualityOperator = found !== undefined && asksEquality(found.tag, found.body)
  if (isEqualityOperator) {
    const { body } = found
    context.visited.add(body)
    const [left, right] = found.tag === 'SubLink' ? [body['testexpr'], body['subselect']] : [body['lexpr'], body['rexpr']]
    const compared = compare(context, '=', left, right, scope)
    const user = operatorBodies(context, '=')
    const value = user === undefined ? compared.value : merge([compared.value, user])
    // `= ANY` of anything but a list that is written out, value by value: an array may hold a range, and an array of arrays more than it has elements.
    const isArray = textAt(body, 'kind') === 'AEXPR_OP_ANY' && !isListed(context, right, scope)
    const comparison = compared.isEquality && !isArray && !isOwnEquality(context) ? 'equality' : 'other'
    if (use === 'join' && compared.isColumnPair) context.uses.use(value, 'join', compared.isBarePair ? 'equality' : 'other')
    else context.uses.use(value, 'predicate', comparison, compared.guesses)
    return value
  }
  const value = flat(evaluate(context, node, scope))
  context.uses.attribute(value.inputs, value)
  context.uses.use(value, 'predicate', 'other')
  if (use === 'join') context.uses.use(value, 'join', 'other')
  return { ...value, inputs: undefined }
}

function asksEquality(tag: string, body: { readonly [key: string]: unknown }): boolean {
  if (tag === 'SubLink') {
    const operator = listAt(body, 'operName')
    return textAt(body, 'subLinkType') === 'ANY_SUBLINK' && (operator.length === 0 || qualifiedName(operator).name === '=')
  }
  if (tag !== 'A_Expr') return false
  const kind = textAt(body, 'kind')
  return (kind === 'AEXPR_OP' || kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_IN' || kind === 'AEXPR_NOT_DISTINCT') && qualifiedName(listAt(body, 'name')).name === '='
}
