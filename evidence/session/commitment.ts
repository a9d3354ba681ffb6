// Salted commitments to a frame's contents, and the body item that opens them: FORMAT.md §5.
import { randomFillSync } from 'node:crypto'
import { sha256Text } from '../tlog/hash.ts'
import type { Commitments, Content, FrameContent } from './frame.ts'
import { major, maxHeadBytes, putHead } from './put.ts'

export const contentLabel = { request: 7, decision: 8, result: 9 } as const
type ContentLabel = (typeof contentLabel)[keyof typeof contentLabel]
const saltBytes = 16
const pooledSalts = 512
/** What a content adds to its bytes in a body item, at most. */
const contentOverheadBytes = saltBytes + 4 * maxHeadBytes

export function contentLength(content: Content | undefined): number {
  return content === undefined ? 0 : typeof content === 'string' ? Buffer.byteLength(content) : content.length
}

/** What the body item of these contents takes, at most. */
export function bodyRoom(contentBytes: number): number {
  return contentBytes + 3 * contentOverheadBytes + 2 * maxHeadBytes
}

/** Makes commitments with random salts, drawn from the system in one go for many: a call for each would cost more than the hash. */
export class Committer {
  readonly #salts = Buffer.allocUnsafeSlow(saltBytes * pooledSalts)
  #usedSalts = this.#salts.length
  #end = 0

  /** Where the last body item ends; its own start when the frame had no content. */
  get end(): number { return this.#end }

  /** Writes a frame's body item into `target`, which has `bodyRoom` free at `offset`. */
  commit(target: Buffer, offset: number, seq: number, { request, decision, result }: FrameContent): Commitments {
    this.#end = offset
    const members = (request === undefined ? 0 : 1) + (decision === undefined ? 0 : 1) + (result === undefined ? 0 : 1)
    if (members === 0) return {}
    let at = putHead(target, offset, major.map, 1 + members)
    at = putHead(target, at, major.uint, 1)
    this.#end = putHead(target, at, major.uint, seq)
    return {
      request: request === undefined ? undefined : this.#put(target, contentLabel.request, request),
      decision: decision === undefined ? undefined : this.#put(target, contentLabel.decision, decision),
      result: result === undefined ? undefined : this.#put(target, contentLabel.result, result),
    }
  }

  // What is hashed, [salt, label, content], has the bytes of the member `label: [salt, content]` but for the label's place: it is hashed where the
  // member goes, so that the content is copied once.
  #put(target: Buffer, label: ContentLabel, content: Content): string {
    const start = this.#end
    const saltEnd = start + 2 + saltBytes
    target[start] = major.array | 3
    target[start + 1] = major.bytes | saltBytes
    if (this.#usedSalts === this.#salts.length) this.#drawSalts()
    this.#salts.copy(target, start + 2, this.#usedSalts, this.#usedSalts += saltBytes)
    target[saltEnd] = label
    const length = contentLength(content)
    const from = putHead(target, saltEnd + 1, major.bytes, length)
    if (typeof content === 'string') target.write(content, from, length, 'utf8')
    else target.set(content, from)
    this.#end = from + length
    const digest = sha256Text(target.subarray(start, this.#end))
    target.copyWithin(start + 3, start + 2, saltEnd)
    target[start] = label
    target[start + 1] = major.array | 2
    target[start + 2] = major.bytes | saltBytes
    return digest
  }

  #drawSalts(): void {
    randomFillSync(this.#salts)
    this.#usedSalts = 0
  }
}
