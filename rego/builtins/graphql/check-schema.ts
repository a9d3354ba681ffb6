// Is a type system document a schema? The checks of gqlparser, which are those of October 2021 §3 but for a few that it does not make.
import { GraphqlError, GraphqlLimit } from './lexer.ts'
import { parseSchema } from './parse-schema.ts'
import { prelude } from './prelude.ts'
import { kind } from './syntax.ts'
import type { ArgumentDefinition, Definition, DefinitionKind, Directive, DirectiveDefinition, SchemaDocument, TypeNode } from './syntax.ts'

export interface Schema {
  /** With their extensions. */
  readonly types: ReadonlyMap<string, Definition>
  readonly directives: ReadonlyMap<string, DirectiveDefinition>
  /** Names of types, by operation. */
  readonly roots: ReadonlyMap<string, string>
}

/** Types of one schema: GitHub's has 1,800. */
const maxTypes = 4_096

const ownDirectives: readonly string[] = ['include', 'skip', 'deprecated', 'specifiedBy', 'defer', 'oneOf']
const inputKinds: readonly DefinitionKind[] = ['SCALAR', 'ENUM', 'INPUT_OBJECT']

/** @throws GraphqlError */
export function checkSchema(document: SchemaDocument): Schema {
  const types = mergeTypes(document)
  const directives = new Map<string, DirectiveDefinition>()
  for (const directive of [...parseSchema(prelude).Directives, ...document.Directives]) {
    refuse(directives.has(directive.Name) && !ownDirectives.includes(directive.Name))
    directives.set(directive.Name, directive)
  }
  refuse(document.Schema.length > 1)
  const roots = new Map<string, string>()
  const possible = possibleTypes(types)
  const check = createChecks(types, directives, possible)
  for (const definition of [...document.Schema, ...document.SchemaExtension]) {
    for (const { Operation, Type } of definition.OperationTypes ?? []) {
      refuse(!types.has(Type))
      roots.set(Operation, Type)
    }
    check.directives(definition.Directives, 'SCHEMA')
  }
  for (const definition of types.values()) check.definition(definition)
  refuseCircles(types)
  for (const directive of directives.values()) {
    checkName(directive.Name)
    check.args(directive.Arguments, directive.Name)
  }
  if (document.Schema.length === 0) {
    for (const [operation, name] of [['query', 'Query'], ['mutation', 'Mutation'], ['subscription', 'Subscription']] as const) {
      if (!roots.has(operation) && types.has(name)) roots.set(operation, name)
    }
  }
  return { types, directives, roots }
}

function refuse(isWrong: boolean): void {
  if (isWrong) throw new GraphqlError('no schema')
}

function checkName(name: string): void {
  refuse(name.startsWith('__'))
}

export function typeName(type: TypeNode): string {
  return type.NamedType !== '' || type.Elem === undefined ? type.NamedType : typeName(type.Elem)
}

function mergeTypes(document: SchemaDocument): Map<string, Definition> {
  const types = new Map<string, Definition>()
  // What is built in may have names that nobody else may give.
  if (document.Definitions.length + document.Extensions.length > maxTypes) throw new GraphqlLimit('a schema that is too large')
  const own = parseSchema(prelude).Definitions.map(definition => ({ ...definition, BuiltIn: true }))
  for (const definition of [...own, ...document.Definitions]) {
    refuse(types.has(definition.Name))
    types.set(definition.Name, definition)
  }
  for (const extension of document.Extensions) {
    const base = types.get(extension.Name) ?? { Kind: extension.Kind, Name: extension.Name, Description: '', BuiltIn: false }
    refuse(base.Kind !== extension.Kind)
    types.set(extension.Name, {
      ...base,
      Directives: [...base.Directives ?? [], ...extension.Directives ?? []], Interfaces: [...base.Interfaces ?? [], ...extension.Interfaces ?? []], Fields: [...base.Fields ?? [], ...extension.Fields ?? []],
      Types: [...base.Types ?? [], ...extension.Types ?? []], EnumValues: [...base.EnumValues ?? [], ...extension.EnumValues ?? []],
    })
  }
  return types
}

/** Members of unions, and what implements an interface. */
function possibleTypes(types: ReadonlyMap<string, Definition>): ReadonlyMap<string, ReadonlySet<string>> {
  const possible = new Map<string, Set<string>>()
  const add = (name: string, member: string) => { possible.set(name, (possible.get(name) ?? new Set()).add(member)) }
  for (const { Name, Kind, Types = [], Interfaces = [] } of types.values()) {
    for (const member of Types) add(Name, member)
    for (const name of Interfaces) add(name, Name)
    if (Kind === 'OBJECT' || Kind === 'INPUT_OBJECT') add(Name, Name)
  }
  return possible
}

function createChecks(types: ReadonlyMap<string, Definition>, known: ReadonlyMap<string, DirectiveDefinition>, possible: ReadonlyMap<string, ReadonlySet<string>>) {
  // Looked up once a use: a document may use one directive, or name one interface, very often.
  const argumentsOf = new Map([...known].map(([name, { Arguments = [] }]) => [name, {
    names: new Set(Arguments.map(argument => argument.Name)),
    required: Arguments.filter(({ Type, DefaultValue }) => Type.NonNull && DefaultValue === undefined).map(argument => argument.Name),
  }]))
  return { definition: checkDefinition, directives: checkDirectives, args: checkArguments }

  function checkDefinition(definition: Definition): void {
    const { Kind, Name, Fields = [], EnumValues = [], Types = [], Interfaces = [] } = definition
    for (const field of Fields) {
      checkName(field.Name)
      refuse(!types.has(typeName(field.Type)))
      checkArguments(field.Arguments)
      checkDirectives(field.Directives, Kind === 'INPUT_OBJECT' ? 'INPUT_FIELD_DEFINITION' : 'FIELD_DEFINITION')
      const isInput = inputKinds.includes(types.get(typeName(field.Type))?.Kind ?? 'SCALAR')
      const isOutput = types.get(typeName(field.Type))?.Kind !== 'INPUT_OBJECT'
      refuse(Kind === 'INPUT_OBJECT' ? !isInput : (Kind === 'OBJECT' || Kind === 'INTERFACE') && !isOutput)
    }
    for (const member of Types) refuse(types.get(member)?.Kind !== 'OBJECT')
    for (const name of Interfaces) checkImplements(definition, name)
    refuse((Kind === 'OBJECT' || Kind === 'INTERFACE' || Kind === 'INPUT_OBJECT') && Fields.length === 0)
    if (Kind === 'ENUM') {
      refuse(EnumValues.length === 0)
      for (const value of EnumValues) {
        refuse(['true', 'false', 'null'].includes(value.Name))
        checkDirectives(value.Directives, 'ENUM_VALUE')
      }
    }
    for (const names of [Fields.map(field => field.Name), EnumValues.map(value => value.Name), Types]) refuse(new Set(names).size !== names.length)
    if (!definition.BuiltIn) checkName(Name)
    // Those of a type and of its extensions stand in several places, so one may come twice.
    checkDirectives(definition.Directives, Kind, undefined, false)
  }

  function checkArguments(list: readonly ArgumentDefinition[] = [], ofDirective?: string): void {
    for (const argument of list) {
      checkName(argument.Name)
      const type = types.get(typeName(argument.Type))
      refuse(type === undefined || !inputKinds.includes(type.Kind))
      checkDirectives(argument.Directives, 'ARGUMENT_DEFINITION', ofDirective)
    }
  }

  function checkDirectives(list: readonly Directive[] = [], location: string, ofDirective?: string, isOnePlace = true): void {
    const seen = new Set<string>()
    for (const directive of list) {
      checkName(directive.Name)
      const definition = known.get(directive.Name)
      refuse(directive.Name === ofDirective || definition === undefined || !definition.Locations.includes(location))
      refuse(isOnePlace && seen.has(directive.Name) && definition?.IsRepeatable === false)
      seen.add(directive.Name)
      const allowed = argumentsOf.get(directive.Name)
      const given = new Map<string, number>()
      for (const { Name, Value } of directive.Arguments ?? []) {
        refuse(allowed?.names.has(Name) !== true)
        // Of equal names the first is looked at.
        if (!given.has(Name)) given.set(Name, Value.Kind)
      }
      for (const name of allowed?.required ?? []) refuse((given.get(name) ?? kind.null) === kind.null)
    }
  }

  function checkImplements(definition: Definition, name: string): void {
    const wanted = types.get(name)
    if (wanted?.Kind !== 'INTERFACE') throw new GraphqlError('no interface')
    const fields = firstByName(definition.Fields)
    for (const field of wanted.Fields ?? []) {
      const found = fields.get(field.Name)
      if (found === undefined || !isCovariant(field.Type, found.Type)) throw new GraphqlError('a field that is missing')
      const own = firstByName(found.Arguments)
      for (const argument of field.Arguments ?? []) {
        const type = own.get(argument.Name)?.Type
        refuse(type === undefined || !isCompatible(argument.Type, type))
      }
      const above = firstByName(field.Arguments)
      for (const { Name, Type, DefaultValue } of found.Arguments ?? []) refuse(Type.NonNull && DefaultValue === undefined && !above.has(Name))
    }
    for (const above of wanted.Interfaces ?? []) refuse(possible.get(above)?.has(definition.Name) !== true)
  }

  function isCovariant(wanted: TypeNode, own: TypeNode): boolean {
    if (wanted.NonNull && !own.NonNull) return false
    if (wanted.NamedType !== '') return wanted.NamedType === own.NamedType || (possible.get(wanted.NamedType)?.has(own.NamedType) ?? false)
    return wanted.Elem !== undefined && own.Elem !== undefined && isCovariant(wanted.Elem, own.Elem)
  }
}

function firstByName<T extends { readonly Name: string }>(list: readonly T[] = []): ReadonlyMap<string, T> {
  return new Map(list.toReversed().map(item => [item.Name, item]))
}

function isCompatible(wanted: TypeNode, own: TypeNode): boolean {
  if (wanted.NamedType !== own.NamedType) return false
  if (wanted.Elem !== undefined && (own.Elem === undefined || !isCompatible(wanted.Elem, own.Elem))) return false
  return !own.NonNull || wanted.NonNull
}

/** An input that must hold itself can never be written down. */
function refuseCircles(types: ReadonlyMap<string, Definition>): void {
  const done = new Set<string>()
  const path = new Set<string>()
  const visit = (definition: Definition): void => {
    done.add(definition.Name)
    path.add(definition.Name)
    for (const { Type } of definition.Fields ?? []) {
      const next = Type.NonNull && Type.NamedType !== '' ? types.get(Type.NamedType) : undefined
      if (next?.Kind !== 'INPUT_OBJECT') continue
      refuse(path.has(next.Name))
      if (!done.has(next.Name)) visit(next)
    }
    path.delete(definition.Name)
  }
  for (const definition of types.values()) if (definition.Kind === 'INPUT_OBJECT' && !done.has(definition.Name)) visit(definition)
}
