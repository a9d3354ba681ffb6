// A Go time layout (`Mon Jan _2 15:04:05 2006`) as a list of what stands in it. Source: Go 1.26, package time.

export type Field =
  | 'January' | 'Jan' | '1' | '01' | 'Monday' | 'Mon' | '2' | '_2' | '02' | '__2' | '002' | '15' | '3' | '03' | '4' | '04' | '5' | '05' | '2006' | '06' | 'PM' | 'pm' | 'MST'
  | 'Z0700' | 'Z070000' | 'Z07' | 'Z07:00' | 'Z07:00:00' | '-0700' | '-070000' | '-07' | '-07:00' | '-07:00:00'

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly field: Field }
  /** `.000` has just so many digits; `.999` has none that would end it in zeros. */
  | { readonly kind: 'fraction'; readonly mark: string; readonly digits: number; readonly isTrimmed: boolean }

/** Characters of a layout. */
export const maxLayoutLength = 1_024

const named: Readonly<Record<string, string>> = {
  ANSIC: 'Mon Jan _2 15:04:05 2006',
  UnixDate: 'Mon Jan _2 15:04:05 MST 2006',
  RubyDate: 'Mon Jan 02 15:04:05 -0700 2006',
  RFC822: '02 Jan 06 15:04 MST',
  RFC822Z: '02 Jan 06 15:04 -0700',
  RFC850: 'Monday, 02-Jan-06 15:04:05 MST',
  RFC1123: 'Mon, 02 Jan 2006 15:04:05 MST',
  RFC1123Z: 'Mon, 02 Jan 2006 15:04:05 -0700',
  RFC3339: '2006-01-02T15:04:05Z07:00',
  RFC3339Nano: '2006-01-02T15:04:05.999999999Z07:00',
}

export const rfc3339 = '2006-01-02T15:04:05Z07:00'
export const rfc3339Nano = '2006-01-02T15:04:05.999999999Z07:00'

// In the order in which Go looks for them. `Jan` and `Mon` before a small letter are text, and so is `_` before a year.
const field = /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|_(?=2006)|_2|__2|3|4|5|PM|pm|[-Z]070000|[-Z]07:00:00|[-Z]0700|[-Z]07:00|[-Z]07|[.,](?:0+|9+)(?![0-9])/g

/** Undefined: too long. */
export function readLayout(layout: string): readonly Part[] | undefined {
  const text = Object.hasOwn(named, layout) ? named[layout] ?? layout : layout
  if (text.length > maxLayoutLength) return undefined
  const parts: Part[] = []
  let end = 0
  for (const [found, { index }] of [...text.matchAll(field)].map(match => [match[0], match] as const)) {
    if (found === '_') continue
    if (index > end) parts.push({ kind: 'text', text: text.slice(end, index) })
    const mark = found[0] ?? ''
    if (mark === '.' || mark === ',') parts.push({ kind: 'fraction', mark, digits: found.length - 1, isTrimmed: found[1] === '9' })
    else parts.push({ kind: 'field', field: found as Field })
    end = index + found.length
  }
  if (end < text.length) parts.push({ kind: 'text', text: text.slice(end) })
  return parts
}

export const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'] as const
export const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const
