// A document against a schema: the errors that gojsonschema finds, in its words. Where it walks an object in an order that changes from
// run to run, the order here is that of the names.
import { compare, formatDecimal, isMultiple, readDecimal } from '../decimal.ts'
import type { Decimal } from '../decimal.ts'
import type { Patterns, Schema } from './compile.ts'
import { meetsFormat } from './formats.ts'
import { isNumber, isObject, NoAnswer, writeComparable } from './json.ts'
import type { Json, JsonNumber } from './json.ts'

/** Schemas that may be held against parts of one document: `anyOf` in recursion grows without end. */
const maxSteps = 100_000
const maxDepth = 256
/** Of those that are told. */
const maxErrors = 1_000
/** Members and characters that are looked at, each as often as a schema looks. */
const maxWork = 4_000_000

export interface Found { readonly type: string; readonly field: string; readonly description: string }

/** What one schema found, and how well the document did: of several alternatives the errors of the best are told. */
class Result {
  readonly errors: Found[] = []
  score = 0

  add(type: string, field: string, description: string): void {
    this.errors.push({ type, field, description })
    this.score -= 2
  }

  merge({ errors, score }: Result): void {
    this.errors.push(...errors)
    this.score += score
    if (this.errors.length > maxErrors) throw new NoAnswer('too many errors')
  }
}

/** @throws NoAnswer */
export function validate(root: Schema, document: Json, patterns: Patterns): readonly Found[] {
  let steps = 0
  let work = 0
  const comparable = new WeakMap<object, string>()
  const result = new Result()
  walk(root, document, result, '', 0)
  return result.errors

  /** @param path names with dots between them; empty for the document itself */
  function walk(schema: Schema, json: Json, out: Result, path: string, depth: number): void {
    if (++steps > maxSteps || depth > maxDepth) throw new NoAnswer('a document that takes too long')
    const field = path === '' ? '(Root)' : path
    if (schema.pass !== undefined) {
      if (!schema.pass) out.add('false', field, 'False always fails validation')
      return
    }
    if (schema.ref) { walk(schema.ref, json, out, path, depth + 1); return }
    const given = typeOf(json)
    const isTyped = schema.types.length === 0 || schema.types.includes(given) || (given === 'integer' && schema.types.includes('number'))
    if (!isTyped) {
      out.add('invalid_type', field, `Invalid type. Expected: ${schema.types.length > 1 ? `[${schema.types.join(',')}]` : schema.types[0]}, given: ${given}`)
      return
    }
    spend(typeof json === 'string' ? json.length : Array.isArray(json) ? 2 * json.length : isObject(json) ? 6 * json.size : 1)
    combine(schema, json, out, path, depth)
    if (isNumber(json)) checkNumber(schema, json, out, field)
    else if (Array.isArray(json)) checkArray(schema, json as readonly Json[], out, path, depth)
    else if (isObject(json)) checkObject(schema, json, out, path, depth)
    checkCommon(schema, json, out, field)
    if (typeof json === 'string') checkText(schema, json, out, field)
    if (isObject(json)) {
      for (const [name, property] of schema.properties ?? []) {
        const member = json.get(name)
        if (member !== undefined) walk(property, member, out, within(path, name), depth + 1)
      }
    }
    out.score++
  }

  function spend(units: number): void {
    work += units
    if (work > maxWork) throw new NoAnswer('a document that takes too long')
  }

  function compared(json: Json): string {
    if (typeof json !== 'object' || json === null) return writeComparable(json)
    const text = comparable.get(json) ?? writeComparable(json)
    comparable.set(json, text)
    return text
  }

  function apart(schema: Schema, json: Json, path: string, depth: number): Result {
    const own = new Result()
    walk(schema, json, own, path, depth + 1)
    return own
  }

  function combine(schema: Schema, json: Json, out: Result, path: string, depth: number): void {
    const field = path === '' ? '(Root)' : path
    if (schema.anyOf.length > 0) {
      let best: Result | undefined
      const isMet = schema.anyOf.some(option => {
        const own = apart(option, json, path, depth)
        if (own.errors.length > 0 && (best === undefined || own.score > best.score)) best = own
        return own.errors.length === 0
      })
      if (!isMet) {
        out.add('number_any_of', field, 'Must validate at least one schema (anyOf)')
        if (best) out.merge(best)
      }
    }
    if (schema.oneOf.length > 0) {
      let best: Result | undefined
      let met = 0
      for (const option of schema.oneOf) {
        const own = apart(option, json, path, depth)
        if (own.errors.length === 0) met++
        else if (met === 0 && (best === undefined || own.score > best.score)) best = own
      }
      if (met !== 1) {
        out.add('number_one_of', field, 'Must validate one and only one schema (oneOf)')
        if (met === 0 && best) out.merge(best)
      }
    }
    let met = 0
    for (const option of schema.allOf) {
      const own = apart(option, json, path, depth)
      if (own.errors.length === 0) met++
      out.merge(own)
    }
    if (met !== schema.allOf.length) out.add('number_all_of', field, 'Must validate all the schemas (allOf)')
    if (schema.not && apart(schema.not, json, path, depth).errors.length === 0) out.add('number_not', field, 'Must not validate the schema (not)')
    if (isObject(json)) {
      for (const name of [...json.keys()].sort()) {
        const dependency = schema.dependencies?.get(name)
        if (dependency === undefined) continue
        if ('types' in dependency) walk(dependency, json, out, path, depth + 1)
        else for (const other of dependency) if (!json.has(other)) out.add('missing_dependency', field, `Has a dependency on ${other}`)
      }
    }
    if (schema.condition) {
      const holds = apart(schema.condition, json, path, depth).errors.length === 0
      const branch = holds ? schema.consequence : schema.alternative
      const own = branch && apart(branch, json, path, depth)
      if (own && own.errors.length > 0) {
        out.add(holds ? 'condition_then' : 'condition_else', field, holds ? 'Must validate "then" as "if" was valid' : 'Must validate "else" as "if" was not valid')
        out.merge(own)
      }
    }
    out.score++
  }

  function checkCommon(schema: Schema, json: Json, out: Result, field: string): void {
    if (schema.constant !== undefined && compared(json) !== schema.constant) out.add('const', field, `${field} does not match: ${schema.constant}`)
    if (schema.enumeration !== undefined && !schema.enumeration.includes(compared(json))) out.add('enum', field, `${field} must be one of the following: ${schema.enumeration.join(', ')}`)
    if (schema.format !== undefined && typeof json === 'string' && !meetsFormat(schema.format, json, patterns)) out.add('format', field, `Does not match format '${schema.format}'`)
    out.score++
  }

  function checkArray(schema: Schema, list: readonly Json[], out: Result, path: string, depth: number): void {
    const field = path === '' ? '(Root)' : path
    const item = (of: Schema, at: number, value: Json) => { out.merge(apart(of, value, within(path, String(at)), depth)) }
    if (schema.items !== undefined && 'types' in schema.items) for (const [at, value] of list.entries()) item(schema.items, at, value)
    else if (schema.items !== undefined && schema.items.length > 0) {
      for (const [at, value] of list.entries()) {
        const own = schema.items[at]
        if (own) item(own, at, value)
        else if (typeof schema.additionalItems === 'object') item(schema.additionalItems, at, value)
      }
      if (schema.items.length < list.length && schema.additionalItems === false) out.add('array_no_additional_items', field, 'No additional items allowed on array')
    }
    if (schema.minItems !== undefined && BigInt(list.length) < schema.minItems) out.add('array_min_items', field, `Array must have at least ${schema.minItems} items`)
    if (schema.maxItems !== undefined && BigInt(list.length) > schema.maxItems) out.add('array_max_items', field, `Array must have at most ${schema.maxItems} items`)
    if (schema.uniqueItems) {
      spend(8 * list.length)
      const seen = new Map<string, number>()
      for (const [at, value] of list.entries()) {
        const text = compared(value)
        if (seen.has(text)) out.add('unique', field, `array items[${seen.get(text)},${at}] must be unique`)
        seen.set(text, at)
      }
    }
    if (schema.contains) {
      let best: Result | undefined
      const { contains } = schema
      const isMet = list.some((value, at) => {
        const own = apart(contains, value, within(path, String(at)), depth)
        if (own.errors.length > 0 && (best === undefined || own.score > best.score)) best = own
        return own.errors.length === 0
      })
      if (!isMet) {
        out.add('contains', field, 'At least one of the items must match')
        if (best) out.merge(best)
      }
    }
    out.score++
  }

  function checkObject(schema: Schema, members: ReadonlyMap<string, Json>, out: Result, path: string, depth: number): void {
    const field = path === '' ? '(Root)' : path
    if (schema.minProperties !== undefined && BigInt(members.size) < schema.minProperties) out.add('array_min_properties', field, `Must have at least ${schema.minProperties} properties`)
    if (schema.maxProperties !== undefined && BigInt(members.size) > schema.maxProperties) out.add('array_max_properties', field, `Must have at most ${schema.maxProperties} properties`)
    spend(schema.required.length + (schema.properties?.length ?? 0))
    for (const name of schema.required) {
      if (members.has(name)) out.score++
      else out.add('required', field, `${name} is required`)
    }
    const declared = new Set(schema.properties?.map(([name]) => name))
    const names = [...members.keys()].sort()
    for (const name of names) {
      const value = members.get(name) ?? null
      let isMatched = false
      for (const [matches, own] of schema.patternProperties ?? []) {
        if (!matches(name)) continue
        isMatched = true
        out.merge(apart(own, value, within(path, name), depth))
      }
      if (isMatched) out.score++
      if (isMatched || declared.has(name)) continue
      if (schema.additionalProperties === false) out.add('additional_property_not_allowed', field, `Additional property ${name} is not allowed`)
      else if (typeof schema.additionalProperties === 'object') out.merge(apart(schema.additionalProperties, value, within(path, name), depth))
    }
    if (schema.propertyNames) {
      for (const name of names) {
        const own = apart(schema.propertyNames, name, path, depth)
        if (own.errors.length === 0) continue
        out.add('invalid_property_name', field, `Property name of "${name}" does not match`)
        out.merge(own)
      }
    }
    out.score++
  }
}

function within(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function typeOf(json: Json): string {
  if (json === null) return 'null'
  if (isNumber(json)) return isInteger(json) ? 'integer' : 'number'
  return Array.isArray(json) ? 'array' : isObject(json) ? 'object' : typeof json
}

function decimalOf({ number }: JsonNumber): Decimal {
  const decimal = readDecimal(number)
  if (decimal === undefined) throw new NoAnswer('a number that is too large')
  return decimal
}

function isInteger(number: JsonNumber): boolean {
  return isMultiple(decimalOf(number), { digits: 1n, exponent: 0 })
}

function checkNumber(schema: Schema, json: JsonNumber, out: Result, field: string): void {
  const number = decimalOf(json)
  const bound = (limit: Decimal) => {
    const text = formatDecimal(limit)
    if (text === undefined) throw new NoAnswer('a bound of too many digits')
    return text
  }
  const { multipleOf, maximum, exclusiveMaximum, minimum, exclusiveMinimum } = schema
  if (multipleOf && !isMultiple(number, multipleOf)) out.add('multiple_of', field, `Must be a multiple of ${bound(multipleOf)}`)
  if (maximum && compare(number, maximum) > 0) out.add('number_lte', field, `Must be less than or equal to ${bound(maximum)}`)
  if (exclusiveMaximum && compare(number, exclusiveMaximum) >= 0) out.add('number_lt', field, `Must be less than ${bound(exclusiveMaximum)}`)
  if (minimum && compare(number, minimum) < 0) out.add('number_gte', field, `Must be greater than or equal to ${bound(minimum)}`)
  if (exclusiveMinimum && compare(number, exclusiveMinimum) <= 0) out.add('number_gt', field, `Must be greater than ${bound(exclusiveMinimum)}`)
  out.score++
}

function checkText(schema: Schema, text: string, out: Result, field: string): void {
  const length = BigInt([...text].length)
  if (schema.minLength !== undefined && length < schema.minLength) out.add('string_gte', field, `String length must be greater than or equal to ${schema.minLength}`)
  if (schema.maxLength !== undefined && length > schema.maxLength) out.add('string_lte', field, `String length must be less than or equal to ${schema.maxLength}`)
  if (schema.pattern && !schema.pattern.matches(text)) out.add('pattern', field, `Does not match pattern '${schema.pattern.text}'`)
  out.score++
}
