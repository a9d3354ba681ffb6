// Rows on their way through (PostgreSQL 18, §54.7, DataRow): walked by their length words where they lie; only a cell that a mask changes is
// written anew. A row must be what was described, or nothing of it goes out.
import type { CellMasks } from '../../../mask/index.ts'
import { encodeCell, type Columns } from './columns.ts'
import { leastRun, runRows } from './kernel/run.ts'
import type { RowKernel } from './kernel/row-kernel.ts'
import { LongRow } from './long-row.ts'
import { failed } from './pieces.ts'
import { rowLine } from './row-line.ts'
import { RowReader, type Frame } from '../messages.ts'

/** Header of a message: tag and length. */
export const HEADER_BYTES = 5
/** Of a DataRow: header and column count. */
const CELLS_AT = 7

export class RowPass {
  /** Seen so far, whatever became of them. */
  rows = 0
  readonly #cells: CellMasks
  readonly #kernel: RowKernel | undefined
  #reader = new RowReader()
  #long: LongRow | undefined

  constructor(cells: CellMasks, kernel: RowKernel | undefined) {
    this.#cells = cells
    this.#kernel = kernel
  }

  /** What it read from is somebody's data. */
  forget(): void {
    if (this.#cells.keepsBodies) this.#reader = new RowReader()
  }

  /** A row, a run of them, or a piece of a long one. @param plan undefined: nothing is masked. @throws RefusalError `mask.failed` */
  pass(frame: Frame, plan: Columns | undefined): void {
    const { sink, keepsBodies } = this.#cells
    const isOpen = plan?.isOpen ?? true
    if (frame.part !== 'whole' || (isOpen && !keepsBodies)) {
      if (frame.part === 'whole' || frame.part === 'first') this.rows += frame.count
      if (!isOpen) return this.#piece(frame, plan?.columns ?? [])
      return sink.pass(frame.source, frame.start, frame.end)
    }
    const source = bufferOf(frame.source)
    if (this.#kernel !== undefined && plan?.kernel !== undefined && !keepsBodies && frame.count >= leastRun) {
      const leave = (start: number, end: number): void => {
        this.rows++
        if (this.#rewrite(source, start, end, plan) < 0) sink.pass(source, start, end)
      }
      return runRows(this.#kernel, plan.kernel, { source, start: frame.start, end: frame.end, form: 'rows', columns: plan.columns }, this.#cells, (rows) => { this.rows += rows }, leave)
    }
    for (let at = frame.start; at < frame.end;) {
      const end = at + 1 + int32(source, at + 1)
      this.rows++
      const begun = plan === undefined ? -1 : this.#rewrite(source, at, end, plan)
      if (begun < 0) sink.pass(source, at, end)
      if (keepsBodies) this.#cells.keepLine(rowLine(begun < 0 ? this.#reader.reset(source, at, end) : this.#reader.reset(sink.written(begun)), plan?.columns ?? []))
      at = end
    }
  }

  /** Of a row that is too long to be held: its header is the first piece. */
  #piece({ part, tag, bytes }: Frame, columns: Columns['columns']): void {
    if (part === 'first') { this.#long = new LongRow(columns); return }
    this.#long?.feed(bufferOf(bytes))
    if (part !== 'last') return
    const message = this.#long?.finish(tag)
    this.#long = undefined
    if (message === undefined) return
    this.#cells.sink.pass(message)
    if (this.#cells.keepsBodies) this.#cells.keepLine(rowLine(this.#reader.reset(message), columns))
  }

  /** @returns its position in the sink; -1 where nothing in it changes. @throws RefusalError `mask.failed`, and nothing of it is in the sink */
  #rewrite(source: Buffer, start: number, end: number, { columns }: Columns): number {
    const { sink } = this.#cells
    if (end - start < CELLS_AT || columns.length !== ((source[start + HEADER_BYTES] as number) << 8 | source[start + HEADER_BYTES + 1] as number)) throw failed('A row has another number of columns than its description')
    let begun = -1
    let growth = 0
    try {
      let at = start + CELLS_AT
      for (let index = 0; index < columns.length; index++) {
        if (at + 4 > end) throw failed('A row is malformed')
        const length = int32(source, at)
        const cellEnd = at + 4 + (length < 0 ? 0 : length)
        if (cellEnd > end) throw failed('A row is malformed')
        const column = columns[index] as Columns['columns'][number]
        const { mask } = column
        if (mask !== undefined && (length >= 0 || column.coversNull)) {
          let cell = column.constantCell
          if (cell === undefined) {
            const masked = mask.apply(source, at + 4, cellEnd)
            if (masked !== undefined) cell = encodeCell(masked)
          } else column.cells++
          if (cell !== undefined) {
            if (begun < 0) begun = sink.begin(source, start)
            sink.cut(at, cellEnd, cell)
            growth += cell.length - (cellEnd - at)
          }
        }
        at = cellEnd
      }
      if (at !== end) throw failed('A row is malformed')
    } catch (error) {
      if (begun >= 0) sink.rewind(begun)
      throw error
    }
    if (begun < 0) return begun
    sink.end(end)
    sink.patch(begun + 1, end - start - 1 + growth)
    return begun
  }
}

export function bufferOf(source: Uint8Array): Buffer {
  return Buffer.isBuffer(source) ? source : Buffer.from(source.buffer, source.byteOffset, source.length)
}

export function int32(source: Uint8Array, at: number): number {
  return (source[at] as number) << 24 | (source[at + 1] as number) << 16 | (source[at + 2] as number) << 8 | source[at + 3] as number
}
