// Rows of COPY … TO STDOUT on their way through: one CopyData for each, read cell by cell where it lies; only a cell that a mask changes is
// written anew. A line must have the columns that the server announced, or nothing of it goes out.
import type { CellMasks } from '../../../mask/index.ts'
import type { Columns } from './columns.ts'
import type { CopyCodec } from './copy-rows.ts'
import type { Frame } from '../messages.ts'
import { leastRun, runRows } from './kernel/run.ts'
import type { RowKernel } from './kernel/row-kernel.ts'
import { LongLine } from './long-line.ts'
import { failed } from './pieces.ts'
import { bufferOf, HEADER_BYTES, int32 } from './row-pass.ts'

/** How the rows of one COPY are written, and what is done to them. */
export interface CopyPlan { readonly codec: CopyCodec; readonly columns: Columns; /** The next line is the header. */ isHeader: boolean }

const NEWLINE = 0x0a

export class CopyPass {
  /** Seen so far, without headers, whatever became of them. */
  rows = 0
  readonly #cells: CellMasks
  readonly #kernel: RowKernel | undefined
  #long: LongLine | undefined

  constructor(cells: CellMasks, kernel: RowKernel | undefined) {
    this.#cells = cells
    this.#kernel = kernel
  }

  /** A line, a run of them, or a piece of a long one. @param plan undefined: nothing is masked. @throws RefusalError `mask.failed` */
  pass(frame: Frame, plan: CopyPlan | undefined): void {
    const { sink, keepsBodies } = this.#cells
    const isOpen = plan?.columns.isOpen ?? true
    if (frame.part !== 'whole' || (isOpen && !keepsBodies)) {
      const isHeader = plan?.isHeader ?? false
      if (plan !== undefined) plan.isHeader = false
      if (frame.part === 'whole' || frame.part === 'first') this.rows += frame.count - (isHeader ? 1 : 0)
      if (!isOpen && !isHeader && plan !== undefined) return this.#piece(frame, plan)
      return sink.pass(frame.source, frame.start, frame.end)
    }
    const source = bufferOf(frame.source)
    if (this.#kernel !== undefined && plan?.columns.kernel !== undefined && plan.codec.isPlainText && !plan.isHeader && !keepsBodies && frame.count >= leastRun) {
      const { codec: { delimiter }, columns: { columns, kernel } } = plan
      const leave = (start: number, end: number): void => {
        this.rows++
        if (this.#rewrite(source, start, end, plan) < 0) sink.pass(source, start, end)
      }
      return runRows(this.#kernel, kernel, { source, start: frame.start, end: frame.end, form: { delimiter }, columns }, this.#cells, (rows) => { this.rows += rows }, leave)
    }
    for (let at = frame.start; at < frame.end;) {
      const end = at + 1 + int32(source, at + 1)
      const isHeader = plan?.isHeader ?? false
      if (plan !== undefined) plan.isHeader = false
      if (!isHeader) this.rows++
      const begun = plan === undefined || isOpen || isHeader ? -1 : this.#rewrite(source, at, end, plan)
      if (begun < 0) sink.pass(source, at, end)
      if (keepsBodies) this.#cells.keepLine(textOf(begun < 0 ? source.subarray(at + HEADER_BYTES, end) : sink.written(begun + HEADER_BYTES)))
      at = end
    }
  }

  /** Of a line that is too long to be held: its header is the first piece. */
  #piece({ part, tag, bytes }: Frame, plan: CopyPlan): void {
    if (part === 'first') { this.#long = new LongLine(plan.codec, plan.columns.columns); return }
    if (part === 'middle') return this.#long?.feed(bufferOf(bytes))
    const message = this.#long?.finish(tag, bufferOf(bytes))
    this.#long = undefined
    if (message === undefined) return
    this.#cells.sink.pass(message)
    if (this.#cells.keepsBodies) this.#cells.keepLine(textOf(message.subarray(HEADER_BYTES)))
  }

  /** @returns its position in the sink; -1 where nothing in it changes. @throws RefusalError `mask.failed`, and nothing of it is in the sink */
  #rewrite(source: Buffer, start: number, messageEnd: number, { codec, columns: { columns } }: CopyPlan): number {
    const { sink } = this.#cells
    const end = source[messageEnd - 1] === NEWLINE ? messageEnd - 1 : messageEnd
    let begun = -1
    let growth = 0
    try {
      let at = start + HEADER_BYTES
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index] as Columns['columns'][number]
        const { mask } = column
        const cellEnd = codec.cellEnd(source, at, end)
        if (cellEnd < 0 || (index < columns.length - 1) !== (cellEnd < end)) throw failed('A row of this COPY is malformed')
        if (mask !== undefined && (column.coversNull || !codec.isNull(source, at, cellEnd))) {
          let cell = column.constantCell
          if (cell === undefined) {
            const value = codec.isPlain(source, at, cellEnd) ? undefined : codec.decode(source, at, cellEnd)
            const masked = value === undefined ? mask.apply(source, at, cellEnd) : mask.apply(value, 0, value.length)
            if (masked !== undefined) cell = codec.encode(masked)
          } else column.cells++
          if (cell !== undefined) {
            if (begun < 0) begun = sink.begin(source, start)
            sink.cut(at, cellEnd, cell)
            growth += cell.length - (cellEnd - at)
          }
        }
        at = cellEnd + 1
      }
    } catch (error) {
      if (begun >= 0) sink.rewind(begun)
      throw error
    }
    if (begun < 0) return begun
    sink.end(messageEnd)
    sink.patch(begun + 1, messageEnd - start - 1 + growth)
    return begun
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}
