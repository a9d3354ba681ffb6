// FROM: relations, subqueries, functions, joins with their merged columns, and aliases (parse_clause.c).
import { callFunction, functionBody, type Called } from './calls.ts'
import { test } from './comparisons.ts'
import { lost, type Context } from './context.ts'
import { findCteItem } from './cte-item.ts'
import { evaluate, evaluateAll } from './expressions.ts'
import { aliasColumns, columnName, listItems } from './names.ts'
import { compositeOf, findRelation, relationItem } from './relations.ts'
import { resultNames } from './routines.ts'
import { childScope, type Item, type Scope } from './scope.ts'
import { traceSelect } from './select.ts'
import { settle } from './targets.ts'
import { bodyAt, bodyOf, childrenOf, isTrueAt, itemsOf, listAt, stringsOf, tagged, textAt, type Body } from './tree.ts'
import { asScalar, empty, flat, merge, together, type Field, type Value } from './value.ts'

/** All items of a FROM clause; each sees those before it, as LATERAL ones may. */
export function traceFrom(context: Context, nodes: readonly unknown[], scope: Scope): readonly Item[] {
  const items: Item[] = []
  let seen: Scope = { ...scope, items: [] }
  for (const node of nodes) {
    const found = traceItem(context, node, seen, scope)
    items.push(...found)
    seen = { ...childScope(seen, [...found]), ctes: new Map() }
  }
  return items
}

/** @param seen with the items to its left, for what may be lateral; `scope` without them */
function traceItem(context: Context, node: unknown, seen: Scope, scope: Scope): readonly Item[] {
  const found = tagged(node)
  if (found === undefined) return []
  const { tag, body } = found
  const alias = bodyAt(body, 'alias')
  switch (tag) {
    case 'RangeVar': return [rangeVar(context, body, scope)]
    case 'RangeSubselect': {
      const select = bodyOf(body['subquery'], 'SelectStmt')
      if (select === undefined) break
      // Without LATERAL the items to the left are invisible, and a name means an outer one.
      const inside = isTrueAt(body, 'lateral') ? seen : { ...scope, items: [] }
      const output = traceSelect(context, select, inside)
      return [aliased({ name: undefined, fields: output.fields, isNamed: alias !== undefined, isListed: true, open: output.open }, alias)]
    }
    case 'RangeFunction': return [rangeFunction(context, body, seen)]
    case 'RangeTableFunc': {
      const value = evaluateAll(context, childrenOf(body), seen)
      const fields = listAt(body, 'columns').map((each) => ({ name: textAt(bodyOf(each, 'RangeTableFuncCol') ?? {}, 'colname') ?? '', value }))
      return [aliased({ name: 'xmltable', fields, isNamed: true, isListed: true }, alias)]
    }
    case 'JsonTable': {
      const value = evaluateAll(context, childrenOf(body), seen)
      return [aliased({ name: 'json_table', fields: jsonColumns(listAt(body, 'columns'), value), isNamed: true, isListed: true }, alias)]
    }
    case 'RangeTableSample': {
      context.uses.use(evaluateAll(context, [...listAt(body, 'args'), body['repeatable']], seen), 'predicate', 'other')
      return traceItem(context, body['relation'], seen, scope)
    }
    case 'JoinExpr': return context.effort.deeper(() => join(context, body, seen, scope))
  }
  evaluateAll(context, childrenOf(body), seen)
  return [{ name: undefined, fields: [], isNamed: false, isListed: true, open: lost(context, 'unknown_node') }]
}

export function rangeVar(context: Context, body: Body, scope: Scope): Item {
  context.visited.add(body)
  const schema = textAt(body, 'schemaname')
  const name = textAt(body, 'relname') ?? ''
  const alias = bodyAt(body, 'alias')
  if (schema === undefined) {
    const cte = findCteItem(context, scope, name)
    if (cte !== undefined) return aliased(cte, alias)
  }
  const relation = findRelation(context, schema, name, scope.frame)
  context.uses.relation(relation?.schema ?? schema ?? '', name, relation?.oid, 'read')
  if (relation === undefined) return aliased({ name, schema, fields: [], isNamed: true, isListed: true, open: lost(context, 'unresolved_relation'), isRelation: true }, alias)
  return aliased(relationItem(context, relation, undefined), alias)
}

/** An alias renames the item, hides its schema, and renames its first columns. */
export function aliased(item: Item, alias: Body | undefined): Item {
  if (alias === undefined) return item
  const names = aliasColumns(alias)
  return { ...item, name: textAt(alias, 'aliasname'), schema: undefined, isNamed: true, fields: names.length === 0 ? item.fields : item.fields.map((field, at) => ({ name: names[at] ?? field.name, value: field.value })) }
}

function jsonColumns(columns: readonly unknown[], value: Value): Field[] {
  return columns.flatMap((each): Field[] => {
    const body = bodyOf(each, 'JsonTableColumn')
    if (body === undefined) return []
    return body['coltype'] === 'JTC_NESTED' ? jsonColumns(listAt(body, 'columns'), value) : [{ name: textAt(body, 'name') ?? '', value }]
  })
}

function rangeFunction(context: Context, body: Body, seen: Scope): Item {
  const alias = bodyAt(body, 'alias')
  const aliasName = alias === undefined ? undefined : textAt(alias, 'aliasname')
  const functions = listAt(body, 'functions')
  const fields: Field[] = []
  const open: Value[] = []
  for (const each of functions) {
    const [node, definitions] = listItems(each)
    const columns = [...itemsOf(definitions) ?? [], ...functions.length === 1 ? listAt(body, 'coldeflist') : []]
    const made = functionFields(context, node, columns, functions.length === 1 ? aliasName : undefined, seen)
    fields.push(...made.fields)
    if (made.open !== undefined) open.push(made.open)
  }
  if (isTrueAt(body, 'ordinality')) fields.push({ name: 'ordinality', value: empty })
  const first = columnName(listItems(functions[0])[0])
  return aliased({ name: first, ...settle(fields, open), isNamed: true, isListed: true }, alias)
}

function functionFields(context: Context, node: unknown, definitions: readonly unknown[], alias: string | undefined, seen: Scope): { readonly fields: readonly Field[]; readonly open?: Value } {
  const call = functionBody(node)
  if (call === undefined) return { fields: [{ name: alias ?? columnName(node), value: flat(evaluate(context, node, seen)) }] }
  const called = callFunction(context, call, seen)
  const name = stringsOf(listAt(call, 'funcname')).at(-1) ?? ''
  const value = flat(called.value)
  if (definitions.length > 0) return { fields: definitions.map((each, at) => ({ name: textAt(bodyOf(each, 'ColumnDef') ?? {}, 'colname') ?? '', value: called.fields?.[at]?.value ?? value })) }
  if (name === 'unnest') return unnested(called, value, alias)
  const shapes = called.candidates.map((routine) => shapeOf(context, called, routine.returnType, resultNames(context, routine)))
  const [shape] = shapes
  // Overloads that return different columns: their number cannot be told without types.
  if (shapes.some((each) => each === 'open' || shape === 'open' || each?.join('\0') !== shape?.join('\0'))) return { fields: [], open: merge([value, lost(context, 'unresolved_type')]) }
  if (shape === undefined || shape === 'open') return { fields: [{ name: alias ?? name, value }] }
  // One OUT column is a single value, and takes the alias only when it has no name of its own.
  const results = called.candidates.length === 1 ? called.candidates[0]?.results : undefined
  return { fields: shape.map((column, at) => ({ name: column, value: called.fields?.length === shape.length ? called.fields[at]?.value ?? value : settled(context, value, results?.[at]?.type) })) }
}

/** A result of a base type is no row, though the call that gives it gives rows. */
function settled(context: Context, value: Value, type: number | undefined): Value {
  return type !== undefined && context.naming.snapshot.type(type)?.kind === 'b' && compositeOf(context, type) === undefined ? asScalar(value) : value
}

/** Column names of what a call returns; undefined for one value; `open` where that depends on types that are not followed. */
function shapeOf(context: Context, called: Called, returnType: number, names: readonly string[] | undefined): readonly string[] | 'open' | undefined {
  if (names !== undefined) return names
  const type = context.naming.snapshot.type(returnType)
  if (type?.name === 'record') return 'open'
  if (type?.kind === 'p' && called.arguments.some((each) => each.isComposite === true)) {
    const fields = called.arguments.find((each) => each.fields !== undefined)?.fields?.()
    return fields === undefined ? 'open' : fields.map((field) => field.name)
  }
  return compositeOf(context, returnType)?.relation.columns.map((column) => column.name)
}

/** `unnest(a, b)` gives a column an argument; an array of rows is taken apart into the rows' columns. */
function unnested(called: Called, value: Value, alias: string | undefined): { readonly fields: readonly Field[]; readonly open?: Value } {
  if (called.arguments.some((each) => each.isComposite === true)) return { fields: [], open: value.unknown === undefined ? { ...value, unknown: 'unresolved_type' } : value }
  if (called.arguments.length <= 1) return { fields: [{ name: alias ?? 'unnest', value }] }
  return { fields: called.arguments.map((each) => ({ name: 'unnest', value: merge([flat(each), value.unknown === undefined ? empty : { columns: new Set(), unknown: value.unknown }]) })) }
}

function join(context: Context, body: Body, seen: Scope, scope: Scope): readonly Item[] {
  const left = traceItem(context, body['larg'], seen, scope)
  const beside = childScope(seen, [...left])
  const right = traceItem(context, body['rarg'], beside, scope)
  const isNatural = isTrueAt(body, 'isNatural')
  const listed = (items: readonly Item[]): readonly Field[] => items.flatMap((item) => item.isListed ? item.fields : [])
  const [leftFields, rightFields] = [listed(left), listed(right)]
  const open = [...left, ...right].flatMap((item) => item.isListed && item.open !== undefined ? [item.open] : [])
  context.effort.spend(leftFields.length + rightFields.length)
  const rightNames = new Set(rightFields.map((field) => field.name))
  const using = isNatural ? leftFields.map((field) => field.name).filter((name) => rightNames.has(name)) : stringsOf(listAt(body, 'usingClause'))
  const merged = using.map((name): Field => {
    const sides = [...leftFields, ...rightFields].filter((field) => field.name === name).map((field) => field.value)
    const value = sides.length < 2 ? merge([...sides, ...open]) : together(sides)
    context.uses.attribute(value.inputs, value)
    context.uses.use(value, 'join', 'equality')
    // One side without columns is a list of guesses.
    if (sides.some((side) => side.columns.size === 0)) context.uses.use(value, 'predicate', 'other')
    return { name, value: { ...value, inputs: undefined } }
  })
  const usingNames = new Set(using)
  const rest = [...leftFields, ...rightFields].filter((field) => !usingNames.has(field.name))
  const alias = bodyAt(body, 'alias')
  const usingAlias = bodyAt(body, 'join_using_alias')
  const joined: Item = { name: undefined, fields: [...merged, ...rest], isNamed: false, isListed: true, ...open.length > 0 ? { open: merge(open) } : {} }
  const hidden = [...left, ...right].map((item): Item => ({ ...item, isListed: false })).filter((item) => item.isNamed)
  const usingItem: readonly Item[] = usingAlias === undefined ? [] : [{ name: textAt(usingAlias, 'aliasname'), fields: merged, isNamed: true, isListed: false }]
  const inside = childScope(scope, [...hidden, joined, ...usingItem])
  test(context, body['quals'], { ...inside, parent: seen }, 'join')
  return alias === undefined ? [...hidden, joined, ...usingItem] : [aliased(joined, alias)]
}
