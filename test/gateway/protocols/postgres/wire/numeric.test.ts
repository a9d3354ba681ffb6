// One reader of binary numeric: what policy reads of a parameter and what detectors read of a cell is what PostgreSQL prints.
import test from 'ava'
import { parameterText } from '../../../../../gateway/protocols/postgres/operation/parameters.ts'
import { binaryToText } from '../../../../../gateway/protocols/postgres/wire/values.ts'
import { numericText } from '../../../../../gateway/protocols/postgres/wire/numeric.ts'

/** ndigits, weight, sign, dscale, digits; what the server sends for the text, or `undefined` for what it never would. */
const cases: readonly (readonly [string, string | undefined])[] = [
  ['0000000000000000', '0'], ['0000000000000002', '0.00'], ['0001000000000000002a', '42'], ['0001000040000000002a', '-42'],
  ['000300014000000204d2162e04b0', '-12345678.12'], ['0002fffe0000000a04d2162e', '0.0000123456'], ['0001fffe000000080001', '0.00000001'],
  ['00010004000000000007', '70000000000000000'], ['0004000300000000100f045704571457', '4111111111115207'],
  ['00000000c0000000', 'NaN'], ['00000000d0000020', 'Infinity'], ['00000000f0000020', '-Infinity'],
  ['000100000000', undefined], ['', undefined], ['00010000000000', undefined], ['0002000000000000002a', undefined], ['0000000000000000002a', undefined], ['0001000080000000002a', undefined], ['0001000000004000002a', undefined],
]

test('a binary numeric reads as PostgreSQL prints it, and what is none reads as nothing', (t) => {
  for (const [hex, text] of cases) t.is(numericText(Buffer.from(hex, 'hex')), text, hex)
})

test('a parameter and a cell of the same bytes are the same number', (t) => {
  for (const [hex, text] of cases) {
    const bytes = Buffer.from(hex, 'hex')
    t.is(binaryToText('numeric', bytes), text, hex)
    t.deepEqual(parameterText({ values: [bytes], formats: [1], types: [1700] }, 0), text ?? { bytes: bytes.length }, hex)
  }
})

test('a number of announced length is as long as the format lets it be, and no longer', (t) => {
  t.is(numericText(Buffer.from('00007fff00000000', 'hex'))?.length, 1)
  t.is(numericText(Buffer.from('00017fff000000000001', 'hex'))?.length, 4 * 32_767 + 1)
  t.is(numericText(Buffer.from('0000000000003fff', 'hex'))?.length, 2 + 16_383)
})
