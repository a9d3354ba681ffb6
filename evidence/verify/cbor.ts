// A strict reader of deterministic CBOR (RFC 8949 §4.2.1) as FORMAT §2 narrows it: one encoding for each value, all others refused.
// It reads forward over bytes as stored; nothing is ever re-encoded.

/** FORMAT §2: containers inside containers. */
export const maxNesting = 8

export type CborItem = number | bigint | boolean | null | string | Uint8Array | CborItem[] | Map<number, CborItem>

export class CborError extends Error {
  constructor(message: string, at: number) {
    super(`${message} at byte ${at}`)
    this.name = 'CborError'
  }
}

const major = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5 } as const
/** FORMAT §2: −2^63 is the least integer. */
const maxNegative = (1n << 63n) - 1n
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class CborReader {
  readonly bytes: Uint8Array
  /** Offset of the next unread byte. */
  at: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean { return this.at >= this.bytes.length }

  /** Unsigned integer below 2^53; the format has none above. */
  uint(): number { return this.#head(major.uint, 'an unsigned integer') }

  /** Byte string of exactly `size` bytes; answers its offset, so that a caller need not copy. */
  bytesAt(size: number): number {
    const length = this.#head(major.bytes, 'a byte string')
    if (length !== size) throw new CborError(`a byte string of ${length} bytes where ${size} are due`, this.at)
    return this.#skip(length)
  }

  byteString(maxLength: number): Uint8Array {
    const length = this.#head(major.bytes, 'a byte string')
    if (length > maxLength) throw new CborError(`a byte string of ${length} bytes, more than ${maxLength}`, this.at)
    const start = this.#skip(length)
    return this.bytes.subarray(start, start + length)
  }

  text(maxBytes: number): string {
    const length = this.#head(major.text, 'a text')
    if (length > maxBytes) throw new CborError(`a text of ${length} bytes, more than ${maxBytes}`, this.at)
    return this.#utf8(length)
  }

  arrayLength(): number { return this.#head(major.array, 'an array') }
  mapLength(): number { return this.#head(major.map, 'a map') }

  /**
   * Any one item. Map keys are unsigned and ascending, which for shortest integers is the bytewise order.
   * @param end no container goes on behind it: what an item may be bounds what is made of it, not what the file has
   */
  item(depth = 0, end = this.bytes.length): CborItem {
    const initial = this.#peek()
    switch (initial >> 5) {
      case major.uint: return this.#integer(major.uint)
      case major.negative: return this.#negative()
      case major.bytes: return this.byteString(this.bytes.length)
      case major.text: return this.text(this.bytes.length)
      case major.array: {
        const length = this.arrayLength()
        this.#nest(depth, length, end)
        const items: CborItem[] = []
        for (let i = 0; i < length; i++) items.push(this.item(depth + 1, end))
        return items
      }
      case major.map: {
        const length = this.mapLength()
        this.#nest(depth, length, end)
        const map = new Map<number, CborItem>()
        let last = -1
        for (let i = 0; i < length; i++) {
          last = this.key(last)
          map.set(last, this.item(depth + 1, end))
        }
        return map
      }
      case 6: throw new CborError('a tag', this.at)
      default: return this.#simple(initial)
    }
  }

  /** The next key of a map whose previous key was `last` (−1 before the first). */
  key(last: number): number {
    const start = this.at
    const key = this.uint()
    if (key === last) throw new CborError(`map key ${key} twice`, start)
    if (key < last) throw new CborError(`map key ${key} after ${last}`, start)
    return key
  }

  #negative(): number | bigint {
    const start = this.at
    const n = this.#integer(major.negative)
    if (typeof n === 'number') return -1 - n
    if (n > maxNegative) throw new CborError('an integer below -2^63', start)
    return -1n - n
  }

  #nest(depth: number, length: number, end: number): void {
    if (depth >= maxNesting) throw new CborError(`nesting deeper than ${maxNesting}`, this.at)
    // Each item takes a byte at least: a length beyond the input is refused before anything is allocated for it.
    if (length > end - this.at) throw new CborError(end < this.bytes.length ? 'an item longer than allowed' : 'truncated', this.at)
  }

  #simple(initial: number): boolean | null {
    if (initial === 0xf4 || initial === 0xf5 || initial === 0xf6) {
      this.at += 1
      return initial === 0xf6 ? null : initial === 0xf5
    }
    if (initial >= 0xf9 && initial <= 0xfb) throw new CborError('a float', this.at)
    if (initial === 0xf7) throw new CborError('undefined', this.at)
    if (initial === 0xff) throw new CborError('a break outside an indefinite item', this.at)
    throw new CborError('an unassigned simple value', this.at)
  }

  #peek(): number {
    const initial = this.bytes[this.at]
    if (initial === undefined) throw new CborError('truncated', this.at)
    return initial
  }

  #skip(length: number): number {
    const start = this.at
    if (length > this.bytes.length - start) throw new CborError('truncated', start)
    this.at = start + length
    return start
  }

  #utf8(length: number): string {
    const start = this.#skip(length)
    try {
      return utf8.decode(this.bytes.subarray(start, start + length))
    } catch {
      throw new CborError('text that is not UTF-8', start)
    }
  }

  #head(type: number, what: string): number {
    const start = this.at
    const initial = this.#peek()
    if (initial >> 5 !== type) throw new CborError(`not ${what}`, start)
    const low = initial & 31
    if (low < 24) { this.at += 1; return low }
    const value = this.#integer(type)
    if (typeof value === 'bigint') throw new CborError(`${what} beyond 2^53`, start)
    return value
  }

  /** The argument of a head (RFC 8949 §3), refused unless it is in its shortest form. */
  #integer(type: number): number | bigint {
    const start = this.at
    const low = this.#peek() & 31
    if (this.#peek() >> 5 !== type) throw new CborError('not an integer of that sort', start)
    if (low < 24) { this.at += 1; return low }
    if (low === 31) throw new CborError('an indefinite length', start)
    if (low > 27) throw new CborError('a reserved head', start)
    const size = 1 << (low - 24)
    this.at += 1
    const at = this.#skip(size)
    const value = size === 1 ? this.#view.getUint8(at) : size === 2 ? this.#view.getUint16(at) : size === 4 ? this.#view.getUint32(at) : this.#view.getBigUint64(at)
    const least = size === 1 ? 24 : size === 2 ? 0x100 : size === 4 ? 0x1_0000 : 0x1_0000_0000
    if (value < least) throw new CborError('an integer that is not in its shortest form', start)
    return typeof value === 'bigint' && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
  }
}

/** The one item that `bytes` are, with nothing after it. */
export function readCbor(bytes: Uint8Array): CborItem {
  const reader = new CborReader(bytes)
  const item = reader.item()
  if (!reader.isAtEnd) throw new CborError('bytes after the item', reader.at)
  return item
}
