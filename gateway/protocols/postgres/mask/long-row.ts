// A DataRow that comes in pieces because it is longer than one may be held (PostgreSQL 18, §54.7): walked as it comes, cells that a constant stands for passed over.
import { encodeCell, type Column } from './columns.ts'
import { failed, Pieces } from './pieces.ts'

const COUNT_BYTES = 2
const LENGTH_BYTES = 4
const HEADER_BYTES = 5

export class LongRow {
  readonly #columns: readonly Column[]
  readonly #out = new Pieces()
  readonly #held = new Pieces()
  /** Of a count or a length whose bytes have not all come. */
  #word = Buffer.alloc(0)
  #isCounted = false
  #index = 0
  #left = 0
  #way: 'length' | 'pass' | 'skip' | 'hold' = 'length'

  constructor(columns: readonly Column[]) {
    this.#columns = columns
  }

  /** @throws RefusalError `mask.failed` */
  feed(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#way === 'length') {
        const wanted = (this.#isCounted ? LENGTH_BYTES : COUNT_BYTES) - this.#word.length
        this.#word = Buffer.concat([this.#word, bytes.subarray(at, at + wanted)])
        at += wanted
        if (at <= bytes.length) this.#readWord()
        continue
      }
      const end = Math.min(bytes.length, at + this.#left)
      if (this.#way === 'pass') this.#out.add(Buffer.from(bytes.subarray(at, end)))
      else if (this.#way === 'hold') this.#held.add(Buffer.from(bytes.subarray(at, end)))
      this.#left -= end - at
      at = end
      if (this.#left === 0) this.#endCell()
    }
  }

  /** The whole message. @throws RefusalError `mask.failed` */
  finish(tag: number): Buffer {
    if (!this.#isCounted || this.#index !== this.#columns.length || this.#way !== 'length' || this.#word.length > 0) throw failed('A row is malformed')
    const header = Buffer.alloc(HEADER_BYTES + COUNT_BYTES)
    header[0] = tag
    header.writeUInt32BE(this.#out.length + LENGTH_BYTES + COUNT_BYTES, 1)
    header.writeUInt16BE(this.#columns.length, HEADER_BYTES)
    return Buffer.concat([header, this.#out.take()])
  }

  #readWord(): void {
    const word = this.#word
    this.#word = Buffer.alloc(0)
    if (this.#isCounted) return this.#beginCell(word.readInt32BE(), word)
    if (word.readUInt16BE() !== this.#columns.length) throw failed('A row has another number of columns than its description')
    this.#isCounted = true
  }

  #beginCell(length: number, word: Buffer): void {
    const column = this.#columns[this.#index]
    if (column === undefined) throw failed('A row is malformed')
    this.#left = Math.max(0, length)
    if (column.mask === undefined || length < 0 && !column.coversNull) {
      this.#out.add(word)
      this.#way = 'pass'
    } else if (column.constantCell !== undefined) {
      this.#out.add(column.constantCell)
      column.cells++
      this.#way = 'skip'
    } else this.#way = 'hold'
    if (this.#left === 0) this.#endCell()
  }

  #endCell(): void {
    const mask = this.#columns[this.#index]?.mask
    if (this.#way === 'hold') {
      const value = this.#held.take()
      const masked = mask?.apply(value, 0, value.length)
      this.#out.add(encodeCell(masked === undefined ? value : masked))
    }
    this.#index++
    this.#way = 'length'
  }
}
