// A growing RFC 6962 tree that remembers only its frontier: the roots of its full subtrees, largest first.
// Enough for the root at any size and for going on after a restart; no proof can be made from it.
import { emptyRoot, hashBytes, nodeHashText } from './hash.ts'

export class CompactTree {
  #size = 0
  // One root per set bit of #size, most significant bit first (RFC 6962 §2.1: split at the largest power of two).
  // As latin1 text: most of them are hashed once more and never seen.
  #frontier: string[] = []

  /** Goes on from a kept frontier. @throws RangeError when it does not fit the size */
  static from(size: number, frontier: readonly Uint8Array[]): CompactTree {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('a tree size must be a whole number')
    if (frontier.length !== countOnes(size)) throw new RangeError('the frontier does not fit the tree size')
    if (frontier.some((root) => root.length !== hashBytes)) throw new RangeError('a frontier root must be 32 bytes')
    const tree = new CompactTree()
    tree.#size = size
    tree.#frontier = frontier.map(textOf)
    return tree
  }

  get size(): number { return this.#size }

  /** Roots of the full subtrees, largest first. */
  get frontier(): readonly Uint8Array[] { return this.#frontier.map(bytesOf) }

  append(leafHash: Uint8Array): void {
    this.appendText(textOf(leafHash))
  }

  /** @param leafHash as latin1 text */
  appendText(leafHash: string): void {
    let root = leafHash
    // Each trailing one bit of the old size is a full subtree of the same height as `root`: merge them.
    for (let size = this.#size; size % 2 === 1; size = (size - 1) / 2) {
      const left = this.#frontier.pop()
      if (left === undefined) throw new RangeError('the frontier does not fit the tree size')
      root = nodeHashText(left, root)
    }
    this.#frontier.push(root)
    this.#size += 1
  }

  root(): Uint8Array {
    let root: string | undefined
    for (let i = this.#frontier.length - 1; i >= 0; i--) {
      const left = this.#frontier[i] as string
      root = root === undefined ? left : nodeHashText(left, root)
    }
    return root === undefined ? emptyRoot() : bytesOf(root)
  }
}

function textOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1')
}

function bytesOf(digest: string): Uint8Array {
  return Buffer.from(digest, 'latin1')
}

function countOnes(size: number): number {
  let ones = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
  return ones
}
