// JSON as the schema language sees it, and what a schema or a document may run into.
import { jsonOf, marshal } from '../marshal.ts'
import { readJson } from '../json/read.ts'
import type { Value } from '../value.ts'

export interface JsonNumber { readonly number: string }
export type Json = null | boolean | string | JsonNumber | readonly Json[] | ReadonlyMap<string, Json>

/** The schema is none; the message is OPA's. */
export class SchemaError extends Error {}
/** Too large or too deep to be looked at, or a part of the language that is left out: there is no answer. */
export class NoAnswer extends Error {}

/** A text of JSON, or an object or array. @throws SchemaError */
export function load(value: Value): Json {
  if (typeof value === 'string') {
    const read = readJson(value)
    if (read === undefined) throw new SchemaError('invalid JSON string')
    return convert(read)
  }
  if (value === null || typeof value !== 'object' || !('object' in value || 'array' in value)) throw new SchemaError('wrong type, expected string or object')
  return convert(jsonOf(value))
}

function convert(value: Value): Json {
  if (value === null || typeof value !== 'object' || 'number' in value) return value
  if ('object' in value) return new Map(value.object.map(([name, member]) => [String(name), convert(member)]))
  return ('array' in value ? value.array : value.set).map(convert)
}

export function isObject(json: Json | undefined): json is ReadonlyMap<string, Json> {
  return json instanceof Map
}

export function isNumber(json: Json | undefined): json is JsonNumber {
  return typeof json === 'object' && json !== null && 'number' in json
}

/** Go's text of it with numbers as doubles, by which values are compared. */
export function writeComparable(json: Json): string {
  const text = marshal[0]?.[1](toValue(json), { object: [] })
  if (typeof text !== 'string') throw new NoAnswer('a value that is too large')
  return text
}

function toValue(json: Json): Value {
  if (isNumber(json)) {
    const double = Number(json.number)
    if (!Number.isFinite(double)) throw new NoAnswer('a number that is no double')
    return { number: Object.is(double, -0) ? '-0' : String(double) }
  }
  if (isObject(json)) return { object: [...json].map(([name, member]) => [name, toValue(member)] as const) }
  return Array.isArray(json) ? { array: json.map(toValue) } : json as Value
}
