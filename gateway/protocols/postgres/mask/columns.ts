// What is done to each column of a result: by where its values come from, in the type and format they have.
import type { CellMasks, MaskPlan, Rule } from '../../../mask/index.ts'
import { refusal, RefusalError } from '../../../refusal.ts'
import { createCellMask, type CellMask } from './cell-mask.ts'
import { kernelPlanOf, type KernelPlan } from './kernel/row-kernel.ts'
import { originOf, type OriginOptions } from './origin.ts'
import type { CopyFormat } from './copy-rows.ts'
import type { Field } from '../messages.ts'
import type { Lineage, Relation, Snapshot } from '../sql/analysis.ts'
import { valueType, type ValueType } from '../wire/types.ts'

export interface Column {
  readonly mask: CellMask | undefined
  /** The mask's constant as it stands in a row. */
  readonly constantCell: Uint8Array | undefined
  readonly type: ValueType
  readonly isBinary: boolean
  /** The constant stands for NULL as well: where an expression made the values, whether it made one may be what it tells. */
  readonly coversNull: boolean
  /** Cells masked by the mask's constant since the last count. */
  cells: number
}

export interface Columns {
  /** Nothing is to be masked or looked at. */
  readonly isOpen: boolean
  readonly columns: readonly Column[]
  /** Where the kernel can do what is to be done to most rows. */
  readonly kernel: KernelPlan | undefined
}

export interface ColumnOptions {
  readonly plan: MaskPlan
  /** The catalogue's class of a column; names as the database spells them. @param relation `schema.table` */
  classOf(relation: string, column: string): string | undefined
  /** undefined: no catalogue is known, so no origin is. */
  readonly snapshot: Snapshot | undefined
  /** What becomes of a column of which nobody can say where it comes from. */
  readonly unknownOrigin: 'mask' | 'deny'
  /** The operation can reach a sensitive column: only then is an unknown origin a danger. */
  readonly reachesSensitive: boolean
  /** Where a view's column comes from; absent: unknown, unless `outputs` says it. */
  viewLineage?(view: Relation, attribute: number): Lineage | undefined
}

/** Of COPY … TO STDOUT the server says neither names nor types: columns of `COPY (query)` have none, and what is masked in them becomes NULL. */
export interface CopySource {
  readonly format: CopyFormat
  readonly outputs: readonly Lineage[] | undefined
}

type Encode = (value: Uint8Array | null) => Uint8Array

export class ColumnPlanner {
  readonly #options: ColumnOptions
  readonly #origins: OriginOptions
  readonly #cells: CellMasks

  constructor(options: ColumnOptions, cells: CellMasks) {
    this.#options = options
    this.#origins = { classOf: (relation, column) => options.classOf(relation, column), snapshot: options.snapshot, viewLineage: options.viewLineage === undefined ? undefined : (view, attribute) => options.viewLineage?.(view, attribute) }
    this.#cells = cells
  }

  /** @param outputs of another number than the fields: nobody knows which is which. @throws RefusalError `mask.unenforceable` */
  ofRows(fields: readonly Field[], outputs: readonly Lineage[] | undefined, formats: readonly number[] | undefined): Columns {
    const formatOf = (index: number) => formats === undefined ? fields[index]?.format : formats.length === 0 ? 0 : formats.length === 1 ? formats[0] : formats[index]
    return this.#plan(fields, outputs, encodeCell, (index) => formatOf(index) === 1)
  }

  /** @param count its columns, as the server says. @throws RefusalError `mask.unenforceable` */
  ofCopy(count: number, { format, outputs }: CopySource, encode: Encode): Columns {
    const aligned = outputs?.length === count ? outputs : undefined
    const fields = Array.from({ length: count }, (_, index) => this.#copyField(aligned?.[index], format.isQuery))
    return this.#plan(fields, outputs, encode, () => false)
  }

  #plan(fields: readonly Field[], outputs: readonly Lineage[] | undefined, encode: Encode, isBinary: (index: number) => boolean): Columns {
    const aligned = outputs?.length === fields.length ? outputs : undefined
    const columns = fields.map((field, index) => this.#column(field, aligned?.[index], encode, isBinary(index)))
    return { isOpen: columns.every(({ mask }) => mask === undefined), columns, kernel: kernelPlanOf(columns, this.#options.plan.limits.maxBytes) }
  }

  #column(field: Field, output: Lineage | undefined, encode: Encode, isBinary: boolean): Column {
    const { plan, snapshot } = this.#options
    const typeOf = (oid: number): ValueType => valueType(oid, snapshot === undefined ? undefined : (each) => snapshot.type(each))
    if (plan.isEmpty) return { mask: undefined, constantCell: undefined, type: typeOf(field.type), isBinary, coversNull: false, cells: 0 }
    const { columns, isUnknown, isDirect, isStored, type } = originOf(field, output, this.#origins)
    const isDangerous = isUnknown && this.#options.reachesSensitive
    if (isDangerous && this.#options.unknownOrigin === 'deny') throw unenforceable('Nobody can say where a column of this result comes from')
    const rule: Rule | undefined = this.#cells.ruleFor(columns, isDangerous, isDirect)
    const name = columns.find(({ names }) => names.length > 1)?.names[0] ?? field.name
    const mask = createCellMask(this.#cells, { type, modifier: field.modifier, isBinary, name, typeOf }, rule, isStored)
    return { mask, constantCell: mask?.constant === undefined ? undefined : encode(mask.constant), type, isBinary, coversNull: rule !== undefined && !isStored && mask?.constant !== undefined && mask.constant !== null, cells: 0 }
  }

  /** A table's column has its own type; what a query makes of columns has one that nobody said. */
  #copyField(output: Lineage | undefined, isQuery: boolean): Field {
    const [only] = output?.columns ?? []
    const isColumn = !isQuery && only !== undefined && output?.columns.length === 1
    const column = isColumn ? this.#options.snapshot?.relation(only.relation)?.columns.find(({ attribute }) => attribute === only.attribute) : undefined
    return { name: column?.name ?? '', table: isColumn ? only.relation : 0, attribute: isColumn ? only.attribute : 0, type: column?.type ?? 0, size: -1, modifier: -1, format: 0 }
  }
}

const NULL_CELL = Buffer.of(0xff, 0xff, 0xff, 0xff)

/** A cell of a DataRow: -1 for NULL, else length and bytes. */
export function encodeCell(value: Uint8Array | null): Uint8Array {
  if (value === null) return NULL_CELL
  const cell = Buffer.allocUnsafe(4 + value.length)
  cell.writeInt32BE(value.length)
  cell.set(value, 4)
  return cell
}

export function unenforceable(message: string): RefusalError {
  return new RefusalError(refusal('mask.unenforceable', message))
}
