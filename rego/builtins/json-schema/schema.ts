// `json.match_schema` and `json.verify_schema`, with the answers and the words of OPA's gojsonschema. Expressions are RE2's, run by
// re2js in linear time; nothing is ever fetched.
import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'
import type { Builtin, Value } from '../value.ts'
import { compile } from './compile.ts'
import type { Patterns } from './compile.ts'
import { load, NoAnswer, SchemaError } from './json.ts'
import { validate } from './validate.ts'

/** Characters of one expression. */
const maxPatternLength = 2_048
/** Instructions times characters that the expressions of one call may look at; compiling one counts as so many characters. */
const maxWork = 8_388_608
const compileLength = 64

export const jsonSchema: readonly (readonly [string, () => Builtin])[] = [
  ['json.verify_schema', () => {
    const engine = loadEngine()
    return schema => answer(() => {
      compile(load(schema), createPatterns(engine))
      return { array: [true, null] }
    }, message => ({ array: [false, `jsonschema: ${message}`] }))
  }],
  ['json.match_schema', () => {
    const engine = loadEngine()
    return (document, schema) => answer(() => {
      const patterns = createPatterns(engine)
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

function loadEngine(): typeof RE2JS {
  return (createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS }).RE2JS
}

/** For one call. */
function createPatterns(engine: typeof RE2JS): Patterns {
  let work = 0
  return {
    compile(pattern) {
      if (pattern.length > maxPatternLength) throw new NoAnswer('an expression that is too long')
      const expression = orUndefined(() => engine.compile(pattern))
      if (expression === undefined) return undefined
      const size = expression.programSize()
      spend(compileLength)
      return text => {
        spend(text.length + 1)
        return expression.matcher(text).find()
      }

      function spend(characters: number): void {
        work += size * characters
        if (work > maxWork) throw new NoAnswer('expressions that take too long')
      }
    },
  }
}

function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    // Not RE2.
    return undefined
  }
}
