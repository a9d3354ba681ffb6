// Instants and the calendar: an instant is an int64 of nanoseconds since 1970, as OPA has it; the calendar is Gregorian for ever.

export const nanosPerSecond = 1_000_000_000n
const [firstInstant, lastInstant] = [-(2n ** 63n), 2n ** 63n - 1n]

export interface Civil { readonly year: number; readonly month: number; readonly day: number; readonly hour: number; readonly minute: number; readonly second: number; readonly nanosecond: number }

/** Undefined outside 1677-09-21 to 2262-04-11. */
export function toInstant(nanos: bigint): bigint | undefined {
  return nanos >= firstInstant && nanos <= lastInstant ? nanos : undefined
}

/** What a clock shows that is `offset` seconds ahead of UTC. */
export function civilAt(instant: bigint, offset: number): Civil {
  const shifted = instant + BigInt(offset) * nanosPerSecond
  const nanosecond = Number(((shifted % nanosPerSecond) + nanosPerSecond) % nanosPerSecond)
  const seconds = Number((shifted - BigInt(nanosecond)) / nanosPerSecond)
  const days = Math.floor(seconds / 86_400)
  const clock = seconds - days * 86_400
  return { ...dateOf(days), hour: Math.floor(clock / 3_600), minute: Math.floor(clock / 60) % 60, second: clock % 60, nanosecond }
}

/** Seconds since 1970 of a clock in UTC; months and days may lie outside their range, and count on. */
export function secondsOf({ year, month, day, hour, minute, second }: Civil): number {
  const months = year * 12 + month - 1
  return (daysBefore(Math.floor(months / 12), months - Math.floor(months / 12) * 12 + 1) + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
}

export function weekdayOf({ year, month, day }: Civil): number {
  return (((daysBefore(year, month) + day - 1 + 4) % 7) + 7) % 7
}

/** 1 to 366. */
export function yearDayOf({ year, month, day }: Civil): number {
  return daysBefore(year, month) - daysBefore(year, 1) + day
}

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

export function daysIn(year: number, month: number): number {
  return month === 2 ? isLeap(year) ? 29 : 28 : [4, 6, 9, 11].includes(month) ? 30 : 31
}

// Days from 1970-01-01 to the first of a month. Years are counted from March, so that a leap day is the last of its year.
function daysBefore(year: number, month: number): number {
  const marchYear = month > 2 ? year : year - 1
  const monthsSinceMarch = (month + 9) % 12
  return marchYear * 365 + Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400) + Math.floor((monthsSinceMarch * 153 + 2) / 5) - 719_468
}

function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const since = days + 719_468
  const era = Math.floor(since / 146_097)
  const inEra = since - era * 146_097
  const yearInEra = Math.floor((inEra - Math.floor(inEra / 1_460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365)
  const inYear = inEra - (yearInEra * 365 + Math.floor(yearInEra / 4) - Math.floor(yearInEra / 100))
  const monthsSinceMarch = Math.floor((inYear * 5 + 2) / 153)
  const month = ((monthsSinceMarch + 2) % 12) + 1
  return { year: era * 400 + yearInEra + (month <= 2 ? 1 : 0), month, day: inYear - Math.floor((monthsSinceMarch * 153 + 2) / 5) + 1 }
}
