import test from 'ava'
import { encode, cdeEncodeOptions } from 'cbor2'
import { CborError, CborReader, readCbor } from '../../../evidence/verify/cbor.ts'

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

const malformed: readonly (readonly [what: string, hex: string, message: RegExp])[] = [
  ['a map key that is there twice', 'a2 0100 0101', /map key 1 twice/],
  ['map keys out of order', 'a2 0200 0100', /map key 1 after 2/],
  ['a map key that is not an unsigned integer', 'a1 6161 00', /not an unsigned integer/],
  ['an integer in one byte more than it needs', '1817', /shortest/],
  ['an integer in two bytes more than it needs', '1900ff', /shortest/],
  ['an integer in four bytes more than it needs', '1a0000ffff', /shortest/],
  ['an integer in eight bytes more than it needs', '1b00000000ffffffff', /shortest/],
  ['an integer below -2^63, which the writer has no form for', '3b 8000000000000000', /below -2\^63/],
  ['a length that is not in its shortest form', '5801ff', /shortest/],
  ['an indefinite byte string', '5f41ff ff', /indefinite/],
  ['an indefinite text', '7f6161 ff', /indefinite/],
  ['an indefinite array', '9f00ff', /indefinite/],
  ['an indefinite map', 'bf0100ff', /indefinite/],
  ['a half float', 'f93c00', /float/],
  ['a single float', 'fa3f800000', /float/],
  ['a double float', 'fb3ff0000000000000', /float/],
  ['a tag', 'c101', /tag/],
  ['a bignum tag', 'c249010000000000000000', /tag/],
  ['undefined', 'f7', /undefined/],
  ['a simple value nobody assigned', 'f8ff', /simple/],
  ['a break with nothing to end', 'ff', /break/],
  ['a reserved head', '1c', /reserved/],
  ['text that is not UTF-8', '62c328', /UTF-8/],
  ['text with half a surrogate pair', '63eda080', /UTF-8/],
  ['bytes after the item', '0000', /after the item/],
  ['nothing at all', '', /truncated/],
  ['a byte string cut short', '42ff', /truncated/],
  ['an array that promises more than there is', '9a7fffffff', /truncated/],
  ['a map that promises more than there is', 'ba7fffffff', /truncated/],
  ['nesting deeper than eight', `${'81'.repeat(9)}00`, /deeper than 8/],
]

for (const [what, hex, message] of malformed) {
  test(`the reader refuses ${what}`, (t) => {
    t.throws(() => readCbor(bytes(hex)), { instanceOf: CborError, message })
  })
}

test('the reader takes nesting of eight', (t) => {
  t.notThrows(() => readCbor(bytes(`${'81'.repeat(8)}00`)))
})

test('a deep input ends in a refusal, not in a full stack', (t) => {
  t.throws(() => readCbor(bytes('81'.repeat(1_000_000))), { instanceOf: CborError, message: /deeper/ })
})

test('a number beyond 2^53 is refused where the format has a number', (t) => {
  t.throws(() => new CborReader(bytes('1b0020000000000000')).uint(), { instanceOf: CborError, message: /2\^53/ })
  t.is(new CborReader(bytes('1b001fffffffffffff')).uint(), Number.MAX_SAFE_INTEGER)
})

test('the reader agrees with another implementation on values of every sort', (t) => {
  const value = new Map<number, unknown>([[0, 23], [1, 24], [2, 255], [3, 256], [4, 65_535], [5, 65_536], [6, 4_294_967_295], [7, 4_294_967_296], [8, Number.MAX_SAFE_INTEGER], [9, -1], [10, -4_294_967_297],
    [11, new Uint8Array(300).fill(7)], [12, 'żółć €'], [24, [true, false, null, []]], [256, new Map([[1, 'a']])]])
  t.deepEqual(readCbor(encode(value, cdeEncodeOptions)), value as never)
})

test('every single-bit change of a map is read as another value or refused', (t) => {
  const original = encode(new Map<number, unknown>([[1, 1], [2, new Uint8Array(16)], [5, 70_000], [7, 'text']]), cdeEncodeOptions)
  const before = JSON.stringify([...readCbor(original) as Map<number, unknown>].map(String))
  for (let bit = 0; bit < original.length * 8; bit++) {
    const changed = Uint8Array.from(original)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    try {
      t.not(JSON.stringify([...readCbor(changed) as Map<number, unknown>].map(String)), before)
    } catch (cause) {
      t.true(cause instanceof CborError || cause instanceof TypeError)
    }
  }
})
