// Reads the fields of one message in order, and refuses what does not fit (PostgreSQL 18, §54.6 "Message Data Types").
import { ProtocolViolation } from './violation.ts'

/** A byte order mark is content: the server would read it too. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const noCodes: readonly number[] = Object.freeze([])
/** Names up to this long are decoded by hand: a decoder's call costs more than they do. */
const shortBytes = 24

export class Reader {
  readonly #name: string
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number
  /** Stays true while every string so far was UTF-8. */
  isUtf8 = true

  /** @param name the message's, for errors. @param bytes holds the content from `start` to `end`, without tag and length */
  constructor(name: string, bytes: Uint8Array, start: number, end: number) {
    this.#name = name
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  byte(): number {
    return this.#bytes[this.#advance(1)] ?? 0
  }

  /** Unsigned, as the server reads its counts. */
  int16(): number {
    const at = this.#advance(2)
    return (this.#bytes[at] ?? 0) << 8 | (this.#bytes[at + 1] ?? 0)
  }

  /** Signed. */
  int32(): number {
    const at = this.#advance(4)
    return (this.#bytes[at] ?? 0) << 24 | (this.#bytes[at + 1] ?? 0) << 16 | (this.#bytes[at + 2] ?? 0) << 8 | (this.#bytes[at + 3] ?? 0)
  }

  /** OIDs are unsigned. */
  oid(): number {
    return this.int32() >>> 0
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    const at = this.#advance(length)
    return this.#bytes.subarray(at, at + length)
  }

  rest(): Uint8Array {
    return this.take(this.remaining)
  }

  /** The bytes before the next NUL, which is passed over. */
  stringBytes(): Uint8Array {
    const start = this.#at
    return this.#bytes.subarray(start, this.#pastNul() - 1)
  }

  /** What is not UTF-8 comes as '' and clears `isUtf8`. */
  string(): string {
    const start = this.#at
    const end = this.#pastNul() - 1
    if (end === start) return ''
    return this.#ascii(start, end) ?? this.#strict(this.#bytes.subarray(start, end))
  }

  /** For what a server says: a database in SQL_ASCII sends any bytes, and its words are only shown. */
  lossyString(): string {
    const start = this.#at
    const end = this.#pastNul() - 1
    return this.#ascii(start, end) ?? lossyUtf8.decode(this.#bytes.subarray(start, end))
  }

  decode(bytes: Uint8Array): string {
    return this.#strict(bytes)
  }

  /** A counted list of format codes. */
  formats(): readonly number[] {
    const count = this.int16()
    if (count === 0) return noCodes
    const formats: number[] = []
    for (let index = 0; index < count; index++) formats.push(this.format())
    return formats
  }

  /** 0 is text, 1 is binary; there is no other. */
  format(): number {
    const format = this.int16()
    if (format > 1) this.fail('has a format code that is neither 0 nor 1')
    return format
  }

  /** A counted list of OIDs. */
  oids(): readonly number[] {
    const count = this.int16()
    if (count === 0) return noCodes
    if (count * 4 > this.remaining) this.fail('ends inside a list')
    return Array.from({ length: count }, () => this.oid())
  }

  /** A list of OIDs to the end, whose count begins anew at 65,536. */
  longOids(): readonly number[] {
    const counted = this.int16()
    const count = this.remaining / 4
    if (count % 65_536 !== counted) this.fail('has another number of types than it says')
    return Array.from({ length: count }, () => this.oid())
  }

  /** One length-prefixed value; -1 is NULL. */
  value(): Uint8Array | null {
    const length = this.int32()
    if (length === -1) return null
    if (length < 0) this.fail(`has a value of length ${length}`)
    return this.take(length)
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#at !== this.#end) this.fail(`has ${this.#end - this.#at} bytes behind its end`)
  }

  fail(what: string): never {
    throw new ProtocolViolation(`${this.#name} message ${what}`)
  }

  #advance(length: number): number {
    const at = this.#at
    if (length > this.#end - at) this.fail('ends inside a field')
    this.#at = at + length
    return at
  }

  #pastNul(): number {
    const nul = this.#at < this.#end && this.#bytes[this.#at] === 0 ? this.#at : this.#bytes.indexOf(0, this.#at)
    if (nul < 0 || nul >= this.#end) this.fail('has a string without its NUL')
    return this.#at = nul + 1
  }

  #ascii(start: number, end: number): string | undefined {
    if (end - start > shortBytes) return undefined
    let text = ''
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] ?? 0
      if (byte > 0x7f) return undefined
      text += String.fromCharCode(byte)
    }
    return text
  }

  #strict(bytes: Uint8Array): string {
    try {
      return strictUtf8.decode(bytes)
    } catch {
      this.isUtf8 = false
      return ''
    }
  }
}

/** Of one whole message. @throws ProtocolViolation when it is another one, or not whole */
export function readMessage(name: string, tags: readonly number[], bytes: Uint8Array): Reader {
  const length = ((bytes[1] ?? 0) << 24 | (bytes[2] ?? 0) << 16 | (bytes[3] ?? 0) << 8 | (bytes[4] ?? 0)) >>> 0
  if (!tags.includes(bytes[0] ?? 0) || bytes.length < 5 || length + 1 !== bytes.length) throw new ProtocolViolation(`${bytes.length} bytes are no ${name} message`)
  return new Reader(name, bytes, 5, bytes.length)
}
