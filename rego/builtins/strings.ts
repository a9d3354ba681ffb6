// `indexof_n` and `strings.*`, as OPA's topdown answers them. Positions are of code points; texts are compared as they are written.
import { intOf, number, ofTexts, textsOf } from './operand.ts'
import type { Family, MakerFamily } from './operand.ts'
import { occurrences } from './search.ts'
import type { Spend, Value } from './value.ts'

/** Characters that one call may compare, and texts that it may pair. */
const maxCompared = 16_777_216

export const strings: Family = [
  ['indexof_n', ofTexts(indexOfN)],
  ['strings.count', ofTexts((text, part) => number(part === '' ? [...text].length + 1 : occurrences(text, part, false).length))],
  ['strings.split_n', splitN],
]

export const affixes: MakerFamily = [
  ['strings.any_prefix_match', spend => (texts, prefixes) => anyMatch(texts, prefixes, (text, prefix) => text.startsWith(prefix), spend)],
  ['strings.any_suffix_match', spend => (texts, suffixes) => anyMatch(texts, suffixes, (text, suffix) => text.endsWith(suffix), spend)],
]

function indexOfN(text: string, part: string): Value | undefined {
  if (part === '') return undefined
  let units = 0
  let points = 0
  const array = occurrences(text, part, true).map(at => {
    for (; units < at; units++) {
      // The second half of a surrogate pair is no character of its own.
      const unit = text.charCodeAt(units)
      if (unit < 0xdc00 || unit > 0xdfff) points++
    }
    return number(points)
  })
  return { array }
}

function anyMatch(left: Value, right: Value, matches: (text: string, affix: string) => boolean, spend: Spend): Value | undefined {
  const texts = typeof left === 'string' ? [left] : textsOf(left)
  const affixes = typeof right === 'string' ? [right] : textsOf(right)
  if (!texts || !affixes) return undefined
  const compared = texts.length * affixes.reduce((sum, affix) => sum + affix.length + 1, 0)
  spend(compared)
  if (compared > maxCompared) return undefined
  return texts.some(text => affixes.some(affix => matches(text, affix)))
}

/** The first n pieces; for a negative n the last. */
function splitN(text: Value, delimiter: Value, count: Value): Value | undefined {
  const n = intOf(count)
  if (typeof text !== 'string' || typeof delimiter !== 'string' || n === undefined) return undefined
  const pieces = split(text, delimiter)
  return { array: n < 0n ? pieces.slice(Math.max(pieces.length + Number(n), 0)) : pieces.slice(0, Number(n)) }
}

function split(text: string, delimiter: string): string[] {
  if (delimiter === '') return [...text]
  const pieces: string[] = []
  let start = 0
  for (const at of occurrences(text, delimiter, false)) {
    pieces.push(text.slice(start, at))
    start = at + delimiter.length
  }
  return [...pieces, text.slice(start)]
}
