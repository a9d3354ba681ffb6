// Executable documents (October 2021 §2.2 to §2.12), with variables of fragments, which the standard only knew as a draft.
import { GraphqlError } from './lexer.ts'
import { Reader } from './reader.ts'
import type { Fragment, Operation, QueryDocument, Selection, VariableDefinition } from './syntax.ts'

/** Characters of one query. */
const maxLength = 131_072

/** @throws GraphqlError, GraphqlLimit */
export function parseQuery(text: string): QueryDocument {
  const reader = new Reader(text, maxLength)
  const Operations: Operation[] = []
  const Fragments: Fragment[] = []
  while (reader.peek().kind !== 'end') {
    // gqlparser loses what is said before an operation without a name.
    if (reader.isMark('{')) Operations.push({ Operation: 'query', Name: '', SelectionSet: parseSelections(reader) })
    else if (reader.isName('fragment')) Fragments.push(parseFragment(reader))
    else Operations.push(parseOperation(reader))
  }
  return { Operations, Fragments }
}

function parseOperation(reader: Reader): Operation {
  const Comment = reader.comments
  const type = reader.name()
  if (type !== 'query' && type !== 'mutation' && type !== 'subscription') throw new GraphqlError('another operation')
  const Name = reader.peek().kind === 'name' ? reader.name() : ''
  return { Operation: type, Name, VariableDefinitions: parseVariables(reader), Directives: reader.directives(false), SelectionSet: parseSelections(reader), Comment }
}

function parseFragment(reader: Reader): Fragment {
  const Comment = reader.comments
  reader.keyword('fragment')
  if (reader.isName('on')) throw new GraphqlError('a fragment without a name')
  const Name = reader.name()
  const VariableDefinition = parseVariables(reader)
  reader.keyword('on')
  return { Name, VariableDefinition, TypeCondition: reader.name(), Directives: reader.directives(false), SelectionSet: parseSelections(reader), Comment }
}

function parseVariables(reader: Reader): VariableDefinition[] {
  return reader.some('(', ')', () => {
    const Comment = reader.comments
    const Variable = reader.variable()
    reader.mark(':')
    return { Variable, Type: reader.type(), DefaultValue: reader.skip('=') ? reader.value(true) : undefined, Directives: reader.directives(false), Comment, Used: false }
  })
}

function parseSelections(reader: Reader): Selection[] {
  if (!reader.isMark('{')) throw new GraphqlError('nothing is selected')
  return reader.nested(() => reader.some('{', '}', () => parseSelection(reader)))
}

function parseSelection(reader: Reader): Selection {
  const Comment = reader.comments
  if (!reader.skip('...')) {
    const Alias = reader.name()
    const Name = reader.skip(':') ? reader.name() : Alias
    return { Alias, Name, Arguments: reader.args(false), Directives: reader.directives(false), SelectionSet: reader.isMark('{') ? parseSelections(reader) : undefined, Comment }
  }
  if (reader.peek().kind === 'name' && !reader.isName('on')) return { Name: reader.name(), Directives: reader.directives(false), Comment }
  let TypeCondition = ''
  if (reader.isName('on')) {
    reader.next()
    TypeCondition = reader.name()
  }
  return { TypeCondition, Directives: reader.directives(false), SelectionSet: parseSelections(reader), Comment }
}
