// Follows the gateway's journal (FORMAT.md §12) up to a place it was told is durable. Before that place every record must be there:
// what does not check out is a fault of the disk and stops the sealer; it is never taken for the journal's end.
import { closeSync, openSync, readSync } from 'node:fs'
import { EvidenceError } from '../errors.ts'
import { decode } from '../session/cbor.ts'
import { listSegments, segmentPath } from '../session/reader.ts'
import { defaultSegmentBytes, parseRecord, parseSegmentHeader, recordType, segmentHeaderBytes, type JournalRecord, type SegmentHeader } from '../session/record.ts'

/** Everything of the journal before `offset` of `segment`, and all earlier segments. */
export interface Place { readonly segment: number; readonly offset: number }

/** `payload` is a view of the follower's buffer: good until the next record is asked for, and its bytes may be overwritten. */
export interface FollowedRecord { readonly type: JournalRecord['type']; readonly epoch: number; readonly payload: Uint8Array; readonly end: Place }

export class JournalFollower {
  readonly #directory: string
  // One whole segment, so that each poll reads what is new in one call.
  #buffer = Buffer.allocUnsafeSlow(defaultSegmentBytes)
  #place: Place

  /** @param place behind the last sealed cut; undefined begins with the oldest segment there is */
  constructor(directory: string, place: Place | undefined) {
    this.#directory = directory
    this.#place = place ?? { segment: listSegments(directory)[0] ?? 1, offset: segmentHeaderBytes }
  }

  /** The records between the place reached and `durable`. @throws EvidenceError ERR_EVIDENCE_CORRUPT naming segment and offset */
  *read(durable: Place): Generator<FollowedRecord> {
    while (isBefore(this.#place, durable)) {
      const { segment } = this.#place
      const { header, size } = this.#load(this.#place, segment < durable.segment ? Infinity : durable.offset)
      for (let offset = this.#place.offset; this.#place.segment === segment; offset = this.#place.offset) {
        if (offset >= size && segment === durable.segment) return
        const record = parseRecord(this.#buffer.subarray(0, size), offset, header)
        if (record === undefined) throw corrupt(segment, `lacks a whole record at ${offset}, where one was durable`)
        this.#place = record.type === recordType.next ? { segment: nextSegment(record.payload, segment), offset: segmentHeaderBytes } : { segment, offset: record.end }
        yield { type: record.type, epoch: header.epoch, payload: record.payload, end: this.#place }
      }
    }
  }

  // The file is opened anew each time: recovery may have put another in its place, the same up to where a dead epoch was cut.
  #load({ segment, offset }: Place, limit: number): { header: SegmentHeader; size: number } {
    let file: number
    try { file = openSync(segmentPath(this.#directory, segment), 'r') } catch (cause) { throw corrupt(segment, 'is missing', cause) }
    try {
      readInto(file, this.#buffer, 0, segmentHeaderBytes)
      const header = parseSegmentHeader(this.#buffer)
      if (header?.segment !== segment) throw corrupt(segment, 'has a malformed header')
      return { header, size: readInto(file, this.#buffer, offset, Math.min(limit, this.#buffer.length)) }
    } finally { closeSync(file) }
  }
}

export function isBefore(a: Place, b: Place): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset)
}

function nextSegment(payload: Uint8Array, segment: number): number {
  const map = decode(payload)
  const next = map instanceof Map ? map.get(1) : undefined
  if (typeof next !== 'number' || !(next > segment)) throw corrupt(segment, 'has a malformed end')
  return next
}

function readInto(file: number, buffer: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const count = readSync(file, buffer, at, end - at, at)
    if (count === 0) break
    at += count
  }
  return at
}

function corrupt(segment: number, what: string, cause?: unknown): EvidenceError {
  return new EvidenceError('ERR_EVIDENCE_CORRUPT', `journal segment ${segment} ${what}`, { cause })
}
