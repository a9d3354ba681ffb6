// One long text, in the thread that parses it: the tree as JSON, with all that can be worked out without the catalogue already done.
import { foldRows } from './fold.ts'
import { walk } from './lineage/tree.ts'
import { maxShownValues, readShape } from './literals.ts'
import type { Constants, Shape } from './literals.ts'
import { parseText } from './parse-text.ts'
import type { Parsed } from './parse-text.ts'

/** Objects of a tree, rows that repeat others aside; analysing one takes about 1 µs, and nothing else runs meanwhile. 5,000 branches of a CASE are below. */
export const maxParts = 120_000
/** Statements of a text. */
export const maxStatements = 4_096
/** Relations that it names, each time counted: behind one there may be views. */
export const maxRelations = 8_192

/** UTF-16 units of a shape that are sent: twice what is shown of it. */
const maxShapeUnits = 131_072

/** What the thread sends. `trees`: JSON, which is read in a third of the time that a copy takes. */
export type ParsedLong = { readonly status: 'ok'; readonly trees: string; readonly shape: Shape } | Exclude<Parsed, { status: 'ok' }>

/** Never throws. */
export function parseLong(text: string): ParsedLong {
  const parsed = parseText(text)
  if (parsed.status === 'error') return parsed
  const { statements } = parsed
  if (statements.length > maxStatements) return { status: 'error', message: `the text has more than ${maxStatements} statements: send it in parts`, position: 0 }
  const { constants, shape } = readShape(text, marksOf(statements))
  foldRows(statements, maxShownValues)
  const { parts, relations } = count(statements)
  if (parts > maxParts) return { status: 'error', message: `the statement has more than ${maxParts} parts: send it in parts`, position: 0 }
  if (relations > maxRelations) return { status: 'error', message: `the statement names more than ${maxRelations} relations: send it in parts`, position: 0 }
  try {
    // One more than is shown says that there are more.
    return { status: 'ok', trees: JSON.stringify(statements), shape: { constants: constants.slice(0, maxShownValues + 1), shape: shape.slice(0, maxShapeUnits) } }
  } catch {
    return { status: 'error', message: 'the statement is nested too deeply', position: 0 }
  }
}

/** Where they stand; what they meet is for the catalogue to say. */
function marksOf(statements: readonly unknown[]): Constants {
  const locations = new Set<number>()
  const booleans = new Set<number>()
  walk(statements, (body, tag) => {
    if (tag !== 'A_Const') return
    const at = body['location'] ?? 0
    if (typeof at !== 'number') return
    locations.add(at)
    if (body['boolval'] !== undefined) booleans.add(at)
  })
  return { locations, booleans }
}

function count(statements: readonly unknown[]): { readonly parts: number; readonly relations: number } {
  let parts = 0
  let relations = 0
  walk(statements, (body) => {
    parts++
    if (typeof body['relname'] === 'string') relations++
  })
  return { parts, relations }
}
