// One text through libpg-query, in this thread. The module must be loaded.
import { hasSqlDetails, parseSync } from 'libpg-query'
import type { Shape } from './literals.ts'
import { isRepeatedTooOften } from './repeated.ts'

export type Parsed =
  /** Bodies of the statements, each one `{ SelectStmt: … }`; none for a text of white space and comments. */
  | { readonly status: 'ok'; readonly statements: readonly unknown[]; /** Of a long text, where it was worked out beside the tree (parse-long.ts). */ readonly shape?: Shape }
  | { readonly status: 'error'; readonly message: string; /** 1-based character position, 0 where there is none. */ readonly position: number }

/** Never throws. */
export function parseText(text: string): Parsed {
  // The parser stops at the first NUL, the server does not get one: what stands behind it would go unseen.
  if (text.includes('\0')) return { status: 'error', message: 'the statement holds a NUL byte', position: 0 }
  if (text === '') return { status: 'ok', statements: [] }
  if (isRepeatedTooOften(text)) return { status: 'error', message: 'the statement is too complex', position: 0 }
  try {
    return { status: 'ok', statements: treesOf(text) }
  } catch (error) {
    if (!hasSqlDetails(error)) return { status: 'error', message: 'the statement is nested too deeply', position: 0 }
    // Counted from 0 in characters; an error that has no place is told at 0, too.
    const at = error.sqlDetails?.cursorPosition ?? 0
    return { status: 'error', message: error.message, position: at > 0 || error.message.includes(' at or near "') ? at + 1 : 0 }
  }
}

/** Bodies of the statements. @throws where it is no SQL, or would not be read */
export function parseTrees(text: string): readonly unknown[] {
  if (isRepeatedTooOften(text)) throw new RangeError('the statement is too complex')
  return treesOf(text)
}

function treesOf(text: string): readonly unknown[] {
  return (parseSync(text).stmts ?? []).map(({ stmt }): unknown => stmt)
}
