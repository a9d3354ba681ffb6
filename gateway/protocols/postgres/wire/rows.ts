// RowDescription and DataRow (PostgreSQL 18, §54.7). A row is read by offsets and written by copying what stays:
// cells that no mask names cost no object.
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

/** Replaces cells of one row after the other: `begin`, `set` by rising index, `finish`. */
export class RowWriter {
  #row: RowReader | undefined
  readonly #indexes: number[] = []
  readonly #cells: (Uint8Array | null)[] = []
  #growth = 0

  /** @param row stays where it is until `finish` */
  begin(row: RowReader): this {
    this.#row = row
    this.#indexes.length = 0
    this.#cells.length = 0
    this.#growth = 0
    return this
  }

  /** @throws RangeError when an index is not above the last one, or beyond the row */
  set(index: number, cell: Uint8Array | null): void {
    const row = this.#begun()
    if (index <= (this.#indexes.at(-1) ?? -1)) throw new RangeError(`cell ${index} set out of order`)
    const was = row.isNull(index) ? 0 : row.end(index) - row.start(index)
    this.#growth += (cell?.length ?? 0) - was
    this.#indexes.push(index)
    this.#cells.push(cell)
  }

  /** Bytes of the row as it will be. */
  get size(): number {
    const row = this.#begun()
    return row.to - row.from + this.#growth
  }

  /** The rewritten row in its own memory; the row itself where nothing was set. */
  finish(): Uint8Array {
    const row = this.#begun()
    if (this.#indexes.length === 0) return row.source.subarray(row.from, row.to)
    const target = Buffer.allocUnsafe(this.size)
    this.copyInto(target, 0)
    return target
  }

  /** Writes it where the caller keeps many rows together. @returns where it ends. @throws RangeError when `size` bytes do not fit */
  copyInto(target: Uint8Array, at: number): number {
    const row = this.#begun()
    let from = row.from
    const begun = at
    for (let position = 0; position < this.#indexes.length; position++) {
      const index = this.#indexes[position] ?? 0
      const cell = this.#cells[position] ?? null
      const start = row.isNull(index) ? row.end(index) : row.start(index)
      at = copy(row.source, from, start - 4, target, at)
      at = putInt32(target, at, cell === null ? noCell : cell.length)
      if (cell !== null) at = copy(cell, 0, cell.length, target, at)
      from = row.end(index)
    }
    at = copy(row.source, from, row.to, target, at)
    putInt32(target, begun + 1, this.size - 1)
    return at
  }

  #begun(): RowReader {
    if (this.#row === undefined) throw new RangeError('no row was begun')
    return this.#row
  }
}

/** Below this a loop is quicker than a view. */
const loopBytes = 32

function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  if (at + end - start > target.length) throw new RangeError('the row does not fit')
  if (end - start > loopBytes) target.set(source.subarray(start, end), at)
  else for (let index = start; index < end; index++) target[at + index - start] = source[index] ?? 0
  return at + end - start
}

function putInt32(target: Uint8Array, at: number, value: number): number {
  if (at + 4 > target.length) throw new RangeError('the row does not fit')
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
  return at + 4
}
