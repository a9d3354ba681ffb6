// US Social Security and individual taxpayer numbers. SSA: area 001–665, 667–899, group 01–99, serial 0001–9999;
// IRS: ITIN 9xx with group 50–65, 70–88, 90–92, 94–99.
import { isNear } from '../context.ts'
import type { Search } from '../finding.ts'

const DASHED = /(?<!\d|\d[-.])\d{3}-\d{2}-\d{4}(?!\d|[-.]\d)/g
// Weak shapes: spaced, dotted or bare. Only their neighbourhood makes them one.
const BARE = /(?<![\w.-])\d{3}([ .-]?)\d{2}\1\d{4}(?!\w|[-.]\d)/g

export function findTaxNumbers(search: Search): void {
  const { text, hint, found } = search
  DASHED.lastIndex = 0
  for (let match = DASHED.exec(text); match !== null; match = DASHED.exec(text)) {
    const [value] = match
    // Under a name that says SSN the ranges do not matter: test data and typos are somebody's number, too.
    if (isIssued(value) || isNear('ssn', text, match.index, hint)) found.push({ start: match.index, end: match.index + value.length, class: 'US_SSN' })
  }
  BARE.lastIndex = 0
  for (let match = BARE.exec(text); match !== null; match = BARE.exec(text)) {
    const [value, separator] = match
    if (separator === '-') continue
    if (isNear('ssn', text, match.index, hint)) found.push({ start: match.index, end: match.index + value.length, class: 'US_SSN' })
  }
}

function isIssued(value: string): boolean {
  const area = Number(value.slice(0, 3))
  const group = Number(value.slice(4, 6))
  if (Number(value.slice(7)) === 0) return false
  if (area >= 900) return (group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group <= 92) || group >= 94
  return area !== 0 && area !== 666 && group !== 0
}
