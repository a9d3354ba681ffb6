// A relation's name as the server would resolve it now, with what stands behind it: base tables of a view, parents of a partition.
import { parseSync } from 'libpg-query'
import type { Naming, Relation, RelationUse } from '../analysis.ts'
import { descendants } from '../descendants.ts'
import { systemLabels } from '../system-relations.ts'
import { isNode } from './nodes.ts'

export interface FoundRelation { readonly use: RelationUse; readonly relation: Relation | undefined }

/** Views on views and partitions of partitions, in all. */
const maxBehind = 1_000
/** Of one table that are listed where rows are written: each is on record with each statement. Of more only the table is (DESIGN.md, "PostgreSQL", Every row). */
const maxWrittenParts = 16

export function findRelation(schema: string | undefined, name: string, { snapshot, path }: Naming): FoundRelation {
  const relation = snapshot.findRelation(schema, name, path)
  return { relation, use: relation === undefined ? describe(schema ?? '', name, undefined) : describe(relation.schema, relation.name, relation.oid) }
}

function describe(schema: string, name: string, oid: number | undefined, via?: string): RelationUse {
  const labels = systemLabels(schema, name, oid !== undefined)
  return { schema, name, ...oid === undefined ? {} : { oid }, access: [], ...labels.length === 0 ? {} : { labels }, ...via === undefined ? {} : { via } }
}

/** What is reached through `relation`; `via` names the way. System views stay closed: they are judged by their own name. */
export function expandRelation(relation: Relation, naming: Naming): RelationUse[] {
  const uses: RelationUse[] = []
  const seen = new Set([relation.oid])
  const pending = [relation]
  for (let next = pending.pop(); next !== undefined && seen.size < maxBehind; next = pending.pop()) {
    const via = `${next.schema}.${next.name}`
    for (const behind of [...parentsOf(next, naming), ...sourcesOf(next, naming)]) {
      if (seen.has(behind.oid)) continue
      seen.add(behind.oid)
      uses.push(describe(behind.schema, behind.name, behind.oid, via))
      pending.push(behind)
    }
  }
  return uses
}

/** Partitions and inheriting tables below it: whoever changes the parent may change them. */
export function partsOf(relation: Relation, { snapshot }: Naming, isDdl: boolean): RelationUse[] {
  const parts = relation.children === undefined || relation.children.length === 0 ? [] : descendants(relation, snapshot)
  return parts.length > (isDdl ? maxBehind : maxWrittenParts) ? [] : parts.map(({ schema, name, oid }) => describe(schema, name, oid, `${relation.schema}.${relation.name}`))
}

function parentsOf(relation: Relation, { snapshot }: Naming): Relation[] {
  return relation.parents.flatMap((oid) => snapshot.relation(oid) ?? [])
}

/** `pg_get_viewdef` leaves out schemas that the catalogue reader's search path holds. */
function sourcesOf(relation: Relation, { snapshot }: Naming): Relation[] {
  if (relation.definition === undefined || systemLabels(relation.schema, relation.name, true).length > 0) return []
  return definedNames(relation.definition).flatMap(([schema, name]) => snapshot.findRelation(schema, name, snapshot.path) ?? [])
}

function definedNames(definition: string): readonly (readonly [string | undefined, string])[] {
  const names: (readonly [string | undefined, string])[] = []
  try {
    collectNames(parseSync(definition), names)
  } catch {
    // A definition that cannot be read is lineage's to report.
    return []
  }
  return names
}

function collectNames(value: unknown, names: (readonly [string | undefined, string])[]): void {
  if (Array.isArray(value)) for (const item of value) collectNames(item, names)
  else if (isNode(value)) {
    if (typeof value['relname'] === 'string') names.push([typeof value['schemaname'] === 'string' ? value['schemaname'] : undefined, value['relname']])
    for (const name in value) collectNames(value[name], names)
  }
}
