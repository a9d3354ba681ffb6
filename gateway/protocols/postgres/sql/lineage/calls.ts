// Function calls and user-defined operators: what the arguments feed and what the body adds.
import type { DataType, Routine } from '../analysis.ts'
import { isHarmless, isNativeMapping, routineClass } from '../facts/routine-classes.ts'
import { lost, miss, type BodyTrace, type Context } from './context.ts'
import { evaluate, evaluateAll } from './expressions.ts'
import { built, noteCall } from './failing.ts'
import { test } from './comparisons.ts'
import { noteGuard, noteSteered } from './guards.ts'
import { collationOf, kindsOf } from './meetings.ts'
import { columnExpression, compositeOf } from './relations.ts'
import { isFollowed, resultNames, traceBody } from './routines.ts'
import type { Scope } from './scope.ts'
import { isOpaqueBuiltIn, sinkOf } from './system.ts'
import { droppable } from '../void-parameters.ts'
import { bodyAt, listAt, isTrueAt, numberAt, qualifiedName, tagged, type Body } from './tree.ts'
import { argumentsMark, asScalar, empty, flat, kindsAmong, merge, rowValue, type Field, type Value } from './value.ts'

export interface Called { readonly value: Value; readonly arguments: readonly Value[]; readonly candidates: readonly Routine[]; /** By ordinal, of a body that was followed. */ readonly fields?: readonly Field[] | undefined }

export function callFunction(context: Context, body: Body, scope: Scope): Called {
  context.visited.add(body)
  const args = listAt(body, 'args').map((each) => evaluate(context, each, scope))
  const order = evaluateAll(context, listAt(body, 'agg_order'), scope)
  context.uses.use(order, 'order')
  const { schema, name } = qualifiedName(listAt(body, 'funcname'))
  // `percentile_disc(0.5) WITHIN GROUP (ORDER BY x)` takes x as an argument.
  const fed = isTrueAt(body, 'agg_within_group') ? [...args, order] : args
  if (isTrueAt(body, 'agg_distinct')) context.uses.use(merge(fed), 'group')
  const filter = body['agg_filter'] === undefined ? [] : [test(context, body['agg_filter'], scope, 'predicate')]
  const window = bodyAt(body, 'over')
  if (window !== undefined) noteWindow(context, window, scope)
  const called = resolveCall(context, schema, name, fed, scope, droppable(listAt(body, 'args')), numberAt(body, 'location'))
  // The default of lag() and lead() is asked for where there is no such row; a function in SQL is written into the query, and a body may leave an argument alone.
  if (window !== undefined || called.candidates.some(isFollowed)) noteGuard(context, merge(args.map(flat)), listAt(body, 'args'), scope)
  noteCall(context, name, called.candidates, fed, listAt(body, 'args'))
  const value = built(context, called.value, called.candidates)
  return { ...called, value: filter.length === 0 ? value : merge([value, ...filter]) }
}

export function noteWindow(context: Context, window: Body, scope: Scope): void {
  context.uses.use(evaluateAll(context, [...listAt(window, 'partitionClause'), ...listAt(window, 'orderClause'), window['startOffset'], window['endOffset']], scope), 'order')
}

/** Of the server's own, of one argument. */
const keepsWhole = new Set(['upper', 'lower', 'btrim', 'ltrim', 'rtrim'])

function resolveCall(context: Context, schema: string | undefined, name: string, args: readonly Value[], scope: Scope, dropped = 0, location = 0): Called {
  const found = context.naming.snapshot.findRoutines(schema, name, scope.frame.path)
  context.effort.spend(1 + found.length)
  const candidates = found.filter((routine) => takesSome(routine, args.length, dropped))
  if (candidates.length === 0) return { value: conversion(context, { schema, name, location }, args, scope), arguments: args, candidates }
  const all = merge(args.map(flat))
  // Which options there are is nobody's secret: what they say is.
  const areOptions = candidates.every((routine) => routine.schema === 'pg_catalog' && routine.name === 'pg_options_to_table')
  // How many rows it gives says what it was given.
  if (!areOptions && candidates.some((routine) => routine.returnsSet)) context.uses.use(all, 'predicate', 'other')
  const parts: Value[] = [all]
  let fields: readonly Field[] | undefined = areOptions ? [{ name: 'option_name', value: empty }, { name: 'option_value', value: all }] : undefined
  let isKnown = true
  let isComposite = false
  let isScalar = true
  for (const routine of candidates) {
    const traced = followed(context, routine)
    if (args.length - dropped < routine.argumentCount && routine.defaults !== undefined) parts.push(withArguments(defaultsOf(context, routine), empty))
    const type = context.naming.snapshot.type(routine.returnType)
    // Base types and arrays of them; polymorphic results, records and rows may have columns.
    if (type?.kind !== 'b' || routine.results !== undefined) isScalar = false
    if (compositeOf(context, routine.returnType) !== undefined) isComposite = true
    if (traced === undefined) {
      const sink = (routine.schema === 'pg_catalog' ? sinkOf(name) : undefined) ?? (routine.volatility === 'v' && !(routine.schema === 'pg_catalog' && isHarmless(name)) ? 'routine' : undefined)
      if (sink !== undefined) context.uses.flow(all, sink)
      if (!isOpaque(context, routine)) continue
      isKnown = false
      parts.push(lost(context, 'opaque_routine'))
    } else {
      noteSteered(context, args, all, traced.uses)
      for (const flow of traced.uses.flows()) if (flow.from.relation === 0) context.uses.flow(all, flow.into)
      parts.push(withArguments(traced.value, all))
      if (traced.value.unknown !== undefined) isKnown = false
      if (candidates.length === 1) fields = traced.fields?.map((field) => ({ name: field.name, value: withArguments(field.value, all) }))
    }
  }
  for (const each of new Set(candidates.map((routine) => routine.schema))) {
    const volatility = ['v', 's', 'i'].find((letter) => candidates.some((routine) => routine.schema === each && routine.volatility === letter)) ?? 'v'
    context.uses.routine({ schema: each, name, volatility, isKnown })
  }
  const value = merge(parts)
  const [only] = candidates
  const names = only === undefined || candidates.length > 1 ? undefined : resultNames(context, only)
  // A row whose columns are known by name can be taken apart; without a body to say which is which, each is the whole.
  const row = names === undefined || names.length < 2 && only?.results !== undefined ? undefined : names.map((each, at) => ({ name: each, value: fields?.[at]?.value ?? value }))
  const made = row !== undefined ? rowValue(row, value) : isComposite ? { ...value, isComposite } : isScalar ? asScalar(value) : value
  const [first, ...others] = args
  const typed = { ...made, kinds: kindsOfCall(context, candidates, args), collation: candidates.map(({ returnType }) => { const type = context.naming.snapshot.type(returnType); return type === undefined ? undefined : collationOf(type) }).find((each) => each !== undefined) ?? made.collation }
  const isWhole = first !== undefined && others.length === 0 && (first.isPlain === true || first.isWhole === true) && keepsWhole.has(name) && candidates.every((routine) => routine.schema === 'pg_catalog')
  return { value: isWhole ? { ...typed, isWhole } : typed, arguments: args, candidates, fields }
}

/** Of min() and max() as well there is one for each type. */
const likeGiven = new Set(['min', 'max'])

const isAny = (type: DataType | undefined): boolean => type?.kind === 'p' && type.name.startsWith('any')

function kindsOfCall(context: Context, candidates: readonly Routine[], args: readonly Value[]): number | undefined {
  return kindsAmong(candidates.map(({ name, returnType }) => ({ kinds: likeGiven.has(name) || isAny(context.naming.snapshot.type(returnType)) ? kindsAmong(args) : kindsOf(context, returnType) })))
}

const accepts = (routine: Routine, count: number): boolean => routine.schema === 'pg_catalog' && routine.name === 'unnest' ? count > 0 : routine.isVariadic ? count >= routine.argumentCount - 1 - routine.defaultCount : count <= routine.argumentCount && count >= routine.argumentCount - routine.defaultCount
  // Ordered-set aggregates count their direct arguments and their sorted ones together; the parser hands the sorted ones over as one.
  || routine.kind === 'a'

function takesSome(routine: Routine, count: number, dropped: number): boolean {
  for (let taken = count; taken >= count - dropped; taken--) if (accepts(routine, taken)) return true
  return false
}

/** Built-ins give what their arguments feed; anybody else's C, Python or aggregate may give anything, but for what computes. */
const isOpaque = (context: Context, routine: Routine): boolean => routine.schema === 'pg_catalog' ? isOpaqueBuiltIn(routine.name) : !computes(context, routine)

/** C code that is immutable, only draws, or looks up a dictionary, reads no table: citext's `max(citext)` must not take PostgreSQL's own `max` from everybody. */
function computes({ naming }: Context, { kind, language, volatility, name, parts = [] }: Routine): boolean {
  if (routineClass(name) !== undefined) return false
  const isNative = (each: Pick<Routine, 'language' | 'volatility' | 'name'> | undefined): boolean => each !== undefined && each.language === 'c' && (each.volatility === 'i' || isNativeMapping(each))
  if (kind !== 'a') return isNative({ language, volatility, name })
  return parts.length > 0 && parts.every((oid) => isNative(naming.snapshot.routine(oid)))
}

/** The body's trace, its uses noted as this statement's; undefined where there is no body to read. */
function followed(context: Context, routine: Routine): BodyTrace | undefined {
  if (!isFollowed(routine)) return undefined
  const traced = traceBody(context, routine)
  if (traced.uses !== context.uses) context.uses.absorb(traced.uses)
  return traced
}

function withArguments(value: Value, args: Value): Value {
  const columns = new Set(value.columns)
  columns.delete(argumentsMark)
  const whole = merge([{ ...value, columns, inputs: undefined }, args])
  return value.isPlain === true && args.columns.size === 0 ? { ...whole, isPlain: true } : whole
}

const defaultsOf = (context: Context, routine: Routine): Value => columnExpression(context, routine.defaults, undefined)

/** `text(x)`, `numeric(x, 2)`, and `column(row)` are conversions and fields, not routines. */
function conversion(context: Context, { schema, name, location }: { readonly schema: string | undefined; readonly name: string; readonly location: number }, args: readonly Value[], scope: Scope): Value {
  const all = merge(args.map(flat))
  const isType = context.naming.snapshot.findType(schema, name, scope.frame.path) !== undefined
  const isField = args.length === 1 && schema === undefined && args[0]?.isComposite === true
  if (isType || isField || name === 'normalize' || name === 'xmlexists') return all
  context.uses.routine({ schema: schema ?? '', name, volatility: 'v', isKnown: false })
  miss(context, scope.frame, { kind: 'routine', schema, names: [name], location, argumentCount: args.length })
  return merge([all, lost(context, 'unresolved_routine')])
}

/** `row.name` where the row has no such column calls the function `name(row)`; undefined where there is none either. */
export function attributeCall(context: Context, name: string, row: Value, scope: Scope): Value | undefined {
  const isRoutine = context.naming.snapshot.findRoutines(undefined, name, scope.frame.path).some((routine) => accepts(routine, 1))
  if (isRoutine) {
    const { value, candidates } = resolveCall(context, undefined, name, [row], scope)
    noteCall(context, name, candidates, [row], [])
    return value
  }
  return context.naming.snapshot.findType(undefined, name, scope.frame.path) === undefined ? undefined : flat(row)
}

/** What the routines behind operators of this name add to their operands; C code of an extension compares operands and reads no table. */
export function operatorBodies(context: Context, name: string): Value | undefined {
  const parts = context.naming.snapshot.operators(name).flatMap((oid) => {
    const routine = context.naming.snapshot.routine(oid)
    const traced = routine === undefined ? undefined : followed(context, routine)
    return traced === undefined ? [] : [withArguments(traced.value, empty)]
  })
  return parts.length === 0 ? undefined : merge(parts)
}

export const functionBody = (node: unknown): Body | undefined => {
  const found = tagged(node)
  return found?.tag === 'FuncCall' ? found.body : undefined
}
