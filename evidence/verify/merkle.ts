// RFC 6962 §2.1 hashing for the verifier: its own, so that the judge shares no tree code with the sealer.
import { hash } from 'node:crypto'

export const hashSize = 32
/** Leaves and node inputs are copied behind their prefix into one scratch block; FORMAT §2 bounds a leaf. */
const maxLeafBytes = 4096

// By way of latin1 text: asked for a Buffer, `hash` allocates outside the heap, which costs as much again as hashing a node, and more to collect.
export function sha256(bytes: Uint8Array): Uint8Array { return Buffer.from(hash('sha256', bytes, 'latin1'), 'latin1') }

export const emptyRoot = sha256(new Uint8Array(0))
export const zeroHash = new Uint8Array(hashSize)

/** Hashes leaves and nodes; owns its scratch block, so one belongs to one verification. */
export class TreeHasher {
  readonly #scratch = Buffer.alloc(1 + maxLeafBytes)
  readonly #pair = Buffer.alloc(1 + 2 * hashSize, 0x01)
  readonly #views: Buffer[] = []

  /** H(0x00 ‖ leaf). The caller has checked the leaf's size. */
  leaf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
    const length = end - start
    this.#scratch[0] = 0x00
    this.#scratch.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), 1)
    return sha256(this.#views[length] ??= this.#scratch.subarray(0, 1 + length))
  }

  /** H(0x01 ‖ left ‖ right). */
  node(left: Uint8Array, right: Uint8Array): Uint8Array {
    this.#pair[0] = 0x01
    this.#pair.set(left, 1)
    this.#pair.set(right, 1 + hashSize)
    return sha256(this.#pair)
  }
}

/** A growing tree, kept as the roots of its full subtrees, largest first. */
export class Frontier {
  readonly #hasher: TreeHasher
  readonly #roots: Uint8Array[] = []
  size = 0

  constructor(hasher: TreeHasher) { this.#hasher = hasher }

  get roots(): readonly Uint8Array[] { return this.#roots }

  append(leafHash: Uint8Array): void {
    let carried = leafHash
    // Each set low bit of the old size is a full subtree of that height: the new leaf completes its pair.
    for (let n = this.size; n % 2 === 1; n = (n - 1) / 2) {
      const left = this.#roots.pop()
      if (left === undefined) throw new RangeError('a frontier lost a subtree')
      carried = this.#hasher.node(left, carried)
    }
    this.#roots.push(carried)
    this.size += 1
  }

  root(): Uint8Array {
    let root: Uint8Array | undefined
    for (let i = this.#roots.length - 1; i >= 0; i--) {
      const subtree = this.#roots[i]
      if (subtree !== undefined) root = root === undefined ? subtree : this.#hasher.node(subtree, root)
    }
    return root ?? emptyRoot
  }
}

/** Compares a hash with 32 bytes inside `bytes`. Nothing here is secret. */
export function isHashAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < hashSize; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean { return Buffer.compare(a, b) === 0 }
export function hex(bytes: Uint8Array): string { return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex') }
