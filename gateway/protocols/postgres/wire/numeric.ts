// Binary numbers as text. A `numeric` (numeric.c, numeric_send and numeric_out): ndigits, weight, sign, dscale, then digits to the base of 10,000.

const headerBytes = 8
const negative = 0x4000
/** Signs of values that have no digits. */
const special: ReadonlyMap<number, string> = new Map([[0xc000, 'NaN'], [0xd000, 'Infinity'], [0xf000, '-Infinity']])
/** Digits behind the point; those before it end with the weight's 16 bits. */
const maxScale = 16_383

/** Digits that tell every float4 from its neighbours (FLT_DECIMAL_DIG). */
const float4Digits = 9

/** The shortest digits that are this float4 and no other, as float4out has it; read as a double, 0.1 has seventeen. */
export function float4Text(value: number): string {
  for (let digits = 1; digits < float4Digits; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(Number(value.toPrecision(float4Digits)))
}

/** As PostgreSQL writes it; undefined: the bytes are no numeric. */
export function numericText(bytes: Uint8Array): string | undefined {
  if (bytes.length < headerBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = view.getUint16(0)
  const weight = view.getInt16(2)
  const sign = view.getUint16(4)
  const scale = view.getUint16(6)
  if (bytes.length !== headerBytes + count * 2) return undefined
  const named = special.get(sign)
  if (named !== undefined) return named
  if ((sign !== 0 && sign !== negative) || scale > maxScale) return undefined
  const group = (place: number): string => String(place >= 0 && place < count ? view.getUint16(headerBytes + place * 2) : 0).padStart(4, '0')
  let whole = ''
  for (let place = 0; place <= weight; place++) whole += group(place)
  let fraction = ''
  for (let place = weight + 1; fraction.length < scale; place++) fraction += group(place)
  return `${sign === negative ? '-' : ''}${whole.replace(/^0+(?=\d)/, '') || '0'}${scale === 0 ? '' : `.${fraction.slice(0, scale)}`}`
}
