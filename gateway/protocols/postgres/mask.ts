// Masks what a server sends: by where a value comes from, in the type and format it has. The result of one operation is one masker's.
import type { MaskedPart, PartSummary } from '../../call.ts'
import { CellMasks, type MaskPlan } from '../../mask/index.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import type { Field } from './messages.ts'
import type { Lineage, Relation, Snapshot } from './sql/analysis.ts'

export interface ResultMaskerOptions {
  readonly plan: MaskPlan
  /** The catalogue's class of a column. @param relation `schema.table` in lower case */
  classOf(relation: string, column: string): string | undefined
  /** undefined: no catalogue is known, so no origin is. */
  readonly snapshot: Snapshot | undefined
  /** What becomes of a column of which nobody can say where it comes from. */
  readonly unknownOrigin: 'mask' | 'deny'
  /** The operation can reach a sensitive column: only then is an unknown origin a danger. */
  readonly reachesSensitive: boolean
  /** The record keeps masked rows as lines in COPY's text format; else count and digest. */
  readonly keepsBodies?: boolean
  /** Where a view's column comes from; absent: unknown, unless `outputs` says it. */
  viewLineage?(view: Relation, attribute: number): Lineage | undefined
}

/** What is done to each column of a result; belongs to the portal (or the simple query's current result) it was made for. */
export interface ColumnPlan {
  /** Nothing is to be masked or looked at. */
  readonly isOpen: boolean
  readonly count: number
}

export interface ResultMasker {
  /**
   * For a RowDescription; its plan is in force from here on.
   * @param outputs the statement's own lineage by ordinal; undefined where it cannot be told
   * @param formats result formats of the Bind (0, 1 or n codes); absent: the fields' own
   * @throws RefusalError `mask.unenforceable`
   */
  describe(fields: readonly Field[], outputs: readonly Lineage[] | undefined, formats?: readonly number[]): ColumnPlan
  /** Puts a portal's plan in force again. */
  use(columns: ColumnPlan): void
  /** A whole DataRow. Rows that lie behind one another in memory are handed on without a copy. @throws RefusalError `mask.*` */
  row(message: Uint8Array): void
  /** DataRows behind one another, `start` to `end` of a chunk. */
  run(chunk: Uint8Array, start: number, end: number): void
  /** A message that carries no values: T, C, 1, 2, 3, I, n, s, t, Z, S after `parameterStatus`, H … */
  pass(message: Uint8Array): void
  /** ErrorResponse, NoticeResponse. */
  diagnostic(message: Uint8Array): void
  /** ParameterStatus: the value of one that a caller can set from data is masked. */
  parameterStatus(message: Uint8Array): void
  /** NotificationResponse. */
  notification(message: Uint8Array): void
  /**
   * For CopyOutResponse, before the rows.
   * @param columns what the rows hold, by ordinal; undefined where it cannot be told
   * @throws RefusalError `mask.unenforceable`: binary, or nobody can say what a column is
   */
  copyOut(message: Uint8Array, columns: CopyColumns | undefined): void
  /** CopyData from the server: one row, or the header. @throws RefusalError `mask.*` */
  copyRow(message: Uint8Array): void
  /** FunctionCallResponse. @throws RefusalError `mask.unenforceable` */
  functionResult(message: Uint8Array): void
  /** DataRow and CopyData seen so far. */
  readonly rows: number
  /** Everything since the last take, as one part. Its content may be longer than one frame holds: `splitRows`. */
  take(summary: PartSummary): MaskedPart
}

/** What COPY … TO STDOUT sends. The server says neither names nor types: both come from the statement. */
export interface CopyColumns {
  readonly format: CopyFormat
  readonly outputs: readonly CopyOutput[]
}
/** A name for the record and detectors, the type's OID (0: unknown) and where it comes from. */
export interface CopyOutput { readonly name: string; readonly type: number; readonly lineage: Lineage }
/** The statement's options, as the server reads them; one byte each. */
export interface CopyFormat {
  readonly kind: 'text' | 'csv'
  readonly delimiter: string
  readonly null: string
  /** csv */
  readonly quote: string
  readonly escape: string
  readonly hasHeader: boolean
}

export function createResultMasker(options: ResultMaskerOptions): ResultMasker {
  return new Results(options, new CellMasks(options.plan, options.keepsBodies ?? false))
}

class Results implements ResultMasker {
  rows = 0
  readonly #options: ResultMaskerOptions
  readonly #cells: CellMasks
  constructor(options: ResultMaskerOptions, cells: CellMasks) {
    if (!options.plan.isEmpty) throw new RefusalError(refusal('mask.unenforceable'))
    this.#options = options; this.#cells = cells }
  describe(fields: readonly Field[]): ColumnPlan { return { isOpen: this.#options.plan.isEmpty, count: fields.length } }
  use(): void { /* */ }
  row(message: Uint8Array): void { this.pass(message) }
  run(chunk: Uint8Array, start: number, end: number): void { this.#cells.sink.pass(chunk, start, end) }
  pass(message: Uint8Array): void { this.#cells.sink.pass(message) }
  diagnostic(message: Uint8Array): void { this.pass(message) }
  parameterStatus(message: Uint8Array): void { this.pass(message) }
  notification(message: Uint8Array): void { this.pass(message) }
  copyOut(message: Uint8Array): void { this.pass(message) }
  copyRow(message: Uint8Array): void { this.pass(message) }
  functionResult(message: Uint8Array): void { this.pass(message) }
  take(summary: PartSummary): MaskedPart { return this.#cells.take(summary) }
}
