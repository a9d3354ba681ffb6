// Reads a node's journal: which segments have begun, and their records in order. For recovery and for the sealer; both trust the disk, not its last write.
import { openSync, readSync, closeSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseRecord, parseSegmentHeader, recordType, segmentHeaderBytes, type JournalRecord, type SegmentHeader } from './record.ts'

const segmentName = /^(\d{8})\.seg$/

export function segmentPath(directory: string, segment: number): string {
  return path.join(directory, `${String(segment).padStart(8, '0')}.seg`)
}

/** Numbers of all segment files, rising, spares included. */
export function listSegments(directory: string): number[] {
  return readdirSync(directory).flatMap((name) => {
    const match = segmentName.exec(name)
    return match ? [Number(match[1])] : []
  }).sort((a, b) => a - b)
}

/** Undefined for a spare: a file whose header is not valid, or that still carries the header of the segment it was. */
export function readSegmentHeader(directory: string, segment: number): SegmentHeader | undefined {
  const file = openSync(segmentPath(directory, segment), 'r')
  try {
    const bytes = new Uint8Array(segmentHeaderBytes)
    if (readSync(file, bytes, 0, segmentHeaderBytes, 0) < segmentHeaderBytes) return undefined
    const header = parseSegmentHeader(bytes)
    return header?.segment === segment ? header : undefined
  } finally {
    closeSync(file)
  }
}

export function readSegment(directory: string, segment: number): Uint8Array {
  return readFileSync(segmentPath(directory, segment))
}

/** Records from `from` up to the first that is not whole, or up to `limit` (exclusive), or with a `next`. */
export function* readRecords(segmentBytes: Uint8Array, header: SegmentHeader, from: number = segmentHeaderBytes, limit: number = segmentBytes.length): Generator<JournalRecord> {
  for (let offset = from; offset < limit;) {
    const record = parseRecord(segmentBytes, offset, header)
    if (record === undefined || record.end > limit) return
    yield record
    if (record.type === recordType.next) return
    offset = record.end
  }
}
