// The journal of one epoch: frames are appended to memory, written in groups, and released when what they were promised holds.
// One flush for all that was appended in a turn of the loop; `strict` waits for the sync that covers it, `bounded` for the write alone.
import { EvidenceError } from '../errors.ts'
import type { Admission } from './admission.ts'
import { Arena } from './arena.ts'
import { takeGroup, WriteEncoder, type PendingFrame } from './flush.ts'
import { recordType, writeCut, type Cut } from './record.ts'
import { payloadOffset, type Place, type Segments } from './segments.ts'
import type { Syncer } from './syncer.ts'

export type Durability = 'strict' | 'bounded'

/** Errors of a write that mean "no room": nothing was promised, and it may be tried again. Any other is treated as a failed sync is. */
const noRoom = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

export class Journal {
  readonly #segments: Segments
  readonly #syncer: Syncer
  readonly #admission: Admission
  /** Holds the bytes of what is pending; the sessions write them there. */
  readonly arena = new Arena()
  readonly #encoder = new WriteEncoder()
  #pending: PendingFrame[] = []
  #flush: NodeJS.Immediate | undefined
  #strict: PromiseWithResolvers<void> | undefined
  #bounded: PromiseWithResolvers<void> | undefined
  /** While a cut is being made nothing is released on `write` alone, so that the cut can state the largest window. */
  #isCutting = false
  #writtenBytes = 0
  #ordinals = 0
  #nextOrdinal = 0

  constructor(segments: Segments, syncer: Syncer, admission: Admission) {
    this.#segments = segments
    this.#syncer = syncer
    this.#admission = admission
  }

  /** Sessions whose opening is written. */
  get ordinals(): number { return this.#ordinals }
  /** The next session's, as long as no write fails. */
  get nextOrdinal(): number { return this.#nextOrdinal }
  /** All bytes of payload written in this epoch. */
  get writtenBytes(): number { return this.#writtenBytes }

  append(frame: PendingFrame): void {
    this.#pending.push(frame)
    this.#admission.pend(frame.bytes)
    this.#admission.reserve(frame.reserved)
    if (frame.isOpening) this.#nextOrdinal += 1
  }

  /** Resolves once every frame appended so far is on record as the mode says. The promise is shared by all who ask in one turn.
   * @throws EvidenceError `ERR_EVIDENCE_FULL` (the frames since the last write are undone), `ERR_EVIDENCE_FENCED` */
  commit(durability: Durability): Promise<void> {
    if (this.#admission.isFenced) return this.#refuse()
    if (this.#pending.length === 0) return this.#release(durability)
    this.#flush ??= setImmediate(() => { this.#write() })
    if (durability === 'strict') return (this.#strict ??= Promise.withResolvers()).promise
    return (this.#bounded ??= Promise.withResolvers()).promise
  }

  /** Writes what is pending, syncs it, then writes the cut and syncs that; resolves with the place behind the cut.
   * @param build makes the cut from the number of ordinals before it and the largest window */
  async cut(build: (ordinals: number, largestWindowUs: number) => Cut): Promise<Place> {
    this.#isCutting = true
    try {
      await this.commit('strict')
      // From here to the write of the cut nothing is awaited: what was flushed meanwhile belongs to the batch, and none of it was released unsynced.
      this.#admission.throwIfFenced()
      const payload = writeCut(build(this.#ordinals, this.#syncer.largestWindowUs))
      this.#encoder.buffer.set(payload, payloadOffset)
      this.#put(recordType.cut, payload.length)
      this.#syncer.resetLargestWindow()
    } catch (error) {
      this.#writeFailed(error as NodeJS.ErrnoException)
      this.#admission.throwIfFenced()
      throw error instanceof EvidenceError ? error : new EvidenceError('ERR_EVIDENCE_FULL', 'the journal found no room for a cut', { cause: error })
    } finally {
      this.#isCutting = false
    }
    try {
      return await this.#syncer.covered()
    } catch (cause) {
      throw fenced(cause)
    }
  }

  /** A spare segment is there, or cannot be made: writes what waited for it. */
  resume(): void {
    if (this.#pending.length > 0 && this.#flush === undefined && (this.#strict ?? this.#bounded) !== undefined) this.#write()
  }

  /** The epoch is over: everybody who waits is told, nothing more is written. */
  fence(error: Error): void {
    this.#admission.fence(error)
    clearImmediate(this.#flush)
    this.#drop(fenced(error))
  }

  #write(): void {
    this.#flush = undefined
    if (this.#admission.isFenced) return
    let written = 0
    try {
      while (written < this.#pending.length) {
        const { count, bytes } = takeGroup(this.#pending, written)
        if (!this.#hasRoom(bytes)) {
          this.#pending.splice(0, written)
          return // `resume` goes on
        }
        const group = this.#pending.slice(written, written + count)
        this.#put(recordType.write, this.#encoder.encode(group))
        written += count
        for (const frame of group) {
          this.#admission.pend(-frame.bytes)
          if (frame.isOpening) this.#ordinals += 1
          frame.owner.written(frame)
        }
      }
    } catch (error) {
      this.#pending.splice(0, written)
      this.#writeFailed(error as NodeJS.ErrnoException)
      return
    }
    this.#pending = []
    this.arena.reset()
    this.#settle()
  }

  // Also the reserve must be there, or an intent would be released that has no room for its outcome.
  #hasRoom(bytes: number): boolean {
    const missing = bytes + this.#admission.reservedBytes - this.#segments.capacity
    void this.#segments.prepare(Math.max(0, this.#admission.reservedBytes))
    if (this.#segments.hasRoom(bytes) && missing <= 0) return true
    // What is reserved may be used by what it was reserved for, when there is no more to be had.
    const { fault } = this.#segments
    if (fault === undefined) return false
    if (this.#segments.hasRoom(bytes) && this.#pending.every(({ reserved }) => reserved <= 0)) return true
    throw new EvidenceError('ERR_EVIDENCE_FULL', 'the journal has no room for a frame and what must follow it', { cause: fault })
  }

  #put(type: typeof recordType.write | typeof recordType.cut, payloadBytes: number): void {
    this.#segments.write(this.#encoder.buffer, type, payloadBytes)
    this.#writtenBytes += payloadBytes
    this.#syncer.wrote()
  }

  #settle(): void {
    const strict = this.#strict
    const bounded = this.#bounded
    this.#strict = undefined
    this.#bounded = undefined
    if (bounded !== undefined && !this.#isCutting && this.#syncer.release()) {
      bounded.resolve()
    } else if (bounded !== undefined) {
      this.#afterSync(bounded)
    }
    if (strict !== undefined) this.#afterSync(strict)
  }

  #afterSync(waiters: PromiseWithResolvers<void>): void {
    this.#syncer.covered().then(() => { waiters.resolve() }, (cause: unknown) => { waiters.reject(fenced(cause)) })
  }

  async #release(durability: Durability): Promise<void> {
    if (durability === 'bounded' && !this.#isCutting && this.#syncer.release()) return
    try {
      await this.#syncer.covered()
    } catch (cause) {
      throw fenced(cause)
    }
  }

  async #refuse(): Promise<void> {
    this.#admission.throwIfFenced()
  }

  #writeFailed(error: NodeJS.ErrnoException): void {
    if (error instanceof EvidenceError || noRoom.has(error.code ?? '')) {
      this.#admission.pause()
      this.#drop(error instanceof EvidenceError ? error : new EvidenceError('ERR_EVIDENCE_FULL', 'the journal found no room for a write', { cause: error }))
    } else {
      this.fence(error)
    }
  }

  // Undoes what was appended and not written. Callers were promised nothing yet; seqs are used again, nonces are not.
  #drop(error: EvidenceError): void {
    const dropped = this.#pending.reverse()
    this.#pending = []
    const waiters = [this.#strict, this.#bounded]
    this.#strict = undefined
    this.#bounded = undefined
    this.#nextOrdinal = this.#ordinals
    for (const frame of dropped) {
      this.#admission.pend(-frame.bytes)
      this.#admission.reserve(-frame.reserved)
      frame.owner.dropped(frame)
    }
    this.arena.reset()
    for (const waiter of waiters) {
      waiter?.reject(error)
    }
  }
}

function fenced(cause: unknown): EvidenceError {
  return new EvidenceError('ERR_EVIDENCE_FENCED', 'a sync of the journal failed: nothing more is recorded in this epoch', { cause })
}
