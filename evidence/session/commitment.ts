// Salted commitments to a frame's contents, and the body item that opens them: FORMAT.md §5.
import { randomFillSync } from 'node:crypto'
import { sha256 } from '../tlog/hash.ts'
import type { Commitments, FrameContent } from './frame.ts'
import { major, maxHeadBytes, putBytes, putHead } from './put.ts'

export const contentLabel = { request: 7, decision: 8, result: 9 } as const
const saltBytes = 16
const pooledSalts = 512
const scratchBytes = 64 * 1024
const names = ['request', 'decision', 'result'] as const
const labels = [contentLabel.request, contentLabel.decision, contentLabel.result] as const

/** A leaf's commitments and the encoded body item; no item when the frame has no content. */
export interface CommittedBody { readonly commitments: Commitments, readonly item: Uint8Array | undefined }

/** Makes commitments with random salts, drawn from the system in one go for many: a call for each would cost more than the hash. */
export class Committer {
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes)
  #pool = new Uint8Array(0)
  #used = 0

  commit(seq: number, frame: FrameContent): CommittedBody {
    const contents = [frame.request, frame.decision, frame.result]
    let members = 1
    let room = 2 * maxHeadBytes
    for (const content of contents) {
      if (content === undefined) continue
      members += 1
      room += content.length + saltBytes + 4 * maxHeadBytes
    }
    const commitments: { -readonly [label in keyof Commitments]: Uint8Array } = {}
    if (members === 1) return { commitments, item: undefined }
    const item = Buffer.allocUnsafe(room)
    let at = putHead(item, 0, major.map, members)
    at = putHead(item, at, major.uint, 1)
    at = putHead(item, at, major.uint, seq)
    for (const [index, content] of contents.entries()) {
      if (content === undefined) continue
      const salt = this.#salt()
      const label = labels[index] ?? 0
      commitments[names[index] ?? 'result'] = this.#commitTo(salt, label, content)
      at = putHead(item, at, major.uint, label)
      at = putHead(item, at, major.array, 2)
      at = putBytes(item, at, salt)
      at = putBytes(item, at, content)
    }
    return { commitments, item: item.subarray(0, at) }
  }

  // H(CBOR [salt, label, content])
  #commitTo(salt: Uint8Array, label: number, content: Uint8Array): Uint8Array {
    const room = content.length + saltBytes + 4 * maxHeadBytes
    const preimage = room <= this.#scratch.length ? this.#scratch : Buffer.allocUnsafe(room)
    let at = putHead(preimage, 0, major.array, 3)
    at = putBytes(preimage, at, salt)
    at = putHead(preimage, at, major.uint, label)
    at = putBytes(preimage, at, content)
    return sha256(preimage.subarray(0, at))
  }

  #salt(): Uint8Array {
    if (this.#used === this.#pool.length) {
      // A new buffer, not the old one again: salts handed out are views of it.
      this.#pool = randomFillSync(new Uint8Array(saltBytes * pooledSalts))
      this.#used = 0
    }
    return this.#pool.subarray(this.#used, this.#used += saltBytes)
  }
}
