// A masked row as the record keeps it: a line of COPY's text format (PostgreSQL 18, COPY, "Text Format").
import { escape } from './copy-rows.ts'
import type { RowReader } from '../messages.ts'
import type { ValueType } from '../wire/types.ts'
import { binaryToText } from '../wire/values.ts'

const TAB = 0x09

/** @param columns may be fewer than the row has: what is not described is taken as text */
export function rowLine(row: RowReader, columns: readonly { readonly type: ValueType; readonly isBinary: boolean }[]): string {
  let line = ''
  for (let index = 0; index < row.count; index++) {
    if (index > 0) line += '\t'
    const cell = row.cell(index)
    if (cell === null) { line += '\\N'; continue }
    const column = columns[index]
    const bytes = Buffer.from(cell.buffer, cell.byteOffset, cell.length)
    const text = column?.isBinary === true ? textOf(column.type, bytes) : undefined
    line += Buffer.from(escape(text === undefined ? bytes : Buffer.from(text), TAB)).toString('utf8')
  }
  return `${line}\n`
}

/** Of types whose binary form is not read here: their bytes in hex. */
function textOf(type: ValueType, bytes: Buffer): string {
  const text = type.binary === 'bytea' || type.element !== undefined ? undefined : binaryToText(type.binary, bytes)
  return text ?? `\\x${bytes.toString('hex')}`
}
