// The parts of GraphQL documents under the names that OPA gives them (it parses with gqlparser), so that an answer is the tree itself.

export interface Comments { readonly List: readonly { readonly Value: string }[] }

/** Of a value: Go numbers them. */
export const kind = { variable: 0, int: 1, float: 2, string: 3, block: 4, boolean: 5, null: 6, enum: 7, list: 8, object: 9 } as const

export interface ValueNode {
  readonly Raw: string
  readonly Children?: readonly ChildValue[] | undefined
  readonly Kind: number
  readonly Comment?: Comments | undefined
  readonly ExpectedTypeHasDefault: boolean
}

export interface ChildValue { readonly Name: string; readonly Value: ValueNode; readonly Comment?: Comments | undefined }

/** A named type, or a list if `Elem` is there. */
export interface TypeNode { readonly NamedType: string; readonly Elem?: TypeNode | undefined; readonly NonNull: boolean }

export interface Argument { readonly Name: string; readonly Value: ValueNode; readonly Comment?: Comments | undefined }

export interface Directive { readonly Name: string; readonly Arguments?: readonly Argument[] | undefined; readonly Location: string }

export interface Field {
  readonly Alias: string
  readonly Name: string
  readonly Arguments?: readonly Argument[] | undefined
  readonly Directives?: readonly Directive[] | undefined
  readonly SelectionSet?: readonly Selection[] | undefined
  readonly Comment?: Comments | undefined
}

export interface FragmentSpread { readonly Name: string; readonly Directives?: readonly Directive[] | undefined; readonly Comment?: Comments | undefined }

export interface InlineFragment {
  /** Empty where there is none. */
  readonly TypeCondition: string
  readonly Directives?: readonly Directive[] | undefined
  readonly SelectionSet?: readonly Selection[] | undefined
  readonly Comment?: Comments | undefined
}

export type Selection = Field | FragmentSpread | InlineFragment

export interface VariableDefinition {
  readonly Variable: string
  readonly Type: TypeNode
  readonly DefaultValue?: ValueNode | undefined
  readonly Directives?: readonly Directive[] | undefined
  readonly Comment?: Comments | undefined
  readonly Used: boolean
}

export interface Operation {
  readonly Operation: string
  readonly Name: string
  readonly VariableDefinitions?: readonly VariableDefinition[] | undefined
  readonly Directives?: readonly Directive[] | undefined
  readonly SelectionSet?: readonly Selection[] | undefined
  readonly Comment?: Comments | undefined
}

export interface Fragment {
  readonly Name: string
  readonly VariableDefinition?: readonly VariableDefinition[] | undefined
  readonly TypeCondition: string
  readonly Directives?: readonly Directive[] | undefined
  readonly SelectionSet?: readonly Selection[] | undefined
  readonly Comment?: Comments | undefined
}

export interface QueryDocument { readonly Operations: readonly Operation[]; readonly Fragments: readonly Fragment[] }

interface Described {
  readonly Description: string
  readonly BeforeDescriptionComment?: Comments | undefined
  readonly AfterDescriptionComment?: Comments | undefined
}

/** Arguments have a default, fields of objects have arguments, fields of inputs a default. */
export interface FieldDefinition extends Described {
  readonly Name: string
  readonly Arguments?: readonly ArgumentDefinition[] | undefined
  readonly DefaultValue?: ValueNode | undefined
  readonly Type: TypeNode
  readonly Directives?: readonly Directive[] | undefined
}

export interface ArgumentDefinition extends Described {
  readonly Name: string
  readonly DefaultValue?: ValueNode | undefined
  readonly Type: TypeNode
  readonly Directives?: readonly Directive[] | undefined
}

export interface EnumValue extends Described { readonly Name: string; readonly Directives?: readonly Directive[] | undefined }

export type DefinitionKind = 'SCALAR' | 'OBJECT' | 'INTERFACE' | 'UNION' | 'ENUM' | 'INPUT_OBJECT'

export interface Definition extends Described {
  readonly Kind: DefinitionKind
  readonly Name: string
  readonly Directives?: readonly Directive[] | undefined
  readonly Interfaces?: readonly string[] | undefined
  readonly Fields?: readonly FieldDefinition[] | undefined
  readonly Types?: readonly string[] | undefined
  readonly EnumValues?: readonly EnumValue[] | undefined
  readonly BuiltIn: boolean
  readonly EndOfDefinitionComment?: Comments | undefined
}

export interface DirectiveDefinition extends Described {
  readonly Name: string
  readonly Arguments?: readonly ArgumentDefinition[] | undefined
  readonly Locations: readonly string[]
  readonly IsRepeatable: boolean
}

export interface OperationType { readonly Operation: string; readonly Type: string; readonly Comment?: Comments | undefined }

export interface SchemaDefinition extends Described {
  readonly Directives?: readonly Directive[] | undefined
  readonly OperationTypes?: readonly OperationType[] | undefined
  readonly EndOfDefinitionComment?: Comments | undefined
}

export interface SchemaDocument {
  readonly Schema: readonly SchemaDefinition[]
  readonly SchemaExtension: readonly SchemaDefinition[]
  readonly Directives: readonly DirectiveDefinition[]
  readonly Definitions: readonly Definition[]
  readonly Extensions: readonly Definition[]
  readonly Comment?: Comments | undefined
}
