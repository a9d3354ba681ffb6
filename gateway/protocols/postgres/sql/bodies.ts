// What a routine's body runs, as parse trees: for routines that a statement reaches without calling them.
import { parsePlPgSQLSync } from 'libpg-query'
import type { Naming, Routine } from './analysis.ts'
import { maxDefinitionLength, statementsIn } from './lineage/definitions.ts'
import { blockTexts, readTree } from './lineage/plpgsql.ts'
import { pathOf, standardBody, standardText } from './lineage/routines.ts'

/** `isWhole`: nothing in it is put together at run time, or could not be read. */
export interface Body { readonly statements: readonly unknown[]; readonly path: readonly string[]; readonly isWhole: boolean }

/** undefined: nobody can read it. */
export function bodyOfRoutine(routine: Routine, naming: Naming): Body | undefined {
  const { language, body } = routine
  const path = routine.isBodyResolved === true ? naming.snapshot.path : pathOf(naming, routine)
  if (body === undefined || path === undefined || body.length > maxDefinitionLength || body.includes('\0')) return undefined
  if (language === 'plpgsql') return blockOf(routine, path)
  if (language !== 'sql') return undefined
  const statements = routine.isBodyResolved === true ? standardBody(statementsIn(standardText(routine))) : statementsIn(body)
  return statements === undefined ? undefined : { statements, path, isWhole: true }
}

function blockOf(routine: Routine, path: readonly string[]): Body | undefined {
  const tree = firstTree(blockTexts(routine))
  if (tree === undefined) return undefined
  const statements: unknown[] = []
  let isWhole = true
  for (const { text, isDynamic } of readTree(tree, []).embedded) {
    const found = statementsIn(text)
    if (isDynamic || found === undefined) isWhole = false
    if (found !== undefined) statements.push(...found)
  }
  return { statements, path, isWhole }
}

function firstTree(texts: readonly string[]): unknown {
  for (const text of texts) {
    try {
      return parsePlPgSQLSync(text)
    } catch { /* The next head is tried. */ }
  }
  return undefined
}
