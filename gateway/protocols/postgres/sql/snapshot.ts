// One reading of the catalogue, indexed by OID and by name. Column lists stay JSON text until a statement asks for the relation.
import type { Cascade, Column, DataType, Relation, Routine, Snapshot } from './analysis.ts'
import { isHarmless, routineClass } from './facts/routine-classes.ts'

export type Cell = string | null
export type Rows = readonly (readonly Cell[])[]

/** The answers to catalogue-queries.ts, in their column order. */
export interface Reading {
  readonly path: readonly string[]
  readonly relations: ReadonlyMap<number, readonly Cell[]>
  readonly inheritance: Rows
  /** By relation and column. The last cell is null where nobody could print it. */
  readonly expressions: ReadonlyMap<string, readonly Cell[]>
  readonly triggers: Rows
  readonly rules: Rows
  /** null: nobody could print it. */
  readonly definitions: ReadonlyMap<number, string | null>
  readonly routines: ReadonlyMap<number, readonly Cell[]>
  readonly types: ReadonlyMap<number, readonly Cell[]>
  readonly operators: Rows
  readonly casts: Rows
  readonly implicitCasts: Rows
  readonly reached: Rows
  readonly policies: Rows
}

/** No expression of SQL: for one that nobody could print, and that nobody must take for none. */
const unreadable = ')'
/** No routine's name: for what nobody could print, which may call any. */
const anyCall = ''

/** What rows were made into, kept from one reading to the next. A row that has not changed is the same object. */
export class Built {
  readonly relations: WeakMap<readonly Cell[], Relation>
  readonly routines: WeakMap<readonly Cell[], Routine>
  readonly types: WeakMap<readonly Cell[], DataType>
  /** By their rows, and the dependencies they were made with. */
  readonly indexes: WeakMap<object, { readonly reached: object; readonly index: RoutineIndex | TypeIndex }>
  /** What a printed text calls, by text. */
  readonly calls: ReadonlyMap<string, readonly string[]>
  /** Of this reading. */
  readonly seen = new Map<string, readonly string[]>()

  /** @param before undefined once pg_catalog's own routines have changed */
  constructor(before: Built | undefined) {
    this.relations = before?.relations ?? new WeakMap()
    this.routines = before?.routines ?? new WeakMap()
    this.types = before?.types ?? new WeakMap()
    this.indexes = before?.indexes ?? new WeakMap()
    this.calls = before?.seen ?? new Map()
  }
}

interface RelationExtras { readRoutines?: number[]; writeRoutines?: number[]; calls?: string[]; policyRelations?: number[]; parents?: number[]; children?: number[]; triggers?: number[]; cascades?: Cascade[]; hasRules?: boolean; expressions?: Map<number, { isGenerated: boolean; text: string }> }

export function buildSnapshot(reading: Reading, built: Built): Snapshot {
  const reached = collectReached(reading.reached)
  const extras = collectExtras(reading, reached, built)
  const relations = new Map<number, Relation>()
  const relationsByName = new Map<string, Map<string, Relation>>()
  for (const [oid, row] of reading.relations) {
    const [more, definition] = [extras.get(oid), reading.definitions.get(oid) ?? undefined]
    const relation = more === undefined && definition === undefined ? kept(built.relations, row, () => new StoredRelation(row, undefined, undefined)) : new StoredRelation(row, more, definition)
    relations.set(relation.oid, relation)
    inner(relationsByName, relation.schema).set(relation.name, relation)
  }
  const { routines, routinesByName } = indexed(built, reading.routines, reading.reached, () => indexRoutines(reading.routines, reached.part, built))
  const { types, typesByName } = indexed(built, reading.types, reading.reached, () => indexTypes(reading.types, reached.type, built))
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

interface RoutineIndex { readonly routines: ReadonlyMap<number, Routine>; readonly routinesByName: ReadonlyMap<string, ReadonlyMap<string, readonly Routine[]>> }
interface TypeIndex { readonly types: ReadonlyMap<number, DataType>; readonly typesByName: ReadonlyMap<string, ReadonlyMap<string, DataType>> }

function indexRoutines(rows: Reading['routines'], partsOf: ReadonlyMap<number, readonly number[]>, built: Built): RoutineIndex {
  const routines = new Map<number, Routine>()
  const routinesByName = new Map<string, Map<string, Routine[]>>()
  for (const [oid, row] of rows) {
    const parts = partsOf.get(oid)
    const routine = parts === undefined ? kept(built.routines, row, () => parseRoutine(row, undefined)) : parseRoutine(row, parts)
    routines.set(oid, routine)
    const named = inner(routinesByName, routine.schema)
    const list = named.get(routine.name)
    if (list === undefined) named.set(routine.name, [routine])
    else list.push(routine)
  }
  return { routines, routinesByName }
}

function indexTypes(rows: Reading['types'], checksOf: ReadonlyMap<number, readonly number[]>, built: Built): TypeIndex {
  const types = new Map<number, DataType>()
  const typesByName = new Map<string, Map<string, DataType>>()
  for (const [oid, row] of rows) {
    const checks = checksOf.get(oid)
    const type = checks === undefined ? kept(built.types, row, () => parseType(row, undefined)) : parseType(row, checks)
    types.set(oid, type)
    inner(typesByName, row[1] ?? '').set(type.name, type)
  }
  return { types, typesByName }
}

/** Of the same rows, and the same dependencies, once. */
function indexed<T extends RoutineIndex | TypeIndex>({ indexes }: Built, rows: object, reached: object, make: () => T): T {
  const known = indexes.get(rows)
  if (known?.reached === reached) return known.index as T
  const index = make()
  indexes.set(rows, { reached, index })
  return index
}

function kept<K extends object, V>(made: WeakMap<K, V>, key: K, make: () => V): V {
  let found = made.get(key)
  if (found === undefined) made.set(key, found = make())
  return found
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
  readonly children: readonly number[]
  readonly cascades: readonly Cascade[]
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
    this.children = extras?.children ?? []
    this.cascades = extras?.cascades ?? []
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
    const listed = JSON.parse(this.#text) as readonly (readonly [number, string, number, number, number?])[]
    this.#columns = listed.map(([attribute, name, type, filled, collation]) => {
      const expression = this.#expressions?.get(attribute)
      const column = { attribute, name, type, isFilled: filled === 1, ...collation === undefined ? {} : { collation: String(collation) } }
      return expression === undefined ? column : { ...column, isGenerated: expression.isGenerated, expression: expression.text }
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
function loudness(routines: Reading['routines']): (name: string) => boolean {
  const known = new Map<string, boolean>()
  const unquiet = new Set([...routines.values()].flatMap((row) => row[1] === 'pg_catalog' && row[5] === 'v' ? row[2] ?? '' : []))
  return (name) => {
    let loud = known.get(name)
    if (loud === undefined) known.set(name, loud = routineClass(name) !== undefined || unquiet.has(name) && !isHarmless(name))
    return loud
  }
}

function collectExtras(reading: Reading, reached: Reached, built: Built): Map<number, RelationExtras> {
  const extras = new Map<number, RelationExtras>()
  let isLoud: ((name: string) => boolean) | undefined
  const callsIn = (text: string | null): readonly string[] => {
    if (text === null) return [anyCall]
    const calls = built.seen.get(text) ?? built.calls.get(text) ?? loudCalls(text, isLoud ??= loudness(reading.routines))
    built.seen.set(text, calls)
    return calls
  }
  const of = (cell: Cell | undefined): RelationExtras => {
    const oid = Number(cell)
    let found = extras.get(oid)
    if (found === undefined) extras.set(oid, found = {})
    return found
  }
  for (const [child, parent] of reading.inheritance) {
    (of(child).parents ??= []).push(Number(parent));
    (of(parent).children ??= []).push(Number(child))
  }
  for (const [relation, routine, referencing, on, access, key, columns] of reading.triggers) {
    if (routine !== null) (of(relation).triggers ??= []).push(Number(routine))
    else (of(relation).cascades ??= []).push({ relation: Number(referencing), on: on === 'delete' ? on : 'update', access: access === 'delete' ? access : 'update', key: numbersIn(key), columns: numbersIn(columns) })
  }
  for (const [relation] of reading.rules) of(relation).hasRules = true
  for (const [relation, routines] of reached.read) of(String(relation)).readRoutines = routines
  for (const [relation, oids] of reached.relation) of(String(relation)).policyRelations = oids
  for (const [relation, routines] of reached.write) of(String(relation)).writeRoutines = routines
  const say = (relation: Cell | undefined, text: string | null): void => {
    const calls = callsIn(text)
    if (calls.length > 0) (of(relation).calls ??= []).push(...calls)
  }
  for (const [oid, text] of reading.definitions) say(String(oid), text)
  for (const [relation, text] of reading.policies) say(relation, text ?? null)
  for (const [relation, attribute, generated, text] of reading.expressions.values()) {
    (of(relation).expressions ??= new Map()).set(Number(attribute), { isGenerated: generated !== null && generated !== undefined && generated !== '', text: text ?? unreadable })
  }
  return extras
}

function numbersIn(cell: Cell | undefined): number[] {
  return JSON.parse(cell ?? '[]') as number[]
}

function parseRoutine(row: readonly Cell[], parts: readonly number[] | undefined): Routine {
  const [modes, names, kinds] = row[12] === null || row[12] === undefined ? [] : JSON.parse(row[12]) as [string[], string[] | null, number[]]
  const isTrue = (cell: Cell | undefined): boolean => cell === 'true' || cell === 't'
  const allNames = row[13] === null || row[13] === undefined ? [] : JSON.parse(row[13]) as string[]
  const argumentNames = modes === undefined ? allNames : allNames.filter((_, at) => modes[at] === 'i' || modes[at] === 'b' || modes[at] === 'v')
  const given = modes?.flatMap((mode, at) => mode === 'o' || mode === 'b' || mode === 't' ? [{ name: names?.[at] ?? '', type: kinds?.[at] ?? 0 }] : [])
  // Columns without a name are counted; a single one is called what the call is (build_function_result_tupdesc_d, chooseScalarFunctionAlias).
  const results = given?.length === 1 ? given : given?.map(({ name, type }, at) => ({ name: name || `column${at + 1}`, type }))
  return {
    oid: Number(row[0]), schema: row[1] ?? '', name: row[2] ?? '', kind: row[3] ?? '', language: row[4] ?? '', volatility: row[5] ?? 'v',
    isSecurityDefiner: isTrue(row[6]), returnsSet: isTrue(row[7]), returnType: Number(row[8]), argumentCount: Number(row[9]), defaultCount: Number(row[10]), isVariadic: Number(row[11]) !== 0,
    argumentNames,
    ...typeof row[18] === 'string' && row[18] !== '' ? { argumentTypes: row[18].split(' ').map(Number) } : {},
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
