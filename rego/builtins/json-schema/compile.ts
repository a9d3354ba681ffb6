// JSON Schema drafts 4, 6 and 7 as gojsonschema takes them: without `$schema` all three at once. What can be wrong with a schema is
// said in its words. References go within the document; identifiers inside it, and references that leave it, are left out.
import { readDecimal } from '../decimal.ts'
import type { Decimal } from '../decimal.ts'
import { isNumber, isObject, NoAnswer, SchemaError, writeComparable } from './json.ts'
import type { Json } from './json.ts'

/** Schemas in one document. */
const maxSchemas = 10_000
const maxDepth = 128
const types: readonly string[] = ['array', 'boolean', 'integer', 'number', 'null', 'object', 'string']
const typeList = 'array boolean integer number null object string'

/** RE2 expressions, compiled; `undefined` for what RE2 does not know. */
export interface Patterns { compile(pattern: string): ((text: string) => boolean) | undefined }

type Draft = 4 | 6 | 7 | 'hybrid'

/** The keywords that a schema has; `pass` is one that is only true or false. */
export interface Schema {
  pass?: boolean
  ref?: Schema
  types: string[]
  properties?: readonly (readonly [string, Schema])[]
  additionalProperties?: boolean | Schema
  patternProperties?: readonly (readonly [(text: string) => boolean, Schema])[]
  propertyNames?: Schema
  dependencies?: ReadonlyMap<string, Schema | readonly string[]>
  items?: Schema | readonly Schema[]
  additionalItems?: boolean | Schema
  contains?: Schema
  multipleOf?: Decimal
  minimum?: Decimal
  maximum?: Decimal
  exclusiveMinimum?: Decimal
  exclusiveMaximum?: Decimal
  minLength?: bigint
  maxLength?: bigint
  minProperties?: bigint
  maxProperties?: bigint
  minItems?: bigint
  maxItems?: bigint
  uniqueItems?: boolean
  pattern?: { readonly text: string; readonly matches: (text: string) => boolean }
  format?: string
  required: string[]
  constant?: string
  enumeration?: string[]
  oneOf: Schema[]
  anyOf: Schema[]
  allOf: Schema[]
  not?: Schema
  condition?: Schema
  consequence?: Schema
  alternative?: Schema
}

/** @throws SchemaError with gojsonschema's message, NoAnswer */
export function compile(root: Json, patterns: Patterns): Schema {
  let count = 0
  const references = new Map<string, Schema>()
  const rootDraft = detectDraft(root)
  refuseIdentifiers(root, true, 0)
  return parse(root, rootDraft, 0)

  function parse(json: Json, draft: Draft, depth: number, into: Schema = { types: [], required: [], oneOf: [], anyOf: [], allOf: [] }): Schema {
    if (++count > maxSchemas || depth > maxDepth) throw new NoAnswer('a schema that is too large')
    const schema = into
    if (typeof json === 'boolean' && draft !== 4) { schema.pass = json; return schema }
    if (!isObject(json)) throw new SchemaError('Expected: Valid Schema, given: Invalid JSON')
    const members = json
    const sub = (value: Json) => parse(value, draft, depth + 1)
    textOf(draft === 4 || (draft === 'hybrid' && members.has('id')) ? 'id' : '$id')
    const definitions = members.get('definitions')
    if (definitions !== undefined) {
      if (!isObject(definitions)) throw invalidType('Array Of Schemas', 'definitions')
      for (const [, definition] of sorted(definitions)) {
        if (typeof definition !== 'boolean' && !isObject(definition)) throw invalidType('Array Of Schemas', 'definitions')
        sub(definition)
      }
    }
    textOf('title')
    textOf('description')
    const reference = textOf('$ref')
    if (reference !== undefined) {
      const known = references.get(reference)
      if (known === undefined) { schema.ref = resolve(reference, draft, depth); return schema }
      schema.ref = known
    }
    readTypes()
    const properties = members.get('properties')
    if (properties !== undefined) {
      if (!isObject(properties)) throw new SchemaError('Properties must be of type object')
      schema.properties = sorted(properties).map(([name, value]) => [name, sub(value)])
    }
    const additionalProperties = booleanOrSchema('additionalProperties')
    if (additionalProperties !== undefined) schema.additionalProperties = additionalProperties
    readPatternProperties()
    const propertyNames = members.get('propertyNames')
    if (propertyNames !== undefined && draft !== 4) {
      if (typeof propertyNames !== 'boolean' && !isObject(propertyNames)) throw invalidType('Valid Schema', 'patternProperties')
      schema.propertyNames = sub(propertyNames)
    }
    readDependencies()
    readItems()
    const additionalItems = booleanOrSchema('additionalItems')
    if (additionalItems !== undefined) schema.additionalItems = additionalItems
    readNumbers()
    readCount('minLength')
    readCount('maxLength')
    if (isAbove(schema.minLength, schema.maxLength)) throw new SchemaError('minLength cannot be greater than maxLength')
    const pattern = textOf('pattern')
    if (pattern !== undefined) {
      const matches = patterns.compile(pattern)
      if (matches === undefined) throw new SchemaError('pattern must be a valid regex')
      schema.pattern = { text: pattern, matches }
    }
    const format = textOf('format')
    if (format !== undefined) schema.format = format
    readCount('minProperties')
    readCount('maxProperties')
    if (isAbove(schema.minProperties, schema.maxProperties)) throw new SchemaError('minProperties cannot be greater than maxProperties')
    const required = new Set<string>()
    for (const name of listOf('required') ?? []) {
      if (typeof name !== 'string') throw invalidType('string', 'required')
      if (required.has(name)) throw new SchemaError('required items must be unique')
      required.add(name)
    }
    schema.required.push(...required)
    readCount('minItems')
    readCount('maxItems')
    const uniqueItems = members.get('uniqueItems')
    if (uniqueItems !== undefined) {
      if (typeof uniqueItems !== 'boolean') throw new SchemaError('uniqueItems must be of a boolean')
      schema.uniqueItems = uniqueItems
    }
    const contains = members.get('contains')
    if (contains !== undefined && draft !== 4) schema.contains = sub(contains)
    const constant = members.get('const')
    if (constant !== undefined && draft !== 4) schema.constant = writeComparable(constant)
    const enumeration = listOf('enum')
    if (enumeration !== undefined) {
      schema.enumeration = enumeration.map(writeComparable)
      if (new Set(schema.enumeration).size !== schema.enumeration.length) throw new SchemaError('enum items must be unique')
    }
    for (const name of ['oneOf', 'anyOf', 'allOf'] as const) schema[name] = (listOf(name) ?? []).map(sub)
    readSingle('not', value => { schema.not = value })
    if (draft === 7 || draft === 'hybrid') {
      readSingle('if', value => { schema.condition = value })
      readSingle('then', value => { schema.consequence = value })
      readSingle('else', value => { schema.alternative = value })
    }
    return schema

    function textOf(name: string): string | undefined {
      const value = members.get(name)
      if (value !== undefined && typeof value !== 'string') throw invalidType('string', name)
      return value
    }

    function listOf(name: string): readonly Json[] | undefined {
      const value = members.get(name)
      if (value !== undefined && !Array.isArray(value)) throw new SchemaError(`${name} must be of an array`)
      return value as readonly Json[] | undefined
    }

    function booleanOrSchema(name: string): boolean | Schema | undefined {
      const value = members.get(name)
      if (value === undefined || typeof value === 'boolean') return value
      if (!isObject(value)) throw invalidType('boolean/Valid Schema', name)
      return sub(value)
    }

    function readSingle(name: string, set: (value: Schema) => void): void {
      const value = members.get(name)
      if (value === undefined) return
      if (typeof value !== 'boolean' && !isObject(value)) throw new SchemaError(`${name} must be of an object`)
      set(sub(value))
    }

    function readTypes(): void {
      const value = members.get('type')
      if (value === undefined) return
      const list = typeof value === 'string' ? [value] : value
      if (!Array.isArray(list)) throw invalidType('type', 'string/Array Of Strings')
      for (const type of list as readonly Json[]) {
        if (typeof type !== 'string') throw invalidType('type', 'string/Array Of Strings')
        if (!types.includes(type)) throw new SchemaError(`has a primitive type that is NOT VALID -- given: /${type}/ Expected valid values are:[${typeList}]`)
        if (schema.types.includes(type)) throw new SchemaError(`${type} type is duplicated`)
        schema.types.push(type)
      }
    }

    function readPatternProperties(): void {
      const value = members.get('patternProperties')
      if (value === undefined) return
      if (!isObject(value)) throw invalidType('Valid Schema', 'patternProperties')
      schema.patternProperties = sorted(value).map(([text, item]) => {
        const matches = patterns.compile(text)
        if (matches === undefined) throw new SchemaError(`Invalid regex pattern '${text}'`)
        return [matches, sub(item)]
      })
    }

    function readDependencies(): void {
      const value = members.get('dependencies')
      if (value === undefined) return
      if (!isObject(value)) throw new SchemaError('dependencies must be of type object')
      schema.dependencies = new Map(sorted(value).map(([name, item]): readonly [string, Schema | readonly string[]] => {
        if (typeof item === 'boolean' || isObject(item)) return [name, sub(item)]
        if (!Array.isArray(item) || !item.every(text => typeof text === 'string')) throw new SchemaError('Dependency must be of type Schema Or Array Of Strings')
        return [name, item as readonly string[]]
      }))
    }

    function readItems(): void {
      const value = members.get('items')
      if (value === undefined) return
      if (!Array.isArray(value)) {
        if (typeof value !== 'boolean' && !isObject(value)) throw invalidType('Valid Schema/Array Of Schemas', 'items')
        schema.items = sub(value)
      } else {
        schema.items = value.map((item: Json) => {
          if (typeof item !== 'boolean' && !isObject(item)) throw invalidType('Valid Schema/Array Of Schemas', 'items')
          return sub(item)
        })
      }
    }

    function numberOf(name: string): Decimal | undefined {
      const value = members.get(name)
      if (!isNumber(value)) return undefined
      const number = readDecimal(value.number)
      if (number === undefined) throw new NoAnswer('a number that is too large')
      return number
    }

    function readNumbers(): void {
      if (members.has('multipleOf')) {
        const multiple = numberOf('multipleOf')
        if (multiple === undefined) throw invalidType('Number', 'multipleOf')
        if (multiple.digits <= 0n) throw new SchemaError('multipleOf must be strictly greater than 0')
        schema.multipleOf = multiple
      }
      readBound('minimum', 'exclusiveMinimum')
      readBound('maximum', 'exclusiveMaximum')
    }

    /** Draft 4 says with a boolean that the bound itself is out, the later ones with a bound of its own. */
    function readBound(name: 'minimum' | 'maximum', exclusive: 'exclusiveMinimum' | 'exclusiveMaximum'): void {
      const bound = numberOf(name)
      if (members.has(name) && bound === undefined) throw new SchemaError(`${name} must be of a Number`)
      if (bound !== undefined) schema[name] = bound
      const other = members.get(exclusive)
      if (other === undefined) return
      if (typeof other === 'boolean' && (draft === 4 || draft === 'hybrid')) {
        if (bound === undefined) throw new SchemaError(`${exclusive} cannot be used without ${name}`)
        if (other) { schema[exclusive] = bound; delete schema[name] }
        return
      }
      const own = draft === 4 ? undefined : numberOf(exclusive)
      if (own === undefined) throw invalidType(draft === 4 ? 'boolean' : draft === 'hybrid' ? 'boolean/number' : 'number', exclusive)
      schema[exclusive] = own
    }

    function readCount(name: 'minLength' | 'maxLength' | 'minProperties' | 'maxProperties' | 'minItems' | 'maxItems'): void {
      if (!members.has(name)) return
      const value = members.get(name)
      // Go's Number.Int64: digits and nothing else.
      const number = isNumber(value) && /^-?[0-9]{1,19}$/.test(value.number) ? BigInt(value.number) : undefined
      if (number === undefined || number !== BigInt.asIntN(64, number)) throw new SchemaError(`${name} must be of an integer`)
      if (number < 0n) throw new SchemaError(`${name} must be greater than or equal to 0`)
      schema[name] = number
    }
  }

  function resolve(reference: string, draft: Draft, depth: number): Schema {
    if (!reference.startsWith('#')) throw new NoAnswer('a reference that leaves the document')
    const schema: Schema = { types: [], required: [], oneOf: [], anyOf: [], allOf: [] }
    references.set(reference, schema)
    const target = pointTo(root, reference.slice(1))
    if (typeof target !== 'boolean' && !isObject(target)) throw new SchemaError('Valid Schema must be of type object')
    // What it refers to is of the document's draft.
    return parse(target, isObject(root) && root.has('$schema') ? rootDraft : draft, depth + 1, schema)
  }
}

function pointTo(root: Json, pointer: string): Json {
  if (pointer === '') return root
  if (!pointer.startsWith('/') || pointer.includes('%')) throw new NoAnswer('a reference to an identifier, or with escapes')
  let at: Json = root
  for (const token of pointer.slice(1).split('/')) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(at)) {
      const item: Json | undefined = /^(?:0|[1-9][0-9]{0,5})$/.test(name) ? at[Number(name)] : undefined
      if (item === undefined) throw new NoAnswer('a reference into a list that goes past its end')
      at = item
    } else if (isObject(at)) {
      const member: Json | undefined = at.get(name)
      if (member === undefined) throw new SchemaError(`Object has no key '${name}'`)
      at = member
    } else throw new NoAnswer('a reference through a value')
  }
  return at
}

function detectDraft(root: Json): Draft {
  if (typeof root === 'boolean') return 'hybrid'
  if (!isObject(root)) throw new SchemaError('schema is invalid')
  const named = root.get('$schema')
  if (named === undefined) return 'hybrid'
  if (typeof named !== 'string') throw new SchemaError('$schema must be of type string')
  const [, number] = /^https?:\/\/json-schema\.org\/draft-0([467])\/schema#?$/.exec(named) ?? []
  return number === '4' ? 4 : number === '6' ? 6 : number === '7' ? 7 : 'hybrid'
}

/** Below an identifier, references start elsewhere. One for the whole document changes nothing. */
function refuseIdentifiers(json: Json, isRoot: boolean, depth: number): void {
  if (depth > maxDepth) throw new NoAnswer('a schema that is too deep')
  if (Array.isArray(json)) for (const item of json as readonly Json[]) refuseIdentifiers(item, false, depth + 1)
  if (!isObject(json)) return
  if (!isRoot && (typeof json.get('$id') === 'string' || typeof json.get('id') === 'string')) throw new NoAnswer('an identifier inside the document')
  for (const [name, member] of json) {
    if (name === 'const' || name === 'enum') continue
    if ((name === 'properties' || name === 'dependencies' || name === 'patternProperties') && isObject(member)) for (const item of member.values()) refuseIdentifiers(item, false, depth + 2)
    else refuseIdentifiers(member, false, depth + 1)
  }
}

function sorted(members: ReadonlyMap<string, Json>): readonly (readonly [string, Json])[] {
  return [...members].sort(([a], [b]) => (a < b ? -1 : 1))
}

function isAbove(least: bigint | undefined, most: bigint | undefined): boolean {
  return least !== undefined && most !== undefined && least > most
}

function invalidType(expected: string, given: string): SchemaError {
  return new SchemaError(`Invalid type. Expected: ${expected}, given: ${given}`)
}
