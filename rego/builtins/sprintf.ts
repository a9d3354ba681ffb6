// `sprintf` as topdown has it: Go's fmt.Sprintf over OPA's values. A number is an int64, a big.Int or a float64 by its text,
// anything but numbers and strings is its Rego text. What is not ported (%#g, %x of floats, …) is undefined, never almost right.
import { formatBinary, formatFloat, formatHexadecimal } from './float.ts'
import { quote, writeTermText } from './text.ts'
import type { Value } from './value.ts'

/** Of the answer, and of any width or precision in it. */
const maxTextLength = 65_536
const maxWidth = 1_024

type Argument =
  | { readonly type: 'int64'; readonly value: bigint }
  | { readonly type: '*big.Int'; readonly value: bigint }
  | { readonly type: 'float64'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }

interface Flags { sharp: boolean; zero: boolean; plus: boolean; minus: boolean; space: boolean; width: number | undefined; precision: number | undefined }

/** Leaves the whole call undefined. */
class Unsupported extends Error {}

export function sprintf(format: Value, values: Value): Value | undefined {
  if (typeof format !== 'string' || typeof values !== 'object' || values === null || !('array' in values)) return undefined
  try {
    const text = print(format, values.array.map(toArgument))
    return text.length > maxTextLength ? undefined : text
  } catch (cause) {
    if (cause instanceof Unsupported) return undefined
    throw cause
  }
}

function toArgument(value: Value): Argument {
  if (typeof value === 'string') return { type: 'string', value }
  if (typeof value !== 'object' || value === null || !('number' in value)) return { type: 'string', value: writeTermText(value) }
  const text = value.number
  if (/[.eE]/.test(text)) return Number.isFinite(Number(text)) ? { type: 'float64', value: Number(text) } : { type: 'string', value: text }
  const integer = BigInt(text)
  return { type: integer === BigInt.asIntN(64, integer) ? 'int64' : '*big.Int', value: integer }
}

// Go's doPrintf, in its order: flags, index, width, index, precision, index, verb.
function print(format: string, values: readonly Argument[]): string {
  const characters = [...format]
  let text = ''
  let at = 0
  let next = 0
  let isReordered = false
  let isGood = true
  while (at < characters.length) {
    const character = characters[at++]
    if (character !== '%') { text += character; continue }
    isGood = true
    const flags: Flags = { sharp: false, zero: false, plus: false, minus: false, space: false, width: undefined, precision: undefined }
    for (; ; at++) {
      const flag = characters[at]
      if (flag === '#') flags.sharp = true
      else if (flag === '0') flags.zero = true
      else if (flag === '+') flags.plus = true
      else if (flag === '-') flags.minus = true
      else if (flag === ' ') flags.space = true
      else break
    }
    let isAfterIndex = takeIndex()
    if (characters[at] === '*') {
      at++
      flags.width = takeStar()
      if (flags.width === undefined) text += '%!(BADWIDTH)'
      else if (flags.width < 0) { flags.width = -flags.width; flags.minus = true; flags.zero = false }
      isAfterIndex = false
    } else {
      flags.width = takeNumber()
      if (isAfterIndex && flags.width !== undefined) isGood = false
    }
    if (characters[at] === '.' && at + 1 < characters.length) {
      at++
      if (isAfterIndex) isGood = false
      isAfterIndex = takeIndex()
      if (characters[at] === '*') {
        at++
        flags.precision = takeStar()
        if (flags.precision !== undefined && flags.precision < 0) flags.precision = undefined
        if (flags.precision === undefined) text += '%!(BADPREC)'
        isAfterIndex = false
      } else flags.precision = takeNumber() ?? 0
    }
    if (!isAfterIndex) takeIndex()
    const verb = characters[at++]
    if (verb === undefined) { text += '%!(NOVERB)'; break }
    const value = values[next]
    if (verb === '%') text += '%'
    else if (!isGood) text += `%!${verb}(BADINDEX)`
    else if (value === undefined) text += `%!${verb}(MISSING)`
    else {
      // %#v is Go syntax.
      if ((verb === 'v' || verb === 'w') && flags.sharp) throw new Unsupported()
      // It drops the plus, but for big.Int, which asks for its flags itself.
      if ((verb === 'v' || verb === 'w') && value.type !== '*big.Int') flags.plus = false
      text += printValue(value, verb, flags)
      next++
    }
    if (text.length > maxTextLength) throw new Unsupported()
  }
  if (!isReordered && next < values.length) text += `%!(EXTRA ${values.slice(next).map(value => `${value.type}=${printValue(value, 'v', noFlags)}`).join(', ')})`
  return text

  function takeNumber(): number | undefined {
    let digits = ''
    for (let digit = characters[at]; digit !== undefined && digit >= '0' && digit <= '9'; digit = characters[++at]) digits += digit
    if (digits === '') return undefined
    if (Number(digits) > maxWidth) throw new Unsupported()
    return Number(digits)
  }

  function takeStar(): number | undefined {
    const value = values[next]
    if (value === undefined) return undefined
    next++
    if (value.type !== 'int64') return undefined
    if (value.value > maxWidth || value.value < -maxWidth) throw new Unsupported()
    return Number(value.value)
  }

  function takeIndex(): boolean {
    if (characters[at] !== '[') return false
    isReordered = true
    const close = characters.indexOf(']', at)
    if (characters.length - at < 3 || close < 0) { at++; isGood = false; return false }
    const digits = characters.slice(at + 1, close).join('')
    at = close + 1
    if (!/^[0-9]{1,6}$/.test(digits)) { isGood = false; return false }
    const index = Number(digits) - 1
    if (index < 0 || index >= values.length) { isGood = false; return true }
    next = index
    return true
  }
}

const noFlags: Flags = { sharp: false, zero: false, plus: false, minus: false, space: false, width: undefined, precision: undefined }

function printValue(argument: Argument, verb: string, flags: Flags): string {
  if (verb === 'T') return printText(argument.type, 's', flags) ?? ''
  const text = argument.type === 'string' ? printText(argument.value, verb, flags)
    : argument.type === 'float64' ? printFloat(argument.value, verb, flags)
    : argument.type === 'int64' ? printInteger(argument.value, verb, flags)
    : printBig(argument.value, verb, flags)
  if (text !== undefined) return text
  if (argument.type === '*big.Int') return `%!${verb}(big.Int=${argument.value})`
  return `%!${verb}(${argument.type}=${printValue(argument, 'v', flags)})`
}

function pad(text: string, flags: Flags, canZero = true): string {
  const missing = (flags.width ?? 0) - [...text].length
  if (missing <= 0) return text
  if (flags.minus) return text + ' '.repeat(missing)
  return (flags.zero && canZero ? '0' : ' ').repeat(missing) + text
}

function printText(value: string, verb: string, flags: Flags): string | undefined {
  if (verb === 'x' || verb === 'X') {
    // The precision is of bytes here; with a space each is on its own.
    const pairs = [...Buffer.from(value)].slice(0, flags.precision).map(byte => byte.toString(16).padStart(2, '0'))
    const prefix = flags.sharp ? '0x' : ''
    const hex = flags.space ? pairs.map(pair => prefix + pair).join(' ') : pairs.length === 0 ? '' : prefix + pairs.join('')
    return pad(verb === 'X' ? hex.toUpperCase() : hex, flags)
  }
  if (verb !== 's' && verb !== 'v' && verb !== 'q') return undefined
  const cut = flags.precision === undefined ? value : [...value].slice(0, flags.precision).join('')
  if (verb !== 'q') return pad(cut, flags)
  // Go writes what fits into back quotes with the flag.
  if (flags.sharp && !/[`\x00-\x08\x0a-\x1f\x7f\ufeff]/.test(cut)) return pad(`\`${cut}\``, flags)
  return pad(quote(cut, flags.plus), flags)
}

function printFloat(value: number, verb: string, flags: Flags): string | undefined {
  const layout = verb === 'v' ? 'g' : verb.toLowerCase()
  if (!['b', 'x', 'e', 'f', 'g'].includes(layout) || verb === 'B') return undefined
  if (flags.sharp) throw new Unsupported()
  const plain = layout === 'b' ? formatBinary(value)
    : layout === 'x' ? formatHexadecimal(value, flags.precision)
    : formatFloat(value, layout as 'e' | 'f' | 'g', flags.precision ?? (layout === 'g' ? undefined : 6))
  const number = verb === 'E' || verb === 'G' || verb === 'X' ? plain.toUpperCase() : plain
  const sign = number.startsWith('-') ? '-' : flags.plus ? '+' : flags.space ? ' ' : ''
  return padSigned(sign, number.replace('-', number.startsWith('-') ? '' : '-'), flags)
}

// Zeros stand between the sign and the digits.
function padSigned(sign: string, digits: string, flags: Flags): string {
  const missing = (flags.width ?? 0) - sign.length - digits.length
  if (flags.zero && !flags.minus && missing > 0) return sign + '0'.repeat(missing) + digits
  return pad(sign + digits, flags, false)
}

const bases: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 }

function printInteger(value: bigint, verb: string, flags: Flags): string | undefined {
  if (verb === 'c' || verb === 'q' || verb === 'U') {
    const point = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value <= 0xdfffn) ? Number(value) : 0xfffd
    if (verb === 'c') return pad(String.fromCodePoint(point), flags)
    if (verb === 'q') return pad(quote(String.fromCodePoint(point), flags.plus, "'"), flags)
    if (flags.sharp || flags.precision !== undefined || value < 0n) throw new Unsupported()
    return pad(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, flags, false)
  }
  const base = bases[verb]
  if (base === undefined) return undefined
  const isNegative = value < 0n
  if (flags.precision === 0 && value === 0n) return pad('', flags, false)
  const sign = isNegative ? '-' : flags.plus ? '+' : flags.space ? ' ' : ''
  let zeros = flags.precision ?? 0
  if (flags.precision === undefined && flags.zero && !flags.minus && flags.width !== undefined) zeros = flags.width - (sign === '' ? 0 : 1)
  let digits = (isNegative ? -value : value).toString(base).padStart(zeros, '0')
  if (verb === 'X') digits = digits.toUpperCase()
  if (flags.sharp && verb === 'b') digits = `0b${digits}`
  if (flags.sharp && base === 8 && !digits.startsWith('0')) digits = `0${digits}`
  if (flags.sharp && base === 16) digits = `0${verb}${digits}`
  if (verb === 'O') digits = `0o${digits}`
  return pad(sign + digits, flags, false)
}

// math/big has a formatter of its own.
function printBig(value: bigint, verb: string, flags: Flags): string | undefined {
  // Go shows the struct's insides.
  if (verb === 'w' || verb === 'p') throw new Unsupported()
  const base = verb === 's' ? 10 : bases[verb]
  if (base === undefined) return undefined
  const isNegative = value < 0n
  const sign = isNegative ? '-' : flags.plus ? '+' : flags.space ? ' ' : ''
  const prefix = verb === 'O' ? '0o' : flags.sharp ? { b: '0b', o: '0', x: '0x', X: '0X' }[verb] ?? '' : ''
  const digits = (isNegative ? -value : value).toString(base).padStart(flags.precision ?? 0, '0')
  const shown = verb === 'X' ? digits.toUpperCase() : digits
  return flags.precision === undefined ? padSigned(sign + prefix, shown, flags) : pad(sign + prefix + shown, flags, false)
}
