// Runs of rows through the walk of `rows-wat.ts`. It does nothing that the walks in TypeScript (`row-pass.ts`, `copy-pass.ts`) do not do, and does
// it for most rows of most results at a quarter of the cost; a row that it stops at is theirs.
import { firstLookTable } from '../../../../mask/index.ts'
import { assemble } from './wat.ts'
import { at as address, columnBytes, inputBytes, kernelWat, maxColumns, maxConstantBytes, pages, stopped, treatment, type Treatment } from './rows-wat.ts'

/** What a result's columns come to, for rows of one kind. */
export interface KernelPlan {
  readonly treatments: readonly Treatment[]
  /** As they stand in a row, by column. */
  readonly constants: readonly (Uint8Array | undefined)[]
  readonly hasConstants: boolean
  /** Longer cells are looked at by those who know what to do with them. */
  readonly maxCell: number
}

export interface KernelColumn { readonly mask: { readonly treatment: Treatment | undefined } | undefined; readonly constantCell: Uint8Array | undefined; readonly coversNull: boolean }

/** DataRows, or lines of COPY's text format: what stands between their cells. */
export type RowForm = 'rows' | { readonly delimiter: number }

interface Walks {
  data_rows(at: number, end: number, columnsEnd: number, growth: number): void
  copy_lines(at: number, end: number, columnsEnd: number, growth: number, delimiter: number): void
  readonly memory: { readonly buffer: ArrayBuffer }
}

/** @returns undefined where some column wants more than the kernel can do */
export function kernelPlanOf(columns: readonly KernelColumn[], maxCell: number): KernelPlan | undefined {
  const treatments: Treatment[] = []
  let constantBytes = 0
  for (const { mask, constantCell, coversNull } of columns) {
    if (coversNull) return undefined
    const one = mask === undefined ? 'pass' : constantCell !== undefined ? 'constant' : mask.treatment
    if (one === undefined) return undefined
    treatments.push(one)
    constantBytes += constantCell?.length ?? 0
  }
  if (columns.length === 0 || columns.length > maxColumns || constantBytes > maxConstantBytes) return undefined
  return { treatments, constants: columns.map(({ constantCell }) => constantCell), hasConstants: treatments.includes('constant'), maxCell }
}

/** How far one walk came. */
export interface Stop {
  /** Bytes of the input, whole rows. */
  readonly read: number
  readonly rows: number
  /** The row it stands at is somebody else's. */
  readonly wantsMore: boolean
  /** No whole row is left in this piece. */
  readonly isOver: boolean
  /** Where in `memory`, behind `outputAt`, the rows that it read end as they are to be. */
  readonly writtenEnd: number
}

/** One for all sessions: nothing of a run is in use behind it. */
export class RowKernel {
  readonly memory: Buffer
  readonly outputAt = address.output
  readonly #walks: Walks
  readonly #words: Int32Array
  #plan: KernelPlan | undefined
  #columnsEnd = 0
  #growth = 0
  /** Where in the input it is, and where that ends. */
  #at = 0
  #end = 0

  constructor() {
    // Made of text of our own.
    this.#walks = new WebAssembly.Instance(new WebAssembly.Module(assemble(kernelWat, pages))).exports as unknown as Walks
    this.memory = Buffer.from(this.#walks.memory.buffer)
    this.#words = new Int32Array(this.#walks.memory.buffer)
    this.memory.set(firstLookTable, address.table)
  }

  /** Takes a piece of a run, as long as it takes one. @returns where it ends */
  take(source: Buffer, start: number, end: number, plan: KernelPlan): number {
    if (plan !== this.#plan) this.#load(plan)
    const size = Math.min(end - start, inputBytes)
    source.copy(this.memory, address.input, start, start + size)
    this.#at = address.input
    this.#end = address.input + size
    return start + size
  }

  /**
   * Walks on behind the last stop.
   * @param skipped bytes behind it that somebody else has seen to
   */
  walk(form: RowForm, skipped: number): Stop {
    const from = this.#at + skipped
    if (form === 'rows') this.#walks.data_rows(from, this.#end, this.#columnsEnd, this.#growth)
    else this.#walks.copy_lines(from, this.#end, this.#columnsEnd, this.#growth, form.delimiter)
    const words = this.#words
    const result = address.result >> 2
    this.#at = words[result] as number
    return {
      read: this.#at - from, rows: words[result + 2] as number,
      // A row for which not even empty output has room is not the kernel's.
      wantsMore: words[result + 3] === stopped.atRow || (words[result + 3] === stopped.noRoom && this.#at === from),
      isOver: words[result + 3] === stopped.atEnd,
      writtenEnd: words[result + 1] as number,
    }
  }

  /** Cells of a column that its constant took the place of, since the last time. */
  takeCount(index: number): number {
    const word = (address.columns + index * columnBytes >> 2) + 3
    const count = this.#words[word] as number
    this.#words[word] = 0
    return count
  }

  #load(plan: KernelPlan): void {
    const words = this.#words
    let constant = address.constants
    let at = address.columns >> 2
    this.#growth = 0
    for (const [index, treated] of plan.treatments.entries()) {
      const bytes = plan.constants[index]
      words.set([treatment[treated], constant, bytes?.length ?? 0, 0], at)
      if (bytes !== undefined) {
        this.memory.set(bytes, constant)
        constant += bytes.length
        this.#growth += bytes.length
      }
      at += columnBytes >> 2
    }
    this.#columnsEnd = at << 2
    words[address.maxCell >> 2] = plan.maxCell
    this.#plan = plan
  }
}
