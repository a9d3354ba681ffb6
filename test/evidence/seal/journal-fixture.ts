// A gateway's journal as FORMAT.md §12 has it, written without the gateway's writer: sessions, frames, cuts.
import { mkdirSync, openSync, writeSync, fdatasyncSync, closeSync } from 'node:fs'
import { encode, type CborValue } from '../../../evidence/session/cbor.ts'
import { frameKind, type FrameKind } from '../../../evidence/session/frame.ts'
import { recordType, segmentHeaderBytes, writeCut, writeNext, writeRecord, writeSegmentHeader, type CutReason, type RecordType } from '../../../evidence/session/record.ts'
import { segmentPath } from '../../../evidence/session/reader.ts'
import { CompactTree } from '../../../evidence/tlog/compact.ts'
import { leafHash } from '../../../evidence/tlog/hash.ts'

export class JournalFixture {
  readonly directory: string
  epoch = 1
  segment = 0
  offset = 0
  number = 0
  ordinals = 0
  ordinalsBefore = 0
  time = 1_700_000_000_000
  #file = -1

  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { recursive: true })
    this.#begin(1)
  }

  #begin(segment: number): void {
    if (this.#file >= 0) closeSync(this.#file)
    this.segment = segment
    this.#file = openSync(segmentPath(this.directory, segment), 'w+')
    writeSync(this.#file, Buffer.alloc(1024 * 1024), 0, 1024 * 1024, 0)
    writeSync(this.#file, writeSegmentHeader({ segment, epoch: this.epoch }), 0, segmentHeaderBytes, 0)
    this.offset = segmentHeaderBytes
  }

  #record(type: RecordType, payload: Uint8Array): void {
    const bytes = writeRecord({ segment: this.segment, epoch: this.epoch }, type, payload)
    writeSync(this.#file, bytes, 0, bytes.length, this.offset)
    this.offset += bytes.length
  }

  write(items: readonly Uint8Array[]): void { this.#record(recordType.write, Buffer.concat(items)) }

  cut(reason: CutReason = 0): void {
    this.#record(recordType.cut, writeCut({ number: this.number++, time: this.time += 10_000, ordinalsBefore: this.ordinalsBefore, ordinalsAfter: this.ordinals, largestWindowUs: 0, reason }))
    this.ordinalsBefore = this.ordinals
  }

  next(): void {
    this.#record(recordType.next, writeNext(this.segment + 1))
    this.#begin(this.segment + 1)
  }

  newEpoch(): void {
    this.#record(recordType.next, writeNext(this.segment + 1))
    this.epoch++
    this.number = 0
    this.ordinals = this.ordinalsBefore = 0
    this.#begin(this.segment + 1)
  }

  sync(): { segment: number; offset: number } {
    fdatasyncSync(this.#file)
    return { segment: this.segment, offset: this.offset }
  }

  close(): void { closeSync(this.#file) }
}

/** A session that makes leaves; contents are not its business. */
export class SessionFixture {
  readonly id: Uint8Array
  readonly tree = new CompactTree()
  previous: Uint8Array = new Uint8Array(32)
  readonly leaves: Uint8Array[] = []

  constructor(seed: number) {
    this.id = Buffer.alloc(16)
    Buffer.from(this.id.buffer, this.id.byteOffset, 16).writeUInt32BE(seed, 12)
  }

  /** The item that a journal write holds. */
  leaf(kind: FrameKind, time: number, members: [number, CborValue][]): Uint8Array {
    const bytes = encode(new Map<number, CborValue>([[1, 1], [2, this.id], [3, this.tree.size], [4, time], [5, kind], [6, this.previous], ...members]))
    this.leaves.push(bytes)
    this.previous = leafHash(bytes)
    this.tree.append(this.previous)
    return encode(bytes)
  }

  open(journal: JournalFixture, time = 1): Uint8Array {
    return this.leaf(frameKind.open, time, [[13, new Map<number, CborValue>([[1, journal.epoch], [2, journal.ordinals++], [3, new Uint8Array(16)]])]])
  }

  epoch(journal: JournalFixture, time = 1): Uint8Array {
    return this.leaf(frameKind.epoch, time, [[13, new Map<number, CborValue>([[1, journal.epoch], [2, journal.ordinals++], [3, new Uint8Array(16)], [4, 'n1'], [5, 0], [6, new Uint8Array(32)]])]])
  }

  intent(time = 2): Uint8Array { return this.leaf(frameKind.intent, time, [[7, Buffer.alloc(32, 1)], [8, Buffer.alloc(32, 2)], [10, new Uint8Array(16)], [11, new Uint8Array(32)]]) }
  outcome(ref: number, time = 3): Uint8Array { return this.leaf(frameKind.outcome, time, [[9, Buffer.alloc(32, 3)], [12, ref], [13, new Map([[1, 0]])]]) }
  recovery(session: SessionFixture, seq: number, time = 5): Uint8Array { return this.leaf(frameKind.recovery, time, [[13, new Map<number, CborValue>([[1, session.id], [2, seq]])]]) }
  close(time = 4): Uint8Array { return this.leaf(frameKind.close, time, [[13, new Map<number, CborValue>([[1, this.tree.size], [2, this.tree.root()], [3, 0]])]]) }
}

/** A box of this many bytes of ciphertext (not a real one: the sealer could not tell). */
export function box(session: SessionFixture, first: number, last: number, bytes: number): Uint8Array {
  return encode(new Map<number, CborValue>([[1, 1], [2, session.id], [3, new Uint8Array(16)], [4, first], [5, last], [6, new Uint8Array(12)], [7, new Uint8Array(bytes)]]))
}
