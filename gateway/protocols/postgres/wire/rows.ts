// RowDescription and DataRow (PostgreSQL 18, §54.7). A row is read by offsets: a cell that nobody asks for costs no object.
import { readMessage } from './reader.ts'
import { backendTag } from './tags.ts'
import { ProtocolViolation } from './violation.ts'
import { Writer } from './writer.ts'

export interface Field {
  readonly name: string
  /** OID of the table it comes from, 0 where it is none's column. */
  readonly table: number
  /** Attribute number in that table; 0 with a table means its whole row. */
  readonly attribute: number
  readonly type: number
  /** pg_type.typlen; negative for variable lengths. */
  readonly size: number
  readonly modifier: number
  /** Always 0 when a statement, not a portal, was described. */
  readonly format: number
}

/** @throws ProtocolViolation */
export function parseRowDescription(bytes: Uint8Array): readonly Field[] {
  const reader = readMessage('RowDescription', [backendTag.rowDescription], bytes)
  const fields: Field[] = []
  for (let left = reader.int16(); left > 0; left--) {
    fields.push({
      name: reader.lossyString(), table: reader.oid(), attribute: signed16(reader.int16()), type: reader.oid(),
      size: signed16(reader.int16()), modifier: reader.int32(), format: reader.format(),
    })
  }
  reader.end()
  return fields
}

/** System columns have negative attribute numbers. */
const signed16 = (value: number) => value << 16 >> 16

export function encodeRowDescription(fields: readonly Field[]): Uint8Array {
  const writer = new Writer(backendTag.rowDescription, 2 + fields.length * 40).int16(fields.length)
  for (const field of fields) {
    writer.string(field.name).int32(field.table).int16(field.attribute & 0xffff).int32(field.type).int16(field.size & 0xffff).int32(field.modifier).int16(field.format)
  }
  return writer.done()
}

export function encodeDataRow(cells: readonly (Uint8Array | null)[]): Uint8Array {
  const writer = new Writer(backendTag.dataRow).int16(cells.length)
  for (const cell of cells) writer.value(cell)
  return writer.done()
}

/** Tag, length and column count. */
const cellsAt = 7
const noCell = -1
const lossyUtf8 = new TextDecoder()

/** Reads one row after the other; what it says holds until the next `reset`. */
export class RowReader {
  #source: Uint8Array = new Uint8Array()
  #starts = new Int32Array(16)
  #ends = new Int32Array(16)
  #count = 0
  #from = 0
  #to = 0

  /** @param source holds a whole DataRow from `start` to `end` (a frame's own). @throws ProtocolViolation */
  reset(source: Uint8Array, start = 0, end = source.length): this {
    this.#source = source
    this.#from = start
    this.#to = end
    this.#count = 0
    if (end - start < cellsAt || source[start] !== backendTag.dataRow || this.#int32(start + 1) !== end - start - 1) throw new ProtocolViolation(`${end - start} bytes are no DataRow message`)
    const count = (source[start + 5] ?? 0) << 8 | (source[start + 6] ?? 0)
    if (count > this.#starts.length) {
      this.#starts = new Int32Array(count)
      this.#ends = new Int32Array(count)
    }
    let at = start + cellsAt
    for (let index = 0; index < count; index++) {
      if (end - at < 4) throw new ProtocolViolation('DataRow message ends inside a length')
      const length = this.#int32(at)
      at += 4
      if (length < noCell || length > end - at) throw new ProtocolViolation(`DataRow message has a value of length ${length}`)
      this.#starts[index] = length === noCell ? noCell : at
      at += Math.max(0, length)
      this.#ends[index] = at
    }
    if (at !== end) throw new ProtocolViolation(`DataRow message has ${end - at} bytes behind its end`)
    this.#count = count
    return this
  }

  get source(): Uint8Array { return this.#source }
  /** Where the message begins in `source`. */
  get from(): number { return this.#from }
  /** Where it ends. */
  get to(): number { return this.#to }
  get count(): number { return this.#count }

  isNull(index: number): boolean {
    return this.start(index) === noCell
  }

  /** Where the cell's bytes begin in `source`; -1 for NULL. @throws RangeError when the row has no such cell */
  start(index: number): number {
    if (index >= this.#count) throw new RangeError(`a row of ${this.#count} cells has no cell ${index}`)
    return this.#starts[index] ?? noCell
  }

  /** Where they end; of NULL, where its length word does. */
  end(index: number): number {
    if (index >= this.#count) throw new RangeError(`a row of ${this.#count} cells has no cell ${index}`)
    return this.#ends[index] ?? noCell
  }

  /** A view of the cell. */
  cell(index: number): Uint8Array | null {
    const start = this.start(index)
    return start === noCell ? null : this.#source.subarray(start, this.end(index))
  }

  /** All cells, for the gateway's own questions: what is not UTF-8 has replacement characters. */
  texts(): (string | null)[] {
    return Array.from({ length: this.#count }, (_none, index) => {
      const cell = this.cell(index)
      return cell === null ? null : lossyUtf8.decode(cell)
    })
  }

  #int32(at: number): number {
    const source = this.#source
    return (source[at] ?? 0) << 24 | (source[at + 1] ?? 0) << 16 | (source[at + 2] ?? 0) << 8 | (source[at + 3] ?? 0)
  }
}

/** The cells of one row, for those who want them all. @throws ProtocolViolation */
export function rowCells(bytes: Uint8Array): readonly (Uint8Array | null)[] {
  const row = new RowReader().reset(bytes)
  return Array.from({ length: row.count }, (_none, index) => row.cell(index))
}
