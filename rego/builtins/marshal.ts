// `json.marshal_with_options`: the text that Go's encoding/json writes, names in order and `<`, `>` and `&` escaped.
import { membersOf } from './operand.ts'
import type { Family } from './operand.ts'
import { compareTexts, compareValues } from './text.ts'
import type { Value } from './value.ts'

/** Of the text; an indent is repeated for every line and level. */
const maxTextLength = 1_048_576

export const marshal: Family = [['json.marshal_with_options', marshalWithOptions]]

interface Layout { readonly prefix: string; readonly indent: string }

function marshalWithOptions(value: Value, options: Value): Value | undefined {
  const members = membersOf(options)
  if (!members) return undefined
  let prefix = ''
  let indent = '\t'
  let isPretty: boolean | undefined
  for (const [name, option] of members) {
    if (name === 'prefix' && typeof option === 'string') prefix = option
    else if (name === 'indent' && typeof option === 'string') indent = option
    else if (name === 'pretty' && typeof option === 'boolean') isPretty = option
    else return undefined
  }
  // Who says how, means it.
  isPretty ??= members.length > 0
  try {
    return isPretty ? prefix + new Writer({ prefix, indent }).write(jsonOf(value), 0) : new Writer(undefined).write(jsonOf(value), 0)
  } catch (cause) {
    if (cause instanceof TooLong) return undefined
    throw cause
  }
}

/** As OPA turns a value into JSON: a set is its sorted list, a name that is no text is its JSON. */
export function jsonOf(value: Value): Value {
  if (typeof value !== 'object' || value === null || 'number' in value) return value
  if ('array' in value) return { array: value.array.map(jsonOf) }
  if ('set' in value) return { array: [...value.set].sort(compareValues).map(jsonOf) }
  return { object: value.object.map(([name, member]) => [typeof name === 'string' ? name : new Writer(undefined).write(jsonOf(name), 0), jsonOf(member)] as const) }
}

class TooLong extends Error {}

class Writer {
  readonly #layout: Layout | undefined
  #length = 0

  constructor(layout: Layout | undefined) {
    this.#layout = layout
  }

  write(value: Value, level: number): string {
    if (value === null || typeof value === 'boolean') return this.#spent(String(value))
    if (typeof value === 'string') return this.#spent(quoteJson(value))
    if ('number' in value) return this.#spent(value.number)
    if ('object' in value) {
      const members = [...value.object].sort(([a], [b]) => compareTexts(String(a), String(b)))
      return this.#enclose('{', '}', members, level, ([name, member]) => `${quoteJson(String(name))}:${this.#layout ? ' ' : ''}${this.write(member, level + 1)}`)
    }
    return this.#enclose('[', ']', 'array' in value ? value.array : value.set, level, element => this.write(element, level + 1))
  }

  #enclose<T>(open: string, close: string, items: readonly T[], level: number, write: (item: T) => string): string {
    if (items.length === 0) return this.#spent(open + close)
    const line = (depth: number) => this.#layout ? this.#spent(`\n${this.#layout.prefix}${this.#layout.indent.repeat(Math.min(depth, maxTextLength))}`) : ''
    return `${open}${items.map(item => line(level + 1) + write(item)).join(',')}${line(level)}${close}`
  }

  #spent(text: string): string {
    this.#length += text.length + 1
    if (this.#length > maxTextLength) throw new TooLong()
    return text
  }
}

function quoteJson(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
