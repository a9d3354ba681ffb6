// Puts the journal of a dead process in order: finds the last whole record, forgets what is torn behind it, and cuts what was recorded but never sealed.
// After a failed sync the page cache may show bytes that the disk does not have, so the last two segments are written anew, never synced again.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { EvidenceError } from '../errors.ts'
import { decodeSequence } from './cbor.ts'
import { frameKind, parseLeaf } from './frame.ts'
import { listSegments, readRecords, readSegment, readSegmentHeader, segmentPath } from './reader.ts'
import { cutReason, durableBehind, parseCut, recordType, segmentHeaderBytes, writeCut, writeNext, writeRecord, writeSegmentHeader, type Cut, type SegmentHeader } from './record.ts'
import type { Place } from './segments.ts'
import { boundedWindowUs } from './syncer.ts'

export interface RecoveredJournal {
  /** Highest epoch with a frame in the journal; −1 when there is none. */
  readonly epoch: number
  /** Segments that have begun, the last of them ended; numbers go on above `durable.segment`. */
  readonly segments: readonly number[]
  /** Everything up to here is on the disk, and ends with a cut. `{0, 0}`: there is no journal. */
  readonly durable: Place
  /** Of the last cut; 0 when there is none. */
  readonly lastCutTime: number
}

interface Scan { epoch: number, lastCut: (Cut & { epoch: number }) | undefined, uncutFrames: number, uncutOrdinals: number, tail: SegmentHeader | undefined, tailEnd: number, segments: number[] }

/** The directory must be locked. @throws EvidenceError `ERR_EVIDENCE_CORRUPT`; or as the disk does */
export function recoverJournal(directory: string, now: () => number): RecoveredJournal {
  const numbers = listSegments(directory)
  const scan = scanJournal(directory, numbers)
  const { tail } = scan
  // Spares, and segments behind a torn record: nothing in them was ever acknowledged.
  for (const segment of numbers.filter((number) => number > (tail?.segment ?? 0))) rmSync(segmentPath(directory, segment))
  if (tail === undefined) {
    syncFolder(directory)
    return { epoch: -1, segments: [], durable: { segment: 0, offset: 0 }, lastCutTime: 0 }
  }
  const before = scan.segments.at(-2)
  if (before !== undefined) rewrite(directory, before, readSegment(directory, before))
  const cut = scan.uncutFrames > 0 ? cutDeadEpoch(scan, tail.epoch, now) : undefined
  const ending = [...(cut === undefined ? [] : [writeRecord(tail, recordType.cut, writeCut(cut))]), writeRecord(tail, recordType.next, writeNext(tail.segment + 1))]
  const offset = rewriteTail(directory, tail, scan.tailEnd, ending)
  return { epoch: scan.epoch, segments: scan.segments, durable: { segment: tail.segment, offset }, lastCutTime: cut?.time ?? scan.lastCut?.time ?? 0 }
}

function scanJournal(directory: string, numbers: readonly number[]): Scan {
  const scan: Scan = { epoch: -1, lastCut: undefined, uncutFrames: 0, uncutOrdinals: 0, tail: undefined, tailEnd: segmentHeaderBytes, segments: [] }
  let expected: number | undefined
  for (const number of numbers) {
    const header = readSegmentHeader(directory, number)
    if (header === undefined) {
      // Files below the first that has begun cannot be: numbers only rise.
      if (expected === undefined) continue
      break
    }
    if (expected !== undefined && number !== expected) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `segment ${expected} of the journal is missing`)
    expected = number + 1
    scan.segments.push(number)
    scan.tail = header
    scan.tailEnd = segmentHeaderBytes
    const bytes = readSegment(directory, number)
    if (scanSegment(scan, bytes, header)) continue
    refuseHole(directory, numbers, bytes, scan.tailEnd, header)
    break
  }
  return scan
}

// A record that is not whole is the journal's end where the disk had not yet been told to keep it. Where a later record says that it had been,
// acknowledged frames are gone or altered: that is no torn tail, and nothing may be sealed over it.
function refuseHole(directory: string, numbers: readonly number[], bytes: Uint8Array, end: number, header: SegmentHeader): void {
  const later = numbers.filter((number) => number > header.segment).some((number) => {
    const next = readSegmentHeader(directory, number)
    return next !== undefined && durableBehind(readSegment(directory, number), segmentHeaderBytes, next) > 0
  })
  if (later || durableBehind(bytes, end, header) > end) {
    throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `segment ${header.segment} of the journal lacks a whole record at ${end}, where one was durable: restore the journal, or what was acknowledged there is lost`)
  }
}

// True when the segment ends with `next`, so that another may follow.
function scanSegment(scan: Scan, bytes: Uint8Array, header: SegmentHeader): boolean {
  for (const record of readRecords(bytes, header)) {
    if (record.type === recordType.next) return true
    scan.tailEnd = record.end
    scan.epoch = Math.max(scan.epoch, header.epoch)
    if (record.type === recordType.cut) {
      scan.lastCut = { ...parseCut(record.payload), epoch: header.epoch }
      scan.uncutFrames = 0
      scan.uncutOrdinals = 0
      continue
    }
    for (const item of decodeSequence(record.payload)) {
      if (!(item instanceof Uint8Array)) continue
      const { kind } = parseLeaf(item)
      scan.uncutFrames += 1
      if (kind === frameKind.epoch || kind === frameKind.open) scan.uncutOrdinals += 1
    }
  }
  return false
}

function cutDeadEpoch(scan: Scan, epoch: number, now: () => number): Cut {
  const last = scan.lastCut?.epoch === epoch ? scan.lastCut : undefined
  const ordinalsBefore = last?.ordinalsAfter ?? 0
  return {
    number: last === undefined ? 0 : last.number + 1,
    // A clock that stepped back must not make time run backwards in the log.
    time: Math.max(now(), scan.lastCut?.time ?? 0),
    ordinalsBefore, ordinalsAfter: ordinalsBefore + scan.uncutOrdinals,
    // What the dead process measured is lost with it; it let go of nothing older than this.
    largestWindowUs: boundedWindowUs,
    reason: cutReason.recovery,
  }
}

function rewriteTail(directory: string, header: SegmentHeader, end: number, ending: readonly Uint8Array[]): number {
  const old = readSegment(directory, header.segment)
  const bytes = new Uint8Array(old.length) // zeros behind the end: no torn record is ever met again
  bytes.set(old.subarray(0, end))
  bytes.set(writeSegmentHeader(header))
  let offset = end
  for (const record of ending) {
    bytes.set(record, offset)
    offset += record.length
  }
  rewrite(directory, header.segment, bytes)
  return offset
}

function rewrite(directory: string, segment: number, bytes: Uint8Array): void {
  const name = segmentPath(directory, segment)
  const file = openSync(`${name}.new`, 'w', 0o600)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${name}.new`, name)
  syncFolder(directory)
}

function syncFolder(directory: string): void {
  const folder = openSync(directory, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
