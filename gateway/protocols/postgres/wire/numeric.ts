// A binary `numeric` as text (numeric.c, numeric_send and numeric_out): ndigits, weight, sign, dscale, then digits to the base of 10,000.

const HEADER_BYTES = 8
const NEGATIVE = 0x4000
/** Signs of values that have no digits. */
const special: ReadonlyMap<number, string> = new Map([[0xc000, 'NaN'], [0xd000, 'Infinity'], [0xf000, '-Infinity']])
/** Digits behind the point; those before it end with the weight's 16 bits. */
const MAX_SCALE = 16_383

/** As PostgreSQL writes it; undefined: the bytes are no numeric. */
export function numericText(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = view.getUint16(0)
  const weight = view.getInt16(2)
  const sign = view.getUint16(4)
  const scale = view.getUint16(6)
  if (bytes.length !== HEADER_BYTES + count * 2) return undefined
  const named = special.get(sign)
  if (named !== undefined) return named
  if ((sign !== 0 && sign !== NEGATIVE) || scale > MAX_SCALE) return undefined
  const group = (place: number): string => String(place >= 0 && place < count ? view.getUint16(HEADER_BYTES + place * 2) : 0).padStart(4, '0')
  let whole = ''
  for (let place = 0; place <= weight; place++) whole += group(place)
  let fraction = ''
  for (let place = weight + 1; fraction.length < scale; place++) fraction += group(place)
  return `${sign === NEGATIVE ? '-' : ''}${whole.replace(/^0+(?=\d)/, '') || '0'}${scale === 0 ? '' : `.${fraction.slice(0, scale)}`}`
}
