// `units.parse` and `units.parse_bytes`, in the arithmetic that OPA uses for each: fractions, and floats of 64 bits.
import { number, ofTexts } from './operand.ts'
import type { Family } from './operand.ts'
import type { Value } from './value.ts'

/** Of the digits of an amount and its exponent; OPA takes exponents up to 999,999. */
const maxDigits = 4_096

export const units: Family = [
  ['units.parse', ofTexts(parseUnits)],
  ['units.parse_bytes', ofTexts(parseBytes)],
]

interface Fraction { readonly over: bigint; readonly under: bigint }

const powers: Readonly<Record<string, bigint>> = { k: 1n, m: 2n, g: 3n, t: 4n, p: 5n, e: 6n }
// The double nearest to a thousandth: what OPA multiplies by for `m`.
const milli: Fraction = { over: 1_152_921_504_606_847n, under: 1_152_921_504_606_846_976n }

function parseUnits(text: string): Value | undefined {
  const { amount, unit } = cut(text.replaceAll('"', ''))
  const value = amount === undefined ? undefined : readAmount(amount)
  const scale = unit === 'm' ? milli : scaleOf(unit.slice(0, 1), unit.slice(1).toLowerCase())
  if (!value || !scale) return undefined
  const over = value.over * scale.over
  const under = value.under * scale.under
  if (over % under === 0n) return number(over / under)
  // Ten digits behind the point; a half is rounded away from zero.
  const tenth = 10n ** 10n
  const magnitude = ((over < 0n ? -over : over) * tenth * 2n + under) / (under * 2n)
  const digits = String(magnitude).padStart(11, '0')
  return { number: `${over < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}` }
}

// Only a thousandth is told from a million by its case.
function scaleOf(first: string, rest: string): Fraction | undefined {
  if (first === '') return { over: 1n, under: 1n }
  const power = powers[first.toLowerCase()]
  if (power === undefined || (rest !== '' && rest !== 'i')) return undefined
  return { over: rest === 'i' ? 1_024n ** power : 1_000n ** power, under: 1n }
}

function parseBytes(text: string): Value | undefined {
  const { amount, unit } = cut(text.toLowerCase().replaceAll('"', ''))
  const value = amount === undefined ? undefined : readAmount(amount)
  const scale = scaleOf(unit.slice(0, 1), unit.slice(1).replace(/b$/, ''))
  if (!value || !scale) return undefined
  const read = roundTo64(value)
  const { over, under } = roundTo64({ over: read.over * scale.over, under: read.under })
  return number(over / under)
}

// An `e` before a digit or a sign is an exponent, any other begins the unit.
function cut(text: string): { readonly amount: string | undefined; readonly unit: string } {
  if (text.includes(' ')) return { amount: undefined, unit: '' }
  const amount = /^(?:[0-9.+-]|[eE](?=[0-9+-])[+-]?)*/.exec(text)?.[0] ?? ''
  return { amount: amount === '' ? undefined : amount, unit: text.slice(amount.length) }
}

function readAmount(text: string): Fraction | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?$/.exec(text) ?? []
  const digits = whole + fraction
  const scale = Number(exponent) - fraction.length
  if (digits === '' || digits.length + Math.abs(scale) > maxDigits) return undefined
  const over = BigInt(digits) * (sign === '-' ? -1n : 1n)
  return scale >= 0 ? { over: over * 10n ** BigInt(scale), under: 1n } : { over, under: 10n ** BigInt(-scale) }
}

/** The nearest binary fraction with a mantissa of 64 bits, a half to even. */
function roundTo64({ over, under }: Fraction): Fraction {
  if (over === 0n) return { over, under: 1n }
  const magnitude = over < 0n ? -over : over
  // So many bits to shift that the quotient has 64 or 65.
  let shift = BigInt(64 - (magnitude.toString(2).length - under.toString(2).length))
  if (quotient(magnitude, under, shift) >= 1n << 64n) shift--
  const [top, bottom] = shift >= 0n ? [magnitude << shift, under] : [magnitude, under << -shift]
  const whole = top / bottom
  const rest = (top % bottom) * 2n
  const mantissa = whole + (rest > bottom || (rest === bottom && whole % 2n === 1n) ? 1n : 0n)
  const signed = over < 0n ? -mantissa : mantissa
  return shift >= 0n ? { over: signed, under: 1n << shift } : { over: signed << -shift, under: 1n }
}

function quotient(over: bigint, under: bigint, shift: bigint): bigint {
  return shift >= 0n ? (over << shift) / under : over / (under << -shift)
}
