// Go's `Time.Format`.
import { civilAt, weekdayOf, yearDayOf } from './civil.ts'
import type { Civil } from './civil.ts'
import { months, weekdays } from './layout.ts'
import type { Field, Part } from './layout.ts'
import type { Zone } from './zone.ts'

/** Undefined where the layout asks for an abbreviation that nobody knows. */
export function formatTime(instant: bigint, zone: Zone, parts: readonly Part[]): string | undefined {
  const offset = zone.offsetAt(instant)
  const civil = civilAt(instant, offset)
  let text = ''
  for (const part of parts) {
    if (part.kind === 'text') text += part.text
    else if (part.kind === 'fraction') text += fractionOf(civil.nanosecond, part.digits, part.mark, part.isTrimmed)
    else if (part.field === 'MST') {
      const abbreviation = zone.abbreviationAt(instant)
      if (abbreviation === undefined) return undefined
      text += abbreviation
    } else text += fieldOf(part.field, civil, offset)
  }
  return text
}

function fractionOf(nanosecond: number, digits: number, mark: string, isTrimmed: boolean): string {
  const all = String(nanosecond).padStart(9, '0')
  const kept = digits < 9 ? all.slice(0, digits) : all
  const shown = isTrimmed ? kept.replace(/0+$/, '') : kept
  return shown === '' ? '' : mark + shown
}

function pad(value: number, width: number, filler = '0'): string {
  return String(value).padStart(width, filler)
}

function fieldOf(field: Exclude<Field, 'MST'>, civil: Civil, offset: number): string {
  const { year, month, day, hour, minute, second } = civil
  switch (field) {
    case '2006': return pad(year, 4)
    case '06': return pad(year % 100, 2)
    case 'January': return months[month - 1] ?? ''
    case 'Jan': return months[month - 1]?.slice(0, 3) ?? ''
    case '1': return String(month)
    case '01': return pad(month, 2)
    case 'Monday': return weekdays[weekdayOf(civil)] ?? ''
    case 'Mon': return weekdays[weekdayOf(civil)]?.slice(0, 3) ?? ''
    case '2': return String(day)
    case '_2': return pad(day, 2, ' ')
    case '02': return pad(day, 2)
    case '__2': return pad(yearDayOf(civil), 3, ' ')
    case '002': return pad(yearDayOf(civil), 3)
    case '15': return pad(hour, 2)
    case '3': return String(hour % 12 || 12)
    case '03': return pad(hour % 12 || 12, 2)
    case '4': return String(minute)
    case '04': return pad(minute, 2)
    case '5': return String(second)
    case '05': return pad(second, 2)
    case 'PM': return hour >= 12 ? 'PM' : 'AM'
    case 'pm': return hour >= 12 ? 'pm' : 'am'
    default: return offsetOf(field, offset)
  }
}

function offsetOf(field: string, offset: number): string {
  if (offset === 0 && field.startsWith('Z')) return 'Z'
  const magnitude = Math.abs(offset)
  // The sign is that of the minutes: half a minute west of Greenwich is +00.
  const sign = Math.trunc(offset / 60) < 0 ? '-' : '+'
  const colon = field.includes(':') ? ':' : ''
  const minutes = field.length > 3 ? `${colon}${pad(Math.trunc(magnitude / 60) % 60, 2)}` : ''
  const seconds = field.length > 6 ? `${colon}${pad(magnitude % 60, 2)}` : ''
  return `${sign}${pad(Math.trunc(magnitude / 3_600), 2)}${minutes}${seconds}`
}
