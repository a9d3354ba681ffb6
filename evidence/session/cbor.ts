// Deterministic CBOR (RFC 8949 §4.2.1) for what this side writes: FORMAT.md §2. cbor-x is not deterministic by itself; the options and the
// preparation below make it so. A verifier does not use this file: it has a strict reader of its own.
import { Encoder } from 'cbor-x'
import { EvidenceError } from '../errors.ts'

/** What can be encoded. Integers in −2^63 … 2^64−1; floats, -0, undefined and lone surrogates have no place in the format. */
export type CborValue = number | bigint | string | boolean | null | Uint8Array | readonly CborValue[] | ReadonlyMap<CborKey, CborValue>
export type CborKey = number | string

// Not inline: the package's typings lack `useTag259ForMaps`.
const options = { useRecords: false, variableMapSize: true, tagUint8Array: false, useTag259ForMaps: false, mapsAsObjects: false }
const codec = new Encoder(options)

const maxDepth = 64

/** @throws EvidenceError `ERR_EVIDENCE_CBOR` for a value without a deterministic encoding */
export function encode(value: CborValue): Uint8Array {
  return codec.encode(prepare(value, 0))
}

/** One item. For our own bytes only: it does not check that they are deterministic. */
export function decode(bytes: Uint8Array): CborValue {
  try {
    return narrow(codec.decode(bytes))
  } catch (cause) {
    throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'stored CBOR cannot be decoded', { cause })
  }
}

/** All items of a CBOR sequence (RFC 8742). For our own bytes only. */
export function decodeSequence(bytes: Uint8Array): CborValue[] {
  if (bytes.length === 0) return []
  try {
    const items: CborValue[] = []
    codec.decodeMultiple(bytes, (item: unknown) => { items.push(narrow(item)) })
    return items
  } catch (cause) {
    throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'a stored CBOR sequence cannot be decoded', { cause })
  }
}

// cbor-x reads every 8-byte integer as a bigint; a time is one, and fits a number.
function narrow(value: unknown): CborValue {
  if (typeof value === 'bigint' && value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER) return Number(value)
  if (Array.isArray(value)) return value.map(narrow)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key as CborKey, narrow(item)]))
  return value as CborValue
}

function prepare(value: unknown, depth: number): unknown {
  if (depth > maxDepth) throw new EvidenceError('ERR_EVIDENCE_CBOR', 'a value is nested too deeply to encode')
  switch (typeof value) {
    case 'number': return prepareInteger(value)
    case 'bigint': return prepareBigInt(value)
    case 'string':
      if (!value.isWellFormed()) throw new EvidenceError('ERR_EVIDENCE_CBOR', 'a text with a lone surrogate cannot be encoded')
      return value
    case 'boolean': return value
    case 'object':
      if (value === null || value instanceof Uint8Array) return value
      if (Array.isArray(value)) return value.map((item) => prepare(item, depth + 1))
      if (value instanceof Map) return prepareMap(value, depth + 1)
  }
  throw new EvidenceError('ERR_EVIDENCE_CBOR', `a value of type ${typeof value} cannot be encoded`)
}

function prepareInteger(value: number): number | bigint {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new EvidenceError('ERR_EVIDENCE_CBOR', 'a number that is not a safe integer cannot be encoded')
  // cbor-x writes a number beyond 32 bits as a float, and a bigint as an integer.
  return value > 0xffffffff || value < -0x100000000 ? BigInt(value) : value
}

function prepareBigInt(value: bigint): number | bigint {
  // −2^64 … −2^63−1 are integers of CBOR, but cbor-x writes −2^64 as a bignum; none of ours is near.
  if (value < -(1n << 63n) || value >= 1n << 64n) throw new EvidenceError('ERR_EVIDENCE_CBOR', 'an integer is out of range')
  return value >= -0x100000000n && value <= 0xffffffffn ? Number(value) : value
}

function prepareMap(map: ReadonlyMap<unknown, unknown>, depth: number): Map<unknown, unknown> {
  const prepared = new Map<unknown, unknown>()
  let previous = -1
  for (const [key, item] of map) {
    // The fast path: all maps of the format have unsigned keys, and ours are written in rising order, which is their bytewise order, too.
    if (typeof key !== 'number' || key <= previous) return prepareSorted(map, depth)
    previous = key
    prepared.set(prepareInteger(key), prepare(item, depth))
  }
  return prepared
}

function prepareSorted(map: ReadonlyMap<unknown, unknown>, depth: number): Map<unknown, unknown> {
  const entries: { key: unknown, bytes: Uint8Array, item: unknown }[] = []
  for (const [key, item] of map) {
    if (typeof key !== 'number' && typeof key !== 'string') throw new EvidenceError('ERR_EVIDENCE_CBOR', `a map key of type ${typeof key} cannot be encoded`)
    const prepared = prepare(key, depth)
    entries.push({ key: prepared, bytes: codec.encode(prepared), item: prepare(item, depth) })
  }
  // RFC 8949 §4.2.1: bytewise order of the encoded keys (not RFC 7049's shorter-first).
  entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
  return new Map(entries.map(({ key, item }) => [key, item]))
}
