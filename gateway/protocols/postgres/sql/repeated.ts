// Texts whose tree is far longer than they are: of `SET (a, b, …) = source` the grammar gives each column the whole source (gram.y, set_clause), so that
// 4 KB come to 500 MB, and a source with an UPDATE in it multiplies them. The parser's memory never comes back: such a text is not parsed at all.
import { readTokens } from './tokens.ts'

/** UTF-16 units that a text may come to by it; a column of fifty in a row of a thousand units is far below. */
const maxRepeatedUnits = 60_000
/** Shorter ones cannot come to that. */
const minUnits = 100

/** A source that is being repeated: at which depth it stands, and how often each unit of it will. */
interface Source { readonly depth: number; readonly times: number }

/** Linear in the text. What only looks like a SET clause counts as one. */
export function isRepeatedTooOften(text: string): boolean {
  if (text.length < minUnits || !/set/i.test(text) || !/\)\s*(?:=|--|\/\*)/.test(text)) return false
  const sources: Source[] = []
  /** Of each parenthesis that is open: its commas, and whether a SET list may go on with it. */
  const open: { commas: number; readonly isTarget: boolean }[] = []
  let closed = 1
  let before = ''
  let units = 0
  let times = 1
  const leave = (depth: number): void => {
    while ((sources.at(-1)?.depth ?? -1) >= depth) sources.pop()
    times = sources.at(-1)?.times ?? 1
  }
  for (const { kind, start, end } of readTokens(text)) {
    if (kind === 'comment') continue
    const token = kind === 'other' ? text.charAt(start) : end - start === 3 ? text.slice(start, end).toLowerCase() : kind
    if (times > 1) units += (end - start) * times
    if (token === '(') open.push({ commas: 0, isTarget: before === 'set' || before === ',' })
    else if (token === ')') {
      const last = open.pop()
      leave(open.length + 1)
      closed = last?.isTarget === true ? last.commas + 1 : 1
    } else if (token === ',' || token === ';') {
      leave(open.length)
      const inner = open.at(-1)
      if (inner !== undefined) inner.commas++
    } else if (token === '=' && before === ')' && closed > 1) {
      times *= closed
      sources.push({ depth: open.length, times })
    }
    if (units > maxRepeatedUnits) return true
    before = token
  }
  return false
}
