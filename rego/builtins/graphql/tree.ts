// Documents as values of a policy and back. On the way out OPA drops what is absent or empty; on the way in it reads a tree like
// its own as Go's encoding/json would, so that a name that is missing is an empty text.
import type { Value } from '../value.ts'
import { GraphqlError, GraphqlLimit } from './lexer.ts'
import type { Argument, ArgumentDefinition, ChildValue, Definition, DefinitionKind, Directive, EnumValue, Field, FieldDefinition, Fragment, Operation, OperationType, QueryDocument, SchemaDefinition, SchemaDocument, TypeNode, ValueNode, VariableDefinition } from './syntax.ts'

/** Trees inside one another in what is read. */
const maxDepth = 256

export function toValue(tree: object): Value {
  return convert(tree) ?? { object: [] }
}

function convert(tree: unknown): Value | undefined {
  if (typeof tree === 'string' || typeof tree === 'boolean') return tree
  if (typeof tree === 'number') return { number: String(tree) }
  if (Array.isArray(tree)) {
    const array = tree.map(convert).filter(item => item !== undefined)
    return array.length === 0 ? undefined : { array }
  }
  if (typeof tree !== 'object' || tree === null) return undefined
  const object = Object.entries(tree).map(([name, member]) => [name, convert(member)] as const).filter((pair): pair is readonly [string, Value] => pair[1] !== undefined)
  return object.length === 0 ? undefined : { object }
}

/** @throws GraphqlError */
export function readQueryTree(value: Value): QueryDocument {
  const read = members(value)
  return { Operations: read.list('Operations', readOperation), Fragments: read.list('Fragments', readFragment) }
}

/** @throws GraphqlError */
export function readSchemaTree(value: Value): SchemaDocument {
  const read = members(value)
  return {
    Schema: read.list('Schema', readRoots), SchemaExtension: read.list('SchemaExtension', readRoots), Definitions: read.list('Definitions', readDefinition), Extensions: read.list('Extensions', readDefinition),
    Directives: read.list('Directives', directive => ({ Description: directive.text('Description'), Name: directive.text('Name'), Arguments: directive.list('Arguments', readInputValue), Locations: directive.texts('Locations'), IsRepeatable: directive.flag('IsRepeatable') })),
  }
}

class Members {
  readonly #members: ReadonlyMap<Value, Value>
  readonly #depth: number

  constructor(members: ReadonlyMap<Value, Value>, depth: number) {
    if (depth > maxDepth) throw new GraphqlLimit('a tree that is too deep')
    this.#members = members
    this.#depth = depth
  }

  text(name: string): string {
    const value = this.#members.get(name) ?? ''
    if (typeof value !== 'string') throw new GraphqlError('no text')
    return value
  }

  flag(name: string): boolean {
    const value = this.#members.get(name) ?? false
    if (typeof value !== 'boolean') throw new GraphqlError('neither true nor false')
    return value
  }

  integer(name: string): number {
    const value = this.#members.get(name) ?? { number: '0' }
    if (typeof value !== 'object' || !('number' in value) || !/^-?[0-9]{1,9}$/.test(value.number)) throw new GraphqlError('no integer')
    return Number(value.number)
  }

  texts(name: string): string[] {
    return this.#array(name).map(item => {
      if (typeof item !== 'string') throw new GraphqlError('no text')
      return item
    })
  }

  list<T>(name: string, read: (members: Members) => T): T[] {
    return this.#array(name).map(item => read(members(item, this.#depth + 1)))
  }

  optional<T>(name: string, read: (members: Members) => T): T | undefined {
    const value = this.#members.get(name) ?? null
    return value === null ? undefined : read(members(value, this.#depth + 1))
  }

  required<T>(name: string, read: (members: Members) => T): T {
    const value = this.optional(name, read)
    if (value === undefined) throw new GraphqlError('a part that is missing')
    return value
  }

  #array(name: string): readonly Value[] {
    const value = this.#members.get(name) ?? { array: [] }
    if (typeof value !== 'object' || !('array' in value)) throw new GraphqlError('no list')
    return value.array
  }
}

function members(value: Value, depth = 0): Members {
  if (value === null || typeof value !== 'object' || !('object' in value)) throw new GraphqlError('no tree')
  return new Members(new Map(value.object), depth)
}

function readOperation(read: Members): Operation {
  return { Operation: read.text('Operation'), Name: read.text('Name'), VariableDefinitions: read.list('VariableDefinitions', readVariable), Directives: read.list('Directives', readDirective), SelectionSet: read.list('SelectionSet', readSelection) }
}

function readFragment(read: Members): Fragment {
  return { Name: read.text('Name'), TypeCondition: read.text('TypeCondition'), VariableDefinition: read.list('VariableDefinition', readVariable), Directives: read.list('Directives', readDirective), SelectionSet: read.list('SelectionSet', readSelection) }
}

function readVariable(read: Members): VariableDefinition {
  return { Variable: read.text('Variable'), Type: read.required('Type', readType), DefaultValue: read.optional('DefaultValue', readValue), Directives: read.list('Directives', readDirective), Used: false }
}

/** Whatever it was, OPA takes every selection of a tree for a field. */
function readSelection(read: Members): Field {
  return { Alias: read.text('Alias'), Name: read.text('Name'), Arguments: read.list('Arguments', readArgument), Directives: read.list('Directives', readDirective), SelectionSet: read.list('SelectionSet', readSelection) }
}

function readArgument(read: Members): Argument {
  return { Name: read.text('Name'), Value: read.required('Value', readValue) }
}

function readDirective(read: Members): Directive {
  return { Name: read.text('Name'), Arguments: read.list('Arguments', readArgument), Location: '' }
}

function readValue(read: Members): ValueNode {
  return { Raw: read.text('Raw'), Kind: read.integer('Kind'), Children: read.list('Children', readChild), ExpectedTypeHasDefault: false }
}

function readChild(read: Members): ChildValue {
  return { Name: read.text('Name'), Value: read.required('Value', readValue) }
}

function readType(read: Members): TypeNode {
  return { NamedType: read.text('NamedType'), Elem: read.optional('Elem', readType), NonNull: read.flag('NonNull') }
}

function readRoots(read: Members): SchemaDefinition {
  const OperationTypes = read.list('OperationTypes', (type): OperationType => ({ Operation: type.text('Operation'), Type: type.text('Type') }))
  return { Description: read.text('Description'), Directives: read.list('Directives', readDirective), OperationTypes }
}

function readDefinition(read: Members): Definition {
  return {
    Kind: read.text('Kind') as DefinitionKind, Description: read.text('Description'), Name: read.text('Name'), Directives: read.list('Directives', readDirective), Interfaces: read.texts('Interfaces'), Fields: read.list('Fields', readField),
    Types: read.texts('Types'), EnumValues: read.list('EnumValues', (value): EnumValue => ({ Description: value.text('Description'), Name: value.text('Name'), Directives: value.list('Directives', readDirective) })), BuiltIn: read.flag('BuiltIn'),
  }
}

function readField(read: Members): FieldDefinition {
  return { ...readInputValue(read), Arguments: read.list('Arguments', readInputValue) }
}

function readInputValue(read: Members): ArgumentDefinition {
  return { Description: read.text('Description'), Name: read.text('Name'), DefaultValue: read.optional('DefaultValue', readValue), Type: read.required('Type', readType), Directives: read.list('Directives', readDirective) }
}
