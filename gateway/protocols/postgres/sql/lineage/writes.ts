// INSERT, UPDATE, DELETE and MERGE: what is written where, and what RETURNING gives back of it.
import type { Column, Relation } from '../analysis.ts'
import { descendants } from '../descendants.ts'
import { expandRelation } from '../facts/relations.ts'
import { test } from './comparisons.ts'
import { lost, type Context } from './context.ts'
import { traceWith } from './cte.ts'
import { evaluate, evaluateAll } from './expressions.ts'
import { aliased, traceFrom } from './from.ts'
import { columnExpression, findRelation, relationItem } from './relations.ts'
import { bodiesOf, castBodies, isFollowed, traceBody, withoutMark } from './routines.ts'
import { childScope, type Item, type Scope } from './scope.ts'
import { traceSelect } from './select.ts'
import type { Output } from './statements.ts'
import { traceList, traceTargets } from './targets.ts'
import { bodyAt, bodyOf, childrenOf, itemsOf, listAt, numberAt, tagged, textAt, type Body } from './tree.ts'
import { empty, flat, merge, pack, unpack, columnValue, type Field, type Value } from './value.ts'

/** The written relation, with what was written into each column. */
interface Target { readonly relation: Relation | undefined; readonly item: Item; readonly written: Map<string, Value> }

function target(context: Context, body: Body, access: 'insert' | 'update' | 'delete', scope: Scope): Target {
  context.visited.add(body)
  const name = textAt(body, 'relname') ?? ''
  const schema = textAt(body, 'schemaname')
  const relation = findRelation(context, body, scope.frame)
  context.uses.relation(relation?.schema ?? schema ?? '', name, relation?.oid, access)
  if (relation?.hasRules === true) lost(context, 'rewrite_rule')
  const item: Item = relation === undefined ? { name, schema, fields: [], isNamed: true, isListed: true, open: lost(context, 'unresolved_relation'), isRelation: true } : relationItem(context, relation, undefined)
  return { relation, item: aliased(item, bodyAt(body, 'alias')), written: new Map() }
}

function write(context: Context, into: Target, name: string, given: Value): void {
  const found = into.relation?.columns.find((column) => column.name === name)
  const attribute = found?.attribute
  // A cast that assignment asks for runs somebody's routine.
  const casts = found === undefined ? undefined : castBodies(context, found.type)
  const value = casts === undefined ? given : merge([given, casts])
  const before = into.written.get(name)
  into.written.set(name, before === undefined ? flat(value) : merge([before, flat(value)]))
  if (into.relation === undefined || attribute === undefined) {
    context.uses.flow(value, 'relation')
    return
  }
  const packed = pack(into.relation.oid, attribute)
  const column = columnValue([packed])
  context.uses.use(column, 'write-target')
  context.uses.attribute(value.inputs, into.relation.kind === 'v' ? into.item.fields.find((field) => field.name === name)?.value ?? column : column)
  // Of a part of a value `=` would tell more than it does of the whole: only whole ones stay where they were.
  context.uses.flow(value, `${into.relation.schema}.${into.relation.name}.${name}`, value.isPlain === true || value.isWhole === true ? packed : undefined)
}

export function traceInsert(context: Context, body: Body, outer: Scope): Output {
  const scope = childScope(outer)
  traceWith(context, bodyAt(body, 'withClause'), scope)
  const into = target(context, bodyAt(body, 'relation') ?? {}, 'insert', scope)
  const listed = listAt(body, 'cols').map((each) => textAt(bodyOf(each, 'ResTarget') ?? {}, 'name') ?? '')
  for (const each of listAt(body, 'cols')) subscripts(context, each, scope)
  const names = listed.length > 0 ? listed : into.relation?.columns.map((column) => column.name) ?? []
  const select = bodyOf(body['selectStmt'], 'SelectStmt')
  if (select !== undefined) {
    const source = traceSelect(context, select, scope)
    source.fields.forEach((field, at) => write(context, into, names[at] ?? '', field.value))
    if (source.open !== undefined) for (const name of names) write(context, into, name, source.open)
    // More columns than values: which value goes where cannot be told.
    else if (listed.length > source.fields.length) lost(context, 'unresolved_type')
  }
  const given = new Set(select === undefined ? [] : names)
  writeDefaults(context, into.relation, given, (name, value) => write(context, into, name, value))
  for (const row of select === undefined ? [] : listAt(select, 'valuesLists')) (itemsOf(row) ?? []).forEach((each, at) => { if (isDefault(each)) writeDefault(context, into, names[at] ?? '') })
  const conflict = bodyAt(body, 'onConflictClause')
  if (conflict !== undefined) {
    context.uses.relation(into.relation?.schema ?? '', into.relation?.name ?? '', into.relation?.oid, 'update')
    const excluded: Item = { ...into.item, name: 'excluded', schema: undefined, isListed: false, fields: into.item.fields.map((field) => ({ name: field.name, value: into.written.get(field.name) ?? field.value })) }
    const inside = childScope(scope, [into.item, excluded])
    const infer = bodyAt(conflict, 'infer')
    if (infer !== undefined) {
      for (const each of listAt(infer, 'indexElems')) {
        const element = bodyOf(each, 'IndexElem') ?? {}
        const name = textAt(element, 'name')
        if (name !== undefined) context.uses.use(into.item.fields.find((field) => field.name === name)?.value ?? empty, 'predicate', 'equality')
        else context.uses.use(evaluate(context, element['expr'], inside), 'predicate', 'other')
      }
      test(context, infer['whereClause'], inside, 'predicate')
    }
    assign(context, into, listAt(conflict, 'targetList'), inside)
    test(context, conflict['whereClause'], inside, 'predicate')
  }
  return returning(context, body, into, [], scope)
}

export function traceUpdate(context: Context, body: Body, outer: Scope): Output {
  const scope = childScope(outer)
  traceWith(context, bodyAt(body, 'withClause'), scope)
  const into = target(context, bodyAt(body, 'relation') ?? {}, 'update', scope)
  scope.items.push(into.item)
  const from = traceFrom(context, listAt(body, 'fromClause'), { ...scope, items: [] })
  scope.items.push(...from)
  assign(context, into, listAt(body, 'targetList'), scope)
  test(context, body['whereClause'], scope, 'predicate')
  return returning(context, body, into, from, scope)
}

export function traceDelete(context: Context, body: Body, outer: Scope): Output {
  const scope = childScope(outer)
  traceWith(context, bodyAt(body, 'withClause'), scope)
  const into = target(context, bodyAt(body, 'relation') ?? {}, 'delete', scope)
  scope.items.push(into.item)
  const from = traceFrom(context, listAt(body, 'usingClause'), { ...scope, items: [] })
  scope.items.push(...from)
  test(context, body['whereClause'], scope, 'predicate')
  return returning(context, body, into, from, scope)
}

export function traceMerge(context: Context, body: Body, outer: Scope): Output {
  const scope = childScope(outer)
  traceWith(context, bodyAt(body, 'withClause'), scope)
  const clauses = listAt(body, 'mergeWhenClauses').map((each) => bodyOf(each, 'MergeWhenClause')).filter((each) => each !== undefined)
  const commands = new Set(clauses.map((clause) => clause['commandType']))
  const relation = bodyAt(body, 'relation') ?? {}
  const into = target(context, relation, commands.has('CMD_UPDATE') ? 'update' : commands.has('CMD_DELETE') ? 'delete' : 'insert', scope)
  for (const [command, access] of [['CMD_INSERT', 'insert'], ['CMD_UPDATE', 'update'], ['CMD_DELETE', 'delete']] as const) {
    if (commands.has(command)) context.uses.relation(into.relation?.schema ?? '', textAt(relation, 'relname') ?? '', into.relation?.oid, access)
  }
  const source = traceFrom(context, [body['sourceRelation']], scope)
  scope.items.push(into.item, ...source)
  test(context, body['joinCondition'], scope, 'join')
  for (const clause of clauses) {
    test(context, clause['condition'], scope, 'predicate')
    const targets = listAt(clause, 'targetList')
    if (clause['commandType'] !== 'CMD_INSERT') assign(context, into, targets, scope)
    else {
      const listed = targets.map((each) => textAt(bodyOf(each, 'ResTarget') ?? {}, 'name') ?? '')
      const names = listed.length > 0 ? listed : into.relation?.columns.map((column) => column.name) ?? []
      const { values, open } = traceList(context, listAt(clause, 'values'), scope)
      values.forEach((value, at) => write(context, into, names[at] ?? '', value))
      listAt(clause, 'values').forEach((each, at) => { if (isDefault(each)) writeDefault(context, into, names[at] ?? '') })
      const isGiven = new Set(values.length === 0 ? [] : names)
      writeDefaults(context, into.relation, isGiven, (name, value) => write(context, into, name, value))
      if (open !== undefined) for (const name of names) write(context, into, name, open)
    }
  }
  return returning(context, body, into, source, scope, true)
}

function assign(context: Context, into: Target, targets: readonly unknown[], scope: Scope): void {
  for (const each of targets) {
    const set = bodyOf(each, 'ResTarget')
    if (set === undefined) {
      lost(context, 'unknown_node')
      continue
    }
    subscripts(context, each, scope)
    const name = textAt(set, 'name') ?? ''
    write(context, into, name, assigned(context, set['val'], scope))
    if (isDefault(sourceOf(set['val']))) writeDefault(context, into, name)
  }
}

/** `(a, b) = (1, 2)` and `(a, b) = (SELECT …)` hand the whole source to every column; its part is picked by number. */
function assigned(context: Context, node: unknown, scope: Scope): Value {
  const multiple = bodyOf(node, 'MultiAssignRef')
  const value = evaluate(context, node, scope)
  if (multiple === undefined) return value
  // `(a) = (SELECT row)` writes the whole row.
  if (numberAt(multiple, 'ncolumns') === 1) return value
  const fields = value.fields?.()
  return fields?.length === numberAt(multiple, 'ncolumns') ? fields?.[(numberAt(multiple, 'colno') ?? 1) - 1]?.value ?? value : value
}

/** Of `(a, b) = (DEFAULT, 1)` the part for this column. */
function sourceOf(node: unknown): unknown {
  const multiple = bodyOf(node, 'MultiAssignRef')
  const row = multiple === undefined ? undefined : bodyOf(multiple['source'], 'RowExpr')
  return multiple === undefined ? node : row === undefined ? undefined : listAt(row, 'args')[(numberAt(multiple, 'colno') ?? 1) - 1]
}

/** `tags[n] = …`: what picks the place is a predicate of sorts. */
function subscripts(context: Context, node: unknown, scope: Scope): void {
  for (const step of listAt(bodyOf(node, 'ResTarget') ?? {}, 'indirection')) {
    if (tagged(step)?.tag === 'A_Indices') context.uses.use(evaluateAll(context, childrenOf(bodyOf(step, 'A_Indices') ?? {}), scope), 'predicate', 'other')
  }
}

function returning(context: Context, body: Body, into: Target, others: readonly Item[], outer: Scope, isMerge = false): Output {
  const clause = bodyAt(body, 'returningClause')
  const added = triggered(context, into)
  if (clause === undefined) return { fields: [] }
  const fields = into.item.fields.map((field): Field => {
    const written = computed(into, field.name) ? [...into.written.values()] : [into.written.get(field.name) ?? empty]
    return { name: field.name, value: merge([field.value, ...written.map((each) => ({ ...each, inputs: undefined })), ...added]) }
  })
  // Composite fields keep their structure where nothing was written into them.
  const returned: Item = { ...into.item, fields: fields.map((field, at) => into.written.has(field.name) || added.length > 0 || computed(into, field.name) ? field : into.item.fields[at] ?? field) }
  const names = { RETURNING_OPTION_OLD: 'old', RETURNING_OPTION_NEW: 'new' }
  const options = listAt(clause, 'options').flatMap((each) => {
    const option = bodyOf(each, 'ReturningOption')
    const key = option === undefined ? undefined : textAt(option, 'option')
    return key === 'RETURNING_OPTION_OLD' || key === 'RETURNING_OPTION_NEW' ? [[key, textAt(option ?? {}, 'value') ?? names[key]] as const] : []
  })
  const versions = (['RETURNING_OPTION_OLD', 'RETURNING_OPTION_NEW'] as const).map((key): Item => ({ ...returned, name: options.find(([each]) => each === key)?.[1] ?? names[key], schema: undefined, isListed: false }))
  const scope: Scope = { ...outer, items: isMerge ? [...others, returned, ...versions] : [returned, ...others, ...versions] }
  return traceTargets(context, listAt(clause, 'exprs'), scope)
}

/** Itself, and where its rows are: partitions and inheriting tables, or the tables behind a view. */
function writtenBehind({ naming }: Context, relation: Relation | undefined): readonly Relation[] {
  if (relation === undefined) return []
  const behind = relation.kind === 'v' ? expandRelation(relation, naming).flatMap(({ oid }) => oid === undefined ? [] : naming.snapshot.relation(oid) ?? []) : []
  return [relation, ...behind].flatMap((each) => [each, ...descendants(each, naming.snapshot)])
}

/** What a column holds that is given nothing, or DEFAULT; undefined: NULL, or the server's own next number. */
function defaultOf(context: Context, { expression, isGenerated, type }: Column): Value | undefined {
  if (isGenerated === true) return undefined
  // A domain may have a default, and routines in it.
  return expression === undefined ? bodiesOf(context, context.naming.snapshot.type(type)?.routines ?? []) : columnExpression(context, expression, undefined)
}

/** Into every column that is given nothing; `given` undefined: any may be. A view has no columns for some of its table's. */
export function writeDefaults(context: Context, relation: Relation | undefined, given: ReadonlySet<string> | undefined, put?: (name: string, value: Value) => void): void {
  for (const each of relation === undefined ? [] : relation.kind === 'v' ? writtenBehind(context, relation) : [relation]) {
    for (const column of each.columns) {
      const value = each === relation && given?.has(column.name) === true ? undefined : defaultOf(context, column)
      if (value === undefined) continue
      if (each === relation && put !== undefined) put(column.name, value)
      else context.uses.flow(value, `${each.schema}.${each.name}.${column.name}`, pack(each.oid, column.attribute))
    }
  }
}

/** DEFAULT is written into the column: what that is, only the column says. */
function writeDefault(context: Context, into: Target, name: string): void {
  const column = into.relation?.columns.find((each) => each.name === name)
  const value = column === undefined ? undefined : defaultOf(context, column)
  if (value !== undefined) write(context, into, name, value)
}

const isDefault = (node: unknown): boolean => tagged(node)?.tag === 'SetToDefault'

/** Made from other columns of the row, of which any may have been written. */
const computed = (into: Target, name: string): boolean => into.relation?.kind === 'v' || into.relation?.columns.find((column) => column.name === name)?.isGenerated === true

/** Row triggers may put anything they read, and any column of the row, into any other column. */
function triggered(context: Context, into: Target): readonly Value[] {
  const added = fired(context, into.relation)
  if (added.length === 0) return []
  return [{ ...merge([...into.item.fields.map((field) => flat(field.value)), ...into.written.values(), ...added]), inputs: undefined }]
}

/**
 * What the triggers of a written relation make of it: values of other relations that they read end in its columns, or where they write them.
 * Values of the written row itself were their author's to place, for every client of the database.
 */
export function fired(context: Context, relation: Relation | undefined): readonly Value[] {
  const parts: Value[] = []
  for (const oid of new Set(writtenBehind(context, relation).flatMap(({ triggers }) => triggers ?? []))) {
    const routine = context.naming.snapshot.routine(oid)
    if (routine === undefined) parts.push(lost(context, 'opaque_routine'))
    else if (routine.schema === 'pg_catalog') continue
    else if (!isFollowed(routine)) parts.push(lost(context, 'opaque_routine'))
    else {
      const { value, uses } = traceBody(context, routine)
      const made = withoutMark(value)
      for (const { from, into } of uses.flows()) if (from.relation !== 0) context.uses.flow(columnValue([pack(from.relation, from.attribute)]), into)
      const foreign = [...made.columns].filter((column) => unpack(column).relation !== relation?.oid)
      context.uses.flow(columnValue(foreign), `${relation?.schema}.${relation?.name}`)
      parts.push(made)
    }
  }
  return parts
}
