// Masks tables: rules for whole columns, then detectors in the cells that no rule covers. A cell keeps its type: what has no masked
// form of its own becomes null. Bytes reach a part only through `CellMasks`, which hands them on as rows that have been masked.
import type { MaskedPart, PartSummary } from '../call.ts'
import { refusal, RefusalError } from '../refusal.ts'
import { stepInto } from '../sensitive/catalogue.ts'
import { isQuiet, mayHold, mayHoldNumber } from '../sensitive/first-look.ts'
import type { KnownMember } from '../sensitive/names.ts'
import { Masker } from './apply.ts'
import { decodeText } from './encoded.ts'
import { maskSpan } from './operation.ts'
import { rowsPart } from './part.ts'
import { strongest } from './plan.ts'
import type { MaskPlan, Rule } from './plan.ts'
import { RowSink } from './row-sink.ts'
import { JsonError } from './json-error.ts'
import { parseJsonText } from './strict-json.ts'
import { findRuleSpans, replaceRuleSpans } from './text.ts'

/**
 * What a cell's text may become. `text`: any text. `markup`: text whose inside cannot be starred. `json`: masked by path.
 * `number` and `other`: null or nothing. `none`: cannot hold a value that a detector knows (booleans).
 */
export type CellKind = 'text' | 'markup' | 'json' | 'number' | 'other' | 'none'

/** A column that a value comes from: its names in lower case, bare and qualified, and the class the catalogue declares for it. */
export interface NamedColumn { readonly names: readonly string[]; readonly className?: string | undefined }

/** Covers a column of which nobody can say where it comes from. */
const unknownOrigin: Rule = { id: 'unknown_origin', op: 'redact', keepLast: 0, domain: 'unknown_origin', redacted: '[REDACTED:unknown_origin]' }

/** Nothing shorter is a finding. */
const MIN_CHARS = 4
const INTEGER = /^-?(\d+)(?:\.0*)?$/
/** Floats print so from 1e15 on; longer ones hold no number of anybody's. */
const EXPONENT = /^-?\d(?:\.\d+)?e\+(?:1\d|2\d)$/
/** A first look at what may hold a document inside text: JSON's first characters. */
const JSON_START = /^\s*[{["]/

/** Between two rows of a part. */
export interface RowMark { readonly bytes: number; readonly lines: number; readonly chars: number }

/** One per operation whose results are tables. */
export class CellMasks {
  readonly plan: MaskPlan
  readonly unknownOrigin = unknownOrigin
  /** Bytes for the caller. The protocol writes what frames the cells, and cells that the methods below let stand or made. */
  readonly sink = new RowSink()
  readonly #counts = new Map<string, number>()
  #content: string[] | undefined
  #contentChars = 0

  /** @param keepsBodies the record keeps the rows as text; else count and digest of their bytes */
  constructor(plan: MaskPlan, keepsBodies: boolean) {
    this.plan = plan
    if (keepsBodies) this.#content = []
  }

  get hasDetectors(): boolean { return this.plan.detected.size > 0 }

  /** Cells that no rule covers have to be looked at: for what detectors find, for paths in documents, for `name: value` pairs in text. */
  get looksInside(): boolean { return this.hasDetectors || this.plan.names.size > 0 || this.plan.hasPointers }

  /** A rule that names the column was written for it and wins over the class net. */
  ruleForColumn(names: readonly string[], className?: string): Rule | undefined {
    const { plan } = this
    let rule: Rule | undefined
    for (const name of names) {
      const named = plan.names.get(name)
      if (named !== undefined) rule = strongest(rule, named)
      if (!plan.hasPointers) continue
      for (const node of stepInto([plan.root], name)) {
        const pointed = plan.rules[Number(node.class ?? -1)]
        if (pointed !== undefined) rule = strongest(rule, pointed)
      }
    }
    return rule ?? (className === undefined ? undefined : plan.classes.get(className))
  }

  /**
   * The strongest rule of any column that a value may come from.
   * @param isUnknown it may come from others, too, and those may be sensitive
   * @param isDirect the values are a column's own. What an expression made of them says too much in part, and equal values of a part too much about it
   */
  ruleFor(columns: readonly NamedColumn[], isUnknown: boolean, isDirect: boolean): Rule | undefined {
    const rule = this.#strongestOf(columns, isUnknown ? unknownOrigin : undefined)
    return rule === undefined || isDirect || rule.op === 'null' || rule.op === 'drop' ? rule : { ...rule, op: 'redact' }
  }

  #strongestOf(columns: readonly NamedColumn[], least: Rule | undefined): Rule | undefined {
    let rule = least
    for (const { names, className } of columns) {
      const found = this.ruleForColumn(names, className)
      if (found !== undefined) rule = strongest(rule, found)
    }
    return rule
  }

  /** The same for every value of a column, where the op allows that; undefined: it depends on the value. */
  constantFor(kind: CellKind, rule: Rule): string | null | undefined {
    if (rule.op === 'null' || rule.op === 'drop' || (kind !== 'text' && kind !== 'markup')) return null
    return rule.op === 'redact' || (kind === 'markup' && rule.op === 'partial') ? rule.redacted : undefined
  }

  /** Masks a whole cell; null is the table's own null. */
  maskCell(text: string, kind: CellKind, rule: Rule): string | null {
    this.count(rule)
    const constant = this.constantFor(kind, rule)
    return constant === undefined ? maskSpan(text, rule, this.plan.tokens) : constant
  }

  /** The column's name says nothing of its values: what a value looks like is all that detectors have. */
  isQuiet(member: string): boolean { return isQuiet(this.plan.members.of(member)) }

  /**
   * A first look at the bytes of a column's cells: false where `scanCell` would let the text be. Without detectors it says more often maybe.
   * @param member the column's name
   */
  firstLook(kind: CellKind, member: string): (bytes: Uint8Array, start: number, end: number) => boolean {
    if (kind === 'json' || !this.isQuiet(member)) return () => true
    const { maxBytes } = this.plan.limits
    if (kind === 'number') return (bytes, start, end) => end - start > maxBytes || mayHoldNumber(bytes, start, end)
    const isText = kind === 'text' || kind === 'markup'
    return (bytes, start, end) => end - start > maxBytes || mayHold(bytes, start, end, isText)
  }

  /**
   * Looks for what no rule covers; the same text comes back where nothing matched.
   * @param member the column's name, for what it says of its values
   * @throws RefusalError `mask.failed` when the cell is too long to be searched
   */
  scanCell(text: string, kind: CellKind, member: string): string | null {
    if (text.length < MIN_CHARS || kind === 'none') return text
    if (text.length > this.plan.limits.maxBytes) throw new RefusalError(refusal('mask.failed', 'A cell is too long to be masked'))
    const known = this.plan.members.of(member)
    if (kind === 'json') return this.#maskDocument(text, member)
    if (kind === 'number') return this.#scanNumber(text, known)
    const spans = findRuleSpans(text, known, this.plan)
    if (kind === 'other') {
      for (const { rule } of spans) this.count(rule)
      return spans.length === 0 ? text : null
    }
    if (JSON_START.test(text) || decodeText(text) !== undefined) return this.#maskInside(text, known)
    const [only] = spans
    if (only === undefined) return text
    const isWhole = only.start === 0 && only.end === text.length
    if (isWhole) return this.maskCell(text, kind, only.rule)
    return replaceRuleSpans(text, spans, this.plan, (rule) => this.count(rule))
  }

  /** A cell was masked by a rule. */
  count(rule: Rule, cells = 1): void {
    this.#counts.set(rule.id, (this.#counts.get(rule.id) ?? 0) + cells)
  }

  get keepsBodies(): boolean { return this.#content !== undefined }

  /** How far it has come, for `undo`. */
  mark(): RowMark { return { bytes: this.sink.size, lines: this.#content?.length ?? 0, chars: this.#contentChars } }

  /** The rows since then go nowhere. What was counted stays: they were masked. */
  undo({ bytes, lines, chars }: RowMark): void {
    this.sink.truncate(bytes)
    if (this.#content !== undefined) this.#content.length = lines
    this.#contentChars = chars
  }

  /** A line of masked cells for the record, where it keeps bodies. */
  keepLine(line: string): void {
    if (this.#content === undefined) return
    this.#content.push(line)
    this.#contentChars += line.length
  }

  /** Whether there is anything to take. */
  get isEmpty(): boolean { return this.sink.isEmpty && this.#contentChars === 0 }

  /** Everything since the last take. What the record keeps may be longer than a frame holds: `splitRows` cuts it. */
  take(summary: PartSummary): MaskedPart {
    const bytes = this.sink.take()
    const masked = new Map(this.#counts)
    this.#counts.clear()
    if (this.#content === undefined) return rowsPart(bytes, bytes, 'opaque', summary, masked)
    const content = Buffer.from(this.#content.join(''))
    this.#content = []
    this.#contentChars = 0
    return rowsPart(bytes, content, 'text', summary, masked)
  }

  #scanNumber(text: string, member: KnownMember): string | null {
    const digits = INTEGER.exec(EXPONENT.test(text) ? BigInt(Math.trunc(Number(text))).toString() : text)?.[1]
    if (digits === undefined || digits.length < MIN_CHARS) return text
    const [only] = findRuleSpans(digits, member, this.plan)
    if (only === undefined) return text
    this.count(only.rule)
    return null
  }

  /** Text that may hold JSON or base64: masked as a document of its own, under the column's name. */
  #maskInside(text: string, { name }: KnownMember): string | null {
    const masker = new Masker(this.plan)
    const row = { [name]: text }
    const after = masker.document(row)
    this.#addCounts(masker)
    if (after === row) return text
    const value = memberOf(after, name)
    return typeof value === 'string' ? value : null
  }

  /** Paths of the plan count from the row: `/column/path`. A document that cannot be read for certain has no masked form. */
  #maskDocument(text: string, name: string): string | null {
    let value
    let isFaithful = true
    try {
      value = parseJsonText(text, { ...this.plan.limits, inexact: 'keep' })
    } catch (cause) {
      if (!(cause instanceof JsonError)) throw cause
      if (cause.fault !== 'duplicate_key') { this.count(unknownOrigin); return null }
      value = JSON.parse(text) as typeof value
      isFaithful = false
    }
    const masker = new Masker(this.plan)
    const row = { [name]: value ?? null }
    const after = masker.document(row)
    this.#addCounts(masker)
    if (after === row && isFaithful) return text
    const masked = memberOf(after, name)
    return masked === undefined ? null : JSON.stringify(masked)
  }

  #addCounts(masker: Masker): void {
    for (const [id, cells] of masker.counts) this.#counts.set(id, (this.#counts.get(id) ?? 0) + cells)
  }
}

/** The one member of a masked row, whatever its name became. */
function memberOf(row: unknown, name: string): unknown {
  if (typeof row !== 'object' || row === null) return undefined
  return Object.hasOwn(row, name) ? (row as { [name: string]: unknown })[name] : Object.values(row)[0]
}
