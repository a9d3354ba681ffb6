// The journal's segment headers and records, bytes to values and back: FORMAT.md §12. Private to a node, not evidence.
import { crc32 } from 'node:zlib'
import { EvidenceError } from '../errors.ts'
import { decode, encode } from './cbor.ts'

export const recordType = { write: 1, cut: 2, next: 3 } as const
export type RecordType = (typeof recordType)[keyof typeof recordType]

export const defaultSegmentBytes = 8 * 1024 * 1024
export const segmentHeaderBytes = 64
export const recordHeaderBytes = 32
/** No payload is longer: a write is closed at 1 MiB of frames (`maxWriteBytes` in flush.ts), the rest is the boxes' own bytes. */
export const maxPayloadBytes = 2 * 1024 * 1024

const magic = 0x43534a31 // CSJ1

export interface SegmentHeader { readonly segment: number, readonly epoch: number }

/** Why a cut was made: FORMAT.md §7, member 14. */
export const cutReason = { interval: 0, start: 1, recovery: 2, stop: 3 } as const
export type CutReason = (typeof cutReason)[keyof typeof cutReason]

/** All frames before it in the journal, back to the previous cut, are batch `number` of the epoch. */
export interface Cut {
  readonly number: number
  /** ms; never lower than an earlier cut's of this node */
  readonly time: number
  readonly ordinalsBefore: number
  readonly ordinalsAfter: number
  readonly largestWindowUs: number
  readonly reason: CutReason
}

export function writeSegmentHeader({ segment, epoch }: SegmentHeader): Uint8Array {
  const bytes = Buffer.alloc(segmentHeaderBytes)
  bytes.writeUInt32BE(magic, 0)
  writeUint64(bytes, segment, 8)
  writeUint64(bytes, epoch, 16)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

/** Undefined when these bytes do not begin a segment: a spare that nobody has begun, or a torn header. */
export function parseSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < segmentHeaderBytes) return undefined
  const view = viewOf(bytes)
  if (view.readUInt32BE(0) !== magic || view.readUInt32BE(60) !== crc32(view.subarray(0, 60))) return undefined
  return { segment: readUint64(view, 8), epoch: readUint64(view, 16) }
}

/** Length of a record in the file, padding included. */
export function recordBytes(payloadBytes: number): number {
  return recordHeaderBytes + Math.ceil(payloadBytes / 8) * 8
}

/** Writes one record into `target` at `offset`, its payload being there already (at `offset` + 32); returns where the next record begins.
 * @param durable how far this segment was on the disk by then; 0 when nothing of it was */
export function frameRecord(target: Buffer, offset: number, header: SegmentHeader, type: RecordType, payloadBytes: number, durable: number = 0): number {
  const end = offset + recordBytes(payloadBytes)
  target.writeUInt32BE(payloadBytes, offset)
  writeUint64(target, header.epoch, offset + 8)
  writeUint64(target, header.segment, offset + 16)
  target.fill(0, offset + 24, offset + recordHeaderBytes)
  target[offset + 24] = type
  target.writeUInt32BE(durable, offset + 28)
  const payloadEnd = offset + recordHeaderBytes + payloadBytes
  target.fill(0, payloadEnd, end)
  target.writeUInt32BE(crc32(target.subarray(offset + 8, payloadEnd)), offset + 4)
  return end
}

export function writeRecord(header: SegmentHeader, type: RecordType, payload: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(recordBytes(payload.length))
  bytes.set(payload, recordHeaderBytes)
  frameRecord(bytes, 0, header, type, payload.length)
  return bytes
}

export interface JournalRecord {
  readonly type: RecordType
  /** Offset in this segment up to which all was on the disk when the record was written, and so every earlier segment. */
  readonly durable: number
  /** A view of the segment's bytes. */
  readonly payload: Uint8Array
  /** Where the record begins and where the next one would. */
  readonly offset: number
  readonly end: number
}

/** Undefined when no whole record of this segment begins here: its end, a torn record, or stale bytes of a recycled file. */
export function parseRecord(segmentBytes: Uint8Array, offset: number, header: SegmentHeader): JournalRecord | undefined {
  const view = viewOf(segmentBytes)
  if (offset + recordHeaderBytes > view.length) return undefined
  const payloadBytes = view.readUInt32BE(offset)
  const end = offset + recordBytes(payloadBytes)
  const type = view[offset + 24]
  // A zero length is the segment's unwritten rest.
  if (payloadBytes === 0 || payloadBytes > maxPayloadBytes || end > view.length) return undefined
  const payloadEnd = offset + recordHeaderBytes + payloadBytes
  if (view.readUInt32BE(offset + 4) !== crc32(view.subarray(offset + 8, payloadEnd))) return undefined
  // Inside the CRC, so that stale bytes of a recycled file, whole as they are, do not pass.
  if (readUint64(view, offset + 8) !== header.epoch || readUint64(view, offset + 16) !== header.segment) return undefined
  if (type !== recordType.write && type !== recordType.cut && type !== recordType.next) return undefined
  return { type, durable: view.readUInt32BE(offset + 28), payload: segmentBytes.subarray(offset + recordHeaderBytes, payloadEnd), offset, end }
}

/** How far the segment is known to have been on the disk: the most that any whole record from `from` on says. 0 when there is none.
 * A record begins at a multiple of 8; one of this segment and epoch is looked for, so that other bytes cost next to nothing. */
export function durableBehind(segmentBytes: Uint8Array, from: number, header: SegmentHeader): number {
  const view = viewOf(segmentBytes)
  let durable = 0
  for (let offset = from; offset + recordHeaderBytes < view.length; offset += 8) {
    if (view.readUInt32BE(offset) === 0 || readUint64(view, offset + 8) !== header.epoch || readUint64(view, offset + 16) !== header.segment) continue
    const record = parseRecord(segmentBytes, offset, header)
    if (record !== undefined) durable = Math.max(durable, record.durable)
  }
  return durable
}

export function writeCut(cut: Cut): Uint8Array {
  return encode(new Map([[1, cut.number], [2, cut.time], [3, cut.ordinalsBefore], [4, cut.ordinalsAfter], [5, cut.largestWindowUs], [6, cut.reason]]))
}

/** @throws EvidenceError `ERR_EVIDENCE_CORRUPT` */
export function parseCut(payload: Uint8Array): Cut {
  const map = decode(payload)
  const members = [1, 2, 3, 4, 5, 6].map((key) => (map instanceof Map ? map.get(key) : undefined))
  const [number, time, ordinalsBefore, ordinalsAfter, largestWindowUs, reason] = members
  if (!isCount(number) || !isCount(time) || !isCount(ordinalsBefore) || !isCount(ordinalsAfter) || !isCount(largestWindowUs) || !isCount(reason) || reason > 3) {
    throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'a cut record of the journal is malformed')
  }
  return { number, time, ordinalsBefore, ordinalsAfter, largestWindowUs, reason: reason as CutReason }
}

/** Payload of a `next` record: the segment that follows. */
export function writeNext(segment: number): Uint8Array {
  return encode(new Map([[1, segment]]))
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function writeUint64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32BE(Math.floor(value / 0x100000000), offset)
  target.writeUInt32BE(value % 0x100000000, offset + 4)
}

function readUint64(view: Buffer, offset: number): number {
  return view.readUInt32BE(offset) * 0x100000000 + view.readUInt32BE(offset + 4)
}
