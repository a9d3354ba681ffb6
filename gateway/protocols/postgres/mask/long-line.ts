// A line of COPY … TO STDOUT that comes in pieces because it is longer than one may be held: walked as it comes, cells that a constant stands for passed over.
import type { Column } from './columns.ts'
import type { CopyCodec } from './copy-rows.ts'
import { failed, Pieces } from './pieces.ts'

const BACKSLASH = 0x5c
const NEWLINE = 0x0a
const HEADER_BYTES = 5
/** A longer word for NULL is no reason to hold a cell. */
const maxNullBytes = 1_024
const one = (byte: number): Uint8Array => Uint8Array.of(byte)

export class LongLine {
  readonly #codec: CopyCodec
  readonly #columns: readonly Column[]
  readonly #out = new Pieces()
  readonly #held = new Pieces()
  #index = 0
  #isSkipped = false
  /** Inside of quotes, behind an escape, behind a quote that ends a cell or stands for one. */
  #state: 'start' | 'plain' | 'escaped' | 'quoted' | 'marked' = 'start'

  constructor(codec: CopyCodec, columns: readonly Column[]) {
    this.#codec = codec
    this.#columns = columns
    this.#begin()
  }

  /** @throws RefusalError `mask.failed` */
  feed(bytes: Buffer): void {
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      if (!this.#isDelimiter(bytes[at] as number)) continue
      this.#take(bytes.subarray(from, at))
      this.#end()
      this.#out.add(one(this.#codec.delimiter))
      this.#index++
      this.#begin()
      from = at + 1
    }
    this.#take(bytes.subarray(from))
  }

  /** The last piece, and the whole message. @throws RefusalError `mask.failed` */
  finish(tag: number, last: Buffer): Buffer {
    const hasEnd = last.at(-1) === NEWLINE
    this.feed(hasEnd ? last.subarray(0, -1) : last)
    this.#end()
    if (this.#index !== this.#columns.length - 1) throw failed('A row of this COPY is malformed')
    if (hasEnd) this.#out.add(one(NEWLINE))
    const header = Buffer.alloc(HEADER_BYTES)
    header[0] = tag
    header.writeUInt32BE(this.#out.length + HEADER_BYTES - 1, 1)
    return Buffer.concat([header, this.#out.take()])
  }

  /** Takes one byte on. */
  #isDelimiter(byte: number): boolean {
    const { delimiter, quote, mark } = this.#codec
    if (quote === undefined) {
      const isEscaped = this.#state === 'escaped'
      this.#state = !isEscaped && byte === BACKSLASH ? 'escaped' : 'plain'
      return !isEscaped && byte === delimiter
    }
    if (this.#state === 'start' && byte === quote) { this.#state = 'quoted'; return false }
    if (this.#state === 'quoted') {
      if (byte === mark) this.#state = 'marked'
      else if (byte === quote) this.#state = 'plain'
      return false
    }
    if (this.#state === 'marked') {
      if (byte === quote || byte === mark) { this.#state = 'quoted'; return false }
      // Where both are one letter, the one before has ended the quotes.
      if (mark !== quote) { this.#state = 'quoted'; return false }
    }
    this.#state = 'plain'
    return byte === delimiter
  }

  #begin(): void {
    const column = this.#columns[this.#index]
    if (column === undefined) throw failed('A row of this COPY is malformed')
    this.#state = 'start'
    this.#isSkipped = column.mask !== undefined && column.constantCell !== undefined
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return
    // Of what goes, only as much as tells whether it is NULL.
    if (this.#isSkipped) {
      if (this.#held.length <= maxNullBytes) this.#held.add(Buffer.from(bytes.subarray(0, maxNullBytes + 1)))
      return
    }
    const into = this.#columns[this.#index]?.mask === undefined ? this.#out : this.#held
    into.add(Buffer.from(bytes))
  }

  #end(): void {
    const column = this.#columns[this.#index]
    if (column?.mask === undefined) return
    const codec = this.#codec
    const cell = this.#held.take()
    if (!column.coversNull && codec.isNull(cell, 0, cell.length)) return this.#out.add(cell)
    if (column.constantCell !== undefined) {
      column.cells++
      return this.#out.add(column.constantCell)
    }
    const value = codec.isPlain(cell, 0, cell.length) ? cell : codec.decode(cell, 0, cell.length)
    const masked = column.mask.apply(value, 0, value.length)
    this.#out.add(masked === undefined ? cell : codec.encode(masked))
  }
}
