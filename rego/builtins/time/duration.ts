// Go's `time.ParseDuration`, with OPA's days, weeks and years of 24 hours, 7 and 365 days.
import { formatFloat } from '../float.ts'
import { toInstant } from './civil.ts'

/** Characters of a duration. */
const maxDurationLength = 256
const units: Readonly<Record<string, bigint>> = { ns: 1n, us: 1_000n, µs: 1_000n, μs: 1_000n, ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n }
const hoursOf: Readonly<Record<string, number>> = { d: 24, w: 168, y: 8_760 }
const limit = 2n ** 63n

/** Nanoseconds. */
export function parseDuration(text: string): bigint | undefined {
  if (text.length > maxDurationLength) return undefined
  const plain = /[dwy]/.test(text) ? inHours(text) : text
  return plain === undefined ? undefined : parsePlain(plain)
}

function inHours(text: string): string | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/su.exec(text) ?? []
  if (!/^(?:[0-9.]+(?:ms|us|µs|ns|[a-z]))+$/.test(rest)) return undefined
  let plain = sign
  for (const [, digits = '', unit = ''] of rest.matchAll(/([0-9.]+)(ms|us|µs|ns|[a-z])/g)) {
    const hours = hoursOf[unit]
    if (hours === undefined) { plain += digits + unit; continue }
    if (!/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(digits)) return undefined
    plain += `${formatFloat(Number(digits) * hours, 'f', undefined)}h`
  }
  return plain
}

function parsePlain(text: string): bigint | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/su.exec(text) ?? []
  if (rest === '0') return 0n
  if (!/^(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[^0-9.]+)+$/.test(rest)) return undefined
  let total = 0n
  for (const [, whole = '', fraction = '', name = ''] of rest.matchAll(/([0-9]*)(?:\.([0-9]*))?([^0-9.]+)/g)) {
    const unit = Object.hasOwn(units, name) ? units[name] : undefined
    const value = BigInt(whole === '' ? '0' : whole)
    if (unit === undefined || value > limit / unit) return undefined
    total += value * unit + fractionOf(fraction, unit)
    if (total > limit) return undefined
  }
  return toInstant(sign === '-' ? -total : total)
}

// In doubles, as Go has it; digits that an int64 cannot hold are left out.
function fractionOf(digits: string, unit: bigint): bigint {
  let value = 0n
  let scale = 1
  for (const digit of digits) {
    if (value > (limit - 1n) / 10n) break
    value = value * 10n + BigInt(digit)
    scale *= 10
  }
  return value === 0n ? 0n : BigInt(Math.trunc(Number(value) * (Number(unit) / scale)))
}
