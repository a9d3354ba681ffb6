// The walk over rows that most rows of most results need no more than: DataRow and COPY's text lines of which each cell stays, has a constant
// put in its place, or is looked at and let be. It writes nothing of a row before all of it is seen; at a row that wants more it stops.
import { firstLookTable, firstLookWat } from '../../../../mask/index.ts'

/** What is done to a column's cells. */
export const treatment = { pass: 0, constant: 1, text: 2, other: 3, number: 4, integer: 5, pairs: 6 } as const
export type Treatment = keyof typeof treatment
/** Why it stopped: no whole row is left, this row wants more, what is written leaves no room for it. */
export const stopped = { atEnd: 0, atRow: 1, noRoom: 2 } as const

const PAGE = 65_536
export const maxColumns = 256
/** Treatment, the constant's address and length, cells that it took the place of: four words each. */
export const columnBytes = 16
const hitBytes = 12
/** Longest piece of a read that is walked at once. */
export const inputBytes = 128 * 1024
export const maxConstantBytes = 8 * 1024
/** Vectors are loaded and stored whole. */
const slack = 64

/** Addresses. */
export const at = (() => {
  const result = 0                                             // stop address, end of output, rows, why
  const maxCell = 16
  const table = 64
  const columns = table + firstLookTable.length
  const hits = columns + maxColumns * columnBytes
  const constants = hits + maxColumns * hitBytes
  const input = constants + maxConstantBytes + slack
  const output = input + inputBytes + slack
  return { result, maxCell, table, columns, hits, constants, input, output, end: output + 2 * inputBytes }
})()
export const pages = Math.ceil((at.end + slack) / PAGE)

const NEWLINE = 0x0a, BACKSLASH = 0x5c, N = 0x4e, COLON = 0x3a, EQUALS = 0x3d
/** Of an int8's upper half (`binary-look.ts`). */
const MAX_HIGH = 127

/** A big-endian word; `$word` is overwritten. */
const word = (address: string, offset = 0) => `(i32.or
  (i32.rotl (i32.and (local.tee $word (i32.load offset=${offset} ${address})) 0x00ff00ff) 24)
  (i32.rotl (i32.and $word 0xff00ff00) 8))`

/** Between `$cell` and `$cell_end`; a cell that wants more ends the walk. @param start where a constant takes the cell's place */
const treat = (start: string) => `
  (local.set $kind (i32.load $column))
  (if $kind (then
    (local.set $length (i32.sub $cell_end $cell))
    (if (i32.eq $kind ${treatment.constant})
      (then
        (i32.store $hit_end ${start})
        (i32.store offset=4 $hit_end $cell_end)
        (i32.store offset=8 $hit_end $column)
        (local.set $hit_end (i32.add $hit_end ${hitBytes})))
      (else (if (i32.ge_u $length 4) (then
        (br_if $stop (i32.gt_u $length (i32.load offset=${at.maxCell} 0)))
        (if (i32.eq $kind ${treatment.number})
          (then (br_if $stop (call $may_hold_number $cell $cell_end)))
          (else (if (i32.eq $kind ${treatment.integer})
            (then (if (i32.ne $length 4) (then
              (br_if $stop (i32.ne $length 8))
              (br_if $stop (i32.gt_u (i32.add ${word('$cell')} ${MAX_HIGH}) ${2 * MAX_HIGH})))))
            (else (if (i32.eq $kind ${treatment.pairs})
              (then (br_if $stop (i32.lt_u (call $find $cell $cell_end ${COLON} ${EQUALS}) $cell_end)))
              (else (br_if $stop (call $may_hold $cell $cell_end (i32.eq $kind ${treatment.text})))))))))))))))`

/** The whole row is seen: its constants are written, with what lies before them, and its length. */
const write = `
  (if (i32.ne $hit_end ${at.hits}) (then
    (local.set $patch (i32.add $out (i32.sub $row $from)))
    (local.set $total (i32.sub (i32.sub $row_end $row) 1))
    (local.set $hit ${at.hits})
    (loop $hits
      (local.set $cell (i32.load $hit))
      (local.set $column (i32.load offset=8 $hit))
      (call $copy $from $out (local.tee $length (i32.sub $cell $from)))
      (local.set $out (i32.add $out $length))
      (local.set $from (i32.load offset=4 $hit))
      (call $copy (i32.load offset=4 $column) $out (local.tee $length (i32.load offset=8 $column)))
      (local.set $out (i32.add $out $length))
      (local.set $total (i32.add $total (i32.sub $length (i32.sub $from $cell))))
      (i32.store offset=12 $column (i32.add (i32.load offset=12 $column) 1))
      (br_if $hits (i32.lt_u (local.tee $hit (i32.add $hit ${hitBytes})) $hit_end)))
    (i32.store offset=1 $patch (i32.or (i32.rotl (i32.and $total 0x00ff00ff) 24) (i32.rotl (i32.and $total 0xff00ff00) 8)))))
  (local.set $at $row_end)
  (local.set $rows (i32.add $rows 1))
  (br $next)`

/** `walk` ends with a branch to `$next` by `write`, or to `$stop`. */
const walker = (name: string, { params = '', locals = '', headerBytes }: { readonly params?: string; readonly locals?: string; readonly headerBytes: number }, walk: string) => `
(func ${name} (export) (param $at $end $columns_end $growth ${params})
  (local $from $out $row $row_end $cell $cell_end $column $kind $hit $hit_end $rows $length $word $patch $total $why ${locals})
  (local.set $from $at)
  (local.set $out ${at.output})
  (block $stop
    (loop $next
      (local.set $why ${stopped.atEnd})
      (br_if $stop (i32.lt_u (i32.sub $end $at) ${headerBytes}))
      (local.set $row $at)
      (local.set $row_end (i32.add (i32.add $row 1) ${word('$row', 1)}))
      (br_if $stop (i32.gt_u $row_end $end))
      (local.set $why ${stopped.noRoom})
      (br_if $stop (i32.gt_u (i32.add (i32.add $out (i32.sub $row_end $from)) $growth) ${at.end}))
      (local.set $why ${stopped.atRow})
      (local.set $hit_end ${at.hits})
      (local.set $column ${at.columns})
      ${walk}
      ${write}))
  (call $copy $from $out (local.tee $length (i32.sub $at $from)))
  (i32.store offset=${at.result} 0 $at)
  (i32.store offset=${at.result + 4} 0 (i32.add $out $length))
  (i32.store offset=${at.result + 8} 0 $rows)
  (i32.store offset=${at.result + 12} 0 $why))`

const CELLS_AT = 7
const LINE_AT = 5

export const kernelWat = `
${walker('$data_rows', { headerBytes: CELLS_AT }, `
      (br_if $stop (i32.ne (i32.or (i32.shl (i32.load8_u offset=5 $row) 8) (i32.load8_u offset=6 $row)) (i32.shr_u (i32.sub $columns_end ${at.columns}) 4)))
      (local.set $cell (i32.add $row ${CELLS_AT}))
      (block $walked
        (loop $cells
          (br_if $walked (i32.ge_u $column $columns_end))
          (br_if $stop (i32.gt_u (i32.add $cell 4) $row_end))
          (local.set $length ${word('$cell')})
          (local.set $cell (i32.add $cell 4))
          (local.set $cell_end $cell)
          (if (i32.ge_s $length 0) (then
            (local.set $cell_end (i32.add $cell $length))
            (br_if $stop (i32.gt_u $cell_end $row_end))
            ${treat('(i32.sub $cell 4)')}))
          (local.set $cell $cell_end)
          (local.set $column (i32.add $column ${columnBytes}))
          (br $cells)))
      (br_if $stop (i32.ne $cell $row_end))`)}

${walker('$copy_lines', { params: '$delimiter', locals: '$line_end $is_null', headerBytes: LINE_AT }, `
      (local.set $line_end (i32.sub $row_end (i32.eq (i32.load8_u (i32.sub $row_end 1)) ${NEWLINE})))
      (local.set $cell (i32.add $row ${LINE_AT}))
      (loop $cells
        (local.set $cell_end (call $find $cell $line_end $delimiter ${BACKSLASH}))
        (local.set $is_null 0)
        (if (i32.lt_u $cell_end $line_end) (then
          (if (i32.eq (i32.load8_u $cell_end) ${BACKSLASH}) (then
            ;; \\N alone is NULL; any other escape wants more.
            (br_if $stop (i32.ne $cell_end $cell))
            (local.set $cell_end (i32.add $cell 2))
            (br_if $stop (i32.gt_u $cell_end $line_end))
            (br_if $stop (i32.ne (i32.load8_u offset=1 $cell) ${N}))
            (if (i32.lt_u $cell_end $line_end) (then (br_if $stop (i32.ne (i32.load8_u $cell_end) $delimiter))))
            (local.set $is_null 1)))))
        (br_if $stop (i32.eq (i32.eq (i32.add $column ${columnBytes}) $columns_end) (i32.lt_u $cell_end $line_end)))
        (if (i32.eqz $is_null) (then ${treat('$cell')}))
        (local.set $cell (i32.add $cell_end 1))
        (br_if $cells (i32.lt_u (local.tee $column (i32.add $column ${columnBytes})) $columns_end)))`)}

;; Where the first of two bytes is, or the end.
(func $find (param $at $end $one $other) (result)
  (local $found)
  (local.v128 $ones $others $bytes)
  (local.set $ones (i8x16.splat $one))
  (local.set $others (i8x16.splat $other))
  (block $over
    (loop $vectors
      (br_if $over (i32.ge_u $at $end))
      (local.set $bytes (v128.load $at))
      (local.set $found (i8x16.bitmask (v128.or (i8x16.eq $bytes $ones) (i8x16.eq $bytes $others))))
      (if $found (then
        (local.set $at (i32.add $at (i32.ctz $found)))
        (br_if $over (i32.ge_u $at $end))
        (return $at)))
      (local.set $at (i32.add $at 16))
      (br $vectors)))
  $end)

;; Writes up to 15 bytes more than it was asked to.
(func $copy (param $from $to $length)
  (local $end)
  (local.set $end (i32.add $from $length))
  (block $over
    (loop $vectors
      (br_if $over (i32.ge_u $from $end))
      (v128.store $to (v128.load $from))
      (local.set $from (i32.add $from 16))
      (local.set $to (i32.add $to 16))
      (br $vectors))))
${firstLookWat(at.table)}`
