// What a built-in function may take for an argument, as OPA's topdown reads it. `undefined`: it is none, and the call is undefined.
import type { Builtin, BuiltinMaker, Value } from './value.ts'

/** One file's built-ins by name. */
export type Family = readonly (readonly [string, Builtin])[]
/** The same where making one takes a library, or its work has a price that depends on more than the name. */
export type MakerFamily = readonly (readonly [string, BuiltinMaker])[]

/** A function of texts alone: anything else makes the call undefined. */
export function ofTexts(work: (...texts: string[]) => Value | undefined): Builtin {
  return (...values) => values.every(value => typeof value === 'string') ? work(...values) : undefined
}

/** The elements of an array, or of a set in the order it came. */
export function elementsOf(value: Value): readonly Value[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if ('array' in value) return value.array
  return 'set' in value ? value.set : undefined
}

/** The elements of an array or set that has nothing but texts. */
export function textsOf(value: Value): readonly string[] | undefined {
  const elements = elementsOf(value)
  return elements?.every(element => typeof element === 'string') ? elements : undefined
}

export function membersOf(value: Value): readonly (readonly [Value, Value])[] | undefined {
  return typeof value === 'object' && value !== null && 'object' in value ? value.object : undefined
}

/** A number's own text. */
export function numberOf(value: Value): string | undefined {
  return typeof value === 'object' && value !== null && 'number' in value ? value.number : undefined
}

/** Go's int: up to 19 digits in all, zeros behind a point are none, an exponent is no integer. */
export function intOf(value: Value): bigint | undefined {
  const text = numberOf(value)
  if (text === undefined || !/^-?[0-9]+(\.0*)?$/.test(text) || text.replace('-', '').length > 19) return undefined
  const integer = BigInt(text.replace(/\..*$/, ''))
  return integer === BigInt.asIntN(64, integer) ? integer : undefined
}

/** Digits that an integer may have: its text is as long. */
const maxIntegerDigits = 4_096

/** An integer of any size, however it is written: 1e3 is one. */
export function integerOf(value: Value): bigint | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?$/.exec(numberOf(value) ?? '') ?? []
  const digits = whole + fraction
  const scale = Number(exponent) - fraction.length
  if (whole === '' || digits.length + Math.max(scale, 0) > maxIntegerDigits) return undefined
  if (scale >= 0) return BigInt(`${sign}${digits}${'0'.repeat(scale)}`)
  // What is behind the point must be zeros.
  const kept = digits.length + scale
  if (/[^0]/.test(digits.slice(Math.max(kept, 0)))) return undefined
  return BigInt(`${sign}${kept > 0 ? digits.slice(0, kept) : '0'}`)
}

export function number(value: bigint | number): Value {
  return { number: String(value) }
}

/** One text for equal values, for use as a key: {1, 2} and {2, 1}, 1 and 1.0 have the same. */
export function keyOf(value: Value): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if ('number' in value) return numberKey(value.number)
  if ('array' in value) return `[${value.array.map(keyOf).join(',')}]`
  if ('set' in value) return `<${value.set.map(keyOf).sort().join(',')}>`
  return `{${value.object.map(([name, member]) => `${keyOf(name)}:${keyOf(member)}`).sort().join(',')}}`
}

function numberKey(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return '0'
  return `${sign}${kept}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - kept.length)}`
}
