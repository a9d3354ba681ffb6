// Target lists: `*`, `t.*`, `(row).*`, and named or unnamed expressions (parse_target.c).
import { lost, miss, type Context } from './context.ts'
import { evaluate } from './expressions.ts'
import { columnName } from './names.ts'
import { fieldsOf, findItem, type Item, type Scope } from './scope.ts'
import type { Output } from './statements.ts'
import { bodyOf, listAt, numberAt, stringsOf, textAt } from './tree.ts'
import { merge, type Field, type Value } from './value.ts'

export function traceTargets(context: Context, targets: readonly unknown[], scope: Scope): Output {
  const fields: Field[] = []
  const open: Value[] = []
  for (const each of targets) {
    const target = bodyOf(each, 'ResTarget')
    if (target === undefined) {
      open.push(lost(context, 'unknown_node'))
      continue
    }
    const node = target['val']
    const expanded = expand(context, node, scope)
    if (expanded === undefined) {
      const value = evaluate(context, node, scope)
      fields.push({ name: textAt(target, 'name') ?? columnName(node, context.subqueryNames), value })
    } else {
      context.effort.spend(expanded.fields.length)
      for (const field of expanded.fields) fields.push(field)
      if (expanded.open !== undefined) open.push(expanded.open)
    }
  }
  return settle(fields, open)
}

/** With columns that could not be counted, an ordinal, or a name given by place, may mean any of them: then each is all. */
export function settle(fields: readonly Field[], open: readonly Value[]): Output {
  if (open.length === 0) return { fields }
  const all = merge([...open, ...fields.map((field) => field.value)])
  return { fields: fields.map((field) => ({ name: field.name, value: all })), open: all }
}

/** The expressions of ROW(…) and VALUES (…), where `t.*` stands for as many as t has (transformExpressionList). */
export function traceList(context: Context, nodes: readonly unknown[], scope: Scope): { readonly values: readonly Value[]; readonly open?: Value | undefined } {
  const output = traceTargets(context, nodes.map((val) => ({ ResTarget: { val } })), scope)
  return { values: output.fields.map((field) => field.value), open: output.open }
}

/** undefined for what is no star. */
function expand(context: Context, node: unknown, scope: Scope): Output | undefined {
  const reference = bodyOf(node, 'ColumnRef')
  if (reference !== undefined) {
    const parts = listAt(reference, 'fields')
    if (bodyOf(parts.at(-1), 'A_Star') === undefined) return undefined
    context.visited.add(reference)
    const names = stringsOf(parts)
    if (names.length === 0) return together(scope.items.filter((item) => item.isListed))
    const item = findItem(scope, names.at(-2), names.at(-1) ?? '')
    if (item !== undefined) return together([item])
    const value = scope.frame.variable?.(names)
    if (value !== undefined) return opened(context, value)
    miss(context, scope.frame, { kind: 'range', names, location: numberAt(reference, 'location') ?? 0 })
    return { fields: [], open: lost(context, 'unresolved_relation') }
  }
  const indirection = bodyOf(node, 'A_Indirection')
  if (indirection === undefined || bodyOf(listAt(indirection, 'indirection').at(-1), 'A_Star') === undefined) return undefined
  return opened(context, evaluate(context, { A_Indirection: { ...indirection, indirection: listAt(indirection, 'indirection').slice(0, -1) } }, scope))
}

function together(items: readonly Item[]): Output {
  const open = items.flatMap((item) => item.open ?? [])
  return { fields: items.flatMap((item) => item.fields.filter((field) => field.isUnlisted !== true)), ...open.length > 0 ? { open: merge(open) } : {} }
}

function opened(context: Context, value: Value): Output {
  const fields = fieldsOf(value)
  return fields === undefined ? { fields: [], open: merge([value, lost(context, 'unresolved_type')]) } : { fields }
}
