// Go's `strconv.FormatFloat` for the verbs e, f and g: decimal digits of a double, rounded half to even as Go does.

interface Digits {
  readonly isNegative: boolean
  /** Without leading zeros; empty for zero. */
  readonly digits: string
  /** Where the decimal point stands before, counted from the first digit. */
  readonly point: number
}

/** @param precision digits behind the point (e, f) or in all (g); `undefined`: the fewest that tell the number from its neighbours */
export function formatFloat(value: number, verb: 'e' | 'f' | 'g', precision: number | undefined): string {
  const shortest = precision === undefined
  const all = shortest ? shortestDigits(value) : exactDigits(value)
  if (verb === 'f') {
    const digits = shortest ? all : round(all, all.point + precision)
    return sign(digits) + fixed(digits, shortest ? Math.max(digits.digits.length - digits.point, 0) : precision)
  }
  if (verb === 'e') {
    const digits = shortest ? all : round(all, precision + 1)
    return sign(digits) + exponential(digits, shortest ? Math.max(digits.digits.length - 1, 0) : precision)
  }
  const wanted = precision === 0 ? 1 : precision
  const digits = wanted === undefined ? all : round(all, wanted)
  // Go: an exponent when it is below -4 or not below the precision, which counts as 6 when the shortest is asked for.
  const threshold = wanted === undefined ? 6 : wanted > digits.digits.length && digits.digits.length >= digits.point ? digits.digits.length : wanted
  const exponent = digits.digits === '' ? 0 : digits.point - 1
  if (exponent < -4 || exponent >= threshold) return sign(digits) + exponential(digits, Math.max(digits.digits.length - 1, 0))
  return sign(digits) + fixed(digits, Math.max(digits.digits.length - digits.point, 0))
}

/** The verb b: the integer that a double's mantissa is, and its power of two. */
export function formatBinary(value: number): string {
  const { mantissa, exponent, isNegative } = partsOf(value)
  return `${isNegative ? '-' : ''}${mantissa}p${exponent < 0 ? '' : '+'}${exponent}`
}

/** The verb x: hexadecimal digits behind the point, all there are without a precision. */
export function formatHexadecimal(value: number, precision: number | undefined): string {
  let { mantissa, exponent } = partsOf(value)
  const { isNegative } = partsOf(value)
  exponent = mantissa === 0n ? 0 : exponent + 52
  // The leading one is bit 60: fifteen digits follow it.
  for (mantissa <<= 8n; mantissa !== 0n && mantissa < 1n << 60n; mantissa <<= 1n) exponent--
  if (precision !== undefined && precision < 15) {
    const shift = BigInt(60 - precision * 4)
    const rest = mantissa & ((1n << shift) - 1n)
    const half = 1n << (shift - 1n)
    mantissa >>= shift
    if (rest > half || (rest === half && mantissa % 2n === 1n)) mantissa++
    mantissa <<= shift
    if (mantissa >= 1n << 61n) { mantissa >>= 1n; exponent++ }
  }
  const digits = (mantissa & ((1n << 60n) - 1n)).toString(16).padStart(15, '0')
  const fraction = precision === undefined ? digits.replace(/0+$/, '') : digits.padEnd(precision, '0').slice(0, precision)
  return `${isNegative ? '-' : ''}0x${mantissa >> 60n}${fraction === '' ? '' : `.${fraction}`}p${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function sign(digits: Digits): string {
  return digits.isNegative ? '-' : ''
}

function fixed({ digits, point }: Digits, precision: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0'
  if (precision === 0) return whole
  const fraction = (point > 0 ? digits.slice(point) : '0'.repeat(Math.min(-point, precision)) + digits).slice(0, precision)
  return `${whole}.${fraction.padEnd(precision, '0')}`
}

function exponential({ digits, point }: Digits, precision: number): string {
  const exponent = digits === '' ? 0 : point - 1
  const fraction = digits.slice(1, 1 + precision).padEnd(precision, '0')
  return `${digits[0] ?? '0'}${fraction === '' ? '' : `.${fraction}`}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function shortestDigits(value: number): Digits {
  // ECMAScript's shortest digits are the same as Go's; only the layout differs.
  const [mantissa = '', exponent = '0'] = Math.abs(value).toExponential().split('e')
  const digits = mantissa.replace('.', '').replace(/0+$/, '')
  return { isNegative: value < 0 || Object.is(value, -0), digits, point: digits === '' ? 0 : Number(exponent) + 1 }
}

// A double is mantissa · 2^exponent.
function partsOf(value: number): { readonly mantissa: bigint; readonly exponent: number; readonly isNegative: boolean } {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, Math.abs(value))
  const bits = view.getBigUint64(0)
  const biased = Number(bits >> 52n)
  const mantissa = (bits & ((1n << 52n) - 1n)) | (biased === 0 ? 0n : 1n << 52n)
  return { mantissa, exponent: Math.max(biased, 1) - 1075, isNegative: value < 0 || Object.is(value, -0) }
}

// As a decimal it ends, and an integer can hold it.
function exactDigits(value: number): Digits {
  const { mantissa, exponent, isNegative } = partsOf(value)
  if (mantissa === 0n) return { isNegative, digits: '', point: 0 }
  const text = exponent >= 0 ? (mantissa << BigInt(exponent)).toString() : (mantissa * 5n ** BigInt(-exponent)).toString()
  return { isNegative, digits: text.replace(/0+$/, ''), point: exponent >= 0 ? text.length : text.length + exponent }
}

function round(all: Digits, count: number): Digits {
  const { digits, point, isNegative } = all
  if (count < 0) return { isNegative, digits: '', point: 0 }
  if (count >= digits.length) return all
  const next = digits.charCodeAt(count) - 0x30
  const isHalf = next === 5 && count + 1 === digits.length
  const isUp = isHalf ? count > 0 && (digits.charCodeAt(count - 1) - 0x30) % 2 === 1 : next >= 5
  const kept = digits.slice(0, count)
  if (!isUp) {
    const trimmed = kept.replace(/0+$/, '')
    return { isNegative, digits: trimmed, point: trimmed === '' ? 0 : point }
  }
  const risen = (BigInt(kept === '' ? '0' : kept) + 1n).toString()
  return { isNegative, digits: risen.replace(/0+$/, ''), point: point + (risen.length > count ? 1 : 0) }
}
