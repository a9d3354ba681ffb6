// Masks what a server sends: by where a value comes from, in the type and format it has. The result of one operation is one masker's.
import type { MaskedPart, PartSummary } from '../../call.ts'
import { CellMasks, type RowMark } from '../../mask/index.ts'
import { Asides } from './mask/asides.ts'
import { ColumnPlanner, unenforceable, type ColumnOptions, type Columns, type CopySource } from './mask/columns.ts'
import { CopyPass, type CopyPlan } from './mask/copy-pass.ts'
import { createCopyCodec } from './mask/copy-rows.ts'
import type { RowKernel } from './mask/kernel/row-kernel.ts'
import type { Field, Frame } from './messages.ts'
import { RowPass } from './mask/row-pass.ts'
import type { Lineage } from './sql/analysis.ts'

export type { CopySource } from './mask/columns.ts'

export interface ResultMaskerOptions extends ColumnOptions {
  /** The record keeps masked rows as lines in COPY's text format; else count and digest. */
  readonly keepsBodies?: boolean
  /** Absent: rows are walked without it, with the same outcome. */
  readonly kernel?: RowKernel | undefined
}

export interface ResultMasker {
  /**
   * For a RowDescription: what follows is masked by it, up to the next one. The same again costs nothing.
   * @param outputs the statement's own lineage by ordinal; undefined where it cannot be told
   * @param formats result formats of the Bind (0, 1 or n codes); absent: the fields' own
   * @throws RefusalError `mask.unenforceable`
   */
  describe(fields: readonly Field[], outputs: readonly Lineage[] | undefined, formats?: readonly number[]): void
  /** A DataRow, a run of them, or a piece of a long one. Rows that lie behind one another in memory are handed on without a copy. @throws RefusalError `mask.*` */
  row(frame: Frame): void
  /** A message that carries no values: T, C, 1, 2, 3, I, n, s, t, Z, H, c, or one the gateway wrote. */
  pass(message: Uint8Array): void
  /** ErrorResponse, NoticeResponse. The original goes no further. */
  diagnostic(message: Uint8Array): void
  parameterStatus(message: Uint8Array): void
  notification(message: Uint8Array): void
  /**
   * For a CopyOutResponse, before its rows; the message itself goes by `pass`.
   * @param format overall format code of the response
   * @param formats its columns'
   * @param copy what the statement says of it; undefined where that cannot be told
   * @throws RefusalError `mask.unenforceable`: binary, or nobody can say how rows are written
   */
  copyOut(format: number, formats: readonly number[], copy: CopySource | undefined): void
  /** CopyData from the server: each one row, or the header; also a run of them, or a piece of a long one. @throws RefusalError `mask.*` */
  copyRow(frame: Frame): void
  /** FunctionCallResponse. @throws RefusalError `mask.unenforceable` */
  functionResult(message: Uint8Array): void
  /** DataRow and CopyData seen so far. */
  readonly rows: number
  /** Bytes to take: what is shown of its rows, and not what they were. */
  readonly size: number
  mark(): ResultMark
  /** The rows since the mark, all of one part, go nowhere. */
  undo(mark: ResultMark): void
  /** Nothing to take. */
  readonly isEmpty: boolean
  /** Everything since the last take, as one part. Its content may be longer than one frame holds: `splitRows`. */
  take(summary: PartSummary): MaskedPart
  /** Its last part was taken: it may be lent to another run of the same statement, for which everything means the same. */
  readonly isFree: boolean
  lend(): void
}

export interface ResultMark { readonly cells: RowMark; readonly rows: number; readonly lines: number }

export function createResultMasker(options: ResultMaskerOptions): ResultMasker {
  return new Results(options)
}

class Results implements ResultMasker {
  isFree = false
  readonly #isNothingMasked: boolean
  readonly #cells: CellMasks
  readonly #planner: ColumnPlanner
  readonly #asides: Asides
  readonly #rowPass: RowPass
  readonly #copyPass: CopyPass
  /** What the last description came to. */
  #described: { readonly fields: readonly Field[]; readonly outputs: readonly Lineage[] | undefined; readonly formats: readonly number[] | undefined; readonly columns: Columns } | undefined
  #columns: Columns | undefined
  #copy: CopyPlan | undefined

  constructor(options: ResultMaskerOptions) {
    this.#isNothingMasked = options.plan.isEmpty
    this.#cells = new CellMasks(options.plan, options.keepsBodies ?? false)
    this.#planner = new ColumnPlanner(options, this.#cells)
    this.#asides = new Asides(options, this.#cells)
    this.#rowPass = new RowPass(this.#cells, options.kernel)
    this.#copyPass = new CopyPass(this.#cells, options.kernel)
  }

  get rows(): number { return this.#rowPass.rows + this.#copyPass.rows }
  get isEmpty(): boolean { return this.#cells.isEmpty }
  get size(): number { return this.#cells.sink.size }

  mark(): ResultMark { return { cells: this.#cells.mark(), rows: this.#rowPass.rows, lines: this.#copyPass.rows } }

  undo({ cells, rows, lines }: ResultMark): void {
    this.#cells.undo(cells)
    this.#rowPass.rows = rows
    this.#copyPass.rows = lines
  }

  lend(): void {
    this.isFree = false
    this.#rowPass.rows = this.#copyPass.rows = 0
    this.#columns = undefined
    this.#copy = undefined
  }

  describe(fields: readonly Field[], outputs: readonly Lineage[] | undefined, formats?: readonly number[]): void {
    let last = this.#described
    if (last === undefined || last.fields !== fields || last.outputs !== outputs || !isSame(last.formats, formats)) {
      this.#described = last = { fields, outputs, formats, columns: this.#planner.ofRows(fields, outputs, formats) }
    }
    this.#count()
    this.#columns = last.columns
  }

  row(frame: Frame): void {
    if (this.#columns === undefined && !this.#isNothingMasked) throw unenforceable('The columns of this result are not known')
    this.#rowPass.pass(frame, this.#columns)
  }

  pass(message: Uint8Array): void {
    this.#cells.sink.pass(message)
  }

  diagnostic(message: Uint8Array): void {
    this.pass(this.#isNothingMasked ? message : this.#asides.diagnostic(message))
  }

  parameterStatus(message: Uint8Array): void {
    this.pass(this.#isNothingMasked ? message : this.#asides.parameterStatus(message))
  }

  notification(message: Uint8Array): void {
    this.pass(this.#isNothingMasked ? message : this.#asides.notification(message))
  }

  copyOut(format: number, formats: readonly number[], copy: CopySource | undefined): void {
    this.#count()
    this.#copy = undefined
    if (this.#isNothingMasked) return
    if (format !== 0 || formats.includes(1)) throw unenforceable('A binary COPY cannot be masked')
    const codec = copy === undefined ? undefined : createCopyCodec(copy.format)
    if (copy === undefined || codec === undefined) throw unenforceable('The format of this COPY is not known')
    const columns = this.#planner.ofCopy(formats.length, copy, (value) => codec.encode(value))
    this.#copy = { codec, columns, isHeader: copy.format.hasHeader }
  }

  copyRow(frame: Frame): void {
    if (this.#copy === undefined && !this.#isNothingMasked) throw unenforceable('The format of this COPY is not known')
    this.#copyPass.pass(frame, this.#copy)
  }

  functionResult(message: Uint8Array): void {
    if (!this.#isNothingMasked) throw unenforceable('The result of a function call cannot be masked')
    this.pass(message)
  }

  take(summary: PartSummary): MaskedPart {
    this.#count()
    if (summary.isFinal) {
      this.isFree = true
      this.#rowPass.forget()
    }
    return this.#cells.take(summary)
  }

  /** Constants are counted by column, not by cell. */
  #count(): void {
    for (const columns of [this.#columns, this.#copy?.columns]) {
      for (const column of columns?.columns ?? []) {
        if (column.cells > 0 && column.mask?.rule !== undefined) this.#cells.count(column.mask.rule, column.cells)
        column.cells = 0
      }
    }
  }
}

function isSame(one: readonly number[] | undefined, other: readonly number[] | undefined): boolean {
  return one === other || one !== undefined && other !== undefined && one.length === other.length && one.every((format, i) => format === other[i])
}
