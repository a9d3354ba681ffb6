// PL/pgSQL bodies and DO blocks: every embedded expression and statement is followed, without regard to order or branches.
// A variable may hold whatever any of them yields, so the result is the same for all variables.
import { parsePlPgSQLSync } from 'libpg-query'
import type { Routine } from '../analysis.ts'
import { lost, type Context } from './context.ts'
import { parseDefinition } from './definitions.ts'
import { rootScope, type Frame } from './scope.ts'
import { traceAny } from './statements.ts'
import { numberAt, textAt, walk, type Body } from './tree.ts'
import { Uses } from './uses.ts'
import { argumentsMark, columnValue, empty, flat, merge, unknownValue, type Value } from './value.ts'

/** The parser refuses RETURN forms that the declared result does not allow; what the body embeds is the same in all. */
const resultForms = ['RETURNS text', 'RETURNS void', 'RETURNS SETOF text', 'RETURNS SETOF record', 'RETURNS trigger', 'RETURNS event_trigger', 'RETURNS record']

interface Embedded { readonly text: string; readonly isDynamic: boolean }
/** A cursor that was opened elsewhere yields whatever its query does. */
export interface Block { readonly embedded: readonly Embedded[]; readonly variables: ReadonlySet<string>; readonly fetchesUnbound: boolean; /** What is done hangs on a condition. */ readonly hasBranches: boolean }

/** @param path search path while it runs */
export function traceBlock(context: Context, routine: Routine, path: readonly string[]): Value {
  for (const text of blockTexts(routine)) {
    const tree = parseBlock(context, text)
    if (tree !== undefined) return follow(context, tree, path, [...routine.argumentNames, ...(routine.results ?? []).map((each) => each.name), routine.name])
  }
  return unknownValue('unparsed_routine')
}

/** The body under heads of which one suits it. */
export function blockTexts(routine: Routine): string[] {
  const quote = dollarQuote(routine.body ?? '')
  const args = routine.argumentNames.map((name) => `${name === '' ? '' : quoteName(name)} text`).join(', ')
  const outs = (routine.results ?? []).filter((each) => !routine.argumentNames.includes(each.name)).map((each) => quoteName(each.name || 'column1'))
  const declared = outs.map((name) => `OUT ${name} text`)
  const heads = [
    ...resultForms.map((form) => `CREATE FUNCTION f(${form.includes('trigger') ? '' : args}) ${form}`),
    ...declared.length === 0 ? [] : [`CREATE FUNCTION f(${[args, ...declared].filter((each) => each !== '').join(', ')}) RETURNS ${declared.length === 1 ? 'text' : 'record'}`, `CREATE FUNCTION f(${[args, ...declared].filter((each) => each !== '').join(', ')}) RETURNS SETOF ${declared.length === 1 ? 'text' : 'record'}`],
    `CREATE PROCEDURE f(${args})`,
  ]
  return heads.map((head) => `${head} LANGUAGE plpgsql AS ${quote}${routine.body ?? ''}${quote}`)
}

function parseBlock(context: Context, text: string): unknown {
  context.effort.spend(text.length / 4)
  try {
    return parsePlPgSQLSync(text)
  } catch {
    return undefined
  }
}

/** Two rounds: the first finds what variables may hold, the second where they go. */
function follow(context: Context, tree: unknown, path: readonly string[], names: readonly string[]): Value {
  const { embedded, variables, fetchesUnbound, hasBranches } = readTree(tree, names)
  // Which of its variables it hangs on is not followed: the arguments may be among them.
  if (hasBranches) context.uses.use(columnValue([argumentsMark]), 'predicate', 'other')
  const first = round({ ...context, uses: new Uses(context.effort) }, embedded, path, variables, empty)
  const held = merge([first, columnValue([argumentsMark])])
  const value = round(context, embedded, path, variables, { ...held, unknown: undefined })
  if (embedded.some((each) => each.isDynamic)) {
    context.uses.flow({ ...held, unknown: undefined }, 'dynamic_sql')
    return merge([value, lost(context, 'dynamic_sql')])
  }
  return fetchesUnbound ? merge([value, lost(context, 'unknown_cursor')]) : value
}

function round(context: Context, embedded: readonly Embedded[], path: readonly string[], variables: ReadonlySet<string>, held: Value): Value {
  const frame: Frame = { path, isOwnText: false, parameter: () => held, variable: (names) => variables.has(names[0] ?? '') ? held : undefined }
  const values: Value[] = []
  for (const { text } of embedded) {
    const statements = parseDefinition(context, text)
    if (statements === undefined) values.push(lost(context, 'unparsed_routine'))
    else for (const statement of statements) {
      const output = traceAny(context, statement, rootScope(frame))
      values.push(...output.fields.map((field) => flat(field.value)), ...output.open === undefined ? [] : [output.open])
    }
  }
  return { ...merge(values), fields: undefined }
}

/** A block's exceptions are branches, too. */
const branches = new Set(['PLpgSQL_stmt_if', 'PLpgSQL_stmt_case', 'PLpgSQL_stmt_while', 'PLpgSQL_stmt_fori', 'PLpgSQL_stmt_exit', 'PLpgSQL_stmt_foreach_a', 'PLpgSQL_stmt_assert', 'PLpgSQL_exception_block'])

export function readTree(tree: unknown, names: readonly string[]): Block {
  const embedded: Embedded[] = []
  const variables = new Set([...names, 'new', 'old', 'found', 'sqlstate', 'sqlerrm'])
  const dynamic = new Set<unknown>()
  let hasFetch = false
  let hasUnbound = false
  let hasBranches = false
  walk(tree, (body, tag) => {
    hasFetch ||= tag === 'PLpgSQL_stmt_fetch'
    hasBranches ||= branches.has(tag ?? '')
    hasUnbound ||= tag === 'PLpgSQL_var' && body['cursor_explicit_expr'] === undefined && JSON.stringify(body['datatype'] ?? '').includes('refcursor')
    for (const key of ['refname', 'label']) {
      const name = textAt(body, key)
      if (name !== undefined) variables.add(name)
    }
    for (const key of ['dynquery', ...tag === 'PLpgSQL_stmt_dynexecute' || tag === 'PLpgSQL_stmt_dynfors' ? ['query'] : []]) {
      const wrapper = body[key]
      if (typeof wrapper === 'object' && wrapper !== null) dynamic.add((wrapper as Body)['PLpgSQL_expr'])
    }
  })
  walk(tree, (body, tag) => {
    if (tag !== 'PLpgSQL_expr') return
    const query = textAt(body, 'query')
    if (query !== undefined) for (const text of statementsOf(query, numberAt(body, 'parseMode') ?? 0)) embedded.push({ text, isDynamic: dynamic.has(body) })
  })
  return { embedded, variables, fetchesUnbound: hasFetch && hasUnbound, hasBranches }
}

// RawParseMode (parser.h): 0 a statement, 1 a type name, 2 an expression, 3 to 5 an assignment to one to three names.
function statementsOf(query: string, mode: number): readonly string[] {
  if (mode === 0) return [query]
  if (mode === 1) return []
  if (mode === 2) return [`SELECT ${query}`]
  const at = targetEnd(query)
  // What picks a subscript stands in the target.
  return [`SELECT ${query.slice(at).replace(/^:?=/, '')}`, ...query.slice(0, at).includes('[') ? [`SELECT ${query.slice(0, at)}`] : []]
}

/** The first `:=` or `=` outside of names, strings and subscripts; what has none is no statement, and cannot be read. */
function targetEnd(query: string): number {
  let depth = 0
  for (let at = 0; at < query.length; at++) {
    const letter = query[at] ?? ''
    if (letter === '"' || letter === "'") {
      const end = query.indexOf(letter, at + 1)
      if (end < 0) return 0
      at = end
    } else if (letter === '[' || letter === '(') depth++
    else if (letter === ']' || letter === ')') depth--
    else if (depth === 0 && (letter === '=' || letter === ':' && query[at + 1] === '=')) return at
  }
  return 0
}

const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`

function dollarQuote(body: string): string {
  let tag = '$body$'
  for (let at = 0; body.includes(tag); at++) tag = `$body${at}$`
  return tag
}
