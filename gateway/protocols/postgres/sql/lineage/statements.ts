// Every statement kind that reads or writes columns; the others only name relations.
import { callFunction } from './calls.ts'
import { test } from './comparisons.ts'
import { lost, type Context } from './context.ts'
import { evaluate, evaluateAll } from './expressions.ts'
import { rangeVar } from './from.ts'
import { maxBlockUnits } from '../facts/embedded.ts'
import { isOn, optionsOf } from '../facts/nodes.ts'
import { traceBlock } from './plpgsql.ts'
import { findRelation, relationItem } from './relations.ts'
import { withoutMark } from './routines.ts'
import { childScope, type Scope } from './scope.ts'
import { traceSelect } from './select.ts'
import { bodyAt, bodyOf, isTrueAt, listAt, stringOf, stringsOf, tagged, textAt, walk, type Body } from './tree.ts'
import { Uses } from './uses.ts'
import { columnValue, flat, merge, pack, type Field, type Value } from './value.ts'
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
    // What a name stands for only the session knows (session/held.ts).
    case 'ExecuteStmt': {
      const given = evaluateAll(context, listAt(body, 'params'), scope)
      context.uses.use(given, 'predicate', 'other')
      return { fields: [], open: lost(context, 'unknown_statement') }
    }
    case 'FetchStmt': return isTrueAt(body, 'ismove') ? nothing : { fields: [], open: lost(context, 'unknown_cursor') }
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
    case 'ClusterStmt': {
      // By which columns, the index knows; from then on rows come in that order.
      const found = noteRelation(context, bodyAt(body, 'relation'), scope)
      for (const column of found?.columns ?? []) context.uses.use(columnValue([pack(found?.oid ?? 0, column.attribute)]), 'order')
      return definition(context, body, scope)
    }
    default: return definition(context, body, scope)
  }
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
  const found = context.naming.snapshot.findRelation(textAt(relation, 'schemaname'), textAt(relation, 'relname') ?? '', scope.frame.path)
  // What is generated is copied only where it is asked for (CopyGetAttnums in copy.c).
  const fields = names.length === 0 ? item.fields.filter((_, at) => found?.columns[at]?.isGenerated !== true) : names.map((name) => item.fields.find((field) => field.name === name) ?? { name, value: lost(context, 'unresolved_column') })
  return delivered(context, { fields, open: item.open }, destination)
}

function delivered(context: Context, output: Output, destination: string | undefined): Output {
  if (destination === undefined) return output
  for (const value of [...output.fields.map((field) => field.value), ...output.open === undefined ? [] : [output.open]]) context.uses.flow(value, destination)
  return nothing
}

/** The plan prints conditions with constants folded: what a user's function made of a column may stand in it. */
function explain(context: Context, body: Body, scope: Scope): Output {
  // Once it is run, a plan tells how much of what was made went through it.
  const made = optionsOf(body['options'], 'analyze').some(isOn) ? new Set<number>() : undefined
  const inner = traceAny(made === undefined ? context : { ...context, made }, body['query'], scope)
  // SERIALIZE tells how long the result is: of thousands of columns that are the same, to the letter.
  if (made !== undefined && optionsOf(body['options'], 'serialize').length > 0) for (const { value } of inner.fields) for (const column of value.columns) made.add(column)
  const { uses } = context
  const isFolded = uses.routines().some((routine) => routine.schema !== 'pg_catalog') || uses.unknown.size > 0
  // What was prepared is made of columns that its outputs do not tell.
  const isPrepared = made !== undefined && bodyOf(body['query'], 'ExecuteStmt') !== undefined
  // A plan prints names, counts and the statement's own constants; a value only where the planner ran somebody's function to get a constant.
  if (!isFolded && !isPrepared) return { fields: [{ name: 'QUERY PLAN', value: withoutMark({ columns: made ?? new Set() }) }] }
  const all: Value = withoutMark({ columns: new Set([...uses.touched(), ...made ?? []]) })
  const value = merge([all, ...inner.fields.map((field) => flat(field.value)), ...inner.open === undefined ? [] : [inner.open], lost(context, 'explain')])
  return { fields: [{ name: 'QUERY PLAN', value }] }
}

function call(context: Context, body: Body, scope: Scope): Output {
  const invocation = bodyAt(body, 'funccall')
  if (invocation === undefined) return { fields: [], open: lost(context, 'unknown_node') }
  const called = callFunction(context, invocation, scope)
  const [routine, ...more] = called.candidates
  if (routine === undefined || more.length > 0) return { fields: [], open: called.value }
  return { fields: (routine.results ?? []).map(({ name }) => ({ name, value: flat(called.value) })) }
}

function block(context: Context, body: Body, scope: Scope): Output {
  const option = (name: string): string | undefined => listAt(body, 'args').map((each) => bodyOf(each, 'DefElem')).flatMap((each) => each !== undefined && textAt(each, 'defname') === name ? stringOf(each['arg']) ?? [] : [])[0]
  const source = option('as')
  if (source === undefined || source.length > maxBlockUnits || (option('language') ?? 'plpgsql') !== 'plpgsql') lost(context, 'opaque_routine')
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
  const found = access === 'ddl' ? context.naming.snapshot.findRelation(schema, name, scope.frame.path) : findRelation(context, body, scope.frame)
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
      for (const source of sources) {
        const value = evaluate(context, source, inside)
        context.uses.flow(value, `${found.schema}.${found.name}.${name}`, own === undefined || value.isPlain !== true ? undefined : pack(found.oid, own.attribute))
      }
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
