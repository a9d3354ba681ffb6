// The partitions and inheriting tables below a relation: whoever reads or writes it reads or writes their rows.
import type { Relation, Snapshot } from './analysis.ts'

/** More are not looked at. */
const maxChildren = 10_000

/** Theirs included, each once. */
export function descendants(relation: Relation, snapshot: Snapshot): readonly Relation[] {
  const found = new Set<Relation>()
  const pending = [...relation.children ?? []]
  for (let oid = pending.pop(); oid !== undefined && found.size < maxChildren; oid = pending.pop()) {
    const child = snapshot.relation(oid)
    if (child === undefined || found.has(child)) continue
    found.add(child)
    pending.push(...child.children ?? [])
  }
  return [...found]
}
