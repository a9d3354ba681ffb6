// What is done to the cells of one column: made once per result, so that a row pays for nothing but its own values.
import type { CellKind, CellMasks, Rule } from '../../../mask/index.ts'
import { elementTypeOf, mapArrayBinary, mapArrayText } from '../wire/arrays.ts'
import { recordFields } from '../wire/records.ts'
import type { ValueType } from '../wire/types.ts'
import { binaryToText, byteaFromText, textRuns, textWithin } from '../wire/values.ts'
import { binaryLook } from './binary-look.ts'
import type { Treatment } from './kernel/rows-wat.ts'

export interface CellMask {
  /** Stands for every value, null for NULL; undefined: `apply` tells. */
  readonly constant: Uint8Array | null | undefined
  readonly rule: Rule | undefined
  /** By which the kernel knows what may stay as it is; undefined: it cannot. */
  readonly treatment: Treatment | undefined
  /** @returns undefined to keep the bytes. @throws RefusalError `mask.failed` */
  apply(source: Buffer, start: number, end: number): Uint8Array | null | undefined
}

export interface CellColumn {
  readonly type: ValueType
  /** Length of varchar and char. */
  readonly modifier: number
  readonly isBinary: boolean
  /** Of the column, for what it says of its values. */
  readonly name: string
  typeOf(oid: number): ValueType
}

const NAME_BYTES = 63
/** Rows within rows; deeper is not looked at, and so not let through. */
const MAX_DEPTH = 32
const JSONB_VERSION = Buffer.of(1)
const COLON = 0x3a
const EQUALS = 0x3d

/** @param isStored the values are some column's own. How many elements an expression's array has may be what it tells. @returns undefined: the column's cells may pass unseen */
export function createCellMask(cells: CellMasks, column: CellColumn, rule: Rule | undefined, isStored = true): CellMask | undefined {
  return rule === undefined ? scan(cells, column) : cover(cells, column, rule, isStored)
}

/** A rule covers the whole column. */
function cover(cells: CellMasks, column: CellColumn, rule: Rule, isStored: boolean): CellMask {
  const { type, isBinary } = column
  const hasTextElements = type.element !== undefined && isText(type.element.kind) && rule.op !== 'null' && rule.op !== 'drop'
  if (hasTextElements && isStored && type.element !== undefined) {
    const { kind } = type.element
    const fitted = { ...column, type: type.element }
    const mask = (text: string): string | null => fit(cells.maskCell(text, kind, rule), fitted)
    const apply = isBinary
      ? (source: Buffer, start: number, end: number) => mapArrayBinary(source.subarray(start, end), (element) => bytesOf(mask(element.toString('utf8')))) ?? null
      : (source: Buffer, start: number, end: number) => bytesOf(mapArrayText(source.toString('utf8', start, end), mask) ?? null)
    return { constant: undefined, rule: undefined, treatment: undefined, apply }
  }
  const constant = cells.constantFor(type.kind, rule)
  if (constant !== undefined) return { constant: bytesOf(fit(constant, column)), rule, treatment: 'constant', apply: () => null }
  return { constant, rule: undefined, treatment: undefined, apply: (source, start, end) => bytesOf(fit(cells.maskCell(source.toString('utf8', start, end), type.kind, rule), column)) }
}

/** No rule covers the column: detectors look into its cells. */
function scan(cells: CellMasks, column: CellColumn): CellMask | undefined {
  const { type, isBinary } = column
  if (!cells.looksInside || !canHold(cells, type)) return undefined
  const look = firstLook(cells, column)
  const search = isBinary ? scanBinary : scanText
  return {
    constant: undefined, rule: undefined, treatment: treatmentOf(cells, column),
    apply(source, start, end) {
      if (end - start < 4 || !look(source, start, end)) return undefined
      return search(cells, column, source.subarray(start, end))
    },
  }
}

/** False where a closer look would find nothing. */
function firstLook(cells: CellMasks, { type, isBinary, name }: CellColumn): (source: Buffer, start: number, end: number) => boolean {
  // Without detectors only `name: value` pairs and members of documents can match.
  if (!cells.hasDetectors) return isBinary ? always : holdsPair
  if (type.element !== undefined) return always
  if (!isBinary || type.binary === 'text') return cells.firstLook(type.kind, name)
  return cells.isQuiet(name) ? binaryLook(type.binary) : always
}

/** What says the same as the first look, in the kernel. */
function treatmentOf(cells: CellMasks, { type, isBinary, name }: CellColumn): Treatment | undefined {
  if (type.element !== undefined || !cells.hasDetectors) return isBinary || cells.hasDetectors ? undefined : 'pairs'
  if (!cells.isQuiet(name) || type.kind === 'json') return undefined
  if (isBinary && type.binary !== 'text') return type.binary === 'int' ? 'integer' : undefined
  return type.kind === 'number' ? 'number' : type.kind === 'text' || type.kind === 'markup' ? 'text' : 'other'
}

const always = () => true

function canHold(cells: CellMasks, type: ValueType): boolean {
  if (type.element !== undefined) return canHold(cells, type.element)
  if (type.kind === 'none') return false
  return cells.hasDetectors || isText(type.kind) || type.kind === 'json' || type.binary === 'opaque' || type.binary === 'bytea'
}

function holdsPair(source: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (source[at] === COLON || source[at] === EQUALS) return true
  return false
}

function scanText(cells: CellMasks, column: CellColumn, cell: Buffer): Uint8Array | null | undefined {
  const before = cell.toString('utf8')
  const after = scanValue(cells, column, column.type, before)
  return after === before ? undefined : bytesOf(fit(after, column))
}

function scanValue(cells: CellMasks, column: CellColumn, type: ValueType, text: string): string | null {
  const { element } = type
  if (element !== undefined && type.isVector === true) return text.split(' ').every((item) => scanValue(cells, column, element, item) === item) ? text : null
  if (element !== undefined) return mapArrayText(text, (item) => fit(scanValue(cells, column, element, item), { ...column, type: element })) ?? null
  if (type.binary !== 'bytea') return cells.scanCell(text, type.kind, column.name)
  const within = textWithin(byteaFromText(text))
  return within === undefined || cells.scanCell(within, 'other', column.name) !== null ? text : null
}

function scanBinary(cells: CellMasks, column: CellColumn, cell: Buffer): Uint8Array | null | undefined {
  return scanBytes(cells, column, column.type, cell, 0)
}

function scanBytes(cells: CellMasks, column: CellColumn, type: ValueType, cell: Buffer, depth: number): Uint8Array | null | undefined {
  if (type.element !== undefined) {
    if (depth > MAX_DEPTH) return null
    const element = column.typeOf(elementTypeOf(cell))
    const mapped = mapArrayBinary(cell, (item) => scanBytes(cells, column, element, item, depth + 1))
    return mapped === undefined ? null : mapped === cell ? undefined : mapped
  }
  if (type.binary === 'opaque') return scanOpaque(cells, column, cell, depth) ? undefined : null
  const before = binaryToText(type.binary, cell)
  if (before === undefined) return type.binary === 'bytea' || type.binary === 'timestamp' || type.binary === 'date' ? undefined : null
  const after = cells.scanCell(before, type.kind, column.name)
  if (after === before) return undefined
  if (after === null || (!isText(type.kind) && type.kind !== 'json')) return null
  return type.binary === 'jsonb' ? Buffer.concat([JSONB_VERSION, Buffer.from(after)]) : bytesOf(fit(after, { ...column, type }))
}

/** True where nothing was found. A row's fields say what they are; of other values only the text in them can be read. */
function scanOpaque(cells: CellMasks, column: CellColumn, cell: Buffer, depth: number): boolean {
  if (depth > MAX_DEPTH) return false
  for (const run of textRuns(cell)) if (cells.scanCell(run, 'other', column.name) !== run) return false
  for (const { oid, bytes } of recordFields(cell) ?? []) {
    const type = column.typeOf(oid)
    if (type.kind !== 'none' && bytes.length >= 2 && scanBytes(cells, column, type, bytes, depth + 1) !== undefined) return false
  }
  return true
}

/** What takes a text's place is no longer than its column lets it be. */
function fit(text: string | null, { type, modifier }: CellColumn): string | null {
  if (text === null || type.fit === undefined) return text
  if (type.fit === 'name') return Buffer.byteLength(text) <= NAME_BYTES ? text : Buffer.from(text).toString('utf8', 0, NAME_BYTES).replace(/\ufffd$/, '')
  const length = modifier - 4
  if (length < 1) return text
  const cut = text.length <= length ? text : Array.from(text).slice(0, length).join('')
  return type.fit === 'bpchar' ? cut + ' '.repeat(Math.max(0, length - Array.from(cut).length)) : cut
}

function isText(kind: CellKind): boolean {
  return kind === 'text' || kind === 'markup'
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text)
}
