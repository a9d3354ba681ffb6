// `json.match_schema` and `json.verify_schema`, with the answers and the words of OPA's gojsonschema. Expressions are RE2's, run by
// re2js in linear time; nothing is ever fetched.
import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'
import type { Builtin, Value } from '../value.ts'
import { compile } from './compile.ts'
import type { Patterns } from './compile.ts'
import { load, NoAnswer, SchemaError } from './json.ts'
import { validate } from './validate.ts'

/** Characters of one expression, and of a text that it is held against. */
const maxPatternLength = 2_048
const maxTextLength = 65_536

export const jsonSchema: readonly (readonly [string, () => Builtin])[] = [
  ['json.verify_schema', () => {
    const patterns = createPatterns()
    return schema => answer(() => {
      compile(load(schema), patterns)
      return { array: [true, null] }
    }, message => ({ array: [false, `jsonschema: ${message}`] }))
  }],
  ['json.match_schema', () => {
    const patterns = createPatterns()
    return (document, schema) => answer(() => {
      const json = load(document)
      const errors = validate(compile(load(schema), patterns), json, patterns)
      const told = errors.map(({ type, field, description }): Value => ({ object: [['error', `${field}: ${description}`], ['type', type], ['field', field], ['desc', description]] }))
      return { array: [errors.length === 0, { array: told }] }
    }, () => undefined)
  }],
]

function answer(work: () => Value, otherwise: (message: string) => Value | undefined): Value | undefined {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof SchemaError) return otherwise(cause.message)
    if (cause instanceof NoAnswer) return undefined
    throw cause
  }
}

function createPatterns(): Patterns {
  const engine = (createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS }).RE2JS
  return {
    compile(pattern) {
      if (pattern.length > maxPatternLength) throw new NoAnswer('an expression that is too long')
      try {
        const expression = engine.compile(pattern)
        return text => {
          if (text.length > maxTextLength) throw new NoAnswer('a text that is too long')
          return expression.matcher(text).find()
        }
      } catch {
        // Not RE2.
        return undefined
      }
    },
  }
}
