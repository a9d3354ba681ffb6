// Every statement kind that reads or writes columns; the others only name relations.
import { callFunction } from './calls.ts'
import { test } from './comparisons.ts'
import { lost, type Context } from './context.ts'
import { evaluate, evaluateAll } from './expressions.ts'
import { rangeVar } from './from.ts'
import { traceBlock } from './plpgsql.ts'
import { findRelation, relationItem } from './relations.ts'
import { resultNames } from './routines.ts'
import { childScope, type Scope } from './scope.ts'
import { traceSelect } from './select.ts'
import { bodyAt, bodyOf, isTrueAt, listAt, stringOf, stringsOf, tagged, textAt, walk, type Body } from './tree.ts'
import { Uses } from './uses.ts'
import { flat, merge, pack, type Field, type Value } from './value.ts'
import { fired, writeDefaults, traceDelete, traceInsert, traceMerge, traceUpdate } from './writes.ts'

/** Result columns; `open` where there may be more than could be counted. `held` of PREPARE and DECLARE CURSOR. */
export interface Output { readonly fields: readonly Field[]; readonly open?: Value | undefined; readonly held?: readonly Field[] }

const nothing: Output = { fields: [] }

export function traceAny(context: Context, node: unknown, scope: Scope): Output {
  const found = tagged(node)
  if (found === undefined) return nothing
  const { tag, body } = found
  context.effort.spend(1)
  switch (tag) {
    case 'SelectStmt': return traceSelect(context, body, scope)
    case 'InsertStmt': return context.effort.deeper(() => traceInsert(context, body, scope))
    case 'UpdateStmt': return context.effort.deeper(() => traceUpdate(context, body, scope))
    case 'DeleteStmt': return context.effort.deeper(() => traceDelete(context, body, scope))
    case 'MergeStmt': return context.effort.deeper(() => traceMerge(context, body, scope))
    case 'ReturnStmt': return { fields: [{ name: 'return', value: evaluate(context, body['returnval'], scope) }] }
    case 'CreateTableAsStmt': {
      // It runs the query whatever it then does with the rows; an empty table is made WITH NO DATA.
      for (const field of traceAny(context, body['query'], scope).fields) context.uses.flow(field.value, 'relation')
      noteRelation(context, bodyAt(bodyAt(body, 'into') ?? {}, 'rel'), scope)
      return nothing
    }
    case 'CopyStmt': return copy(context, body, scope)
    case 'ExplainStmt': return explain(context, body, scope)
    case 'VariableShowStmt': return { fields: [{ name: textAt(body, 'name') ?? '', value: { columns: new Set() } }] }
    case 'PrepareStmt': return { fields: [], held: traceAny(context, body['query'], scope).fields }
    case 'DeclareCursorStmt': return { fields: [], held: traceAny(context, body['query'], scope).fields }
    case 'ExecuteStmt': {
      const given = evaluateAll(context, listAt(body, 'params'), scope)
      context.uses.use(given, 'predicate', 'other')
      return named(context, context.options.prepared?.(textAt(body, 'name') ?? ''), 'unknown_statement')
    }
    case 'FetchStmt': return isTrueAt(body, 'ismove') ? nothing : named(context, context.options.cursor?.(textAt(body, 'portalname') ?? ''), 'unknown_cursor')
    case 'CallStmt': return call(context, body, scope)
    case 'DoStmt': return block(context, body, scope)
    case 'ViewStmt': {
      traceAny({ ...context, uses: new Uses(context.effort) }, body['query'], scope)
      noteRelation(context, bodyAt(body, 'view'), scope)
      return nothing
    }
    case 'TruncateStmt':
      for (const each of listAt(body, 'relations')) noteRelation(context, bodyOf(each, 'RangeVar'), scope, 'truncate')
      return nothing
    case 'LockStmt':
      for (const each of listAt(body, 'relations')) noteRelation(context, bodyOf(each, 'RangeVar'), scope, 'lock')
      return nothing
    case 'AlterTableStmt': return alterTable(context, body, scope)
    default: return definition(context, body, scope)
  }
}

function named(context: Context, held: readonly { readonly columns: readonly { readonly relation: number; readonly attribute: number }[]; readonly unknown?: string }[] | undefined, reason: 'unknown_statement' | 'unknown_cursor'): Output {
  if (held === undefined) return { fields: [], open: lost(context, reason) }
  return { fields: held.map((lineage) => ({ name: '', value: { columns: new Set(lineage.columns.map((column) => pack(column.relation, column.attribute))), ...lineage.unknown === undefined ? {} : { unknown: reason } } })) }
}

/** `COPY … TO` gives columns as a query does; `FROM` writes them from outside. */
function copy(context: Context, body: Body, scope: Scope): Output {
  const destination = isTrueAt(body, 'is_program') ? 'program' : textAt(body, 'filename') === undefined ? undefined : 'file'
  const names = stringsOf(listAt(body, 'attlist'))
  if (body['query'] !== undefined) return delivered(context, traceAny(context, body['query'], scope), destination)
  const relation = bodyAt(body, 'relation')
  if (relation === undefined) return nothing
  if (isTrueAt(body, 'is_from')) {
    const found = noteRelation(context, relation, scope, 'insert')
    for (const column of found?.columns ?? []) if (names.length === 0 || names.includes(column.name)) context.uses.use({ columns: new Set([pack(found?.oid ?? 0, column.attribute)]) }, 'write-target')
    fired(context, found)
    writeDefaults(context, found, undefined)
    return nothing
  }
  const item = rangeVar(context, relation, scope)
  test(context, body['whereClause'], childScope(scope, [item]), 'predicate')
  const fields = names.length === 0 ? item.fields : names.map((name) => item.fields.find((field) => field.name === name) ?? { name, value: lost(context, 'unresolved_column') })
  return delivered(context, { fields, open: item.open }, destination)
}

function delivered(context: Context, output: Output, destination: string | undefined): Output {
  if (destination === undefined) return output
  for (const value of [...output.fields.map((field) => field.value), ...output.open === undefined ? [] : [output.open]]) context.uses.flow(value, destination)
  return nothing
}

/** The plan prints conditions with constants folded: what a user's function made of a column may stand in it. */
function explain(context: Context, body: Body, scope: Scope): Output {
  const inner = traceAny(context, body['query'], scope)
  const { uses } = context
  const isFolded = uses.routines().some((routine) => routine.schema !== 'pg_catalog') || uses.unknown.size > 0
  // A plan prints names, counts and the statement's own constants; a value only where the planner ran somebody's function to get a constant.
  if (!isFolded) return { fields: [{ name: 'QUERY PLAN', value: { columns: new Set() } }] }
  const all: Value = { columns: new Set(uses.touched()) }
  const value = merge([all, ...inner.fields.map((field) => flat(field.value)), ...inner.open === undefined ? [] : [inner.open], lost(context, 'explain')])
  return { fields: [{ name: 'QUERY PLAN', value }] }
}

function call(context: Context, body: Body, scope: Scope): Output {
  const invocation = bodyAt(body, 'funccall')
  if (invocation === undefined) return { fields: [], open: lost(context, 'unknown_node') }
  const called = callFunction(context, invocation, scope)
  const [routine, ...more] = called.candidates
  if (routine === undefined || more.length > 0) return { fields: [], open: called.value }
  return { fields: (resultNames(context, routine) ?? []).map((name) => ({ name, value: flat(called.value) })) }
}

function block(context: Context, body: Body, scope: Scope): Output {
  const option = (name: string): string | undefined => listAt(body, 'args').map((each) => bodyOf(each, 'DefElem')).flatMap((each) => each !== undefined && textAt(each, 'defname') === name ? stringOf(each['arg']) ?? [] : [])[0]
  const source = option('as')
  if (source === undefined || (option('language') ?? 'plpgsql') !== 'plpgsql') lost(context, 'opaque_routine')
  else {
    const value = traceBlock(context, { oid: 0, schema: '', name: '', kind: 'f', language: 'plpgsql', volatility: 'v', isSecurityDefiner: false, returnsSet: false, returnType: 0, argumentNames: [], argumentCount: 0, defaultCount: 0, isVariadic: false, body: source }, scope.frame.path)
    if (value.unknown !== undefined) lost(context, value.unknown)
  }
  return nothing
}

/** Notes a named relation's access. */
function noteRelation(context: Context, body: Body | undefined, scope: Scope, access: 'ddl' | 'truncate' | 'lock' | 'insert' = 'ddl') {
  if (body === undefined) return undefined
  context.visited.add(body)
  const name = textAt(body, 'relname') ?? ''
  const schema = textAt(body, 'schemaname')
  // A relation that is being made is not there yet.
  const found = access === 'ddl' ? context.naming.snapshot.findRelation(schema, name, scope.frame.path) : findRelation(context, schema, name, scope.frame)
  context.uses.relation(found?.schema ?? schema ?? '', name, found?.oid, access)
  return found
}

/** `ALTER COLUMN … TYPE … USING`, added generated columns and defaults fill columns from others of the row. */
function alterTable(context: Context, body: Body, scope: Scope): Output {
  const relation = bodyAt(body, 'relation')
  const found = noteRelation(context, relation, scope)
  if (found !== undefined && relation !== undefined) {
    const inside = childScope(scope, [relationItem(context, found, undefined)])
    for (const each of listAt(body, 'cmds')) {
      const command = bodyOf(each, 'AlterTableCmd')
      const column = bodyOf(command?.['def'], 'ColumnDef')
      if (command === undefined || column === undefined) continue
      const sources = [column['raw_default'], ...listAt(column, 'constraints').flatMap((constraint) => bodyOf(constraint, 'Constraint')?.['raw_expr'] ?? [])]
      const name = textAt(column, 'colname') ?? textAt(command, 'name') ?? ''
      const own = found.columns.find((existing) => existing.name === name)
      context.uses.flow(evaluateAll(context, sources, inside), `${found.schema}.${found.name}.${name}`, own === undefined ? undefined : pack(found.oid, own.attribute))
    }
  }
  return definition(context, body, scope)
}

/** Definitions return nothing; expressions in them are not evaluated now. A query inside one that is run (a rule's is not) has its own case above. */
function definition(context: Context, body: Body, scope: Scope): Output {
  walk(body, (each, tag) => {
    // But a partition's bound is computed now, and the catalogue shows it to everybody. MINVALUE is parsed as a column.
    for (const bound of ['listdatums', 'lowerdatums', 'upperdatums']) if (Array.isArray(each[bound])) context.uses.flow(evaluateAll(context, listAt(each, bound).filter((one) => bodyOf(one, 'ColumnRef') === undefined), scope), 'relation')
    if (tag === 'RangeVar' || typeof each['relname'] === 'string') noteRelation(context, each, scope)
    context.visited.add(each)
  })
  return nothing
}
