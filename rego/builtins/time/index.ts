// `time.*` but `time.now_ns`: a decision has no clock. A policy that needs the time reads `input.context.time`, which is on record, and
// which the host sees it read: what such a policy says is never given to a later call.
import { intOf, integerOf, number, numberOf, ofTexts } from '../operand.ts'
import type { MakerFamily } from '../operand.ts'
import type { Builtin, Value } from '../value.ts'
import { civilAt, daysIn, nanosPerSecond, secondsOf, toInstant, weekdayOf } from './civil.ts'
import type { Civil } from './civil.ts'
import { parseDuration } from './duration.ts'
import { formatTime } from './format.ts'
import { readLayout, rfc3339, rfc3339Nano, weekdays } from './layout.ts'
import { parseTime } from './parse.ts'
import { createZones } from './zone.ts'
import type { OpenZone, Zone } from './zone.ts'

/** Years, months or days that can be added: more leads out of the range of instants. */
const maxAdded = 1_000_000n

export const time: MakerFamily = [
  ['time.parse_ns', () => ofTexts((layout, text) => parsed(layout, text))],
  ['time.parse_rfc3339_ns', () => ofTexts(text => parsed(rfc3339, text))],
  ['time.parse_duration_ns', () => ofTexts(text => numberOrNone(parseDuration(text)))],
  ['time.format', () => ofMoment(({ instant, zone, layout }) => {
    const parts = readLayout(layout === '' ? rfc3339Nano : layout)
    return parts && formatTime(instant, zone, parts)
  })],
  ['time.date', () => ofMoment(({ civil: { year, month, day } }) => ({ array: [year, month, day].map(number) }))],
  ['time.clock', () => ofMoment(({ civil: { hour, minute, second } }) => ({ array: [hour, minute, second].map(number) }))],
  ['time.weekday', () => ofMoment(({ civil }) => weekdays[weekdayOf(civil)])],
  ['time.add_date', () => ofMoment((moment, years, months, days) => numberOrNone(addDate(moment, years, months, days)))],
  ['time.diff', () => diff(createZones())],
]

interface Moment { readonly instant: bigint; readonly zone: Zone; readonly layout: string; readonly civil: Civil }

function numberOrNone(value: bigint | undefined): Value | undefined {
  return value === undefined ? undefined : number(value)
}

function parsed(layout: string, text: string): Value | undefined {
  const parts = readLayout(layout)
  return parts && numberOrNone(parseTime(parts, text))
}

/** Nanoseconds, or an array of them with a zone and a layout. */
function readMoment(value: Value, open: OpenZone): Moment | undefined {
  const [nanos = null, name = '', layout = ''] = typeof value === 'object' && value !== null && 'array' in value ? value.array : [value]
  const instant = numberOf(nanos) === undefined ? undefined : toInstantOrNone(integerOf(nanos))
  if (instant === undefined || typeof name !== 'string' || typeof layout !== 'string') return undefined
  const zone = open(name)
  return zone && { instant, zone, layout, civil: civilAt(instant, zone.offsetAt(instant)) }
}

function toInstantOrNone(nanos: bigint | undefined): bigint | undefined {
  return nanos === undefined ? undefined : toInstant(nanos)
}

function ofMoment(work: (moment: Moment, ...more: Value[]) => Value | undefined): Builtin {
  const open = createZones()
  return (value, ...more) => {
    const moment = value === undefined ? undefined : readMoment(value, open)
    return moment && work(moment, ...more)
  }
}

function addDate({ zone, civil }: Moment, ...more: readonly (Value | undefined)[]): bigint | undefined {
  const [years, months, days] = more.map(value => value === undefined ? undefined : intOf(value))
  if (years === undefined || months === undefined || days === undefined) return undefined
  if ([years, months, days].some(count => count > maxAdded || count < -maxAdded)) return undefined
  const local = BigInt(secondsOf({ ...civil, year: civil.year + Number(years), month: civil.month + Number(months), day: civil.day + Number(days) }))
  // Go guesses the offset by the local time and then asks for the one at the guess: in the hour that a clock jumps, one of the two holds.
  const guess = toInstant(local * nanosPerSecond)
  const offset = guess === undefined ? 0 : zone.offsetAt(guess)
  const second = toInstant((local - BigInt(offset)) * nanosPerSecond)
  return second === undefined ? undefined : toInstant((local - BigInt(zone.offsetAt(second))) * nanosPerSecond + BigInt(civil.nanosecond))
}

/** Years, months, days, hours, minutes and seconds between two moments, in the zone of the first. */
function diff(open: OpenZone): Builtin {
  return (left, right) => {
    const [one, other] = [left === undefined ? undefined : readMoment(left, open), right === undefined ? undefined : readMoment(right, open)]
    if (!one || !other) return undefined
    const there = civilAt(other.instant, one.zone.offsetAt(other.instant))
    const [from, to] = one.instant > other.instant ? [there, one.civil] : [one.civil, there]
    let [years, months, days, hours, minutes, seconds] = [to.year - from.year, to.month - from.month, to.day - from.day, to.hour - from.hour, to.minute - from.minute, to.second - from.second]
    if (seconds < 0) { seconds += 60; minutes-- }
    if (minutes < 0) { minutes += 60; hours-- }
    if (hours < 0) { hours += 24; days-- }
    if (days < 0) { days += daysIn(from.year, from.month); months-- }
    if (months < 0) { months += 12; years-- }
    return { array: [years, months, days, hours, minutes, seconds].map(number) }
  }
}
