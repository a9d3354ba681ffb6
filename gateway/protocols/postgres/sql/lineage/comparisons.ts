// Comparisons: which literals meet which columns, and whether a condition asks for one value or searches.
import { operatorBodies } from './calls.ts'
import { evaluate } from './expressions.ts'
import type { Context } from './context.ts'
import type { Scope } from './scope.ts'
import { bodyAt, bodyOf, itemsOf, listAt, qualifiedName, tagged, textAt, walk, type Body } from './tree.ts'
import { flat, merge, type Value } from './value.ts'

interface Compared { readonly value: Value; /** Columns alone on one side, on the other values that are written out. */ readonly isEquality: boolean; /** How many of them. */ readonly guesses: number; readonly isColumnPair: boolean; readonly isBarePair: boolean }

/** Both sides' values, each side's literals attributed to the columns of both. Rows are compared field by field. */
export function compare(context: Context, left: unknown, right: unknown, scope: Scope): Compared {
  const leftRow = bodyOf(left, 'RowExpr')
  const rightRow = bodyOf(right, 'RowExpr')
  if (leftRow !== undefined && rightRow !== undefined && listAt(leftRow, 'args').length === listAt(rightRow, 'args').length) {
    const rights = listAt(rightRow, 'args')
    return together(listAt(leftRow, 'args').map((each, at) => compare(context, each, rights[at], scope)))
  }
  const list = itemsOf(right)
  if (leftRow !== undefined && list !== undefined && list.length > 0 && list.every((each) => bodyOf(each, 'RowExpr') !== undefined)) return together(list.map((each) => compare(context, left, each, scope)))
  const one = flat(evaluate(context, left, scope))
  const other = flat(evaluate(context, right, scope))
  const both = merge([one, other])
  context.uses.attribute(both.inputs, both)
  const isGiven = (node: unknown, value: Value): boolean => value.columns.size === 0 && value.unknown === undefined && isWrittenOut(node)
  return {
    value: { ...both, inputs: undefined },
    isEquality: isBare(left, one) && isGiven(right, other) || isBare(right, other) && isGiven(left, one),
    guesses: Math.max(countOf(left), countOf(right)),
    isColumnPair: one.columns.size > 0 && other.columns.size > 0,
    isBarePair: isBare(left, one) && isBare(right, other),
  }
}

function together(parts: readonly Compared[]): Compared {
  return { value: merge(parts.map((part) => part.value)), isEquality: parts.every((part) => part.isEquality), guesses: parts.reduce((sum, part) => sum + part.guesses, 0), isColumnPair: parts.every((part) => part.isColumnPair), isBarePair: parts.every((part) => part.isBarePair) }
}

/** Casts that keep the whole value; `char(1)` keeps a letter of it, and asks for that. */
const wholeCasts = new Set(['text', 'varchar', 'numeric', 'int8', 'date'])

/** A name may stand for what a subquery, a view or a function made of a column. */
function isBare(node: unknown, { isPlain }: Value): boolean {
  let at = tagged(node)
  while (at?.tag === 'CollateClause' || at?.tag === 'TypeCast' && keepsWhole(bodyAt(at.body, 'typeName') ?? {})) at = tagged(at.body['arg'])
  return isPlain === true && at?.tag === 'ColumnRef'
}

export function keepsWhole(type: Body): boolean {
  if (listAt(type, 'typmods').length > 0 || listAt(type, 'arrayBounds').length > 0) return false
  const { schema, name } = qualifiedName(listAt(type, 'names'))
  return (schema === undefined || schema === 'pg_catalog') && wholeCasts.has(name)
}

/** Subqueries and columns of other items may hold any number of guesses. */
function isWrittenOut(node: unknown): boolean {
  let isOne = true
  walk(node, (_, tag) => { if (tag === 'ColumnRef' || tag === 'SelectStmt') isOne = false })
  return isOne
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
    const compared = compare(context, left, right, scope)
    const user = operatorBodies(context, '=')
    const value = user === undefined ? compared.value : merge([compared.value, user])
    // `= ANY` of anything but a list that is written out: an array may hold a range.
    const isArray = textAt(body, 'kind') === 'AEXPR_OP_ANY' && bodyOf(right, 'A_ArrayExpr') === undefined
    const comparison = compared.isEquality && !isArray ? 'equality' : 'other'
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
