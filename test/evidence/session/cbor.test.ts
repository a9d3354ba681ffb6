import test from 'ava'
import { encode as encodeWithOracle, decode as decodeWithOracle, cdeDecodeOptions, cdeEncodeOptions } from 'cbor2'
import { decode, decodeSequence, encode, type CborValue } from '../../../evidence/session/cbor.ts'
import { hasCode } from '../journal-kit.ts'

// A small generator with a seed, so that a failure can be seen again.
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 0x100000000
  }
}

function randomValue(random: () => number, depth: number): CborValue {
  const pick = Math.floor(random() * (depth > 3 ? 6 : 8))
  const size = Math.floor(random() ** 4 * 300)
  switch (pick) {
    case 0: return Math.floor(random() * 2 ** Math.floor(random() * 53))
    case 1: return -1 - Math.floor(random() * 2 ** Math.floor(random() * 52))
    case 2: return random() < 0.5 ? BigInt(Math.floor(random() * 2 ** 53)) << 11n : -(BigInt(Math.floor(random() * 2 ** 53)) << 10n) - 1n
    case 3: return Uint8Array.from({ length: size }, () => Math.floor(random() * 256))
    case 4: return Array.from({ length: size }, () => ['a', 'é', '€', '𝄞'][Math.floor(random() * 4)]).join('')
    case 5: return [true, false, null][Math.floor(random() * 3)] as CborValue
    case 6: return Array.from({ length: size / 20 }, () => randomValue(random, depth + 1))
    default: return new Map(Array.from({ length: size / 10 }, () => [random() < 0.5 ? Math.floor(random() * 70_000) : `k${Math.floor(random() * 999)}`, randomValue(random, depth + 1)]))
  }
}

test('what is written is byte for byte what another implementation calls deterministic', (t) => {
  const random = randomOf(7)
  for (let i = 0; i < 4000; i++) {
    const value = randomValue(random, 0)
    const ours = encode(value)
    if (Buffer.compare(ours, encodeWithOracle(value, cdeEncodeOptions)) !== 0) t.fail(`value ${i} differs`)
    t.notThrows(() => decodeWithOracle(Uint8Array.from(ours), cdeDecodeOptions))
  }
})

test('the edges of every integer length are written in the shortest form', (t) => {
  for (const [value, hex] of [[23, '17'], [24, '1818'], [255, '18ff'], [256, '190100'], [65_535, '19ffff'], [65_536, '1a00010000'], [0xffffffff, '1affffffff'],
    [0x100000000, '1b0000000100000000'], [1_790_000_000_000, '1b000001a0c4506c00'], [-1, '20'], [-0x100000000, '3affffffff'], [-0x100000001, '3b0000000100000000'],
    [5n, '05'], [2n ** 64n - 1n, '1bffffffffffffffff'], [-(2n ** 63n), '3b7fffffffffffffff']] as const) {
    t.is(Buffer.from(encode(value)).toString('hex'), hex)
  }
})

test('map keys are sorted by their bytes, whatever order they came in', (t) => {
  t.is(Buffer.from(encode(new Map<number | string, number>([['b', 1], [100, 2], [3, 3], ['aa', 4], [24, 5]]))).toString('hex'), 'a5' + '0303' + '181805' + '186402' + '616201' + '62616104')
})

test('a value without one encoding is refused', (t) => {
  for (const value of [1.5, -0, NaN, 2 ** 53, undefined, '\ud800', 2n ** 64n, -(2n ** 63n) - 1n, { a: 1 }, Symbol('x'), new Map([[1.5, 1]]), [undefined]]) {
    hasCode(t, t.throws(() => encode(value as CborValue)), 'ERR_EVIDENCE_CBOR', /encode|out of range/)
  }
})

test('nesting without end is refused, not followed', (t) => {
  let value: CborValue = 1
  for (let i = 0; i < 10_000; i++) value = [value]
  hasCode(t, t.throws(() => encode(value)), 'ERR_EVIDENCE_CBOR', /nested too deeply/)
})

test('a sequence reads back as its items, and torn bytes are named as such', (t) => {
  const bytes = Buffer.concat([encode(new Map([[1, 1_790_000_000_000]])), encode(Buffer.from('leaf'))])
  t.deepEqual(decodeSequence(bytes), [new Map([[1, 1_790_000_000_000]]), Buffer.from('leaf')])
  hasCode(t, t.throws(() => decode(bytes.subarray(0, 4))), 'ERR_EVIDENCE_CORRUPT', /cannot be decoded/)
})
