// FROM: relations, subqueries, functions, joins with their merged columns, and aliases (parse_clause.c).
import { callFunction, functionBody, type Called } from './calls.ts'
import { test } from './comparisons.ts'
import { lost, type Context } from './context.ts'
import { findCteItem } from './cte-item.ts'
import { evaluate, evaluateAll } from './expressions.ts'
import { aliasColumns, columnName, listItems } from './names.ts'
import { findRelation, ofNamedType, ofType, relationItem } from './relations.ts'
import { resultNames } from './routines.ts'
import { childScope, type Item, type Scope } from './scope.ts'
import { traceSelect } from './select.ts'
import { settle } from './targets.ts'
import { bodyAt, bodyOf, childrenOf, isTrueAt, itemsOf, listAt, stringsOf, tagged, textAt, type Body } from './tree.ts'
import { empty, flat, merge, together, unknownValue, type Field, type Value } from './value.ts'

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
      const value = rowsOf(context, body, seen)
      const fields = listAt(body, 'columns').map((each) => bodyOf(each, 'RangeTableFuncCol') ?? {}).map((column) => ({ name: textAt(column, 'colname') ?? '', value: ofNamedType(context, value, bodyAt(column, 'typeName'), seen.frame) }))
      return [aliased({ name: 'xmltable', fields, isNamed: true, isListed: true }, alias)]
    }
    case 'JsonTable': {
      const value = rowsOf(context, body, seen)
      return [aliased({ name: 'json_table', fields: jsonColumns(context, listAt(body, 'columns'), value, seen), isNamed: true, isListed: true }, alias)]
    }
    case 'RangeTableSample': {
      context.uses.use(evaluateAll(context, [...listAt(body, 'args'), body['repeatable']], { ...scope, items: [] }), 'predicate', 'other')
      return traceItem(context, body['relation'], seen, scope)
    }
    case 'JoinExpr': return context.effort.deeper(() => join(context, body, seen, scope))
  }
  evaluateAll(context, childrenOf(body), seen)
  return [{ name: undefined, fields: [], isNamed: false, isListed: true, open: lost(context, 'unknown_node') }]
}

/** How many rows a document gives says what is in it. */
function rowsOf(context: Context, body: Body, seen: Scope): Value {
  const value = evaluateAll(context, childrenOf(body), seen)
  context.uses.use(value, 'predicate', 'other')
  return value
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
  const relation = findRelation(context, body, scope.frame)
  context.uses.relation(relation?.schema ?? schema ?? '', name, relation?.oid, 'read')
  if (relation === undefined) return aliased({ name, schema, fields: [], isNamed: true, isListed: true, open: lost(context, 'unresolved_relation'), isRelation: true }, alias)
  return aliased(relationItem(context, relation, undefined), alias)
}

/** An alias renames the item, hides its schema, and renames its first columns. */
export function aliased(item: Item, alias: Body | undefined): Item {
  if (alias === undefined) return item
  const names = aliasColumns(alias)
  // More names than columns: then it has columns that nobody here knows of.
  const open = names.length > item.fields.length ? item.open ?? unknownValue('unresolved_type') : item.open
  return { ...item, name: textAt(alias, 'aliasname'), schema: undefined, isNamed: true, open, ...names.length === 0 ? {} : { isRenamed: true, fields: item.fields.map((field, at) => ({ ...field, name: names[at] ?? field.name })) } }
}

function jsonColumns(context: Context, columns: readonly unknown[], value: Value, seen: Scope): Field[] {
  return columns.flatMap((each): Field[] => {
    const body = bodyOf(each, 'JsonTableColumn')
    if (body === undefined) return []
    return body['coltype'] === 'JTC_NESTED' ? jsonColumns(context, listAt(body, 'columns'), value, seen) : [{ name: textAt(body, 'name') ?? '', value: ofNamedType(context, value, bodyAt(body, 'typeName'), seen.frame) }]
  })
}

function rangeFunction(context: Context, body: Body, seen: Scope): Item {
  const alias = bodyAt(body, 'alias')
  const aliasName = alias === undefined ? undefined : textAt(alias, 'aliasname')
  const functions = listAt(body, 'functions')
  const fields: Field[] = []
  const open: Value[] = []
  let isUncertain = false
  for (const each of functions) {
    const [node, definitions] = listItems(each)
    const columns = [...itemsOf(definitions) ?? [], ...functions.length === 1 ? listAt(body, 'coldeflist') : []]
    const made = functionFields(context, node, columns, functions.length === 1 ? aliasName : undefined, seen)
    fields.push(...made.fields)
    if (made.open !== undefined) open.push(made.open)
    isUncertain ||= made.isUncertain === true
  }
  if (isTrueAt(body, 'ordinality')) fields.push({ name: 'ordinality', value: empty })
  const first = columnName(listItems(functions[0])[0], context.subqueryNames)
  return aliased({ name: first, ...settle(fields, open), isNamed: true, isListed: true, ...isUncertain ? { isUncertain } : {} }, alias)
}

interface Made { readonly fields: readonly Field[]; readonly open?: Value; readonly isUncertain?: boolean }

function functionFields(context: Context, node: unknown, definitions: readonly unknown[], alias: string | undefined, seen: Scope): Made {
  const call = functionBody(node)
  if (call === undefined) return expressionFields(context, evaluate(context, node, seen), alias ?? columnName(node, context.subqueryNames))
  const called = callFunction(context, call, seen)
  const name = stringsOf(listAt(call, 'funcname')).at(-1) ?? ''
  const value = flat(called.value)
  if (definitions.length > 0) return { fields: definitions.map((each, at) => ({ name: textAt(bodyOf(each, 'ColumnDef') ?? {}, 'colname') ?? '', value: ofNamedType(context, called.fields?.[at]?.value ?? value, bodyAt(bodyOf(each, 'ColumnDef') ?? {}, 'typeName'), seen.frame) })) }
  if (name === 'unnest') return unnested(called, value, alias)
  const shapes = called.candidates.map((routine) => shapeOf(context, called, routine.returnType, resultNames(context, routine)))
  const [shape] = shapes
  // Overloads that return different columns: their number cannot be told without types.
  if (shapes.some((each) => each === 'open' || shape === 'open' || each?.join('\0') !== shape?.join('\0'))) return { fields: [], open: merge([value, lost(context, 'unresolved_type')]) }
  if (shape === undefined || shape === 'open') return { fields: [{ name: alias ?? name, value }] }
  // One OUT column is a single value, and takes the alias only when it has no name of its own.
  const results = called.candidates.length === 1 ? called.candidates[0]?.results : undefined
  return { fields: shape.map((column, at) => ({ name: column, value: ofType(context, called.fields?.length === shape.length ? called.fields[at]?.value ?? value : value, shape.length === results?.length ? results[at]?.type : undefined) })) }
}

/** COALESCE, CAST and the like stand in FROM as functions do, and a row that they give is taken apart. */
function expressionFields(context: Context, value: Value, name: string): Made {
  const fields = value.fields?.()
  if (fields !== undefined) return { fields }
  return value.isComposite === true ? { fields: [], open: merge([value, lost(context, 'unresolved_type')]) } : { fields: [{ name, value }] }
}

/** Column names of what a call returns; undefined for one value; `open` where that depends on types that are not followed. */
function shapeOf(context: Context, called: Called, returnType: number, names: readonly string[] | undefined): readonly string[] | 'open' | undefined {
  if (names !== undefined) return names
  const type = context.naming.snapshot.type(returnType)
  if (type?.name === 'record') return 'open'
  // An array of rows, or a range of them, is one value.
  if (type?.kind !== 'p' || !anyRow.has(type.name)) return undefined
  const isPopulated = called.candidates.some(({ schema, name }) => schema === 'pg_catalog' && populates.has(name))
  const rows = (isPopulated ? called.arguments.slice(0, 1) : called.arguments).filter((each) => each.isComposite === true).map((each) => each.fields?.().map((field) => field.name))
  const [first] = rows
  if (first !== undefined && rows.every((each) => each?.join('\0') === first.join('\0'))) return first
  // A parameter may hold rows that its type does not show here.
  return rows.length > 0 || isPopulated || called.candidates.some(({ schema }) => schema !== 'pg_catalog') ? 'open' : undefined
}

/** Pseudo-types that stand for a row as well. */
const anyRow = new Set(['any', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray'])

/** Their first argument says which columns they give. */
const populates = new Set(['json_populate_record', 'jsonb_populate_record', 'json_populate_recordset', 'jsonb_populate_recordset', 'populate_record'])

/** `unnest(a, b)` gives a column an argument; an array of rows is taken apart into the rows' columns. What a parameter holds only the client knows, and nothing in it is not his. */
function unnested(called: Called, value: Value, alias: string | undefined): Made {
  const isComposite = called.arguments.some((each) => each.isComposite === true)
  if (isComposite && value.columns.size === 0 && value.unknown === undefined) return { fields: [{ name: alias ?? 'unnest', value }], open: value, isUncertain: true }
  if (isComposite) return { fields: [], open: value.unknown === undefined ? { ...value, unknown: 'unresolved_type' } : value }
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
  const isUncertain = [...left, ...right].some((item) => item.isListed && item.isUncertain === true)
  const joined: Item = { name: undefined, fields: [...merged, ...rest], isNamed: false, isListed: true, ...open.length > 0 ? { open: merge(open) } : {}, ...isUncertain ? { isUncertain } : {} }
  const hidden = [...left, ...right].map((item): Item => ({ ...item, isListed: false })).filter((item) => item.isNamed)
  const usingItem: readonly Item[] = usingAlias === undefined ? [] : [{ name: textAt(usingAlias, 'aliasname'), fields: merged, isNamed: true, isListed: false }]
  const isRelation = [...left, ...right].some((item) => item.isListed && item.isRelation === true)
  const inside = childScope(scope, [...hidden, { ...joined, isRelation }, ...usingItem])
  // Of what is beside the join its condition sees nothing: a name that neither side has is an outer query's.
  test(context, body['quals'], inside, 'join')
  return alias === undefined ? [...hidden, joined, ...usingItem] : [aliased(joined, alias)]
}
