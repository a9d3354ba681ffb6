// UTCTime and GeneralizedTime (RFC 5280 §4.1.2.5) as Go's cryptobyte takes them.
import { DerError, tag } from './der.ts'
import type { Element } from './der.ts'

export interface Instant {
  readonly ms: number
  /** RFC 3339, in the offset that was written. */
  readonly text: string
}

/** @throws DerError */
export function readTime({ tag: kind, body }: Element): Instant {
  const text = Buffer.from(body).toString('latin1')
  if (kind !== tag.utcTime && kind !== tag.generalizedTime) throw new DerError('a time of another kind')
  // A minute without seconds is taken in the short form.
  const layout = kind === tag.utcTime ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(Z|[+-]\d{4})$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(Z|[+-]\d{4})$/
  const [, yearText = '', ...rest] = layout.exec(text) ?? []
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest.slice(0, 5).map(digits => Number(digits ?? 0))
  const zone = rest[5] ?? ''
  // Two digits are 1950 to 2049.
  const year = kind === tag.generalizedTime ? Number(yearText) : Number(yearText) + (Number(yearText) >= 50 ? 1900 : 2000)
  const local = new Date(0)
  local.setUTCFullYear(year, month - 1, day)
  local.setUTCHours(hour, minute, second)
  const isReal = local.getUTCMonth() === month - 1 && local.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  const offsetMinutes = zone === 'Z' ? 0 : Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3))
  // Zero is written Z.
  if (yearText === '' || !isReal || (zone !== 'Z' && (offsetMinutes === 0 || Number(zone.slice(1, 3)) > 24 || Number(zone.slice(3)) > 60))) throw new DerError('a time that is none')
  const offset = zone.startsWith('-') ? -offsetMinutes : offsetMinutes
  const clock = local.toISOString().replace('.000Z', '')
  return { ms: local.getTime() - offset * 60_000, text: `${clock}${zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`}` }
}
