// `indexof_n` and `strings.*`, as OPA's topdown answers them. Positions are of code points, prefixes are of text as written.
import { intOf, number, ofTexts, textsOf } from './operand.ts'
import type { Family } from './operand.ts'
import type { Value } from './value.ts'

/** Comparisons of two texts in one call. */
const maxComparisons = 4_194_304

export const strings: Family = [
  ['indexof_n', ofTexts(indexOfN)],
  ['strings.count', ofTexts((text, part) => number(part === '' ? [...text].length + 1 : text.split(part).length - 1))],
  ['strings.any_prefix_match', (texts, prefixes) => anyMatch(texts, prefixes, (text, prefix) => text.startsWith(prefix))],
  ['strings.any_suffix_match', (texts, suffixes) => anyMatch(texts, suffixes, (text, suffix) => text.endsWith(suffix))],
  ['strings.split_n', splitN],
]

// Occurrences may overlap.
function indexOfN(text: string, part: string): Value | undefined {
  if (part === '') return undefined
  const found: Value[] = []
  let counted = 0
  let points = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) {
    for (; counted < at; counted++) {
      // The second half of a surrogate pair is no character of its own.
      const unit = text.charCodeAt(counted)
      if (unit < 0xdc00 || unit > 0xdfff) points++
    }
    found.push(number(points))
  }
  return { array: found }
}

function anyMatch(left: Value, right: Value, matches: (text: string, affix: string) => boolean): Value | undefined {
  const texts = typeof left === 'string' ? [left] : textsOf(left)
  const affixes = typeof right === 'string' ? [right] : textsOf(right)
  if (!texts || !affixes || texts.length * affixes.length > maxComparisons) return undefined
  return texts.some(text => affixes.some(affix => matches(text, affix)))
}

/** The first n pieces; for a negative n the last. */
function splitN(text: Value, delimiter: Value, count: Value): Value | undefined {
  const n = intOf(count)
  if (typeof text !== 'string' || typeof delimiter !== 'string' || n === undefined) return undefined
  const pieces = delimiter === '' ? [...text] : text.split(delimiter)
  const size = Number(n)
  if (n < 0n) return { array: pieces.slice(Math.max(pieces.length + size, 0)) }
  if (n === 0n) return { array: [] }
  return { array: pieces.slice(0, size) }
}
