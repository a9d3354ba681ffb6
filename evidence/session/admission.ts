// Whether one more frame may be appended: room for it and for all that must still be recorded, a sealer that keeps up, and an epoch that is not over.
// What ends something already begun (an outcome without body, a close) is always let in: its room was reserved when it began.
import { EvidenceError } from '../errors.ts'
import { frameKind, type FrameKind } from './frame.ts'
import type { Segments } from './segments.ts'

/** Set aside by each intent for an outcome without result body. */
export const outcomeReserveBytes = 4096
/** Set aside by each open session for its close. */
export const closeReserveBytes = 512
/** Set aside for cuts, which no one may keep from being made. */
const cutReserveBytes = 8192
/** A frame of the largest size may leave so much unused at the end of each segment. */
const slackBytes = 4 * 1024 * 1024
/** Frames that wait in memory to be written: more only ever happens when the disk stands still. */
const maxPendingBytes = 64 * 1024 * 1024
/** After a write that found no room, how long no new work is taken before it is tried again. */
const pauseMs = 1000

export interface Lag { readonly isLagging: boolean }

export class Admission {
  readonly #segments: Segments
  readonly #lag: Lag
  readonly #elapsedUs: () => number
  #fence: Error | undefined
  #pausedAtUs: number | undefined
  #reservedBytes = cutReserveBytes
  #pendingBytes = 0

  constructor(segments: Segments, lag: Lag, elapsedUs: () => number) {
    this.#segments = segments
    this.#lag = lag
    this.#elapsedUs = elapsedUs
  }

  get isFenced(): boolean { return this.#fence !== undefined }
  get reservedBytes(): number { return this.#reservedBytes }
  get pendingBytes(): number { return this.#pendingBytes }

  /** New work would be refused for want of room. */
  get isFull(): boolean {
    return this.#isPaused() || (this.#segments.fault !== undefined && this.#segments.capacity < this.#needed(2 * outcomeReserveBytes) + slackBytes)
  }

  /** @throws EvidenceError `ERR_EVIDENCE_FENCED`, `ERR_EVIDENCE_LAG`, `ERR_EVIDENCE_FULL` */
  admit(kind: FrameKind, bytes: number): void {
    this.throwIfFenced()
    if (isReserved(kind, bytes)) return
    if (beginsWork(kind) && this.#lag.isLagging) throw new EvidenceError('ERR_EVIDENCE_LAG', 'too much evidence waits to be sealed')
    if (this.#isPaused()) throw new EvidenceError('ERR_EVIDENCE_FULL', 'the journal found no room for its last write')
    if (this.#pendingBytes + bytes > maxPendingBytes) throw new EvidenceError('ERR_EVIDENCE_FULL', 'too many frames wait to be written')
    // A spare that is merely late is waited for when the frame is written; one that cannot be made is not.
    if (this.#segments.fault === undefined) return
    const reserve = kind === frameKind.intent ? outcomeReserveBytes : 0
    if (this.#segments.capacity < this.#needed(bytes + reserve) + slackBytes) {
      throw new EvidenceError('ERR_EVIDENCE_FULL', 'the journal has no room for a frame and what must follow it', { cause: this.#segments.fault })
    }
  }

  throwIfFenced(): void {
    if (this.#fence !== undefined) throw new EvidenceError('ERR_EVIDENCE_FENCED', 'a sync of the journal failed: nothing more is recorded in this epoch', { cause: this.#fence })
  }

  fence(error: Error): void {
    this.#fence ??= error
  }

  pause(): void {
    this.#pausedAtUs = this.#elapsedUs()
  }

  reserve(bytes: number): void {
    this.#reservedBytes += bytes
  }

  pend(bytes: number): void {
    this.#pendingBytes += bytes
  }

  #isPaused(): boolean {
    if (this.#pausedAtUs !== undefined && this.#elapsedUs() - this.#pausedAtUs > pauseMs * 1000) this.#pausedAtUs = undefined
    return this.#pausedAtUs !== undefined
  }

  #needed(bytes: number): number {
    return this.#pendingBytes + this.#reservedBytes + bytes
  }
}

function isReserved(kind: FrameKind, bytes: number): boolean {
  return kind === frameKind.close || (kind === frameKind.outcome && bytes <= outcomeReserveBytes)
}

// What the gateway does on its own account (policy, approvals, admin) is small and goes on: it is how an operator gets out of a lag.
function beginsWork(kind: FrameKind): boolean {
  return kind === frameKind.open || kind === frameKind.intent || kind === frameKind.refusal || kind === frameKind.unauthenticated
}
