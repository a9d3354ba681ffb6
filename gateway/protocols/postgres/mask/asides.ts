// What a server says beside its rows (errors, notices, settings, notifications) may quote values, and a statement may put any into it.
import type { CellMasks } from '../../../mask/index.ts'
import type { ColumnOptions } from './columns.ts'
import { backendTag, encodeError, encodeNotice, encodeNotification, encodeParameterStatus, parseDiagnostic, parseNotification, parseParameterStatus } from '../messages.ts'
import { scrubDiagnostic } from './scrub.ts'
import { holdsNoValue } from './settings.ts'

/** Of a plan that masks something. Each takes a whole message and returns the one that goes on in its place. */
export class Asides {
  readonly #options: Pick<ColumnOptions, 'plan' | 'classOf' | 'snapshot' | 'reachesSensitive'>
  readonly #cells: CellMasks

  constructor(options: Pick<ColumnOptions, 'plan' | 'classOf' | 'snapshot' | 'reachesSensitive'>, cells: CellMasks) {
    this.#options = options
    this.#cells = cells
  }

  /** ErrorResponse, NoticeResponse. The original goes no further. */
  diagnostic(message: Uint8Array): Uint8Array {
    const fields = parseDiagnostic(message)
    const scrubbed = this.#options.reachesSensitive ? scrubDiagnostic(fields, (name) => this.#isName(name), (column) => this.#cells.ruleForColumn([column.toLowerCase()]) !== undefined || this.#isClassed(fields.get('s'), fields.get('t'), column)) : this.#scanFields(fields)
    return message[0] === backendTag.notice ? encodeNotice(scrubbed) : encodeError(scrubbed)
  }

  parameterStatus(message: Uint8Array): Uint8Array {
    const { name, value } = parseParameterStatus(message)
    return holdsNoValue(name, value) ? message : encodeParameterStatus(name, this.#hide(value))
  }

  notification(message: Uint8Array): Uint8Array {
    const { pid, channel, payload } = parseNotification(message)
    return encodeNotification({ pid, channel: this.#scan(channel), payload: this.#hide(payload) })
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
