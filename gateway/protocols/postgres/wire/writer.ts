// Writes one message, tag and length included; the reader's inverse.
import { ProtocolViolation } from './violation.ts'

/** PostgreSQL's MaxAllocSize less the tag: a longer message could not be read by anyone. */
const maxMessageBytes = 0x3fff_ffff

/** Strings up to this long are written in place, with room for the longest their UTF-8 can be. */
const shortLength = 256

export class Writer {
  #bytes: Buffer
  #at = 0
  readonly #lengthAt: number

  /** @param tag undefined for start-up packets, which have none */
  constructor(tag: number | undefined, expectedBytes = 128) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes + 5)
    if (tag !== undefined) this.byte(tag)
    this.#lengthAt = this.#at
    this.int32(0)
  }

  byte(value: number): this {
    this.#reserve(1)
    this.#bytes[this.#at++] = value
    return this
  }

  /** Unsigned. @throws ProtocolViolation above 65,535: a count that wraps would make fields of values */
  int16(value: number): this {
    if (value < 0 || value > 0xffff) throw new ProtocolViolation(`${value} does not fit into 16 bits`)
    this.#reserve(2)
    this.#bytes[this.#at++] = value >>> 8
    this.#bytes[this.#at++] = value
    return this
  }

  /** Takes OIDs too. */
  int32(value: number): this {
    this.#reserve(4)
    this.#bytes[this.#at++] = value >>> 24
    this.#bytes[this.#at++] = value >>> 16
    this.#bytes[this.#at++] = value >>> 8
    this.#bytes[this.#at++] = value
    return this
  }

  bytes(value: Uint8Array): this {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
    return this
  }

  /** With its NUL. One inside would end the string early and make the rest another field: it is refused. */
  string(value: string | Uint8Array): this {
    if (typeof value === 'string' ? value.includes('\0') : value.includes(0)) throw new ProtocolViolation('a NUL inside a string')
    if (typeof value !== 'string') return this.bytes(value).byte(0)
    if (value.length > shortLength) return this.bytes(Buffer.from(value)).byte(0)
    this.#reserve(3 * value.length + 1)
    this.#at += this.#bytes.write(value, this.#at)
    return this.byte(0)
  }

  value(value: Uint8Array | null): this {
    return value === null ? this.int32(-1) : this.int32(value.length).bytes(value)
  }

  formats(formats: readonly number[]): this {
    this.int16(formats.length)
    for (const format of formats) this.int16(format)
    return this
  }

  /** The message; its writer is spent. */
  done(): Uint8Array {
    if (this.#at > maxMessageBytes) throw new ProtocolViolation('a message longer than any peer reads')
    const end = this.#at
    this.#at = this.#lengthAt
    this.int32(end - this.#lengthAt)
    return this.#bytes.subarray(0, end)
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return
    const room = Buffer.allocUnsafe(Math.max(this.#at + length, 2 * this.#bytes.length))
    room.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = room
  }
}

/** A message with nothing in it. */
export function bare(tag: number): Uint8Array {
  return Uint8Array.of(tag, 0, 0, 0, 4)
}
