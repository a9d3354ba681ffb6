// A relation that is named: itself, what it leads to (a view's tables, a partition's parents), and what runs when it is read or written.
import type { Access, Relation } from '../analysis.ts'
import { descendants } from '../descendants.ts'
import { isNode, textOf, type Node } from './nodes.ts'
import type { Notes } from './notes.ts'
import { found, typesReached } from './calls.ts'
import { note, reach } from './reached.ts'
import { expandRelation, findRelation, partsOf } from './relations.ts'
import { findRoutine } from './routines.ts'
import type { Scope } from './walk.ts'

/** A RangeVar wherever it stands; a CTE of that name hides the relation from what only reads. */
export function named(notes: Notes, range: Node, scope: Scope, access: Access): void {
  const name = range['relname'] as string
  if (access === 'read' && range['schemaname'] === undefined && isCte(scope, name)) return
  use(notes, range, [access])
}

function isCte(scope: Scope, name: string): boolean {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) if (at.names.has(name)) return true
  return false
}

/** Columns that an UPDATE sets; undefined: any. */
export type SetColumns = ReadonlySet<string> | undefined

export function target(notes: Notes, relation: unknown, access: readonly Access[], set?: SetColumns): void {
  if (isNode(relation) && typeof relation['relname'] === 'string') use(notes, relation, access, set)
  else if (relation !== undefined) notes.unknown.add('unresolved_relation')
}

export function use(notes: Notes, range: Node, access: readonly Access[], set?: SetColumns): void {
  const { naming } = notes
  const said: readonly Access[] = notes.isDry ? ['read'] : access
  const { use: own, relation } = findRelation(textOf(range['schemaname']), String(range['relname']), naming)
  if (relation === undefined && !access.every((one) => one === 'ddl' || one === 'insert' && access.includes('ddl'))) notes.unknown.add('unresolved_relation')
  notes.relation(own, said)
  if (relation === undefined) return
  // Of what only inherits, nothing is inserted into.
  const changed = said.filter((one) => one !== 'read' && one !== 'lock' && (one !== 'insert' || relation.kind === 'p'))
  const isOnly = range['relpersistence'] !== undefined && range['inh'] !== true
  if (changed.length > 0 && !isOnly) for (const part of partsOf(relation, naming, said.includes('ddl'))) notes.relation(part, changed)
  // What is done to a partition is done to the whole.
  if (said.includes('ddl') && relation.kind !== 'v' && relation.kind !== 'm') for (const whole of expandRelation(relation, naming)) notes.relation(whole, ['ddl'])
  // A view's definition can change and its base tables stay; filling a materialised view reads them.
  const behind = said.filter((one) => one !== 'ddl')
  if (behind.length === 0) return
  runsBehind(notes, relation, behind, set)
  for (const each of expandRelation(relation, naming)) {
    notes.relation(each, relation.kind === 'm' ? ['read'] : behind)
    const further = each.oid === undefined ? undefined : naming.snapshot.relation(each.oid)
    // A view may call a column something else.
    if (further !== undefined && relation.kind !== 'm') runsBehind(notes, further, behind, relation.kind === 'v' ? undefined : set)
  }
}

/** What runs when the relation is read or written, though nobody calls it. */
function runsBehind(notes: Notes, relation: Relation, access: readonly Access[], set: SetColumns): void {
  reach(notes, relation.readRoutines ?? [])
  for (const oid of relation.policyRelations ?? []) policyReads(notes, oid)
  for (const name of relation.calls ?? []) found(notes, findRoutine(['pg_catalog', name], 0, notes.naming))
  if (access.some((one) => one === 'insert' || one === 'update')) typesReached(notes, relation.columns.map(({ type }) => type))
  cascades(notes, relation, access, set)
  if (!access.some((one) => one !== 'read' && one !== 'lock')) return
  // A row is its partition's or its own table's: what is there runs, whichever table the statement names.
  for (const each of [relation, ...descendants(relation, notes.naming.snapshot)]) {
    for (const oid of [...each.triggers ?? [], ...each.writeRoutines ?? []]) note(notes, oid)
    if (each !== relation) cascades(notes, each, access, set)
  }
}

/** An UPDATE that leaves the key alone does nothing to the other table's rows, which may all the same be named by its error. */
function cascades(notes: Notes, relation: Relation, access: readonly Access[], set: SetColumns): void {
  for (const { relation: oid, on, access: done, key: attributes, columns } of relation.cascades ?? []) {
    const isDone = on === 'delete' || set === undefined || relation.columns.some(({ attribute, name, isGenerated }) => attributes.includes(attribute) && (set.has(name) || isGenerated === true))
    const key = `${oid} ${done} ${isDone}`
    if (!access.includes(on) || notes.cascaded.has(key)) continue
    notes.cascaded.add(key)
    const behind = notes.naming.snapshot.relation(oid)
    if (behind === undefined) notes.unknown.add('unresolved_relation')
    else if (isDone) use(notes, { schemaname: behind.schema, relname: behind.name }, [done], namesIn(behind, columns))
    else {
      notes.relation({ ...findRelation(behind.schema, behind.name, notes.naming).use, via: `${relation.schema}.${relation.name}` }, ['read'])
      runsBehind(notes, behind, ['update'], new Set())
    }
  }
}

function namesIn(relation: Relation, attributes: readonly number[]): ReadonlySet<string> {
  return new Set(relation.columns.flatMap(({ attribute, name }) => attributes.includes(attribute) ? [name] : []))
}

function policyReads(notes: Notes, oid: number): void {
  const relation = notes.naming.snapshot.relation(oid)
  if (relation === undefined || notes.policyRelations.has(oid)) return
  notes.policyRelations.add(oid)
  use(notes, { schemaname: relation.schema, relname: relation.name }, ['read'])
}
