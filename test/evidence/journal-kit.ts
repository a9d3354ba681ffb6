// A recorder over a real directory and a disk whose next operation a test may hold back or make fail, before or after its effect.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ExecutionContext } from 'ava'
import { EvidenceError, type EvidenceErrorCode, frameKind, openRecorder, type FrameContent, type Recorder, type RecorderOptions } from '../../evidence/index.ts'
import { decode, decodeSequence, type CborValue } from '../../evidence/session/cbor.ts'
import { realDisk, type Disk } from '../../evidence/session/disk.ts'
import { leafRoom, putLeaf, type Commitments } from '../../evidence/session/frame.ts'
import { listSegments, readRecords, readSegment, readSegmentHeader } from '../../evidence/session/reader.ts'
import { parseCut, recordType, type Cut } from '../../evidence/session/record.ts'
import { instantSealer } from './instant-sealer.ts'

export interface Faults {
  write?: (write: () => void) => void
  sync?: (done: (error: Error | null) => void, sync: () => void) => void
  createSegment?: () => void
  /** Added to the elapsed clock, µs. */
  skewUs: number
}

export function faultyDisk(faults: Faults): Disk {
  return {
    ...realDisk,
    write(file, bytes, position) {
      const write = (): void => { realDisk.write(file, bytes, position) }
      if (faults.write === undefined) write()
      else faults.write(write)
    },
    sync(file, done) {
      const sync = (): void => { realDisk.sync(file, done) }
      if (faults.sync === undefined) sync()
      else faults.sync(done, sync)
    },
    async createSegment(name, bytes) {
      faults.createSegment?.()
      return realDisk.createSegment(name, bytes)
    },
    elapsedUs: () => realDisk.elapsedUs() + faults.skewUs,
  }
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}

export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'evidence-test-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  return folder
}

export function directoriesIn(folder: string): RecorderOptions['directories'] {
  return { journal: path.join(folder, 'journal'), keys: path.join(folder, 'keys'), sealer: path.join(folder, 'sealer'), evidence: path.join(folder, 'evidence') }
}

/** Over an instant sealer unless told otherwise; cuts only when asked. */
export async function openTestRecorder(folder: string, more: Partial<RecorderOptions> = {}): Promise<Recorder> {
  return openRecorder({
    node: 'node-a', directories: directoriesIn(folder), intervalMs: 3_600_000, maxUnsealedBytes: 1 << 30, maxUnsealedMs: 900_000,
    now: Date.now, spawnSealer: instantSealer().start, segmentBytes: 256 * 1024, ...more,
  })
}

export const intent: FrameContent = { kind: frameKind.intent, time: 1_790_000_000_000, request: Buffer.from('{"action":"call"}'), decision: Buffer.from('{"effect":"allow"}'), decisionId: new Uint8Array(16), bundle: new Uint8Array(32) }

export function outcome(ref: number, result: Uint8Array = Buffer.from('{"status":"delivered"}')): FrameContent {
  return { kind: frameKind.outcome, time: 1_790_000_000_001, result, ref, structure: new Map([[1, 0]]) }
}

/** A leaf by itself, as a session would write it. */
export function leafOf(session: Uint8Array, seq: number, previous: Uint8Array, frame: FrameContent, commitments: Commitments = {}): Uint8Array {
  const target = Buffer.alloc(leafRoom)
  return Uint8Array.from(target.subarray(1, putLeaf(target, 0, session, seq, Buffer.from(previous).toString('latin1'), frame, commitments)))
}

/** All leaves, boxes and cuts of a journal, as they lie there. */
export function readJournal(journal: string): { leaves: ReadonlyMap<number, CborValue>[], boxes: ReadonlyMap<number, CborValue>[], cuts: Cut[] } {
  const found = { leaves: [] as ReadonlyMap<number, CborValue>[], boxes: [] as ReadonlyMap<number, CborValue>[], cuts: [] as Cut[] }
  for (const segment of listSegments(journal)) {
    const header = readSegmentHeader(journal, segment)
    if (header === undefined) continue
    for (const record of readRecords(readSegment(journal, segment), header)) {
      if (record.type === recordType.cut) found.cuts.push(parseCut(record.payload))
      if (record.type !== recordType.write) continue
      for (const item of decodeSequence(record.payload)) {
        if (item instanceof Uint8Array) found.leaves.push(decode(item) as ReadonlyMap<number, CborValue>)
        else found.boxes.push(item as ReadonlyMap<number, CborValue>)
      }
    }
  }
  return found
}

export function kindsIn(journal: string): number[] {
  return readJournal(journal).leaves.map((leaf) => leaf.get(5) as number)
}

export function hasCode(t: ExecutionContext, error: unknown, code: EvidenceErrorCode, message: RegExp): void {
  t.true(error instanceof EvidenceError)
  t.is((error as EvidenceError).code, code)
  t.regex((error as EvidenceError).message, message)
}

/** Lets every turn of the loop that is due come round. */
export async function turns(count: number = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((done) => { setImmediate(done) })
}

export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false
  const settle = (): void => { isSettled = true }
  promise.then(settle, settle)
  await turns(1)
  return !isSettled
}
