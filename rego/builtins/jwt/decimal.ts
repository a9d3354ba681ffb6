// Exact order of two decimal numbers in JSON's notation, for times whose digits a double would lose.

/** Digits and exponent beyond which a number is no time. */
const maxDigits = 64
const maxExponent = 64

/** Negative, zero or positive; `undefined` for a number that is out of any clock's range. */
export function compareDecimals(a: string, b: string): number | undefined {
  const [left, right] = [read(a), read(b)]
  if (left === undefined || right === undefined) return undefined
  const exponent = Math.min(left.exponent, right.exponent)
  const difference = left.digits * 10n ** BigInt(left.exponent - exponent) - right.digits * 10n ** BigInt(right.exponent - exponent)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

function read(text: string): { readonly digits: bigint; readonly exponent: number } | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?$/.exec(text) ?? []
  if (whole === '' || whole.length + fraction.length > maxDigits || Math.abs(Number(exponent)) > maxExponent) return undefined
  return { digits: BigInt(`${sign}${whole}${fraction}`), exponent: Number(exponent) - fraction.length }
}
