// The batch leaf: one entry of the evidence log, which commits to all frames of one interval (FORMAT.md §7).
import { EvidenceError } from '../errors.ts'
import { decode, encode, type CborValue } from '../session/cbor.ts'

export const maxBatchLeafBytes = 4_096

export const cutReasons = { interval: 0, start: 1, recovery: 2, stop: 3 } as const

/** Times in ms since the Unix epoch, the window in µs. */
export interface BatchLeaf {
  readonly node: string
  readonly epoch: number
  readonly number: number
  readonly time: number
  /** Leaf hash of the batch leaf before it in this log; 32 zero bytes for the first. */
  readonly previous: Uint8Array
  readonly frameRoot: Uint8Array
  readonly frames: number
  readonly ordinalsBefore: number
  readonly ordinalsAfter: number
  /** SHA-256 of the leaves object and of the index object. */
  readonly leaves: Uint8Array
  readonly index: Uint8Array
  /** Largest time a released frame was not yet fsynced. */
  readonly largestWindowUs: number
  /** One of `cutReasons`. */
  readonly why: number
}

export function writeBatchLeaf(leaf: BatchLeaf): Uint8Array {
  const bytes = encode(new Map<number, CborValue>([
    [1, 1], [2, leaf.node], [3, leaf.epoch], [4, leaf.number], [5, leaf.time], [6, leaf.previous], [7, leaf.frameRoot], [8, leaf.frames],
    [9, leaf.ordinalsBefore], [10, leaf.ordinalsAfter], [11, leaf.leaves], [12, leaf.index], [13, leaf.largestWindowUs], [14, leaf.why],
  ]))
  if (bytes.length > maxBatchLeafBytes) throw new EvidenceError('ERR_TLOG_LEAF', `a batch leaf would have ${bytes.length} bytes`)
  return bytes
}

/** Refuses every encoding but the one `writeBatchLeaf` makes. @throws EvidenceError ERR_TLOG_LEAF */
export function parseBatchLeaf(bytes: Uint8Array): BatchLeaf {
  if (bytes.length > maxBatchLeafBytes) throw malformed()
  const map = decodeMap(bytes)
  const leaf: BatchLeaf = {
    node: text(map.get(2)), epoch: uint(map.get(3)), number: uint(map.get(4)), time: uint(map.get(5)), previous: hash(map.get(6)), frameRoot: hash(map.get(7)), frames: uint(map.get(8)),
    ordinalsBefore: uint(map.get(9)), ordinalsAfter: uint(map.get(10)), leaves: hash(map.get(11)), index: hash(map.get(12)), largestWindowUs: uint(map.get(13)), why: uint(map.get(14)),
  }
  if (Buffer.compare(writeBatchLeaf(leaf), bytes) !== 0) throw malformed()
  return leaf
}

function decodeMap(bytes: Uint8Array): ReadonlyMap<unknown, unknown> {
  let value: unknown
  try { value = decode(bytes) } catch (cause) { throw malformed(cause) }
  if (!(value instanceof Map)) throw malformed()
  return value
}

function uint(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed()
  return value
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw malformed()
  return value
}

function hash(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== 32) throw malformed()
  return value
}

function malformed(cause?: unknown): EvidenceError {
  return new EvidenceError('ERR_TLOG_LEAF', 'the batch leaf is malformed', { cause })
}
