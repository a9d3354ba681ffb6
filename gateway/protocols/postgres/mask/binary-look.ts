// A first look at binary values under a name that says nothing of them: a number of fewer digits than a card has, and a moment in time, is
// nobody's without a word beside it.
import type { BinaryForm } from '../wire/types.ts'

/** `numeric` counts digits in groups of four; three of them are fewer than a card has. */
const MAX_WEIGHT = 2
const NUMERIC_NEGATIVE = 0x4000
const MAX_SCALE = 16_383
const MAX_FLOAT = 1e12
/** Of the upper half of an int8: below it stand 39 bits, at most twelve digits. */
const MAX_HIGH = 127
/** From 2000-01-01: years of four digits, whose text is an instant's. Days; and µs in units of 2³². */
const DAYS = { first: -693_000, last: 2_900_000 } as const
const HIGH_MICROS = { first: -14_000_000, last: 58_000_000 } as const

/** @returns false where the value's text would be let be; anything malformed or unknown is looked at closer */
export function binaryLook(form: BinaryForm): (source: Buffer, start: number, end: number) => boolean {
  switch (form) {
    case 'int': case 'money': return (source, start, end) => end - start !== 2 && end - start !== 4 && (end - start !== 8 || !isWithin(source.readInt32BE(start), -MAX_HIGH, MAX_HIGH))
    case 'oid': return (_source, start, end) => end - start !== 4
    case 'float': return (source, start, end) => !(end - start === 4 && Math.abs(source.readFloatBE(start)) < MAX_FLOAT) && !(end - start === 8 && Math.abs(source.readDoubleBE(start)) < MAX_FLOAT)
    case 'numeric': return (source, start, end) => end - start < 8 || end - start !== 8 + 2 * source.readUInt16BE(start) || source.readInt16BE(start + 2) > MAX_WEIGHT || (source.readUInt16BE(start + 4) & ~NUMERIC_NEGATIVE) !== 0 || source.readUInt16BE(start + 6) > MAX_SCALE
    case 'date': return (source, start, end) => end - start !== 4 || !isWithin(source.readInt32BE(start), DAYS.first, DAYS.last)
    case 'timestamp': return (source, start, end) => end - start !== 8 || !isWithin(source.readInt32BE(start), HIGH_MICROS.first, HIGH_MICROS.last)
    default: return () => true
  }
}

function isWithin(value: number, first: number, last: number): boolean {
  return value >= first && value <= last
}
