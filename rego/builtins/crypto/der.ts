// DER (X.690 §10) as strictly as Go's cryptobyte reads it: tags of one byte, shortest lengths, nothing left over. Everything that is
// not so is a DerError, and nothing else is ever thrown.

export class DerError extends Error {}
/** It may be well-formed, but is not read here: where Go would say "no", nothing is said. */
export class DerUnknown extends DerError {}

export const tag = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06, enumerated: 0x0a, utf8String: 0x0c,
  sequence: 0x30, set: 0x31, numericString: 0x12, printableString: 0x13, teletexString: 0x14, ia5String: 0x16, utcTime: 0x17, generalizedTime: 0x18, bmpString: 0x1e,
} as const

export interface Element {
  readonly tag: number
  readonly body: Uint8Array
  /** Tag and length included. */
  readonly raw: Uint8Array
}

/** Context-specific: `[number]`. */
export function contextTag(number: number, isConstructed: boolean): number {
  return 0x80 | (isConstructed ? 0x20 : 0) | number
}

/** Reads elements off the front of its bytes, which it does not copy. */
export class DerReader {
  #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isEmpty(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The next tag, if any. */
  get peeked(): number | undefined {
    return this.#bytes[this.#at]
  }

  any(): Element {
    const start = this.#at
    const found = this.#byte()
    if ((found & 0x1f) === 0x1f) throw new DerError('a tag of more than one byte')
    let length = this.#byte()
    if (length >= 0x80) {
      const size = length & 0x7f
      if (size === 0 || size > 4) throw new DerError('a length of another form')
      length = 0
      for (let at = 0; at < size; at++) length = length * 256 + this.#byte()
      if (length < 0x80 || length < 2 ** (8 * (size - 1))) throw new DerError('a length that is not the shortest')
    }
    const end = this.#at + length
    if (end > this.#bytes.length) throw new DerError('an element longer than its place')
    const body = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return { tag: found, body, raw: this.#bytes.subarray(start, end) }
  }

  element(expected: number): Element {
    const found = this.any()
    if (found.tag !== expected) throw new DerError('another tag')
    return found
  }

  /** The element if it is next. */
  optional(expected: number): Element | undefined {
    return this.peeked === expected ? this.any() : undefined
  }

  sequence(): DerReader {
    return new DerReader(this.element(tag.sequence).body)
  }

  integer(): bigint {
    return readInteger(this.element(tag.integer).body)
  }

  oid(): string {
    return readOid(this.element(tag.oid).body)
  }

  boolean(): boolean {
    return readBoolean(this.element(tag.boolean).body)
  }

  /** @throws DerError unless everything has been read */
  end(): void {
    if (!this.isEmpty) throw new DerError('there is more than belongs here')
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new DerError('it ends too early')
    return byte
  }
}

/** What `read` makes of all of `bytes`. */
export function readWhole<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes)
  const value = read(reader)
  reader.end()
  return value
}

/** Bytes of the largest integer looked at: a modulus of 16,384 bits, and then some. */
const maxIntegerBytes = 4_096

export function readInteger(body: Uint8Array): bigint {
  const [first, second] = body
  if (first === undefined || body.length > maxIntegerBytes) throw new DerError('an integer without digits')
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) throw new DerError('an integer that is not the shortest')
  const value = BigInt(`0x${Buffer.from(body).toString('hex')}`)
  return first >= 0x80 ? value - (1n << BigInt(8 * body.length)) : value
}

export function readBoolean(body: Uint8Array): boolean {
  if (body.length !== 1 || (body[0] !== 0 && body[0] !== 0xff)) throw new DerError('a boolean that is neither')
  return body[0] === 0xff
}

/** Arcs with dots between them. */
export function readOid(body: Uint8Array): string {
  const arcs: number[] = []
  let arc = 0
  for (const [at, byte] of body.entries()) {
    if (arc === 0 && byte === 0x80) throw new DerError('an arc that is not the shortest')
    arc = arc * 128 + (byte & 0x7f)
    if (arc > 0x7fffffff) throw new DerError('an arc that is too large')
    if (byte < 0x80) { arcs.push(arc); arc = 0 } else if (at === body.length - 1) throw new DerError('an arc that does not end')
  }
  const [first] = arcs
  if (first === undefined) throw new DerError('an object identifier without arcs')
  const top = Math.min(Math.floor(first / 40), 2)
  return [top, first - top * 40, ...arcs.slice(1)].join('.')
}

export interface BitString {
  readonly bytes: Uint8Array
  /** Bits of the last byte that do not count; they are zero. */
  readonly unused: number
}

export function readBitString(body: Uint8Array): BitString {
  const [unused] = body
  const last = body.length > 1 ? body.at(-1) ?? 0 : 0
  if (unused === undefined || unused > 7 || (body.length === 1 && unused > 0) || (last & ((1 << unused) - 1)) !== 0) throw new DerError('a bit string that is malformed')
  return { bytes: body.subarray(1), unused }
}

/** A bit string of whole bytes. */
export function readBytes(body: Uint8Array): Uint8Array {
  const { bytes, unused } = readBitString(body)
  if (unused !== 0) throw new DerError('a bit string that is no whole bytes')
  return bytes
}
