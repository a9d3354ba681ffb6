// Parses a view's definition or a routine's body with the server's own grammar.
import { parseTrees } from '../parse-text.ts'
import type { Context } from './context.ts'

/** Longer definitions are not read. */
const maxDefinitionLength = 262_144

/** The statements' nodes; undefined for what the grammar refuses. */
export function parseText(context: Context, text: string): readonly unknown[] | undefined {
  if (text.length > maxDefinitionLength || text.includes('\0')) return undefined
  context.effort.spend(text.length / 8)
  if (text.trim() === '') return []
  try {
    return parseTrees(text)
  } catch {
    return undefined
  }
}
