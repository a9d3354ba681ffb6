// Exact decimal numbers in JSON's notation, for comparisons that a double would get wrong.

/** Digits and exponent beyond which a number is not compared. */
const maxDigits = 64
const maxExponent = 64

/** digits · 10^exponent */
export interface Decimal { readonly digits: bigint; readonly exponent: number }

export function readDecimal(text: string): Decimal | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?$/.exec(text) ?? []
  if (whole === '' || whole.length + fraction.length > maxDigits || Math.abs(Number(exponent)) > maxExponent) return undefined
  return { digits: BigInt(`${sign}${whole}${fraction}`), exponent: Number(exponent) - fraction.length }
}

/** Negative, zero or positive; `undefined` for a number that is out of range. */
export function compareDecimals(a: string, b: string): number | undefined {
  const [left, right] = [readDecimal(a), readDecimal(b)]
  return left && right && compare(left, right)
}

export function compare(a: Decimal, b: Decimal): number {
  const [left, right] = align(a, b)
  return left < right ? -1 : left > right ? 1 : 0
}

export function isMultiple(a: Decimal, of: Decimal): boolean {
  const [left, right] = align(a, of)
  return left % right === 0n
}

/** Both in units of the smaller one's last digit. */
function align(a: Decimal, b: Decimal): readonly [bigint, bigint] {
  const exponent = Math.min(a.exponent, b.exponent)
  return [a.digits * 10n ** BigInt(a.exponent - exponent), b.digits * 10n ** BigInt(b.exponent - exponent)]
}

/** As Go prints a big.Float of 64 bits with `%v`; `undefined` for more digits than that has. */
export function formatDecimal({ digits, exponent }: Decimal): string | undefined {
  const all = (digits < 0n ? -digits : digits).toString()
  const kept = all.replace(/0+$/, '')
  if (kept === '') return '0'
  if (kept.length > 19) return undefined
  const sign = digits < 0n ? '-' : ''
  const point = all.length + exponent
  const power = point - 1
  if (power < -4 || power >= 6) {
    return `${sign}${kept[0]}${kept.length > 1 ? `.${kept.slice(1)}` : ''}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${kept}`
  return kept.length <= point ? sign + kept.padEnd(point, '0') : `${sign}${kept.slice(0, point)}.${kept.slice(point)}`
}
