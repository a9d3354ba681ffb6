// Parses a view's definition or a routine's body with the server's own grammar.
import { parseTrees } from '../parse-text.ts'
import type { Context } from './context.ts'

/** UTF-16 units; longer definitions and bodies are not read. */
export const maxDefinitionLength = 262_144

/** The statements' nodes, at the cost of one trace; undefined as `statementsIn`. */
export function parseDefinition(context: Context, text: string): readonly unknown[] | undefined {
  if (text.length <= maxDefinitionLength) context.effort.spend(text.length / 8)
  return statementsIn(text)
}

/** undefined for what is too long, or the grammar refuses. */
export function statementsIn(text: string): readonly unknown[] | undefined {
  if (text.length > maxDefinitionLength || text.includes('\0')) return undefined
  if (text.trim() === '') return []
  try {
    return parseTrees(text)
  } catch {
    return undefined
  }
}
