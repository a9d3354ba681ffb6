// Bank numbers: IBAN (ISO 13616, mod 97), US routing numbers (ABA check digit and Federal Reserve prefixes), US account
// numbers, which have no check digit and so need a name.
import { CONTEXT_CHARS, isNear, snakeCase } from '../context.ts'
import type { Search } from '../finding.ts'

/** ISO 13616 registry: country → length. */
const ibanLengths = new Map(Object.entries({
  AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BI: 27, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24, DE: 22, DJ: 27, DK: 18, DO: 28,
  EE: 20, EG: 29, ES: 24, FI: 18, FK: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27, GT: 28, HN: 28, HR: 21, HU: 28, IE: 22, IL: 23, IQ: 23, IS: 26,
  IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32, LI: 21, LT: 20, LU: 20, LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19, MN: 20, MR: 27, MT: 31, MU: 30, NI: 28,
  NL: 18, NO: 15, OM: 23, PK: 24, PL: 28, PS: 29, PT: 25, QA: 29, RO: 24, RS: 22, RU: 33, SA: 24, SC: 31, SD: 18, SE: 24, SI: 19, SK: 24, SM: 27, SO: 23, ST: 25,
  SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20, YE: 30,
}))
const IBAN_ANCHOR = /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])/g

export function findIbans(search: Search): void {
  const { text, found } = search
  IBAN_ANCHOR.lastIndex = 0
  for (let match = IBAN_ANCHOR.exec(text); match !== null; match = IBAN_ANCHOR.exec(text)) {
    const length = ibanLengths.get(match[0].slice(0, 2).toUpperCase())
    if (length === undefined) continue
    const end = ibanEnd(text, match.index, length)
    if (end < 0) continue
    found.push({ start: match.index, end, class: 'IBAN' })
    IBAN_ANCHOR.lastIndex = end
  }
}

/** Offset behind `length` letters and digits that pass mod 97, or -1. Single spaces or dashes may stand between them. */
function ibanEnd(text: string, start: number, length: number): number {
  let value = ''
  let at = start
  for (; at < text.length && value.length < length; at++) {
    const c = text[at] ?? ''
    if (/[A-Za-z0-9]/.test(c)) value += c
    else if ((c !== ' ' && c !== '-') || text[at - 1] === c) return -1
  }
  if (value.length < length || /[A-Za-z0-9]/.test(text[at] ?? '')) return -1
  return mod97(value.slice(4) + value.slice(0, 4)) === 1 ? at : -1
}

function mod97(value: string): number {
  let rest = 0
  for (const c of value) {
    const n = Number.parseInt(c, 36)
    rest = (rest * (n > 9 ? 100 : 10) + n) % 97
  }
  return rest
}

const ROUTING = /\d{4}(-?)\d{4}\1\d(?!\w|[-.]\d)/g

export function findRoutingNumbers(search: Search): void {
  const { text, hint, found } = search
  ROUTING.lastIndex = 0
  for (let match = ROUTING.exec(text); match !== null; match = ROUTING.exec(text)) {
    const [value] = match
    if (/[\w.-]/.test(text[match.index - 1] ?? '')) continue
    if (isRouting(value.replaceAll('-', '')) && isNear('routing', text, match.index, hint)) found.push({ start: match.index, end: match.index + value.length, class: 'US_ROUTING' })
  }
}

function isRouting(digits: string): boolean {
  const prefix = Number(digits.slice(0, 2))
  if (!(prefix <= 12 || (prefix >= 21 && prefix <= 32) || (prefix >= 61 && prefix <= 72) || prefix === 80)) return false
  const d = Array.from(digits, Number)
  const [a = 0, b = 0, c = 0, e = 0, f = 0, g = 0, h = 0, i = 0, k = 0] = d
  const sum = 3 * (a + e + h) + 7 * (b + f + i) + c + g + k
  return sum > 0 && sum % 10 === 0
}

const ACCOUNT = /(?<![\w.])\d{4}\d{2,13}(?![\w]|[.]\d)|(?<![\w.])\d{2,8}(?:-\d{2,8}){1,3}(?![\w]|[-.]\d)/g
const ACCOUNT_BEFORE = /(?:^|[^a-z])(?:bank_)?(?:accounts?|acct|a\/c|acc|dda|checking|savings)[\s_]{0,3}(?:numbers?|num|no|nr|id)?[\s_"'=:#.]{0,6}(?:is[\s_"']{1,3}|ending[\s_]{1,2}in[\s_]{1,2})?$/
const ACCOUNT_WORD = /acc|a\/c|dda|checking|savings/i
const ACCOUNT_HINT = /(?:^|_)(?:account|acct|dda|checking|savings)(?:_?(?:numbers?|num|no|nr|id))?$/

/** Of a member, in snake_case: a number alone is an account under it. */
export function isAccountName(hint: string): boolean {
  return hint !== '' && ACCOUNT_HINT.test(hint)
}

export function findAccounts(search: Search): void {
  const { text, hint, found } = search
  const isHinted = isAccountName(hint)
  if (!isHinted && !ACCOUNT_WORD.test(text)) return
  ACCOUNT.lastIndex = 0
  for (let match = ACCOUNT.exec(text); match !== null; match = ACCOUNT.exec(text)) {
    const start = match.index
    // A member name speaks for the whole value only; inside a sentence the words just before the number must say it.
    const isWhole = isHinted && match[0].length === text.trim().length
    if (isWhole || ACCOUNT_BEFORE.test(snakeCase(text.slice(Math.max(0, start - CONTEXT_CHARS), start)))) found.push({ start, end: start + match[0].length, class: 'US_ACCOUNT' })
  }
}
