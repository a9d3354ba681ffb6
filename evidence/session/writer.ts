// One session's chain of frames: seq, previous leaf hash, and the tree of what is on record. Appending is synchronous and only buffers.
import { CompactTree } from '../tlog/compact.ts'
import { EvidenceError } from '../errors.ts'
import { outcomeReserveBytes, closeReserveBytes, type Admission } from './admission.ts'
import { putBox, type BodyItem, type SessionKey } from './box.ts'
import type { CborValue } from './cbor.ts'
import { bodyRoom, contentLength, type Committer } from './commitment.ts'
import { frameOverheadBytes, type FrameOwner, type PendingFrame } from './flush.ts'
import { closeReason, frameKind, hashLeaf, leafRoom, maxContentBytes, putLeaf, type CloseReason, type FrameContent } from './frame.ts'
import type { Journal } from './journal.ts'

export interface AppendedFrame { readonly seq: number }

/** What a session needs of its epoch. */
export interface Epoch { readonly journal: Journal, readonly admission: Admission, readonly committer: Committer, readonly now: () => number }

/** A chain to go on from: seq 0 and zeros for a new session, the last sealed state for one that recovery closes. */
export interface Chain { readonly count: number, readonly last: Uint8Array, readonly frontier: readonly Uint8Array[] }

export const newChain: Chain = { count: 0, last: new Uint8Array(32), frontier: [] }

/** How a session begins: any session of an epoch, or the epoch itself. */
export type Opening =
  | { readonly kind: typeof frameKind.open, readonly epoch: number, readonly request: Uint8Array }
  | { readonly kind: typeof frameKind.epoch, readonly epoch: number, readonly node: string, readonly how: number, readonly previousBatch: Uint8Array }

export class SessionWriter implements FrameOwner {
  /** 16 bytes */
  readonly id: Uint8Array
  readonly hex: string
  /** Place among the sessions of its epoch; 0 is the node session. */
  readonly ordinal: number
  /** ms, by the gateway's clock */
  readonly openedAt: number
  readonly #epoch: Epoch
  /** Absent when recovery closes a dead epoch's session: a key belongs to one epoch. */
  readonly #key: SessionKey | undefined
  #boxes = 0
  #count: number
  /** Leaf hash of the last frame, as latin1 text. */
  #last: string
  #isClosed = false
  /** A close that was asked for; its frame may be lost to a full disk, and is then appended again. */
  #closing: { readonly reason: CloseReason, readonly ordinals: number | undefined } | undefined
  /** Over the frames that are in the journal. */
  readonly #tree: CompactTree
  /** Leaf hashes of the frames that are not. */
  readonly #unwritten: string[] = []
  readonly #openIntents = new Set<number>()

  constructor(epoch: Epoch, identity: { id: Uint8Array, ordinal: number, openedAt: number, key: SessionKey | undefined }, chain: Chain = newChain) {
    this.#epoch = epoch
    this.id = identity.id
    this.hex = Buffer.from(identity.id).toString('hex')
    this.ordinal = identity.ordinal
    this.openedAt = identity.openedAt
    this.#key = identity.key
    this.#count = chain.count
    this.#last = Buffer.from(chain.last).toString('latin1')
    this.#tree = CompactTree.from(chain.count, chain.frontier)
  }

  /** Frames so far, appended or on record: the next seq. */
  get count(): number { return this.#count }
  get isClosed(): boolean { return this.#isClosed }
  /** Whether the intent of that seq is there and has no outcome yet: a write that found no room has undone either. */
  hasOpenIntent(seq: number): boolean { return this.#openIntents.has(seq) }
  /** Closed, and nothing of it waits to be written. */
  get isDone(): boolean { return this.#isClosed && this.#unwritten.length === 0 }

  /** Appends seq 0, which names the session's key: FORMAT.md §4, kinds 0 and 1. */
  open(opening: Opening): AppendedFrame {
    const structure = new Map<number, CborValue>([[1, opening.epoch], [2, this.ordinal], [3, this.#key?.id ?? new Uint8Array(0)]])
    if (opening.kind === frameKind.open) return this.append({ kind: opening.kind, time: this.openedAt, request: opening.request, structure })
    structure.set(4, opening.node).set(5, opening.how).set(6, opening.previousBatch)
    return this.append({ kind: opening.kind, time: this.openedAt, structure })
  }

  /** Adds a frame. It is on record once a later `Recorder.commit` has resolved; when that rejects with `ERR_EVIDENCE_FULL`, it never was.
   * @throws EvidenceError `ERR_EVIDENCE_FULL`, `ERR_EVIDENCE_FENCED`, `ERR_EVIDENCE_LAG`, `ERR_EVIDENCE_FRAME`, `ERR_EVIDENCE_SESSION_CLOSED` */
  append(frame: FrameContent): AppendedFrame {
    if (this.#isClosed) throw new EvidenceError('ERR_EVIDENCE_SESSION_CLOSED', `session ${this.hex} is closed`)
    const contentBytes = contentLength(frame.request) + contentLength(frame.decision) + contentLength(frame.result)
    if (contentBytes > maxContentBytes) throw new EvidenceError('ERR_EVIDENCE_FRAME', `a frame's contents of ${contentBytes} bytes are more than ${maxContentBytes}`)
    if (contentBytes > 0 && this.#key === undefined) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a frame of a dead epoch has no body')
    const { admission, committer, journal } = this.#epoch
    // Before any work: a refused frame costs next to nothing.
    admission.admit(frame.kind, contentBytes + frameOverheadBytes)
    const seq = this.#count
    const previous = this.#last
    const { arena } = journal
    const block = arena.room(bodyRoom(contentBytes) + leafRoom)
    const itemStart = arena.used
    const commitments = committer.commit(block, itemStart, seq, frame)
    const itemEnd = committer.end
    const leafEnd = putLeaf(block, itemEnd, this.id, seq, previous, frame, commitments)
    const hash = hashLeaf(block, itemEnd, leafEnd)
    arena.take(leafEnd)
    const ends = frame.kind === frameKind.outcome && frame.ref !== undefined && this.#openIntents.delete(frame.ref) ? frame.ref : undefined
    const pending: PendingFrame = {
      owner: this, seq, block, itemStart, itemEnd, leafStart: itemEnd + 1, leafEnd, hash, previous, ends,
      bytes: leafEnd - itemStart + frameOverheadBytes,
      isOpening: seq === 0,
      reserved: this.#reserveOf(frame, ends),
    }
    if (frame.kind === frameKind.intent) this.#openIntents.add(seq)
    if (frame.kind === frameKind.close) this.#isClosed = true
    this.#count = seq + 1
    this.#last = hash
    this.#unwritten.push(hash)
    journal.append(pending)
    return { seq }
  }

  /** Appends the close frame. Nobody need wait for it: the next commit or cut takes it along. Does nothing when the session is closed.
   * @param ordinals of a node session: how many its epoch gave out
   * @throws EvidenceError `ERR_EVIDENCE_FENCED` */
  close(reason: CloseReason = closeReason.ended, ordinals?: number): void {
    if (this.#isClosed) return
    this.#closing = { reason, ordinals }
    const tree = CompactTree.from(this.#tree.size, this.#tree.frontier)
    for (const hash of this.#unwritten) tree.appendText(hash)
    const structure = new Map<number, CborValue>([[1, tree.size], [2, tree.root()], [3, reason]])
    if (ordinals !== undefined) structure.set(4, ordinals)
    this.append({ kind: frameKind.close, time: this.#epoch.now(), structure })
  }

  /** Appends again a close whose frame was lost. */
  retryClose(): void {
    if (this.#closing !== undefined) this.close(this.#closing.reason, this.#closing.ordinals)
  }

  seal(target: Buffer, offset: number, firstSeq: number, lastSeq: number, items: readonly BodyItem[]): number {
    if (this.#key === undefined) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a frame of a dead epoch has no body')
    return putBox(target, offset, this.id, this.#key, this.#boxes++, firstSeq, lastSeq, items)
  }

  written(frame: PendingFrame): void {
    this.#unwritten.shift()
    this.#tree.appendText(frame.hash)
  }

  dropped(frame: PendingFrame): void {
    this.#unwritten.pop()
    this.#count = frame.seq
    this.#last = frame.previous
    this.#openIntents.delete(frame.seq)
    if (frame.ends !== undefined) this.#openIntents.add(frame.ends)
    // A session whose opening is lost never was; one whose close is lost is open again, and `retryClose` ends it.
    this.#isClosed = frame.seq === 0
  }

  #reserveOf(frame: FrameContent, ends: number | undefined): number {
    switch (frame.kind) {
      case frameKind.intent: return outcomeReserveBytes
      case frameKind.outcome: return ends === undefined ? 0 : -outcomeReserveBytes
      case frameKind.epoch:
      case frameKind.open: return closeReserveBytes
      // Intents that a close leaves without an outcome are recovery's to name.
      case frameKind.close: return -this.#openIntents.size * outcomeReserveBytes - (this.#key === undefined ? 0 : closeReserveBytes)
      default: return 0
    }
  }
}
