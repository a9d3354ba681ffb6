// Masks what a server sends: by where a value comes from, in the type and format it has. The result of one operation is one masker's.
import type { MaskedPart, PartSummary } from '../../call.ts'
import { CellMasks, type MaskPlan, type Rule } from '../../mask/index.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import { createCellMask, type CellMask } from './mask/cell-mask.ts'
import { createCopyCodec, type CopyCodec, type CopyFormat } from './mask/copy-rows.ts'
import { backendTag, encodeError, encodeNotice, encodeNotification, encodeParameterStatus, parseDiagnostic, parseNotification, parseParameterStatus, RowReader, type Field, type Frame } from './messages.ts'
import { originOf, type OriginOptions } from './mask/origin.ts'
import { rowLine } from './mask/row-line.ts'
import { scrubDiagnostic } from './mask/scrub.ts'
import { holdsNoValue } from './mask/settings.ts'
import type { Lineage, Relation, Snapshot } from './sql/analysis.ts'
import { valueType, type ValueType } from './wire/types.ts'

export interface ResultMaskerOptions {
  readonly plan: MaskPlan
  /** The catalogue's class of a column; names as the database spells them. @param relation `schema.table` */
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

/** What is done to each column of a result; belongs to the portal, or to the simple query's current result, it was made for. */
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
  /** Puts a portal's plan in force again. Only one that this masker made. */
  use(columns: ColumnPlan): void
  /** A DataRow, or a piece of a long one. Rows that lie behind one another in memory are handed on without a copy. @throws RefusalError `mask.*` */
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
  /** CopyData from the server: one row, or the header. @throws RefusalError `mask.*` */
  copyRow(frame: Frame): void
  /** FunctionCallResponse. @throws RefusalError `mask.unenforceable` */
  functionResult(message: Uint8Array): void
  /** DataRow and CopyData seen so far. */
  readonly rows: number
  /** Nothing to take. */
  readonly isEmpty: boolean
  /** Everything since the last take, as one part. Its content may be longer than one frame holds: `splitRows`. */
  take(summary: PartSummary): MaskedPart
  /** Its last part was taken: it may be lent to another run of the same statement, for which everything means the same. */
  readonly isFree: boolean
  lend(): void
}

/** Of COPY … TO STDOUT the server says neither names nor types. */
export interface CopySource {
  readonly format: CopyFormat
  readonly outputs: readonly Lineage[] | undefined
  /** Of `COPY (query)`, where it was described; without them its columns have no type, and what is masked in them becomes NULL. */
  readonly fields?: readonly Field[]
}

interface Column { readonly mask: CellMask | undefined; /** The mask's constant as it stands in a row. */ readonly constantCell: Uint8Array | undefined; readonly type: ValueType; readonly isBinary: boolean; /** Cells masked by the mask's constant since the last count. */ cells: number }
interface Columns extends ColumnPlan { readonly columns: readonly Column[] }

/** The header of a message: tag and length. */
const HEADER_BYTES = 5
/** Of a DataRow: header and column count. */
const CELLS_AT = 7
const NEWLINE = 0x0a
const noBytes = Buffer.alloc(0)
const NULL_CELL = Buffer.of(0xff, 0xff, 0xff, 0xff)

export function createResultMasker(options: ResultMaskerOptions): ResultMasker {
  return new Results(options)
}

class Results implements ResultMasker {
  rows = 0
  isFree = false
  readonly #options: ResultMaskerOptions
  readonly #origins: OriginOptions
  readonly #cells: CellMasks
  #reader = new RowReader()
  /** Plans this masker made, so that no other's comes into force. */
  readonly #known = new WeakMap<ColumnPlan, Columns>()
  /** What the last description came to. */
  #described: { readonly fields: readonly Field[]; readonly outputs: readonly Lineage[] | undefined; readonly formats: readonly number[] | undefined; readonly columns: Columns } | undefined
  #columns: Columns | undefined
  #copy: { readonly codec: CopyCodec; readonly columns: Columns; isHeader: boolean } | undefined
  /** A copy whose rows pass as they are. */
  #copyIsOpen = false
  /** The chunk that rows are read from, as a Buffer. */
  #source: Uint8Array | undefined
  #buffer: Buffer = noBytes

  constructor(options: ResultMaskerOptions) {
    this.#options = options
    this.#origins = { classOf: (relation, column) => options.classOf(relation, column), snapshot: options.snapshot, viewLineage: options.viewLineage === undefined ? undefined : (view, attribute) => options.viewLineage?.(view, attribute) }
    this.#cells = new CellMasks(options.plan, options.keepsBodies ?? false)
  }

  get isEmpty(): boolean { return this.#cells.isEmpty }

  lend(): void {
    this.isFree = false
    this.rows = 0
    this.#columns = undefined
    this.#copy = undefined
    this.#copyIsOpen = false
  }

  describe(fields: readonly Field[], outputs: readonly Lineage[] | undefined, formats?: readonly number[]): ColumnPlan {
    const last = this.#described
    if (last !== undefined && last.fields === fields && last.outputs === outputs && isSame(last.formats, formats)) {
      this.#use(last.columns)
      return last.columns
    }
    const isAligned = outputs === undefined || outputs.length === fields.length
    const made = this.#plan(fields, isAligned ? outputs : undefined, encodeCell, (index) => (formats === undefined || formats.length === 0 ? formats === undefined ? fields[index]?.format : 0 : formats.length === 1 ? formats[0] : formats[index]) === 1)
    this.#known.set(made, made)
    this.#described = { fields, outputs, formats, columns: made }
    this.#use(made)
    return made
  }

  use(columns: ColumnPlan): void {
    const known = this.#known.get(columns)
    if (known === undefined) throw unenforceable('The columns of this result are not known')
    this.#use(known)
  }

  row(frame: Frame): void {
    if (frame.part === 'whole' || frame.part === 'first') this.rows++
    const columns = this.#columns
    if (columns === undefined && !this.#options.plan.isEmpty) throw unenforceable('The columns of this result are not known')
    const isOpen = columns?.isOpen ?? true
    if (frame.part !== 'whole') {
      if (!isOpen) throw failed('A row is too long to be masked')
      this.#cells.sink.pass(frame.source, frame.start, frame.end)
    } else if (!isOpen || this.#cells.keepsBodies) this.#rewrite(frame, columns)
    else this.#cells.sink.pass(frame.source, frame.start, frame.end)
  }

  pass(message: Uint8Array): void {
    this.#cells.sink.pass(message)
  }

  diagnostic(message: Uint8Array): void {
    if (this.#options.plan.isEmpty) return this.pass(message)
    const fields = parseDiagnostic(message)
    const scrubbed = this.#options.reachesSensitive ? scrubDiagnostic(fields, (name) => this.#isName(name), (column) => this.#cells.ruleForColumn([column.toLowerCase()]) !== undefined || this.#isClassed(fields.get('s'), fields.get('t'), column)) : this.#scanFields(fields)
    this.pass(message[0] === backendTag.notice ? encodeNotice(scrubbed) : encodeError(scrubbed))
  }

  parameterStatus(message: Uint8Array): void {
    if (this.#options.plan.isEmpty) return this.pass(message)
    const { name, value } = parseParameterStatus(message)
    if (holdsNoValue(name, value)) this.pass(message)
    else this.pass(encodeParameterStatus(name, this.#hide(value)))
  }

  notification(message: Uint8Array): void {
    if (this.#options.plan.isEmpty) return this.pass(message)
    const { pid, channel, payload } = parseNotification(message)
    this.pass(encodeNotification({ pid, channel: this.#scan(channel), payload: this.#hide(payload) }))
  }

  copyOut(format: number, formats: readonly number[], copy: CopySource | undefined): void {
    this.#copy = undefined
    this.#copyIsOpen = this.#options.plan.isEmpty
    if (this.#copyIsOpen) return
    if (format !== 0 || formats.includes(1)) throw unenforceable('A binary COPY cannot be masked')
    const codec = copy === undefined ? undefined : createCopyCodec(copy.format)
    if (copy === undefined || codec === undefined) throw unenforceable('The format of this COPY is not known')
    const { outputs } = copy
    const fields = copy.fields ?? formats.map((_, index) => this.#copyField(outputs?.[index], copy.format.isQuery))
    if (fields.length !== formats.length) throw unenforceable('The columns of this COPY are not known')
    const columns = this.#plan(fields, outputs?.length === formats.length ? outputs : undefined, (value) => codec.encode(value), () => false)
    this.#copy = { codec, columns, isHeader: copy.format.hasHeader }
    this.#copyIsOpen = columns.isOpen
  }

  copyRow(frame: Frame): void {
    const copy = this.#copy
    const isHeader = copy?.isHeader ?? false
    if (copy !== undefined) copy.isHeader = false
    if (!isHeader && (frame.part === 'whole' || frame.part === 'first')) this.rows++
    if (this.#copyIsOpen || isHeader) {
      this.#cells.sink.pass(frame.source, frame.start, frame.end)
      if (this.#cells.keepsBodies && frame.part === 'whole') this.#cells.keepLine(textOf(frame.bytes.subarray(HEADER_BYTES)))
      return
    }
    if (copy === undefined) throw unenforceable('The format of this COPY is not known')
    if (frame.part !== 'whole') throw failed('A row is too long to be masked')
    this.#rewriteLine(frame, copy.codec, copy.columns.columns)
  }

  functionResult(message: Uint8Array): void {
    if (!this.#options.plan.isEmpty) throw unenforceable('The result of a function call cannot be masked')
    this.pass(message)
  }

  take(summary: PartSummary): MaskedPart {
    this.#count()
    if (summary.isFinal) this.#rest()
    return this.#cells.take(summary)
  }

  /** Until it is lent again: what it read from is somebody's data, and large. */
  #rest(): void {
    this.isFree = true
    this.#source = undefined
    this.#buffer = noBytes
    if (this.#cells.keepsBodies) this.#reader = new RowReader()
  }

  #plan(fields: readonly Field[], outputs: readonly Lineage[] | undefined, encode: (value: Uint8Array | null) => Uint8Array, isBinary: (index: number) => boolean): Columns {
    const columns = fields.map((field, index) => this.#column(field, outputs?.[index], encode, isBinary(index)))
    return { isOpen: columns.every(({ mask }) => mask === undefined), count: columns.length, columns }
  }

  #column(field: Field, output: Lineage | undefined, encode: (value: Uint8Array | null) => Uint8Array, isBinary: boolean): Column {
    const { plan, snapshot } = this.#options
    const typeOf = (oid: number): ValueType => valueType(oid, snapshot === undefined ? undefined : (each) => snapshot.type(each))
    if (plan.isEmpty) return { mask: undefined, constantCell: undefined, type: typeOf(field.type), isBinary, cells: 0 }
    const { columns, isUnknown, isDirect, type } = originOf(field, output, this.#origins)
    const isDangerous = isUnknown && this.#options.reachesSensitive
    if (isDangerous && this.#options.unknownOrigin === 'deny') throw unenforceable('Nobody can say where a column of this result comes from')
    const rule: Rule | undefined = this.#cells.ruleFor(columns, isDangerous, isDirect)
    const name = columns.find(({ names }) => names.length > 1)?.names[0] ?? field.name
    const mask = createCellMask(this.#cells, { type, modifier: field.modifier, isBinary, name, typeOf }, rule)
    return { mask, constantCell: mask?.constant === undefined ? undefined : encode(mask.constant), type, isBinary, cells: 0 }
  }

  /** A table's column has its own type; what a query makes of columns has one that nobody said. */
  #copyField(output: Lineage | undefined, isQuery: boolean): Field {
    const [only] = output?.columns ?? []
    const isColumn = !isQuery && only !== undefined && output?.columns.length === 1
    const column = isColumn ? this.#options.snapshot?.relation(only.relation)?.columns.find(({ attribute }) => attribute === only.attribute) : undefined
    return { name: column?.name ?? '', table: isColumn ? only.relation : 0, attribute: isColumn ? only.attribute : 0, type: column?.type ?? 0, size: -1, modifier: -1, format: 0 }
  }

  #use(columns: Columns): void {
    this.#count()
    this.#columns = columns
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

  #rewrite(frame: Frame, plan: Columns | undefined): void {
    const { start, end } = frame
    const source = this.#bufferOf(frame.source)
    const columns = plan?.columns ?? []
    const { sink } = this.#cells
    if (plan !== undefined && (columns.length !== source.readUInt16BE(start + HEADER_BYTES) || end - start < CELLS_AT)) throw failed('A row has another number of columns than its description')
    let begun = -1
    let growth = 0
    try {
      let at = start + CELLS_AT
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index] as Column
        if (at + 4 > end) throw failed('A row is malformed')
        const length = int32(source, at)
        const cellEnd = at + 4 + (length < 0 ? 0 : length)
        if (cellEnd > end) throw failed('A row is malformed')
        const { mask } = column
        if (mask !== undefined && length >= 0) {
          let cell = column.constantCell
          if (cell === undefined) {
            const masked = mask.apply(source, at + 4, cellEnd)
            if (masked !== undefined) cell = encodeCell(masked)
          } else column.cells++
          if (cell !== undefined) {
            if (begun < 0) begun = sink.begin(source, start)
            sink.cut(source, at, cellEnd, cell)
            growth += cell.length - (cellEnd - at)
          }
        }
        at = cellEnd
      }
      if (plan !== undefined && at !== end) throw failed('A row is malformed')
    } catch (error) {
      if (begun >= 0) sink.rewind(begun)
      throw error
    }
    if (begun < 0) sink.pass(source, start, end)
    else {
      sink.end(source, end)
      sink.patch(begun + 1, end - start - 1 + growth)
    }
    if (this.#cells.keepsBodies) this.#cells.keepLine(rowLine(begun < 0 ? this.#reader.reset(source, start, end) : this.#reader.reset(sink.written(begun)), columns))
  }

  #rewriteLine(frame: Frame, codec: CopyCodec, columns: readonly Column[]): void {
    const source = this.#bufferOf(frame.source)
    const { sink } = this.#cells
    const end = source[frame.end - 1] === NEWLINE ? frame.end - 1 : frame.end
    let begun = -1
    let growth = 0
    try {
      let at = frame.start + HEADER_BYTES
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index] as Column
        const { mask } = column
        const cellEnd = codec.cellEnd(source, at, end)
        if (cellEnd < 0 || (index < columns.length - 1) !== (cellEnd < end)) throw failed('A row of this COPY is malformed')
        if (mask !== undefined && !codec.isNull(source, at, cellEnd)) {
          let cell = column.constantCell
          if (cell === undefined) {
            const value = codec.isPlain(source, at, cellEnd) ? undefined : codec.decode(source, at, cellEnd)
            const masked = value === undefined ? mask.apply(source, at, cellEnd) : mask.apply(value, 0, value.length)
            if (masked !== undefined) cell = codec.encode(masked)
          } else column.cells++
          if (cell !== undefined) {
            if (begun < 0) begun = sink.begin(source, frame.start)
            sink.cut(source, at, cellEnd, cell)
            growth += cell.length - (cellEnd - at)
          }
        }
        at = cellEnd + 1
      }
    } catch (error) {
      if (begun >= 0) sink.rewind(begun)
      throw error
    }
    if (begun < 0) sink.pass(source, frame.start, frame.end)
    else {
      sink.end(source, frame.end)
      sink.patch(begun + 1, frame.end - frame.start - 1 + growth)
    }
    if (this.#cells.keepsBodies) this.#cells.keepLine(textOf(begun < 0 ? source.subarray(frame.start + HEADER_BYTES, frame.end) : sink.written(begun + HEADER_BYTES)))
  }

  #bufferOf(source: Uint8Array): Buffer {
    if (source !== this.#source) {
      this.#source = source
      this.#buffer = Buffer.from(source.buffer, source.byteOffset, source.length)
    }
    return this.#buffer
  }

  #isName(name: string): boolean {
    const { snapshot } = this.#options
    const [last, schema] = name.split('.').reverse()
    return last !== undefined && snapshot?.findRelation(schema, last, snapshot.path) !== undefined
  }

  #isClassed(schema: string | undefined, table: string | undefined, column: string): boolean {
    const className = schema === undefined || table === undefined ? undefined : this.#options.classOf(`${schema}.${table}`, column)
    return className !== undefined && this.#options.plan.classes.has(className)
  }

  #scanFields(fields: ReadonlyMap<string, string>): Map<string, string> {
    return new Map([...fields].map(([letter, text]) => [letter, letter === 'S' || letter === 'V' || letter === 'C' ? text : this.#scan(text)]))
  }

  /** A value that a statement may have put together from anything. */
  #hide(value: string): string {
    if (value === '' || !this.#options.reachesSensitive) return this.#scan(value)
    this.#cells.count(this.#cells.unknownOrigin)
    return this.#cells.unknownOrigin.redacted
  }

  #scan(text: string): string {
    return this.#cells.looksInside ? this.#cells.scanCell(text, 'text', '') ?? '' : text
  }
}

function int32(source: Uint8Array, at: number): number {
  return (source[at] as number) << 24 | (source[at + 1] as number) << 16 | (source[at + 2] as number) << 8 | source[at + 3] as number
}

/** A cell of a DataRow: -1 for NULL, else length and bytes. */
function encodeCell(value: Uint8Array | null): Uint8Array {
  if (value === null) return NULL_CELL
  const cell = Buffer.allocUnsafe(4 + value.length)
  cell.writeInt32BE(value.length)
  cell.set(value, 4)
  return cell
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

function unenforceable(message: string): RefusalError {
  return new RefusalError(refusal('mask.unenforceable', message))
}

function failed(message: string): RefusalError {
  return new RefusalError(refusal('mask.failed', message))
}

function isSame(one: readonly number[] | undefined, other: readonly number[] | undefined): boolean {
  return one === other || one !== undefined && other !== undefined && one.length === other.length && one.every((format, i) => format === other[i])
}
