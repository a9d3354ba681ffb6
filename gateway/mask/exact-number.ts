// Whether a double is the very number that a JSON text wrote.

/** Whether the shortest decimal of the double is the number that was written. */
export function isExact(source: string, value: number = Number(source)): boolean {
  // No double has an exponent of more than three digits; a longer one is a way to make a big integer out of a small text.
  return Number.isFinite(value) && !/[eE][+-]?\d{6}/.test(source) && digitsOf(source) === digitsOf(String(value))
}

/** Significant digits and exponent, so that `1.50e3`, `1500` and `1500.0` are one. */
function digitsOf(source: string): string {
  const [mantissa = '', exponent = '0'] = source.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  return significant === '' ? '0' : `${source.startsWith('-') ? '-' : ''}${significant}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)}`
}
