// Where a JSON text is wrong. A second, slower reader (RFC 8259 grammar by hand), run only once a fault is known, so that errors
// can name a byte; tests also use it as the oracle of the fast path.
import { isExact } from './exact-number.ts'
import { JsonError } from './json-error.ts'
import type { JsonFault, JsonLimits } from './json-error.ts'

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y
const LITERAL = /true|false|null/y
const SPACE = /[ \t\n\r]*/y

/** The first fault of a text; a plain syntax fault where this reader finds none but one is known to be there. */
export function locateJsonFault(text: string, limits: JsonLimits): JsonError
export function locateJsonFault(text: string, limits: JsonLimits, isKnown: false): JsonError | undefined
export function locateJsonFault(text: string, limits: JsonLimits, isKnown = true): JsonError | undefined {
  const at = (fault: JsonFault, index: number) => new JsonError(fault, Buffer.byteLength(text.slice(0, index)))
  /** One entry per open container: the names seen in an object, null in an array. */
  const open: (Set<string> | null)[] = []
  let index = 0
  let state: 'value' | 'first' | 'member' | 'after' = 'value'
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = index
    const match = pattern.exec(text)
    if (match !== null) index += match[0].length
    return match?.[0]
  }
  for (;;) {
    take(SPACE)
    const character = text[index]
    const container = open.at(-1)
    if (state === 'after') {
      if (open.length === 0) return index < text.length ? at('syntax', index) : isKnown ? at('syntax', index) : undefined
      if (character === (container === null ? ']' : '}')) open.pop()
      else if (character === ',') state = container === null ? 'value' : 'member'
      else return at('syntax', index)
      index++
      continue
    }
    if (state === 'first' && character === (container === null ? ']' : '}')) {
      open.pop()
      index++
      state = 'after'
      continue
    }
    if (container instanceof Set && (state === 'member' || state === 'first')) {
      const start = index
      const source = take(STRING)
      if (source === undefined) return at('syntax', index)
      const name = JSON.parse(source) as string
      if (!name.isWellFormed()) return at('surrogate', start)
      if (name === '__proto__') return at('proto_key', start)
      if (container.has(name)) return at('duplicate_key', start)
      container.add(name)
      take(SPACE)
      if (text[index] !== ':') return at('syntax', index)
      index++
      state = 'value'
      continue
    }
    if (character === '{' || character === '[') {
      if (open.length >= limits.maxDepth) return at('too_deep', index)
      open.push(character === '{' ? new Set() : null)
      index++
      state = 'first'
      continue
    }
    const start = index
    if (character === '"') {
      const source = take(STRING)
      if (source === undefined) return at('syntax', index)
      if (!(JSON.parse(source) as string).isWellFormed()) return at('surrogate', start)
    } else {
      const number = take(NUMBER)
      if (number === undefined && take(LITERAL) === undefined) return at('syntax', index)
      if (number !== undefined && limits.inexact === 'refuse' && !isExact(number)) return at('inexact_number', start)
    }
    state = 'after'
  }
}
