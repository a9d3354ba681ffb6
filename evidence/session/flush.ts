// Turns appended frames into the payload of one journal write: the leaves in order, then one box for each session that has bodies. FORMAT.md §12.
import { boxOverheadBytes, type BodyItem } from './box.ts'
import { major, putHead } from './put.ts'
import { maxPayloadBytes } from './record.ts'
import { payloadOffset } from './segments.ts'

/** A write takes frames until it has so many bytes; one frame alone may be as large as its contents may be. */
export const maxWriteBytes = 1024 * 1024
/** What a frame adds to a write besides its leaf and its body item. */
export const frameOverheadBytes = boxOverheadBytes + 16

/** A session, as the journal sees it. */
export interface FrameOwner {
  readonly hex: string
  /** Writes the box of these body items into `target`; returns its end. Each call spends a nonce. */
  seal(target: Buffer, offset: number, firstSeq: number, lastSeq: number, items: readonly BodyItem[]): number
  /** The frame is in the journal. */
  written(frame: PendingFrame): void
  /** The frame never will be; called in reverse order of appending. */
  dropped(frame: PendingFrame): void
}

/** Its bytes are the arena's until it is written or dropped; digests are latin1 text. */
export interface PendingFrame extends BodyItem {
  readonly owner: FrameOwner
  readonly seq: number
  /** The leaf lies in `block`, too; an item that ends where it starts is none. */
  readonly leafStart: number
  readonly leafEnd: number
  readonly hash: string
  /** Leaf hash of the one before it. */
  readonly previous: string
  /** What it takes in the journal at most. */
  readonly bytes: number
  /** Opens a session: its ordinal counts once this is written. */
  readonly isOpening: boolean
  /** What appending it did to the reserve. */
  readonly reserved: number
  /** seq of the intent whose reserve it gave back. */
  readonly ends: number | undefined
}

/** How many of the frames from `from` on go into one write. */
export function takeGroup(frames: readonly PendingFrame[], from: number): { readonly count: number, readonly bytes: number } {
  let count = 0
  let bytes = 0
  for (let i = from; i < frames.length; i++) {
    const next = frames[i]?.bytes ?? 0
    if (count > 0 && bytes + next > maxWriteBytes) break
    count += 1
    bytes += next
  }
  return { count, bytes }
}

export class WriteEncoder {
  /** Room for a record's header before the payload, and padding behind it. */
  readonly buffer = Buffer.allocUnsafeSlow(payloadOffset + maxPayloadBytes + 8)

  /** Encodes a group into `buffer`; returns the payload's length. */
  encode(frames: readonly PendingFrame[]): number {
    let end = payloadOffset
    const boxes = new Map<FrameOwner, PendingFrame[]>()
    for (const frame of frames) {
      end = putHead(this.buffer, end, major.bytes, frame.leafEnd - frame.leafStart)
      end += frame.block.copy(this.buffer, end, frame.leafStart, frame.leafEnd)
      if (frame.itemStart === frame.itemEnd) continue
      const box = boxes.get(frame.owner)
      if (box === undefined) boxes.set(frame.owner, [frame])
      else box.push(frame)
    }
    for (const [owner, held] of boxes) end = owner.seal(this.buffer, end, held[0]?.seq ?? 0, held.at(-1)?.seq ?? 0, held)
    return end - payloadOffset
  }
}
