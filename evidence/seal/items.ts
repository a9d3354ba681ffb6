// Splits a journal write into leaves and boxes (FORMAT.md §3, §5), reading no more of a leaf than the trees and the session index need:
// this runs for every frame, and a full CBOR decode would cost more than all hashing.
import { EvidenceError } from '../errors.ts'

/** Places in the write's bytes. The byte before `start` is the item's own header, which may be overwritten once it is read. */
export interface LeafView { readonly start: number; readonly end: number; readonly session: number; readonly seq: number; readonly kind: number; readonly previous: number; readonly ref: number; readonly structure: number }

export type Item = { readonly leaf: LeafView } | { readonly box: { readonly start: number; readonly end: number } }

// RFC 8949 §3: major types in the top three bits.
const major = { uint: 0, bytes: 2, text: 3, array: 4, map: 5 } as const
const maxNesting = 8

/** @throws EvidenceError ERR_EVIDENCE_CORRUPT */
export class ItemReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  next(): Item | undefined {
    if (this.#at === this.#bytes.length) return undefined
    const start = this.#at
    const kind = (this.#bytes[start] as number) >> 5
    if (kind === major.bytes) {
      const end = this.#argument(major.bytes) + this.#at
      const leaf = this.#leaf(end)
      this.#at = end
      return { leaf }
    }
    if (kind !== major.map) throw corrupt()
    this.#skip(maxNesting)
    return { box: { start, end: this.#at } }
  }

  // Keys 1 to 6 are always there and in this order (FORMAT.md §3); of the rest only 12 and 13 matter here.
  #leaf(end: number): LeafView {
    const start = this.#at
    let entries = this.#argument(major.map)
    this.#key(1)
    if (this.#argument(major.uint) !== 1) throw corrupt()
    this.#key(2)
    const session = this.#hash(16)
    this.#key(3)
    const seq = this.#argument(major.uint)
    this.#key(4)
    this.#argument(major.uint)
    this.#key(5)
    const kind = this.#argument(major.uint)
    this.#key(6)
    const previous = this.#hash(32)
    let ref = -1
    let structure = -1
    for (entries -= 6; entries > 0; entries--) {
      const key = this.#argument(major.uint)
      if (key === 12) ref = this.#argument(major.uint)
      else {
        if (key === 13) structure = this.#at
        this.#skip(maxNesting)
      }
    }
    if (entries < 0 || this.#at !== end) throw corrupt()
    return { start, end, session, seq, kind, previous, ref, structure }
  }

  #key(key: number): void {
    if (this.#bytes[this.#at++] !== key) throw corrupt()
  }

  #hash(length: number): number {
    if (this.#argument(major.bytes) !== length) throw corrupt()
    const at = this.#at
    this.#at += length
    return at
  }

  #skip(depth: number): void {
    const kind = (this.#bytes[this.#at] ?? 0xff) >> 5
    if (depth === 0 || (kind > 5)) throw corrupt()
    let count = this.#argument(kind)
    if (kind === major.bytes || kind === major.text) this.#at += count
    else if (kind === major.array || kind === major.map) for (count *= kind === major.map ? 2 : 1; count > 0; count--) this.#skip(depth - 1)
    if (this.#at > this.#bytes.length) throw corrupt()
  }

  #argument(kind: number): number {
    const bytes = this.#bytes
    const at = this.#at
    const head = bytes[at]
    if (head === undefined || head >> 5 !== kind) throw corrupt()
    const short = head & 0x1f
    const width = short < 24 ? 0 : short < 28 ? 1 << (short - 24) : -1
    if (width < 0 || at + 1 + width > bytes.length) throw corrupt()
    this.#at = at + 1 + width
    switch (width) {
      case 0: return short
      case 1: return bytes[at + 1] as number
      case 2: return bytes.readUInt16BE(at + 1)
      case 4: return bytes.readUInt32BE(at + 1)
      default: return bytes.readUInt32BE(at + 1) * 0x1_0000_0000 + bytes.readUInt32BE(at + 5)
    }
  }
}

function corrupt(): EvidenceError {
  return new EvidenceError('ERR_EVIDENCE_CORRUPT', 'a write of the journal holds something that is neither a leaf nor a box')
}
