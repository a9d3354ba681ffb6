// Routines' bodies, followed once a statement whoever calls them: SQL and PL/pgSQL; no other language can be read.
import type { Naming, Routine } from '../analysis.ts'
import { staysWhole } from './comparisons.ts'
import { maxNesting, type BodyTrace, type Context } from './context.ts'
import { parseDefinition } from './definitions.ts'
import { traceBlock } from './plpgsql.ts'
import { compositeOf } from './relations.ts'
import { rootScope, type Frame } from './scope.ts'
import { traceAny, type Output } from './statements.ts'
import { bodyAt, bodyOf, itemsOf } from './tree.ts'
import { Uses } from './uses.ts'
import { argumentsMark, columnValue, flat, merge, unknownValue, type Field, type Value } from './value.ts'

/** Built-ins are described by their arguments, whatever they are written in. */
export const isFollowed = (routine: Routine): boolean => routine.schema !== 'pg_catalog' && (routine.language === 'sql' || routine.language === 'plpgsql') && routine.body !== undefined

export function traceBody(context: Context, routine: Routine): BodyTrace {
  if (context.bodies.has(routine.oid)) {
    const known = context.bodies.get(routine.oid)
    return known ?? { value: columnValue([]), uses: new Uses(context.effort) }
  }
  context.bodies.set(routine.oid, undefined)
  const uses = new Uses(context.effort)
  const inside: Context = { ...context, uses, nesting: context.nesting + 1 }
  const traced = context.effort.deeper(() => followBody(inside, routine))
  const result: BodyTrace = { ...traced, uses }
  if (traced.value.unknown !== undefined) uses.unknown.add(traced.value.unknown)
  context.bodies.set(routine.oid, result)
  return result
}

function followBody(context: Context, routine: Routine): { readonly value: Value; readonly fields?: readonly Field[] | undefined } {
  if (context.nesting > maxNesting) return { value: unknownValue('too_deep') }
  const path = routine.isBodyResolved === true ? context.naming.snapshot.path : pathOf(context.naming, routine)
  if (path === undefined) return { value: unknownValue('unparsed_routine') }
  if (routine.language === 'plpgsql') return { value: traceBlock(context, routine, path) }
  return sqlBody(context, routine, path)
}

/** `SET search_path` of the routine, or the caller's. `$user` depends on who runs it. */
export function pathOf(naming: Naming, routine: Routine): readonly string[] | undefined {
  if (routine.searchPath === undefined) return naming.path
  const names = splitPath(routine.searchPath)
  if (names.includes('$user')) return undefined
  const temporary = naming.path.find((each) => each.startsWith('pg_temp_'))
  const path = names.flatMap((name) => name === 'pg_temp' ? temporary === undefined ? [] : [temporary] : [name])
  const withSystem = path.includes('pg_catalog') ? path : ['pg_catalog', ...path]
  return temporary === undefined || withSystem.includes(temporary) ? withSystem : [temporary, ...withSystem]
}

/** A list of identifiers as pg_proc.proconfig keeps it: quoted where needed. */
function splitPath(text: string): readonly string[] {
  const names: string[] = []
  let name = ''
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? ''
    if (letter === '"') {
      if (isQuoted && text[at + 1] === '"') { name += '"'; at++ } else isQuoted = !isQuoted
    } else if (letter === ',' && !isQuoted) { names.push(name); name = '' }
    else if (isQuoted || letter !== ' ') name += letter
  }
  return [...names, name].filter((each) => each !== '')
}

function sqlBody(context: Context, routine: Routine, path: readonly string[]): { readonly value: Value; readonly fields?: readonly Field[] | undefined } {
  const statements = routine.isBodyResolved === true ? standardBody(parseDefinition(context, standardText(routine))) : parseDefinition(context, routine.body ?? '')
  if (statements === undefined) return { value: unknownValue('unparsed_routine') }
  const marked = columnValue([argumentsMark])
  const names = new Set(routine.argumentNames)
  const frame: Frame = { path, isOwnText: false, parameter: () => marked, variable: (parts) => names.has(parts[0] ?? '') || parts.length > 1 && parts[0] === routine.name && names.has(parts[1] ?? '') ? marked : undefined }
  let last: Output = { fields: [] }
  for (const statement of statements) last = traceAny(context, statement, rootScope(frame))
  const value = merge([...last.fields.map((field) => flat(field.value)), ...last.open === undefined ? [] : [last.open]])
  const columns = resultNames(context, routine)
  const single = last.fields.length === 1 ? last.fields[0]?.value.fields?.() : undefined
  const row = columns !== undefined && single?.length === columns.length ? single : last.fields
  if (last.open !== undefined || columns === undefined || columns.length !== row.length) return { value }
  return { value, fields: row.map((field, at) => ({ name: columns[at] ?? field.name, value: declared(context, routine, at, field.value) })) }
}

/** A result of another type than its column's is cast to it without a word, and may lose a part. */
function declared(context: Context, { results = [], returnType }: Routine, at: number, value: Value): Value {
  const type = results.length > 1 ? results[at]?.type : compositeOf(context, returnType)?.relation.columns[at]?.type ?? returnType
  return value.isPlain !== true || type !== undefined && staysWhole(context, type, value) ? value : { ...value, isPlain: undefined }
}

/** `BEGIN ATOMIC … END` and `RETURN …` are read as the function's own text. */
export const standardText = (routine: Routine): string => `CREATE FUNCTION f() RETURNS text LANGUAGE sql ${routine.body ?? ''}`

/** @param parsed of `standardText` */
export function standardBody(parsed: readonly unknown[] | undefined): readonly unknown[] | undefined {
  const create = bodyOf(parsed?.[0], 'CreateFunctionStmt')
  if (create === undefined) return undefined
  const sql = create['sql_body']
  if (bodyOf(sql, 'ReturnStmt') !== undefined || bodyAt(create, 'sql_body') === undefined) return sql === undefined ? undefined : [sql]
  return (itemsOf(sql) ?? []).flatMap((each) => itemsOf(each) ?? [each])
}

/** Result columns by name: OUT and TABLE columns, or those of the row type returned, by the only OUT column as well; undefined for a single value without a name. */
export function resultNames(context: Context, { results, returnType }: Routine): readonly string[] | undefined {
  if (results !== undefined && results.length > 1) return results.map((each) => each.name)
  const row = compositeOf(context, returnType)
  if (row !== undefined && !row.isArray) return row.relation.columns.map((column) => column.name)
  const [only] = results ?? []
  return only === undefined || only.name === '' ? undefined : [only.name]
}

/** What routines of user-defined casts to the type add; undefined where it has none. */
export const castBodies = (context: Context, type: number): Value | undefined => bodiesOf(context, context.naming.snapshot.casts(type))

/** What these routines add to what they are given; undefined where none of them has a body to read. */
export function bodiesOf(context: Context, routines: readonly number[]): Value | undefined {
  const parts = routines.flatMap((oid) => {
    const routine = context.naming.snapshot.routine(oid)
    if (routine === undefined || !isFollowed(routine)) return []
    const traced = traceBody(context, routine)
    context.uses.absorb(traced.uses)
    return [withoutMark(traced.value)]
  })
  return parts.length === 0 ? undefined : merge(parts)
}

export function withoutMark(value: Value): Value {
  if (!value.columns.has(argumentsMark)) return value
  const columns = new Set(value.columns)
  columns.delete(argumentsMark)
  return { ...value, columns }
}
