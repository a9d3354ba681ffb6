// What a plan may print beside the statement's own words: planning runs routines to get constants, wherever they stand, and shows what they gave
// (eval_const_expressions in clauses.c): of views, policies, defaults, domains, operators and casts as well.
import type { BaseColumn, Lineage, Naming, Routine } from '../analysis.ts'
import { bodyOfRoutine } from '../bodies.ts'
import { Notes } from './notes.ts'
import { walkBody } from './walk.ts'

/** @param met every routine of somebody's own that the statement leads to. @returns undefined where they read nothing */
export function foldedInto(met: Iterable<Routine>, naming: Naming): Lineage | undefined {
  const relations = new Set<number>()
  const reached = new Set<number>()
  let isWhole = true
  for (const routine of met) {
    // C code that is not volatile is trusted, as everywhere.
    if (routine.kind === 'a' || (routine.language === 'c' || routine.language === 'internal') && routine.volatility !== 'v') continue
    const body = bodyOfRoutine(routine, naming)
    if (body === undefined || !body.isWhole) { isWhole = false; continue }
    const inside = new Notes({ snapshot: naming.snapshot, path: body.path }, reached)
    walkBody(inside, body.statements)
    if (inside.unknown.size > 0) isWhole = false
    for (const { use: { oid } } of inside.relations.values()) if (oid !== undefined) relations.add(oid)
  }
  if (isWhole && relations.size === 0) return undefined
  const columns = [...relations].flatMap((oid): BaseColumn[] => naming.snapshot.relation(oid)?.columns.map(({ attribute }) => ({ relation: oid, attribute })) ?? [])
  return { columns, ...isWhole ? {} : { unknown: 'explain' } }
}
