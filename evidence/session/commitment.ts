// Salted commitments to a frame's contents, and the body item that opens them: FORMAT.md §5.
import { randomFillSync } from 'node:crypto'
import { sha256 } from '../tlog/hash.ts'
import { encode, type CborValue } from './cbor.ts'
import type { Commitments, FrameContent } from './frame.ts'

export const contentLabel = { request: 7, decision: 8, result: 9 } as const
const saltBytes = 16
const pooledSalts = 512

/** H(CBOR [salt, label, content]) */
export function commitTo(salt: Uint8Array, label: number, content: Uint8Array): Uint8Array {
  return sha256(encode([salt, label, content]))
}

/** A leaf's commitments and the encoded body item; no item when the frame has no content. */
export interface CommittedBody { readonly commitments: Commitments, readonly item: Uint8Array | undefined }

/** Makes commitments with random salts, drawn from the system in one go for many: a call for each would cost more than the hash. */
export class Committer {
  #pool = new Uint8Array(0)
  #used = 0

  commit(seq: number, frame: FrameContent): CommittedBody {
    const commitments: { -readonly [label in keyof Commitments]: Uint8Array } = {}
    const item = new Map<number, CborValue>([[1, seq]])
    for (const name of ['request', 'decision', 'result'] as const) {
      const content = frame[name]
      if (content === undefined) continue
      const salt = this.#salt()
      const label = contentLabel[name]
      commitments[name] = commitTo(salt, label, content)
      item.set(label, [salt, content])
    }
    return { commitments, item: item.size === 1 ? undefined : encode(item) }
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
