// What a statement stands on beside its bytes and the OIDs of what it names: an OID stays when a view, a function, a trigger or a partition is
// put in place of another, and an approval is for what was there when a person looked (DESIGN.md, "PostgreSQL", Approval).
import { hash } from 'node:crypto'
import type { Relation, Routine, Snapshot, Statement } from '../sql/analysis.ts'
import { isSystemSchema } from '../sql/system-relations.ts'

/** @returns SHA-256 in base64 over everything that the catalogue says of what these statements name, reach, call and fire */
export function definitionsOf(statements: readonly Statement[], { snapshot, path }: { readonly snapshot: Snapshot; readonly path: readonly string[] }): string {
  const relations = new Map<number, Relation>()
  const routines = new Map<number, Routine>()
  const call = (oid: number): void => { const routine = snapshot.routine(oid); if (routine !== undefined) routines.set(oid, routine) }
  for (const statement of statements) {
    for (const { oid } of statement.relations) { const relation = oid === undefined ? undefined : snapshot.relation(oid); if (relation !== undefined) relations.set(relation.oid, relation) }
    for (const { schema, name } of statement.routines) if (!isSystemSchema(schema)) for (const routine of snapshot.findRoutines(schema, name, path)) routines.set(routine.oid, routine)
  }
  for (const { triggers = [], readRoutines = [], writeRoutines = [] } of relations.values()) for (const oid of [...triggers, ...readRoutines, ...writeRoutines]) call(oid)
  for (const { parts = [] } of [...routines.values()]) for (const oid of parts) call(oid)
  return hash('sha256', JSON.stringify([sorted(relations).map(saidOfRelation), sorted(routines).map(saidOfRoutine)]), 'base64')
}

function saidOfRelation({ oid, kind, definition, columns, parents, children, triggers, cascades, hasRules, readRoutines, writeRoutines, policyRelations, calls }: Relation): unknown {
  const unordered = [parents, children, triggers, cascades, readRoutines, writeRoutines, policyRelations, calls].map((list = []) => list.map((each) => JSON.stringify(each)).sort())
  return [oid, kind, definition, columns, hasRules, unordered]
}

function saidOfRoutine({ oid, language, volatility, isSecurityDefiner, body, defaults, searchPath, parts }: Routine): unknown {
  return [oid, language, volatility, isSecurityDefiner, body, defaults, searchPath, parts]
}

function sorted<T>(byOid: ReadonlyMap<number, T>): T[] {
  return [...byOid].sort(([a], [b]) => a - b).map(([, each]) => each)
}
