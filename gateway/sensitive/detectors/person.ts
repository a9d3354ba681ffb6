// Ways to reach or date a person: e-mail addresses (RFC 5321 limits), telephone numbers (NANP, E.164), dates of birth.
import { isNear } from '../context.ts'
import type { Search } from '../finding.ts'

const MAX_LOCAL = 64
const MAX_DOMAIN = 253
const LOCAL = /[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\uffff-]/
const DOMAIN = /[A-Za-z0-9.\u0080-\uffff-]/

/** Finds `@` and expands, so that a text without one costs a single search. `%40` is how a URL spells it. */
export function findEmails(search: Search): void {
  expandAround(search, '@')
  if (search.text.includes('%40')) expandAround(search, '%40')
}

function expandAround(search: Search, sign: string): void {
  const { text, found } = search
  for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + sign.length)) {
    let start = at
    while (start > 0 && at - start <= MAX_LOCAL && LOCAL.test(text[start - 1] ?? '')) start--
    // Delimiters that RFC 5322 allows in a local part, but that surround addresses far more often: `to=a@b.c`, `'a@b.c'`, `a/b@c.d`.
    const local = text.slice(start, at)
    start = at - local.slice(Math.max(local.lastIndexOf('='), local.lastIndexOf('/'), local.lastIndexOf("'"), local.lastIndexOf('`'), local.lastIndexOf('?'), local.lastIndexOf('&'), local.lastIndexOf('|'), local.lastIndexOf('{')) + 1).length
    while (start < at && text[start] === '.') start++
    let end = at + sign.length
    while (end < text.length && end - at <= MAX_DOMAIN && DOMAIN.test(text[end] ?? '')) end++
    while (end > at && /[.-]/.test(text[end - 1] ?? '')) end--
    if (start === at || at - start > MAX_LOCAL || text[at - 1] === '.') continue
    if (isMailDomain(text.slice(at + sign.length, end)) && !(text.slice(start, at) === 'git' && text[end] === ':')) found.push({ start, end, class: 'EMAIL' })
  }
}

function isMailDomain(domain: string): boolean {
  const labels = domain.split('.')
  return labels.length >= 2 && labels.every((label) => label.length > 0 && label.length <= 63 && !label.startsWith('-') && !label.endsWith('-')) && /^(?:[A-Za-z\u0080-\uffff]{2,63}|xn--[A-Za-z0-9-]{2,59})$/.test(labels.at(-1) ?? '')
}

const E164 = /(?<![\w+])\+[1-9](?:[ .()-]{0,2}\d){6,14}(?!\d)/g
const NANP = /(?<![\w.-])(?:1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([-. ]))[2-9]\d{2}[-. ]\d{4}(?!\w|[-.]\d)/g
const NAMED = /(?<![\w.-])(?:1[ .-]?)?\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}(?!\w|[-.]\d)/g

export function findPhones(search: Search): void {
  const { text, hint, found } = search
  E164.lastIndex = 0
  for (let match = text.includes('+') ? E164.exec(text) : null; match !== null; match = E164.exec(text)) {
    // Ten digits and a plus sign speak for themselves; fewer are too often arithmetic.
    if (match[0].replace(/\D/g, '').length >= 10 || isNear('phone', text, match.index, hint)) found.push({ start: match.index, end: match.index + match[0].length, class: 'PHONE' })
  }
  NANP.lastIndex = 0
  for (let match = NANP.exec(text); match !== null; match = NANP.exec(text)) {
    if (match[1] !== ' ' || isNear('phone', text, match.index, hint)) found.push({ start: match.index, end: match.index + match[0].length, class: 'PHONE' })
  }
  NAMED.lastIndex = 0
  for (let match = NAMED.exec(text); match !== null; match = NAMED.exec(text)) {
    if (isNear('phone', text, match.index, hint)) found.push({ start: match.index, end: match.index + match[0].length, class: 'PHONE' })
  }
}

const MONTHS = '(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)'
const DATES = [
  { pattern: /(?<![\d-])(?:19|20)\d{2}([-/.])(\d{1,2})\1(\d{1,2})(?!\d)/g, month: 2, day: 3 },
  { pattern: /(?<![\d/.-])(\d{1,2})([-/.])(\d{1,2})\2(?:(?:19|20)\d{2}|\d{2})(?![\d/-])/g, month: 1, day: 3 },
  { pattern: /(?<![\w.-])(?:19|20)\d{2}(\d{2})(\d{2})(?![\w-])/g, month: 1, day: 2 },
  { pattern: new RegExp(`(?<![a-z])${MONTHS}\\.? (\\d{1,2})(?:st|nd|rd|th)?,? (?:19|20)\\d{2}(?!\\d)`, 'gi'), month: 0, day: 1 },
  { pattern: new RegExp(`(?<!\\d)(\\d{1,2})(?:st|nd|rd|th)?\\.? ${MONTHS}\\.?,? (?:19|20)\\d{2}(?!\\d)`, 'gi'), month: 0, day: 1 },
] as const

const BIRTH = /birth|born|dob|d\.o\.b|geb/i

/** A coarse first look for such words. */
export function speaksOfBirth(text: string): boolean {
  return BIRTH.test(text)
}

/** A date is somebody's birthday only where a word says so. */
export function findBirthDates(search: Search): void {
  const { text, hint, found } = search
  if (!speaksOfBirth(hint) && !speaksOfBirth(text)) return
  for (const { pattern, month, day } of DATES) {
    pattern.lastIndex = 0
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const a = month === 0 ? 1 : Number(match[month])
      const b = Number(match[day])
      // Day and month may be either way round.
      if (a < 1 || b < 1 || Math.min(a, b) > 12 || Math.max(a, b) > 31) continue
      if (isNear('birth', text, match.index, hint)) found.push({ start: match.index, end: match.index + match[0].length, class: 'DOB' })
    }
  }
}
