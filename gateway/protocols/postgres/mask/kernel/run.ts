// A run of rows, by the kernel as far as it comes each time, and row by row by whoever it leaves one to.
import type { CellMasks } from '../../../../mask/index.ts'
import type { Columns } from '../columns.ts'
import type { KernelPlan, RowForm, RowKernel } from './row-kernel.ts'

/** Fewer rows are through before the kernel has them in its memory. */
export const leastRun = 4

export interface Run { readonly source: Buffer; readonly start: number; readonly end: number; readonly form: RowForm; readonly columns: Columns['columns'] }

/**
 * @param seen so many rows are through
 * @param leave passes one row by itself. @throws whatever it throws: the rows before are through, and none behind
 */
export function runRows(kernel: RowKernel, plan: KernelPlan, { source, start, end, form, columns }: Run, { sink }: CellMasks, seen: (rows: number) => void, leave: (start: number, end: number) => void): void {
  try {
    for (let at = start; at < end;) {
      const from = at
      const pieceEnd = kernel.take(source, at, end, plan)
      for (let skipped = 0; at < pieceEnd;) {
        const { read, rows, wantsMore, isOver, writtenEnd } = kernel.walk(form, skipped)
        skipped = 0
        seen(rows)
        if (read > 0) {
          if (plan.hasConstants) sink.append(kernel.memory, kernel.outputAt, writtenEnd)
          else sink.pass(source, at, at + read)
          at += read
        }
        // Also one that is longer than a piece.
        if (wantsMore || (isOver && at === from)) {
          const rowEnd = at + 1 + source.readUInt32BE(at + 1)
          leave(at, rowEnd)
          skipped = rowEnd - at
          at = rowEnd
        } else if (isOver) break
      }
    }
  } finally {
    for (const [index, constant] of plan.constants.entries()) {
      const column = columns[index]
      if (constant !== undefined && column !== undefined) column.cells += kernel.takeCount(index)
    }
  }
}
