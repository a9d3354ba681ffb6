// Does a query fit a schema? The rules are graphql-js's, on its own trees: those of October 2021 §5 that gqlparser has too.
import type { ASTNode, ASTVisitor, DocumentNode, GraphQLSchema, ObjectValueNode, ValidationContext } from 'graphql'
import type { Schema } from './check-schema.ts'
import { GraphqlLimit } from './lexer.ts'
import { kind } from './syntax.ts'
import type { Argument, ArgumentDefinition, Definition, Directive, FieldDefinition, Operation, QueryDocument, Selection, TypeNode, ValueNode, VariableDefinition } from './syntax.ts'

type Library = typeof import('graphql')
/** graphql-js's nodes are objects with a `kind`. */
type Node = { readonly kind: string; readonly [member: string]: unknown }

/** Selections and definitions of one query, of which some rules look at all pairs. */
const maxSelections = 1_000

/** Rules that gqlparser does not have, or has in another form, which is below. */
const left: readonly string[] = ['SingleFieldSubscriptionsRule', 'ValuesOfCorrectTypeRule', 'DeferStreamDirectiveOnRootFieldRule', 'DeferStreamDirectiveOnValidOperationsRule', 'DeferStreamDirectiveLabelRule', 'StreamDirectiveOnListFieldRule', 'MaxIntrospectionDepthRule']

export type QueryCheck = (query: QueryDocument) => boolean

/** Once for a schema. */
export function createQueryCheck(library: Library, schema: Schema): QueryCheck {
  const built = buildSchema(library, schema)
  const rules = [...library.specifiedRules.filter(({ name }) => !left.includes(name)), valuesOfCorrectType(library)]
  return query => {
    if (countSelections(query) > maxSelections) throw new GraphqlLimit('a query that is too large')
    if (!query.Operations.every(operation => isSingleField(operation, query))) return false
    return library.validate(built, document(queryNodes(query)), rules, { maxErrors: 1 }).length === 0
  }
}

function countSelections({ Operations, Fragments }: QueryDocument): number {
  const count = (selections: readonly Selection[] = []): number => selections.reduce((sum, selection) => sum + 1 + ('SelectionSet' in selection ? count(selection.SelectionSet) : 0), 0)
  return [...Operations, ...Fragments].reduce((sum, definition) => sum + 1 + count(definition.SelectionSet), 0)
}

/** gqlparser takes an object without members for a value of any type. */
function valuesOfCorrectType({ ValuesOfCorrectTypeRule, getNamedType, isInputObjectType }: Library): (context: ValidationContext) => ASTVisitor {
  return context => {
    const visitor = ValuesOfCorrectTypeRule(context) as ASTVisitor & { ObjectValue(node: ObjectValueNode): unknown }
    return { ...visitor, ObjectValue: (node: ObjectValueNode) => (node.fields.length === 0 && !isInputObjectType(getNamedType(context.getInputType())) ? false : visitor.ObjectValue(node)) } as ASTVisitor
  }
}

/** A subscription asks for one field of its root, however often and under whatever names, and not for what begins with "__". */
function isSingleField({ Operation: type, SelectionSet }: Operation, { Fragments }: QueryDocument): boolean {
  const names = new Set<string>()
  const seen = new Set<string>()
  const visit = (selections: readonly Selection[] = []): void => {
    for (const selection of selections) {
      if ('Alias' in selection) names.add(selection.Name)
      else if ('TypeCondition' in selection) visit(selection.SelectionSet)
      else if (!seen.has(selection.Name)) {
        seen.add(selection.Name)
        visit(Fragments.find(fragment => fragment.Name === selection.Name)?.SelectionSet)
      }
    }
  }
  if (type === 'subscription') visit(SelectionSet)
  return names.size <= 1 && ![...names].some(field => field.startsWith('__'))
}

function document(definitions: readonly Node[]): DocumentNode {
  return { kind: 'Document', definitions } as unknown as DocumentNode & ASTNode
}

function buildSchema(library: Library, { types, directives, roots }: Schema): GraphQLSchema {
  const nodes: Node[] = [...types.values()].filter(({ BuiltIn }) => !BuiltIn).map(definitionNode)
  for (const { Name, Arguments, Locations, IsRepeatable } of directives.values()) {
    nodes.push({ kind: 'DirectiveDefinition', name: name(Name), arguments: Arguments?.map(inputValueNode) ?? [], repeatable: IsRepeatable, locations: Locations.map(name) })
  }
  if (roots.size > 0) nodes.push({ kind: 'SchemaDefinition', operationTypes: [...roots].map(([operation, type]) => ({ kind: 'OperationTypeDefinition', operation, type: named(type) })) })
  // It has been checked, by other rules than graphql-js's.
  return library.buildASTSchema(document(nodes), { assumeValid: true, assumeValidSDL: true })
}

function name(value: string): Node {
  return { kind: 'Name', value }
}

function named(value: string): Node {
  return { kind: 'NamedType', name: name(value) }
}

const definitionKinds = { SCALAR: 'ScalarTypeDefinition', OBJECT: 'ObjectTypeDefinition', INTERFACE: 'InterfaceTypeDefinition', UNION: 'UnionTypeDefinition', ENUM: 'EnumTypeDefinition', INPUT_OBJECT: 'InputObjectTypeDefinition' } as const

function definitionNode({ Kind, Name, Directives, Interfaces, Fields = [], Types, EnumValues }: Definition): Node {
  return {
    kind: definitionKinds[Kind], name: name(Name), directives: Directives?.map(directiveNode), interfaces: Interfaces?.map(named),
    fields: Kind === 'INPUT_OBJECT' ? Fields.map(inputValueNode) : Fields.map(fieldNode), types: Types?.map(named), values: EnumValues?.map(value => ({ kind: 'EnumValueDefinition', name: name(value.Name) })),
  }
}

function fieldNode({ Name, Arguments, Type }: FieldDefinition): Node {
  return { kind: 'FieldDefinition', name: name(Name), arguments: Arguments?.map(inputValueNode) ?? [], type: typeNode(Type) }
}

function inputValueNode({ Name, Type, DefaultValue }: ArgumentDefinition): Node {
  return { kind: 'InputValueDefinition', name: name(Name), type: typeNode(Type), ...(DefaultValue ? { defaultValue: valueNode(DefaultValue) } : {}) }
}

function typeNode({ NamedType, Elem, NonNull }: TypeNode): Node {
  const type = Elem ? { kind: 'ListType', type: typeNode(Elem) } : named(NamedType)
  return NonNull ? { kind: 'NonNullType', type } : type
}

function directiveNode({ Name, Arguments }: Directive): Node {
  return { kind: 'Directive', name: name(Name), arguments: Arguments?.map(argumentNode) ?? [] }
}

function argumentNode({ Name, Value }: Argument): Node {
  return { kind: 'Argument', name: name(Name), value: valueNode(Value) }
}

function valueNode({ Kind, Raw, Children = [] }: ValueNode): Node {
  switch (Kind) {
    case kind.variable: return { kind: 'Variable', name: name(Raw) }
    case kind.int: return { kind: 'IntValue', value: narrowInteger(Raw) }
    case kind.float: return { kind: 'FloatValue', value: Raw }
    case kind.string: return { kind: 'StringValue', value: Raw }
    case kind.block: return { kind: 'StringValue', value: Raw, block: true }
    case kind.boolean: return { kind: 'BooleanValue', value: Raw === 'true' }
    case kind.null: return { kind: 'NullValue' }
    case kind.list: return { kind: 'ListValue', values: Children.map(child => valueNode(child.Value)) }
    case kind.object: return { kind: 'ObjectValue', fields: Children.map(child => ({ kind: 'ObjectField', name: name(child.Name), value: valueNode(child.Value) })) }
    default: return { kind: 'EnumValue', value: Raw }
  }
}

// An integer has 64 bits in Go and 32 in the standard: those in between are shown to the rules as a shorter one.
function narrowInteger(text: string): string {
  if (!/^-?[0-9]{10,20}$/.test(text)) return text
  const value = BigInt(text)
  return value === BigInt.asIntN(64, value) ? String(BigInt.asIntN(31, value)) : text
}

function queryNodes({ Operations, Fragments }: QueryDocument): Node[] {
  return [
    ...Operations.map(({ Operation, Name, VariableDefinitions, Directives, SelectionSet }): Node => ({
      kind: 'OperationDefinition', operation: Operation === '' ? 'query' : Operation, ...(Name === '' ? {} : { name: name(Name) }), variableDefinitions: VariableDefinitions?.map(variableNode), directives: Directives?.map(directiveNode), selectionSet: selectionSet(SelectionSet),
    })),
    ...Fragments.map(({ Name, TypeCondition, Directives, SelectionSet }): Node => ({
      kind: 'FragmentDefinition', name: name(Name), typeCondition: named(TypeCondition), directives: Directives?.map(directiveNode), selectionSet: selectionSet(SelectionSet),
    })),
  ]
}

function variableNode({ Variable, Type, DefaultValue, Directives }: VariableDefinition): Node {
  return { kind: 'VariableDefinition', variable: { kind: 'Variable', name: name(Variable) }, type: typeNode(Type), ...(DefaultValue ? { defaultValue: valueNode(DefaultValue) } : {}), directives: Directives?.map(directiveNode) }
}

function selectionSet(selections: readonly Selection[] = []): Node {
  return { kind: 'SelectionSet', selections: selections.map(selectionNode) }
}

function selectionNode(selection: Selection): Node {
  const directives = selection.Directives?.map(directiveNode)
  if ('Alias' in selection) {
    const { Alias, Name, Arguments, SelectionSet } = selection
    return { kind: 'Field', ...(Alias === Name || Alias === '' ? {} : { alias: name(Alias) }), name: name(Name), arguments: Arguments?.map(argumentNode) ?? [], directives, ...(SelectionSet?.length ? { selectionSet: selectionSet(SelectionSet) } : {}) }
  }
  if ('TypeCondition' in selection) {
    const { TypeCondition, SelectionSet } = selection
    return { kind: 'InlineFragment', ...(TypeCondition === '' ? {} : { typeCondition: named(TypeCondition) }), directives, selectionSet: selectionSet(SelectionSet) }
  }
  return { kind: 'FragmentSpread', name: name(selection.Name), directives }
}
