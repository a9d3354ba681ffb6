// Bound parameters as policy and approvers read them: text where the type's binary form is known (PostgreSQL's *send functions), a length where not.
import type { Json } from '../../../call.ts'
import { maxShownValues } from '../sql/literals.ts'
import { float4Text, numericText } from '../wire/numeric.ts'

export interface BoundParameters {
  readonly values: readonly (Uint8Array | null)[]
  /** None, one for all, or one for each value (Bind, §54.7). */
  readonly formats: readonly number[]
  /** Type OIDs, as declared or described; 0 and absent: unknown. */
  readonly types: readonly number[]
}

/** UTF-16 units of one value that are shown; a longer one is told by its length. */
export const maxShownUnits = 65_536

/** Bytes of all values that are short enough to be shown; an input of policy holds no more (rego/evaluator.ts), so looking into them would be for nothing. */
export const maxShownBytes = 1_048_576

/** Whether policy could not read them all. */
export function isTooMuch(values: readonly (Uint8Array | null)[]): boolean {
  let sum = 0
  for (let i = 0; i < values.length && i < maxShownValues; i++) {
    const length = values[i]?.length ?? 0
    if (length <= maxShownUnits * 3) sum += length
  }
  return sum > maxShownBytes
}

export function parameterText({ values, formats, types }: BoundParameters, index: number): Json {
  const value = values[index] ?? null
  if (value === null) return null
  const format = formats.length === 1 ? formats[0] : formats[index] ?? 0
  const text = value.length > maxShownUnits * 3 ? undefined : format === 0 ? decode(value) : binaryText(value, types[index] ?? 0)
  return text === undefined || text.length > maxShownUnits ? { bytes: value.length } : text
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** undefined: unknown type, or not what the type's length is. */
function binaryText(bytes: Uint8Array, type: number): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const fixed = fixedLengths[type]
  if (fixed !== undefined && bytes.length !== fixed) return undefined
  switch (type) {
    case 16: return bytes[0] === 0 ? 'false' : 'true'
    case 21: return String(view.getInt16(0))
    case 23: return String(view.getInt32(0))
    case 26: return String(view.getUint32(0))
    case 20: return String(view.getBigInt64(0))
    case 700: return float4Text(view.getFloat32(0))
    case 701: return String(view.getFloat64(0))
    case 1700: return numericText(bytes)
    case 1082: return dateText(view.getInt32(0))
    case 1114: return timestampText(view.getBigInt64(0))
    case 1184: { const text = timestampText(view.getBigInt64(0)); return text.endsWith('infinity') ? text : `${text}Z` }
    case 2950: return Buffer.from(bytes).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    case 3802: return bytes[0] === 1 ? decode(bytes.subarray(1)) : undefined
    // text, varchar, bpchar, name, "char", json, xml and values whose type is left open: the bytes are the text.
    case 25: case 1043: case 1042: case 19: case 18: case 114: case 142: case 705: return decode(bytes)
    default: return undefined
  }
}

const fixedLengths: Readonly<Record<number, number>> = { 16: 1, 21: 2, 23: 4, 26: 4, 20: 8, 700: 4, 701: 8, 1082: 4, 1114: 8, 1184: 8, 2950: 16 }

/** Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from. */
const epochDays = 10_957

function dateText(days: number): string {
  if (days === 0x7fffffff) return 'infinity'
  if (days === -0x80000000) return '-infinity'
  return isoText((days + epochDays) * 86_400_000)?.slice(0, -'T00:00:00.000Z'.length) ?? `${days} days`
}

/** µs since 2000-01-01. */
function timestampText(micros: bigint): string {
  if (micros === 0x7fffffffffffffffn) return 'infinity'
  if (micros === -0x8000000000000000n) return '-infinity'
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const whole = isoText(Number((micros - rest) / 1000n) + epochDays * 86_400_000)
  return whole === undefined ? `${micros} µs` : whole.slice(0, -'.000Z'.length) + (rest === 0n ? '' : `.${String(rest).padStart(6, '0')}`)
}

/** undefined outside the years that Date knows. */
function isoText(ms: number): string | undefined {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
