// Texts whose tree is far longer than they are: of `SET (a, b, …) = source` the grammar gives each column the whole source (gram.y, set_clause), so that
// 4 KB come to 500 MB, and a source with an UPDATE in it multiplies them. The parser's memory never comes back: such a text is not parsed at all.
import { readTokens } from './tokens.ts'

/** Tokens that a text may come to by it, a long one counted as several: some 5 MB of tree. An upsert of a hundred columns from `excluded` is below. */
const maxRepeated = 60_000
/** UTF-16 units that make a token a long one. */
const longUnits = 16
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
  let repeated = 0
  let times = 1
  const leave = (depth: number): void => {
    while ((sources.at(-1)?.depth ?? -1) >= depth) sources.pop()
    times = sources.at(-1)?.times ?? 1
  }
  for (const { kind, start, end } of readTokens(text)) {
    if (kind === 'comment') continue
    const token = kind === 'other' ? text.charAt(start) : end - start === 3 ? text.slice(start, end).toLowerCase() : kind
    if (times > 1) repeated += (1 + Math.floor((end - start) / longUnits)) * times
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
    if (repeated > maxRepeated) return true
    before = token
  }
  return false
}
