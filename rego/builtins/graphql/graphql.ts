// `graphql.*`, with OPA's answers: its trees are gqlparser's. Documents are read and schemas checked here; queries are checked with
// graphql-js, which is loaded with the first policy that needs it.
import { createRequire } from 'node:module'
import type { Builtin, Value } from '../value.ts'
import { createQueryCheck } from './check-query.ts'
import type { QueryCheck } from './check-query.ts'
import { checkSchema } from './check-schema.ts'
import { GraphqlError, GraphqlLimit } from './lexer.ts'
import { parseQuery } from './parse-query.ts'
import { parseSchema } from './parse-schema.ts'
import type { QueryDocument, SchemaDocument } from './syntax.ts'
import { readQueryTree, readSchemaTree, toValue } from './tree.ts'

const unverified: Value = { array: [false, { object: [] }, { object: [] }] }

/** Each makes a built-in function of its own, so that what one policy asked is not kept for another. */
export const graphql: readonly (readonly [string, () => Builtin])[] = [
  ['graphql.parse_query', () => text => (typeof text === 'string' ? orElse(undefined, () => toValue(parseQuery(text))) : undefined)],
  ['graphql.parse_schema', () => text => (typeof text === 'string' ? orElse(undefined, () => toValue(parseSchema(text))) : undefined)],
  ['graphql.schema_is_valid', () => schema => orElse(false, () => checkSchema(readSchema(schema)) !== undefined)],
  ['graphql.is_valid', () => {
    const checkOf = createChecks()
    return (query, schema) => orElse(false, () => checkOf(schema).check(readQuery(query)))
  }],
  ['graphql.parse', () => {
    const checkOf = createChecks()
    return (query, schema) => {
      const parsed = orElse(undefined, () => parseChecked(query, checkOf(schema)))
      return parsed && { array: parsed }
    }
  }],
  ['graphql.parse_and_verify', () => {
    const checkOf = createChecks()
    return (query, schema) => {
      const parsed = orElse(null, () => parseChecked(query, checkOf(schema)) ?? null)
      return parsed === null ? unverified : parsed && { array: [true, ...parsed] }
    }
  }],
]

function parseChecked(query: Value, { check, document }: Checked): readonly Value[] | undefined {
  const read = readQuery(query)
  return check(read) ? [toValue(read), toValue(document)] : undefined
}

function readQuery(value: Value): QueryDocument {
  return typeof value === 'string' ? parseQuery(value) : readQueryTree(value)
}

function readSchema(value: Value): SchemaDocument {
  return typeof value === 'string' ? parseSchema(value) : readSchemaTree(value)
}

interface Checked { readonly check: QueryCheck; readonly document: SchemaDocument }

/** Remembers the last schema: a policy has one, and asks it about many queries. */
function createChecks(): (schema: Value) => Checked {
  const library = createRequire(import.meta.url)('graphql') as typeof import('graphql')
  let last: { readonly text: string; readonly checked: Checked } | undefined
  return schema => {
    if (typeof schema === 'string' && last?.text === schema) return last.checked
    const document = readSchema(schema)
    const checked = { check: createQueryCheck(library, checkSchema(document)), document }
    if (typeof schema === 'string') last = { text: schema, checked }
    return checked
  }
}

function orElse<T>(otherwise: T, work: () => T): T | undefined {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof GraphqlError) return otherwise
    if (cause instanceof GraphqlLimit) return undefined
    throw cause
  }
}
