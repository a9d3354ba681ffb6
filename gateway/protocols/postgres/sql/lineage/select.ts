// SELECT, VALUES, set operations and WITH: the fields of a query, and how its other clauses use columns.
import { noteWindow } from './calls.ts'
import { test } from './comparisons.ts'
import { lost, type Context } from './context.ts'
import { traceWith } from './cte.ts'
import { evaluate, evaluateAll } from './expressions.ts'
import { traceFrom } from './from.ts'
import { noteMeeting } from './meetings.ts'
import { childScope, findColumn, type Scope } from './scope.ts'
import type { Output } from './statements.ts'
import { settle, traceList, traceTargets } from './targets.ts'
import { bodyAt, bodyOf, itemsOf, listAt, isTrueAt, numberAt, stringsOf, tagged, textAt, type Body } from './tree.ts'
import { flat, kindsAmong, merge, mergeFields, type Field, type Value } from './value.ts'

/** @param select the body of a SelectStmt; `outer` is what a correlated subquery sees */
export function traceSelect(context: Context, select: Body, outer: Scope): Output {
  return context.effort.deeper(() => {
    context.effort.spend(1)
    const scope = childScope(outer)
    traceWith(context, bodyAt(select, 'withClause'), scope)
    const output = bodyAt(select, 'larg') !== undefined ? setOperation(context, select, scope)
      : listAt(select, 'valuesLists').length > 0 ? values(context, select, scope)
      : plain(context, select, scope)
    // ORDER BY names an output before a column of FROM.
    for (const each of listAt(select, 'sortClause')) context.uses.use(key(context, bodyOf(each, 'SortBy')?.['node'], output.fields, scope, true), 'order')
    // How many rows come says what the number was made of.
    context.uses.use(evaluateAll(context, [select['limitCount'], select['limitOffset']], scope), 'predicate', 'other')
    for (const each of listAt(select, 'lockingClause')) {
      for (const locked of listAt(bodyOf(each, 'LockingClause') ?? {}, 'lockedRels')) markVisited(context, locked)
    }
    const into = bodyAt(select, 'intoClause')
    if (into !== undefined) {
      markVisited(context, { RangeVar: bodyAt(into, 'rel') })
      for (const field of output.fields) context.uses.flow(field.value, 'relation')
      return { fields: [] }
    }
    return output
  })
}

function markVisited(context: Context, rangeVar: unknown): void {
  const body = bodyOf(rangeVar, 'RangeVar')
  if (body !== undefined) context.visited.add(body)
}

function setOperation(context: Context, select: Body, scope: Scope): Output {
  const left = traceSelect(context, bodyAt(select, 'larg') ?? {}, scope)
  const right = traceSelect(context, bodyAt(select, 'rarg') ?? {}, scope)
  const operation = textAt(select, 'op')
  if (operation !== 'SETOP_UNION' || !isTrueAt(select, 'all')) {
    // INTERSECT and EXCEPT ask whether a value is there; UNION merges equal ones.
    left.fields.forEach((field, at) => {
      const other = right.fields[at]?.value
      if (other === undefined) return
      const both = merge([field.value, other])
      if (operation !== 'SETOP_UNION') {
        context.uses.attribute(both.inputs, both)
        context.uses.use(both, 'predicate', 'other')
      } else context.uses.use(both, 'group')
    })
  }
  left.fields.forEach((field, at) => { const other = right.fields[at]?.value; if (other !== undefined) noteMeeting(context, 'union', [field.value, other]) })
  // Arms of different widths: one of them has columns that nobody here knows of.
  const isUneven = left.fields.length !== right.fields.length && left.open === undefined && right.open === undefined
  return settle(mergeFields(left.fields, right.fields), [left.open, right.open, isUneven ? lost(context, 'unresolved_type') : undefined].filter((each) => each !== undefined))
}

function values(context: Context, select: Body, scope: Scope): Output {
  const columns: Value[][] = []
  const open: Value[] = []
  for (const row of listAt(select, 'valuesLists')) {
    const list = traceList(context, itemsOf(row) ?? [], scope)
    list.values.forEach((value, at) => (columns[at] ??= []).push(value))
    if (list.open !== undefined) open.push(list.open)
  }
  return settle(columns.map((column, at) => {
    noteMeeting(context, 'values', column)
    return { name: `column${at + 1}`, value: column.length === 1 && column[0] !== undefined ? column[0] : { ...merge(column), kinds: kindsAmong(column) } }
  }), open)
}

function plain(context: Context, select: Body, scope: Scope): Output {
  scope.items.push(...traceFrom(context, listAt(select, 'fromClause'), scope))
  test(context, select['whereClause'], scope, 'predicate')
  const output = traceTargets(context, listAt(select, 'targetList'), scope)
  for (const each of listAt(select, 'groupClause')) noteGroup(context, each, output.fields, scope)
  test(context, select['havingClause'], scope, 'predicate')
  for (const each of listAt(select, 'windowClause')) {
    const window = bodyOf(each, 'WindowDef')
    if (window !== undefined) noteWindow(context, window, scope)
  }
  const distinct = listAt(select, 'distinctClause')
  if (distinct.length > 0) {
    const on = distinct.filter((each) => tagged(each) !== undefined)
    if (on.length > 0) for (const each of on) context.uses.use(key(context, each, output.fields, scope, true), 'group')
    else for (const field of output.fields) context.uses.use(field.value, 'group')
  }
  return output
}

function noteGroup(context: Context, node: unknown, outputs: readonly Field[], scope: Scope): void {
  const set = bodyOf(node, 'GroupingSet')
  if (set !== undefined) for (const each of listAt(set, 'content')) noteGroup(context, each, outputs, scope)
  else {
    const row = bodyOf(node, 'RowExpr')
    if (row !== undefined) for (const each of listAt(row, 'args')) noteGroup(context, each, outputs, scope)
    else context.uses.use(key(context, node, outputs, scope, false), 'group')
  }
}

/** A sort or group key: an ordinal, an output's name, or an expression. GROUP BY prefers columns to outputs, ORDER BY the reverse. */
function key(context: Context, node: unknown, outputs: readonly Field[], scope: Scope, prefersOutput: boolean): Value {
  const constant = bodyOf(node, 'A_Const')
  const ordinal = constant === undefined ? undefined : numberAt(bodyAt(constant, 'ival') ?? {}, 'ival')
  if (ordinal !== undefined) return outputs[ordinal - 1]?.value ?? lost(context, 'unresolved_column')
  const reference = bodyOf(node, 'ColumnRef')
  const names = reference === undefined ? [] : stringsOf(listAt(reference, 'fields'))
  if (reference !== undefined && names.length === 1) {
    const named = outputs.filter((field) => field.name === names[0]).map((field) => field.value)
    if (named.length > 0) {
      context.visited.add(reference)
      // GROUP BY prefers a column of this very level: an outer query's of that name, or a whole row, is none.
      const column = prefersOutput ? undefined : findColumn(context, scope, names)
      return merge(column === undefined ? named : [...named, column])
    }
  }
  return flat(evaluate(context, node, scope))
}
