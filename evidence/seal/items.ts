// Splits a journal write into leaves and boxes (FORMAT.md §3, §5), reading no more of a leaf than the trees and the session index need:
// this runs for every frame, and a full CBOR decode would cost more than all hashing.
import { EvidenceError } from '../errors.ts'

/** What the last `next` found, as places in the bytes. The byte before `start` is a leaf's own header, which may be overwritten once it is read. */
export interface ItemView {
  readonly start: number
  readonly end: number
  /** Of a leaf only: place of the session id, seq, kind, place of the previous leaf's hash, ref or −1, place of the structure or −1. */
  readonly session: number
  readonly seq: number
  readonly kind: number
  readonly previous: number
  readonly ref: number
  readonly structure: number
}

// RFC 8949 §3: major types in the top three bits.
const major = { uint: 0, bytes: 2, text: 3, array: 4, map: 5 } as const
const maxNesting = 8

/** One view of its own, overwritten by each `next`: an object for every frame would be work for the collector. */
export class ItemReader implements ItemView {
  start = 0
  end = 0
  session = 0
  seq = 0
  kind = 0
  previous = 0
  ref = -1
  structure = -1
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** `leaf`: a byte string. `map`: a box, or a leaf that stands as it is in the store. @throws EvidenceError ERR_EVIDENCE_CORRUPT */
  next(): 'leaf' | 'map' | undefined {
    if (this.#at === this.#bytes.length) return undefined
    this.start = this.#at
    const type = (this.#bytes[this.#at] as number) >> 5
    if (type === major.bytes) {
      const length = this.#argument(major.bytes)
      this.start = this.#at
      this.end = this.start + length
      this.#leaf()
      return 'leaf'
    }
    if (type !== major.map) throw corrupt()
    this.#skip(maxNesting)
    this.end = this.#at
    return 'map'
  }

  // Keys 1 to 6 are always there and in this order (FORMAT.md §3); of the rest only 12 and 13 matter here.
  #leaf(): void {
    let entries = this.#argument(major.map)
    this.#key(1)
    if (this.#argument(major.uint) !== 1) throw corrupt()
    this.#key(2)
    this.session = this.#hash(16)
    this.#key(3)
    this.seq = this.#argument(major.uint)
    this.#key(4)
    this.#argument(major.uint)
    this.#key(5)
    this.kind = this.#argument(major.uint)
    this.#key(6)
    this.previous = this.#hash(32)
    this.ref = -1
    this.structure = -1
    for (entries -= 6; entries > 0; entries--) {
      const key = this.#argument(major.uint)
      if (key === 12) this.ref = this.#argument(major.uint)
      else {
        if (key === 13) this.structure = this.#at
        this.#skip(maxNesting)
      }
    }
    if (entries < 0 || this.#at !== this.end) throw corrupt()
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
