// The segment files of one epoch: the one being written, the spares ahead of it, and those that wait to be recycled. FORMAT.md §12.
// Spares are made before they are needed, so that a full disk is met here, in the background, and not between a call's intent and its outcome.
import { EvidenceError } from '../errors.ts'
import type { Disk } from './disk.ts'
import { frameRecord, recordBytes, recordHeaderBytes, recordType, segmentHeaderBytes, writeNext, writeRecord, writeSegmentHeader, type RecordType, type SegmentHeader } from './record.ts'
import { segmentPath } from './reader.ts'

/** Kept free at the end of each segment: for the last cut of a dead epoch and the `next` behind it. */
const tailBytes = 512
const sparesAhead = 2
/** Segments that are done wait to be used again; beyond so many, they are removed. */
const maxDone = 32
const retryMs = 1000

export interface Place { readonly segment: number, readonly offset: number }

interface OpenSegment { readonly segment: number, readonly file: number }

export class Segments {
  readonly #directory: string
  readonly #disk: Disk
  readonly #epoch: number
  readonly #segmentBytes: number
  readonly #changed: () => void
  readonly #first: number
  #current: OpenSegment | undefined
  #offset = 0
  #spares: OpenSegment[] = []
  #nextSpare: number
  /** Segments that the sealer has done with, lowest first. */
  #done: number[] = []
  /** Written and not synced since; the current one is last. */
  #unsynced: OpenSegment[] = []
  #wanted = sparesAhead
  /** Up to where a sync has covered what was written. */
  #durable: Place = { segment: 0, offset: 0 }
  #preparing: Promise<void> | undefined
  #fault: Error | undefined
  #retry: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param first number of the epoch's first segment @param changed called when a spare was made, or could not be */
  constructor(options: { directory: string, disk: Disk, epoch: number, first: number, segmentBytes: number, changed: () => void }) {
    this.#directory = options.directory
    this.#disk = options.disk
    this.#epoch = options.epoch
    this.#segmentBytes = options.segmentBytes
    this.#nextSpare = options.first
    this.#first = options.first
    this.#changed = options.changed
  }

  /** Why the last attempt to make a spare failed; undefined when it did not. */
  get fault(): Error | undefined { return this.#fault }

  get place(): Place { return { segment: this.#current?.segment ?? 0, offset: this.#offset } }

  /** Bytes that can still be written without making another file. */
  get capacity(): number {
    const left = this.#current === undefined ? 0 : Math.max(0, this.#segmentBytes - this.#offset - tailBytes)
    return left + this.#spares.length * (this.#segmentBytes - segmentHeaderBytes - tailBytes)
  }

  /** Makes spares until there are two, and room for `bytes` besides. Resolves when that is done or has failed. */
  prepare(bytes: number = 0): Promise<void> {
    this.#wanted = sparesAhead + Math.floor(bytes / this.#segmentBytes)
    if (this.#isClosed || this.#retry !== undefined || this.#spares.length >= this.#wanted) return this.#preparing ?? Promise.resolve()
    this.#preparing ??= this.#makeSpares().finally(() => { this.#preparing = undefined })
    return this.#preparing
  }

  /** The sealer has all of it in the store: its file may be used again. */
  recycle(segment: number): void {
    if (segment >= (this.#current?.segment ?? this.#first) || this.#done.includes(segment)) return
    if (this.#done.length < maxDone) this.#done.push(segment)
    else this.#disk.remove(segmentPath(this.#directory, segment))
    void this.prepare()
  }

  /** Whether a record of that payload can be written now, here or in a spare. */
  hasRoom(payloadBytes: number): boolean {
    return this.#fits(payloadBytes) || this.#spares.length > 0
  }

  /** Writes one record whose payload lies in `buffer` at `recordHeaderBytes`. @throws as the disk does; the same place is written next time */
  write(buffer: Buffer, type: RecordType, payloadBytes: number): void {
    if (!this.#fits(payloadBytes)) this.#advance()
    const current = this.#current
    if (!this.#fits(payloadBytes) || current === undefined) throw new EvidenceError('ERR_EVIDENCE_FULL', 'the journal has no segment ready')
    const length = frameRecord(buffer, 0, this.#header(current.segment), type, payloadBytes, this.#durable.segment === current.segment ? this.#durable.offset : 0)
    this.#markUnsynced(current)
    this.#disk.write(current.file, buffer.subarray(0, length), this.#offset)
    this.#offset += length
  }

  /** Calls back once all that was written before this call is on the disk; the error means it may never be. */
  sync(done: (error: Error | null, place: Place) => void): void {
    const { place } = this
    const files = this.#unsynced
    this.#unsynced = []
    const step = (index: number): void => {
      const segment = files[index]
      if (segment === undefined) {
        this.#durable = place
        done(null, place)
        return
      }
      this.#disk.sync(segment.file, (error) => {
        if (error) {
          done(error, place)
          return
        }
        // A segment that is left has had its last write.
        if (segment !== this.#current && !this.#unsynced.includes(segment)) this.#disk.close(segment.file)
        step(index + 1)
      })
    }
    step(0)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    await this.#preparing
    for (const { file } of this.#spares) this.#disk.close(file)
    this.#spares = []
    if (this.#current !== undefined) this.#disk.close(this.#current.file)
    this.#current = undefined
  }

  #header(segment: number): SegmentHeader { return { segment, epoch: this.#epoch } }

  #fits(payloadBytes: number): boolean {
    return this.#current !== undefined && this.#offset + recordBytes(payloadBytes) <= this.#segmentBytes - tailBytes
  }

  // Ends the current segment and begins the first spare. Nothing has moved until both writes are through.
  #advance(): void {
    const spare = this.#spares[0]
    if (spare === undefined) throw new EvidenceError('ERR_EVIDENCE_FULL', 'the journal has no segment ready')
    const left = this.#current
    if (left !== undefined) {
      const next = writeRecord(this.#header(left.segment), recordType.next, writeNext(spare.segment))
      this.#markUnsynced(left)
      this.#disk.write(left.file, next, this.#offset)
    }
    this.#disk.write(spare.file, writeSegmentHeader(this.#header(spare.segment)), 0)
    this.#spares.shift()
    this.#current = spare
    this.#offset = segmentHeaderBytes
    void this.prepare()
  }

  #markUnsynced(segment: OpenSegment): void {
    if (this.#unsynced.at(-1) !== segment) this.#unsynced.push(segment)
  }

  async #makeSpares(): Promise<void> {
    while (this.#spares.length < this.#wanted && !this.#isClosed) {
      const segment = this.#nextSpare
      const to = segmentPath(this.#directory, segment)
      const [recycled] = this.#done
      try {
        const file = recycled === undefined
          ? await this.#disk.createSegment(to, this.#segmentBytes)
          : await this.#disk.recycleSegment(segmentPath(this.#directory, recycled), to)
        this.#fault = undefined
        if (recycled !== undefined) this.#done.shift()
        this.#nextSpare = segment + 1
        this.#spares.push({ segment, file })
        this.#changed()
      } catch (error) {
        this.#fault = error as Error
        if (!this.#isClosed) {
          this.#retry = setTimeout(() => {
            this.#retry = undefined
            void this.prepare()
          }, retryMs)
        }
        this.#changed()
        return
      }
    }
  }
}

/** Where a payload begins in the buffer that `write` takes. */
export const payloadOffset = recordHeaderBytes
