// How rows of a COPY are written, from its options (PostgreSQL 18, COPY, "Parameters"). An option that is not known here may change the rows.
import type { CopyFormat } from './copy-rows.ts'

/** Options that say nothing about how rows are written out. */
const harmless: ReadonlySet<string> = new Set(['force_quote', 'freeze', 'force_not_null', 'force_null', 'on_error', 'log_verbosity', 'reject_limit', 'default'])

/** @param body of a `CopyStmt` node, as libpg-query gives it. @returns undefined for binary, and for what cannot be told */
export function copyFormatOf(body: { readonly [name: string]: unknown }): CopyFormat | undefined {
  const options = new Map<string, string | undefined>()
  for (const option of Array.isArray(body['options']) ? body['options'] : []) {
    const element = member(option, 'DefElem')
    const name = element?.['defname']
    if (typeof name !== 'string') return undefined
    options.set(name.toLowerCase(), argument(element?.['arg']))
    if (element?.['arg'] === undefined) options.set(name.toLowerCase(), 'true')
  }
  let kind: string | undefined = 'text'
  let hasHeader = false
  const given: { delimiter?: string; null?: string; quote?: string; escape?: string } = {}
  for (const [name, value] of options) {
    if (value === undefined && !harmless.has(name)) return undefined
    switch (name) {
      case 'format': kind = value?.toLowerCase(); break
      case 'header': hasHeader = !/^(?:false|off|0|no|n|f)$/i.test(value ?? ''); break
      case 'delimiter': case 'null': case 'quote': case 'escape': given[name] = value ?? ''; break
      case 'encoding': if (!/^utf-?8$/i.test(value ?? '')) return undefined; break
      default: if (!harmless.has(name)) return undefined
    }
  }
  if (kind !== 'text' && kind !== 'csv') return undefined
  const quote = given.quote ?? '"'
  return {
    kind, quote, hasHeader, delimiter: given.delimiter ?? (kind === 'csv' ? ',' : '\t'), null: given.null ?? (kind === 'csv' ? '' : '\\N'),
    escape: given.escape ?? quote, isQuery: body['query'] !== undefined,
  }
}

/** A constant as text; `HEADER` alone is `true`. */
function argument(node: unknown): string | undefined {
  const text = member(node, 'String')?.['sval']
  if (typeof text === 'string') return text
  if (member(node, 'String') !== undefined) return ''
  const isTrue = member(node, 'Boolean')
  if (isTrue !== undefined) return String(isTrue['boolval'] ?? false)
  const number = member(node, 'Integer')
  return number === undefined ? undefined : String(number['ival'] ?? 0)
}

function member(node: unknown, name: string): { readonly [name: string]: unknown } | undefined {
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, name)) return undefined
  const value = (node as { [name: string]: unknown })[name]
  return typeof value === 'object' && value !== null ? value as { [name: string]: unknown } : undefined
}
