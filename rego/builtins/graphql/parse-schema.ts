// Type system documents (October 2021 §3), as gqlparser reads them.
import { GraphqlError } from './lexer.ts'
import { Reader } from './reader.ts'
import type { ArgumentDefinition, Comments, Definition, DefinitionKind, DirectiveDefinition, EnumValue, FieldDefinition, OperationType, SchemaDefinition, SchemaDocument } from './syntax.ts'

interface Description { readonly text: string; readonly comments: Comments | undefined }
type Builder = { -readonly [Name in keyof SchemaDocument]: SchemaDocument[Name] extends readonly (infer Item)[] ? Item[] : SchemaDocument[Name] }

const kinds: Readonly<Record<string, DefinitionKind>> = { scalar: 'SCALAR', type: 'OBJECT', interface: 'INTERFACE', union: 'UNION', enum: 'ENUM', input: 'INPUT_OBJECT' }
const locations: readonly string[] = ['QUERY', 'MUTATION', 'SUBSCRIPTION', 'FIELD', 'FRAGMENT_DEFINITION', 'FRAGMENT_SPREAD', 'INLINE_FRAGMENT', 'VARIABLE_DEFINITION', 'SCHEMA', 'SCALAR', 'OBJECT', 'FIELD_DEFINITION',
  'ARGUMENT_DEFINITION', 'INTERFACE', 'UNION', 'ENUM', 'ENUM_VALUE', 'INPUT_OBJECT', 'INPUT_FIELD_DEFINITION']

/** Characters of one schema. */
const maxLength = 524_288

/** @throws GraphqlError, GraphqlLimit */
export function parseSchema(text: string): SchemaDocument {
  const reader = new Reader(text, maxLength)
  const document: Builder = { Schema: [], SchemaExtension: [], Directives: [], Definitions: [], Extensions: [] }
  while (reader.peek().kind !== 'end') {
    const description = parseDescription(reader)
    if (reader.isName('schema')) document.Schema.push(parseRoots(reader, description))
    else if (reader.isName('directive')) document.Directives.push(parseDirective(reader, description))
    else if (reader.isName('extend')) {
      if (description.text !== '') throw new GraphqlError('an extension with a description')
      parseExtension(reader, document)
    } else document.Definitions.push(parseDefinition(reader, description))
  }
  return { ...document, Comment: reader.comments }
}

function parseDescription(reader: Reader): Description {
  const comments = reader.comments
  const { kind } = reader.peek()
  return kind === 'string' || kind === 'block' ? { text: reader.next().value, comments } : { text: '', comments: undefined }
}

/** What stands in front of a member: a description that is empty counts for none. */
function describe(reader: Reader): { Description: string; BeforeDescriptionComment: Comments | undefined; AfterDescriptionComment: Comments | undefined } {
  const { text, comments } = parseDescription(reader)
  return { Description: text, BeforeDescriptionComment: text === '' ? undefined : comments, AfterDescriptionComment: reader.comments }
}

function parseRoots(reader: Reader, description: Description): SchemaDefinition {
  const AfterDescriptionComment = reader.comments
  reader.keyword('schema')
  return { Description: description.text, BeforeDescriptionComment: description.comments, AfterDescriptionComment, ...parseRootMembers(reader) }
}

function parseRootMembers(reader: Reader): Pick<SchemaDefinition, 'Directives' | 'OperationTypes' | 'EndOfDefinitionComment'> {
  const Directives = reader.directives(true)
  let EndOfDefinitionComment: Comments | undefined
  const OperationTypes = reader.some('{', '}', (): OperationType => {
    const Comment = reader.comments
    const Operation = reader.name()
    if (Operation !== 'query' && Operation !== 'mutation' && Operation !== 'subscription') throw new GraphqlError('another operation')
    reader.mark(':')
    return { Operation, Type: reader.name(), Comment }
  }, comments => { EndOfDefinitionComment = comments })
  return { Directives, OperationTypes, EndOfDefinitionComment }
}

function parseDirective(reader: Reader, description: Description): DirectiveDefinition {
  const AfterDescriptionComment = reader.comments
  reader.keyword('directive')
  reader.mark('@')
  const Name = reader.name()
  const Arguments = parseArguments(reader)
  const IsRepeatable = reader.isName('repeatable')
  if (IsRepeatable) reader.next()
  reader.keyword('on')
  const Locations = parseNames(reader, '|')
  if (!Locations.every(location => locations.includes(location))) throw new GraphqlError('another location')
  return { Description: description.text, BeforeDescriptionComment: description.comments, AfterDescriptionComment, Name, Arguments, IsRepeatable, Locations }
}

function parseDefinition(reader: Reader, description: Description): Definition {
  const AfterDescriptionComment = reader.comments
  const Kind = parseKind(reader)
  return { Description: description.text, BeforeDescriptionComment: description.comments, AfterDescriptionComment, Kind, ...parseMembers(reader, Kind), BuiltIn: false }
}

function parseKind(reader: Reader): DefinitionKind {
  const word = reader.name()
  const kind = Object.hasOwn(kinds, word) ? kinds[word] : undefined
  if (kind === undefined) throw new GraphqlError('another definition')
  return kind
}

type Members = Pick<Definition, 'Name' | 'Interfaces' | 'Directives' | 'Fields' | 'Types' | 'EnumValues' | 'EndOfDefinitionComment'>

function parseMembers(reader: Reader, kind: DefinitionKind, hasInterfaces = kind === 'OBJECT' || kind === 'INTERFACE', isConst = true): Members {
  const Name = reader.name()
  const Interfaces = hasInterfaces ? parseInterfaces(reader) : []
  const Directives = reader.directives(isConst)
  let EndOfDefinitionComment: Comments | undefined
  const last = (comments: Comments | undefined) => { EndOfDefinitionComment = comments }
  const hasFields = kind === 'OBJECT' || kind === 'INTERFACE' || kind === 'INPUT_OBJECT'
  const Fields = hasFields ? reader.some('{', '}', () => (kind === 'INPUT_OBJECT' ? parseInputValue(reader) : parseField(reader)), last) : []
  const Types = kind === 'UNION' && reader.skip('=') ? parseNames(reader, '|') : []
  const EnumValues = kind === 'ENUM' ? reader.some('{', '}', (): EnumValue => ({ ...describe(reader), Name: reader.name(), Directives: reader.directives(true) }), last) : []
  return { Name, Interfaces, Directives, Fields, Types, EnumValues, EndOfDefinitionComment }
}

function parseInterfaces(reader: Reader): string[] {
  if (reader.peek().value !== 'implements') return []
  reader.next()
  return parseNames(reader, '&')
}

/** Names with `mark` between them, and perhaps before the first. */
function parseNames(reader: Reader, mark: string): string[] {
  reader.skip(mark)
  const names = [reader.name()]
  while (reader.skip(mark)) names.push(reader.name())
  return names
}

function parseField(reader: Reader): FieldDefinition {
  const described = describe(reader)
  const Name = reader.name()
  const Arguments = parseArguments(reader)
  reader.mark(':')
  return { ...described, Name, Arguments, Type: reader.type(), Directives: reader.directives(true) }
}

function parseArguments(reader: Reader): ArgumentDefinition[] {
  return reader.some('(', ')', () => parseInputValue(reader))
}

function parseInputValue(reader: Reader): ArgumentDefinition {
  const described = describe(reader)
  const Name = reader.name()
  reader.mark(':')
  return { ...described, Name, Type: reader.type(), DefaultValue: reader.skip('=') ? reader.value(true) : undefined, Directives: reader.directives(true) }
}

function parseExtension(reader: Reader, document: Builder): void {
  const AfterDescriptionComment = reader.comments
  reader.keyword('extend')
  if (reader.isName('schema')) {
    reader.next()
    const members = parseRootMembers(reader)
    if (!members.Directives?.length && !members.OperationTypes?.length) throw new GraphqlError('an extension of nothing')
    document.SchemaExtension.push({ Description: '', AfterDescriptionComment, ...members })
    return
  }
  const Kind = parseKind(reader)
  // gqlparser lets an extension of an interface name no others, and one of an input have variables in its directives.
  const members = parseMembers(reader, Kind, Kind === 'OBJECT', Kind !== 'INPUT_OBJECT')
  if (![members.Interfaces, members.Directives, members.Fields, members.Types, members.EnumValues].some(list => list?.length)) throw new GraphqlError('an extension of nothing')
  document.Extensions.push({ Description: '', AfterDescriptionComment, Kind, ...members, BuiltIn: false })
}
