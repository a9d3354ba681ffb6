// One reading of the catalogue, indexed by OID and by name. Column lists stay JSON text until a statement asks for the relation.
import type { Column, DataType, Relation, Routine, Snapshot } from './analysis.ts'
import { isHarmless, routineClass } from './facts/routine-classes.ts'

export type Cell = string | null
export type Rows = readonly (readonly Cell[])[]

/** The answers to catalogue-queries.ts, in their column order. */
export interface Reading {
  readonly path: readonly string[]
  readonly relations: Rows
  readonly inheritance: Rows
  readonly expressions: Rows
  readonly triggers: Rows
  readonly rules: Rows
  readonly definitions: ReadonlyMap<number, string>
  readonly routines: Rows
  readonly types: Rows
  readonly operators: Rows
  readonly casts: Rows
  readonly implicitCasts: Rows
  readonly reached: Rows
  readonly policies: Rows
}

interface RelationExtras { readRoutines?: number[]; writeRoutines?: number[]; calls?: string[]; policyRelations?: number[]; parents?: number[]; triggers?: number[]; hasRules?: boolean; expressions?: Map<number, { isGenerated: boolean; text: string }> }

export function buildSnapshot(reading: Reading): Snapshot {
  const reached = collectReached(reading.reached)
  const extras = collectExtras(reading, reached)
  const relations = new Map<number, Relation>()
  const relationsByName = new Map<string, Map<string, Relation>>()
  for (const row of reading.relations) {
    const relation = new StoredRelation(row, extras.get(Number(row[0])), reading.definitions.get(Number(row[0])))
    relations.set(relation.oid, relation)
    inner(relationsByName, relation.schema).set(relation.name, relation)
  }
  const routines = new Map<number, Routine>()
  const routinesByName = new Map<string, Map<string, Routine[]>>()
  for (const row of reading.routines) {
    const routine = parseRoutine(row, reached.part.get(Number(row[0])))
    routines.set(routine.oid, routine)
    const named = inner(routinesByName, routine.schema)
    const list = named.get(routine.name)
    if (list === undefined) named.set(routine.name, [routine])
    else list.push(routine)
  }
  const types = new Map<number, DataType>()
  const typesByName = new Map<string, Map<string, DataType>>()
  for (const row of reading.types) {
    const type = parseType(row, reached.type.get(Number(row[0])))
    types.set(type.oid, type)
    inner(typesByName, row[1] ?? '').set(type.name, type)
  }
  const operators = collect(reading.operators, (key) => key)
  const casts = collect(reading.casts, Number)
  return {
    path: reading.path,
    relations: { [Symbol.iterator]: () => relations.values() },
    relation: (oid) => relations.get(oid),
    routine: (oid) => routines.get(oid),
    type: (oid) => types.get(oid),
    operators: (name) => operators.get(name) ?? [],
    casts: (type) => casts.get(type) ?? [],
    implicitCasts: reading.implicitCasts.map(([oid]) => Number(oid)),
    findRelation: (schema, name, path) => lookUp(relationsByName, schema, name, relationPath(path)),
    findType: (schema, name, path) => lookUp(typesByName, schema, name, relationPath(path)),
    findRoutines: (schema, name, path) => {
      if (schema !== undefined) return routinesByName.get(schemaOf(schema, path))?.get(name) ?? []
      return routinePath(path).flatMap((each) => routinesByName.get(each)?.get(name) ?? [])
    },
  }
}

/** `current_schemas(true)` has the temporary schema and pg_catalog in their places already; a path without pg_catalog gets it before all but a leading pg_temp (manual, `search_path`). */
function relationPath(path: readonly string[]): readonly string[] {
  if (path.includes('pg_catalog')) return path
  const [first, ...rest] = path
  return first !== undefined && isTemporarySchema(first) ? [first, 'pg_catalog', ...rest] : ['pg_catalog', ...path]
}

/** Routines and operators are never looked for in the temporary schema. */
function routinePath(path: readonly string[]): readonly string[] {
  const permanent = path.filter((each) => !isTemporarySchema(each))
  return permanent.includes('pg_catalog') ? permanent : ['pg_catalog', ...permanent]
}

const isTemporarySchema = (schema: string): boolean => schema.startsWith('pg_temp_')
/** `pg_temp` names the session's own temporary schema, whatever its number. */
const schemaOf = (schema: string, path: readonly string[]): string => schema === 'pg_temp' ? path.find(isTemporarySchema) ?? schema : schema

function lookUp<T>(index: ReadonlyMap<string, ReadonlyMap<string, T>>, schema: string | undefined, name: string, path: readonly string[]): T | undefined {
  if (schema !== undefined) return index.get(schemaOf(schema, path))?.get(name)
  for (const each of path) {
    const found = index.get(each)?.get(name)
    if (found !== undefined) return found
  }
  return undefined
}

class StoredRelation implements Relation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly rowType: number
  readonly isTemporary: boolean
  readonly definition?: string
  readonly parents: readonly number[]
  readonly triggers: readonly number[]
  readonly hasRules: boolean
  readonly readRoutines: readonly number[]
  readonly writeRoutines: readonly number[]
  readonly calls: readonly string[]
  readonly policyRelations: readonly number[]
  readonly #expressions: RelationExtras['expressions']
  #text: string | undefined
  #columns: readonly Column[] = []

  constructor(row: readonly Cell[], extras: RelationExtras | undefined, definition: string | undefined) {
    this.oid = Number(row[0])
    this.schema = row[1] ?? ''
    this.name = row[2] ?? ''
    this.kind = row[3] ?? ''
    this.rowType = Number(row[4])
    this.isTemporary = row[5] === 't'
    this.#text = row[6] ?? '[]'
    if (definition !== undefined) this.definition = definition
    this.parents = extras?.parents ?? []
    this.triggers = extras?.triggers ?? []
    this.hasRules = extras?.hasRules ?? false
    this.readRoutines = extras?.readRoutines ?? []
    this.writeRoutines = extras?.writeRoutines ?? []
    this.calls = extras?.calls ?? []
    this.policyRelations = extras?.policyRelations ?? []
    this.#expressions = extras?.expressions
  }

  get columns(): readonly Column[] {
    if (this.#text === undefined) return this.#columns
    const listed = JSON.parse(this.#text) as readonly (readonly [number, string, number])[]
    this.#columns = listed.map(([attribute, name, type]) => {
      const expression = this.#expressions?.get(attribute)
      return expression === undefined ? { attribute, name, type } : { attribute, name, type, isGenerated: expression.isGenerated, expression: expression.text }
    })
    this.#text = undefined
    return this.#columns
  }
}

type Reached = Readonly<Record<'read' | 'write' | 'type' | 'part' | 'relation', Map<number, number[]>>>

function collectReached(rows: Rows): Reached {
  const of = (moment: string): Map<number, number[]> => collect(rows.filter((row) => row[0] === moment).map((row) => row.slice(1)), Number)
  return { read: of('read'), write: of('write'), type: of('type'), part: of('part'), relation: of('relation') }
}

/** Names in front of a parenthesis; those in strings do no harm. */
function loudCalls(text: string, isLoud: (name: string) => boolean): string[] {
  return [...new Set([...text.matchAll(/([a-z_][a-z0-9_]*)\(/g)].map(([, name]) => name ?? ''))].filter(isLoud)
}

/** Built-ins that do more than compute: what a definition may hide behind a plain SELECT. */
function loudness(routines: Rows): (name: string) => boolean {
  const known = new Map<string, boolean>()
  const unquiet = new Set(routines.filter((row) => row[1] === 'pg_catalog' && row[5] === 'v').map((row) => row[2] ?? ''))
  return (name) => {
    let loud = known.get(name)
    if (loud === undefined) known.set(name, loud = routineClass(name) !== undefined || unquiet.has(name) && !isHarmless(name))
    return loud
  }
}

function collectExtras(reading: Reading, reached: Reached): Map<number, RelationExtras> {
  const extras = new Map<number, RelationExtras>()
  const isLoud = loudness(reading.routines)
  const of = (cell: Cell | undefined): RelationExtras => {
    const oid = Number(cell)
    let found = extras.get(oid)
    if (found === undefined) extras.set(oid, found = {})
    return found
  }
  for (const [child, parent] of reading.inheritance) (of(child).parents ??= []).push(Number(parent))
  for (const [relation, routine] of reading.triggers) (of(relation).triggers ??= []).push(Number(routine))
  for (const [relation] of reading.rules) of(relation).hasRules = true
  for (const [relation, routines] of reached.read) of(String(relation)).readRoutines = routines
  for (const [relation, oids] of reached.relation) of(String(relation)).policyRelations = oids
  for (const [relation, routines] of reached.write) of(String(relation)).writeRoutines = routines
  for (const [relation, text] of [...reading.definitions].map(([oid, text]) => [String(oid), text] as const).concat(reading.policies.map(([oid, text]) => [oid ?? '', text ?? '']))) {
    const calls = loudCalls(text, isLoud)
    if (calls.length > 0) (of(relation).calls ??= []).push(...calls)
  }
  for (const [relation, attribute, generated, text] of reading.expressions) {
    if (typeof text === 'string') (of(relation).expressions ??= new Map()).set(Number(attribute), { isGenerated: generated !== null && generated !== undefined && generated !== '', text })
  }
  return extras
}

function parseRoutine(row: readonly Cell[], parts: readonly number[] | undefined): Routine {
  const [modes, names, kinds] = row[12] === null || row[12] === undefined ? [] : JSON.parse(row[12]) as [string[], string[] | null, number[]]
  const isTrue = (cell: Cell | undefined): boolean => cell === 'true' || cell === 't'
  const allNames = row[13] === null || row[13] === undefined ? [] : JSON.parse(row[13]) as string[]
  const argumentNames = modes === undefined ? allNames : allNames.filter((_, at) => modes[at] === 'i' || modes[at] === 'b' || modes[at] === 'v')
  const results = modes?.flatMap((mode, at) => mode === 'o' || mode === 'b' || mode === 't' ? [{ name: names?.[at] || `column${at + 1}`, type: kinds?.[at] ?? 0 }] : [])
  return {
    oid: Number(row[0]), schema: row[1] ?? '', name: row[2] ?? '', kind: row[3] ?? '', language: row[4] ?? '', volatility: row[5] ?? 'v',
    isSecurityDefiner: isTrue(row[6]), returnsSet: isTrue(row[7]), returnType: Number(row[8]), argumentCount: Number(row[9]), defaultCount: Number(row[10]), isVariadic: Number(row[11]) !== 0,
    argumentNames,
    ...parts === undefined ? {} : { parts },
    ...results !== undefined && results.length > 0 ? { results } : {},
    ...typeof row[14] === 'string' ? { body: row[14] } : {},
    ...isTrue(row[15]) ? { isBodyResolved: true } : {},
    ...typeof row[17] === 'string' ? { defaults: row[17] } : {},
    ...typeof row[16] === 'string' ? { searchPath: row[16].slice('search_path='.length) } : {},
  }
}

function parseType(row: readonly Cell[], routines: readonly number[] | undefined): DataType {
  const [base, element, relation] = [Number(row[5]), Number(row[6]), Number(row[7])]
  return { oid: Number(row[0]), name: row[2] ?? '', kind: row[3] ?? '', category: row[4] ?? '', ...base !== 0 ? { base } : {}, ...element !== 0 ? { element } : {}, ...relation !== 0 ? { relation } : {}, ...routines === undefined ? {} : { routines } }
}

function collect<K>(rows: Rows, keyOf: (cell: string) => K): Map<K, number[]> {
  const found = new Map<K, number[]>()
  for (const [key, oid] of rows) {
    const list = found.get(keyOf(key ?? ''))
    if (list === undefined) found.set(keyOf(key ?? ''), [Number(oid)])
    else list.push(Number(oid))
  }
  return found
}

function inner<T>(index: Map<string, Map<string, T>>, schema: string): Map<string, T> {
  let found = index.get(schema)
  if (found === undefined) index.set(schema, found = new Map())
  return found
}
