// The text of a Rego value as OPA prints it (`{"a": 1}`, `{1, 2}`, `set()`), in OPA's order of values.
import type { Value } from './value.ts'

/** What Go's `%v` shows of a value that is neither a number nor a string. */
export function writeTermText(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quote(value, false)
  if ('number' in value) return value.number
  if ('array' in value) return `[${value.array.map(writeTermText).join(', ')}]`
  if ('set' in value) return value.set.length === 0 ? 'set()' : `{${[...value.set].sort(compareValues).map(writeTermText).join(', ')}}`
  const pairs = [...value.object].sort(([a], [b]) => compareValues(a, b))
  return `{${pairs.map(([key, member]) => `${writeTermText(key)}: ${writeTermText(member)}`).join(', ')}}`
}

/** OPA's order: null, booleans, numbers, strings, arrays, objects, sets; each kind by its own. */
export function compareValues(a: Value, b: Value): number {
  const byKind = rank(a) - rank(b)
  if (byKind !== 0) return byKind
  if (typeof a === 'boolean') return Number(a) - Number(b)
  if (typeof a === 'string') return compareTexts(a, b as string)
  if (a === null || b === null || typeof b !== 'object') return 0
  if ('number' in a && 'number' in b) return compareNumbers(a.number, b.number)
  if ('array' in a && 'array' in b) return compareLists(a.array, b.array)
  if ('set' in a && 'set' in b) return compareLists([...a.set].sort(compareValues), [...b.set].sort(compareValues))
  if (!('object' in a && 'object' in b)) return 0
  const left = [...a.object].sort(([x], [y]) => compareValues(x, y))
  const right = [...b.object].sort(([x], [y]) => compareValues(x, y))
  return compareLists(left.flat(), right.flat())
}

/** By their UTF-8 bytes, as Go does. */
export function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  for (const [at, item] of a.entries()) {
    const other = b[at]
    if (other === undefined) return 1
    const order = compareValues(item, other)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function compareNumbers(a: string, b: string): number {
  if (/^-?[0-9]+$/.test(a) && /^-?[0-9]+$/.test(b)) {
    const [x, y] = [BigInt(a), BigInt(b)]
    return x < y ? -1 : x > y ? 1 : 0
  }
  return Number(a) - Number(b)
}

function rank(value: Value): number {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  if (typeof value === 'string') return 3
  if ('number' in value) return 2
  if ('array' in value) return 4
  return 'object' in value ? 5 : 6
}

const escapes: Readonly<Record<string, string>> = { '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\' }

/** Go's `strconv.Quote`, or `QuoteToASCII`. */
export function quote(text: string, isAscii: boolean, mark = '"'): string {
  let quoted = mark
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    if (character === mark) quoted += `\\${mark}`
    else if (escapes[character] !== undefined) quoted += escapes[character]
    else if (point < 0x80 ? point >= 0x20 && point < 0x7f : !isAscii && /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) quoted += character
    else if (point < 0x80) quoted += `\\x${hex(point, 2)}`
    else quoted += point < 0x10000 ? `\\u${hex(point, 4)}` : `\\U${hex(point, 8)}`
  }
  return quoted + mark
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0')
}
