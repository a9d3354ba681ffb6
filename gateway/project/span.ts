// Replaces found spans of a string by `⟦class:token⟧`: a closed alphabet and a maximum length, whatever was there.
import type { Finding } from '../sensitive/finding.ts'
import type { Tokens } from '../sensitive/tokens.ts'

/** U+27E6 and U+27E7: only the projection writes them. */
const OPEN = '\u27e6'
const CLOSE = '\u27e7'

/**
 * A caller who types the brackets gets `[[` and `]]`, so nothing he sends can pass for a token.
 * @param isExact tokens tell spellings apart (member names: two spellings must not become one name)
 */
export function replaceSpans(text: string, found: readonly Finding[], tokens: Tokens, isExact: boolean): string {
  if (found.length === 0) return neutralise(text)
  let replaced = ''
  let at = 0
  for (const { start, end, class: name } of found) {
    const value = text.slice(start, end)
    replaced += `${neutralise(text.slice(at, start))}${OPEN}${name}:${tokens.token(name, isExact ? JSON.stringify(value) : value)}${CLOSE}`
    at = end
  }
  return replaced + neutralise(text.slice(at))
}

function neutralise(text: string): string {
  if (!text.includes(OPEN) && !text.includes(CLOSE)) return text
  return text.replaceAll(OPEN, '[[').replaceAll(CLOSE, ']]')
}
