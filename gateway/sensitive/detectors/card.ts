// Payment card numbers (ISO/IEC 7812): 13–19 digits, issuer prefix with its lengths, Luhn check digit; bare or in groups of 3 to 6.
import { isNear } from '../context.ts'
import type { Search } from '../finding.ts'

// A run of digits with at most one separator between two of them; unbounded, because each exec consumes what it matched.
const RUN = /(?<![\d]|\d[.,])\d(?:[ .-]?\d){12,}/g
const MIN_DIGITS = 13
const MAX_DIGITS = 19

export function findCards(search: Search): void {
  const { text } = search
  RUN.lastIndex = 0
  for (let match = RUN.exec(text); match !== null; match = RUN.exec(text)) scanRun(search, match.index, match.index + match[0].length)
}

/** Tries every window of whole groups with 13 to 19 digits: at most 19 groups from each start. */
function scanRun(search: Search, from: number, to: number): void {
  const { text, found } = search
  let at = from
  while (at < to) {
    // Behind a digit and a point stand decimals.
    const end = at > from && text[at - 1] === '.' && groupEnd(text, at, to) - at >= MIN_DIGITS ? -1 : longestCard(search, at, to)
    if (end > at) found.push({ start: at, end, class: 'PAN' })
    at = end > at ? end : groupEnd(text, at, to)
    while (at < to && !isDigit(text.charCodeAt(at))) at++
  }
}

function longestCard(search: Search, start: number, to: number): number {
  const { text, hint } = search
  let digits = ''
  let separator = ''
  let best = -1
  for (let at = start; at < to && digits.length < MAX_DIGITS;) {
    const end = groupEnd(text, at, to)
    digits += text.slice(at, Math.min(end, at + MAX_DIGITS + 1))
    if (digits.length > MAX_DIGITS) break
    if (digits.length >= MIN_DIGITS && isCard(digits, () => isNear('card', text, start, hint)) && !isPartOfWord(text, start, end)) best = end
    // Only a last group may be shorter than three.
    if (end - at < 3 || end >= to) break
    if (separator !== '' && text[end] !== separator) break
    separator = text[end] ?? ''
    at = end + 1
  }
  return best
}

function isCard(digits: string, hasContext: () => boolean): boolean {
  const issuer = Number(digits.slice(0, 6))
  const n = digits.length
  if (!passesLuhn(digits)) return false
  return hasUsualLength(issuer, n) || (hasUnusualLength(issuer, n) && hasContext())
}

function hasUsualLength(issuer: number, n: number): boolean {
  const two = Math.floor(issuer / 10_000)
  const three = Math.floor(issuer / 1_000)
  const four = Math.floor(issuer / 100)
  if (two >= 40 && two <= 49) return n === 16                                             // Visa
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return n === 16         // Mastercard
  if (two === 34 || two === 37) return n === 15                                           // American Express
  if (four === 6011 || (three >= 644 && three <= 649) || two === 65) return n === 16      // Discover
  if ((three >= 300 && three <= 305) || three === 309 || two === 36 || two === 38 || two === 39) return n === 14  // Diners Club
  if (four >= 3528 && four <= 3589) return n === 16                                       // JCB
  return two === 62 && n === 16                                                           // UnionPay
}

/** Lengths that exist but that too many other numbers have: only with a word like "card" before them. */
function hasUnusualLength(issuer: number, n: number): boolean {
  const two = Math.floor(issuer / 10_000)
  if (two >= 40 && two <= 49) return n === 13 || n === 19
  return two === 50 || (two >= 56 && two <= 69)                                           // Maestro, UnionPay, Discover
}

function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48
    if (i % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2
    sum += digit
  }
  return sum % 10 === 0
}

/** Digits inside a hexadecimal word are a digest or an id: `a1b4111111111111111c`. */
function isPartOfWord(text: string, start: number, end: number): boolean {
  let from = start
  while (from > 0 && start - from < 40 && isWord(text.charCodeAt(from - 1))) from--
  let to = end
  while (to < text.length && to - end < 40 && isWord(text.charCodeAt(to))) to++
  return (from < start || to > end) && /^[0-9a-f_]+$/i.test(text.slice(from, start) + text.slice(end, to))
}

function groupEnd(text: string, at: number, to: number): number {
  let end = at
  while (end < to && isDigit(text.charCodeAt(end))) end++
  return end
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function isWord(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95
}
