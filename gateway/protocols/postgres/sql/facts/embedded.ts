// SQL inside a DO block: PL/pgSQL is read statement by statement; what it puts together at run time cannot be, and says so.
import { parsePlPgSQLSync } from 'libpg-query'
import { parseTrees } from '../parse-text.ts'
import { isRepeatedTooOften } from '../repeated.ts'
import { isNode, onlyNode, optionOf, type Node } from './nodes.ts'

/** `isLooped`: runs as often as a loop around it does. */
export interface Embedded { readonly statements: readonly { readonly tree: unknown; readonly isLooped: boolean }[]; readonly unknown: readonly string[] }

/** UTF-16 units of a block; a longer one is not read, and says so. It is parsed on the spot, statement by statement. */
export const maxBlockUnits = 65_536

/** @param body of a DoStmt */
export function readEmbedded(body: Node): Embedded {
  const language = stringOf(optionOf(body['args'], 'language')) ?? 'plpgsql'
  const source = stringOf(optionOf(body['args'], 'as'))
  if (language !== 'plpgsql' || source === undefined || source.length > maxBlockUnits) return { statements: [], unknown: ['opaque_routine'] }
  let tree: unknown
  try {
    tree = parsePlPgSQLSync(`do ${quoted(source)}`)
  } catch {
    return { statements: [], unknown: ['opaque_routine'] }
  }
  const statements: Embedded['statements'][number][] = []
  const unknown = new Set<string>()
  collect(tree, statements, unknown, false)
  return { statements, unknown: [...unknown] }
}

/** A tag that the source cannot hold. */
function quoted(source: string): string {
  let tag = '$b$'
  while (source.includes(tag)) tag = `${tag.slice(0, -1)}b$`
  return `${tag}${source}\n${tag}`
}

const loop = /^PLpgSQL_stmt_(?:loop|while|fori|fors|forc|foreach_a|dynfors)$/

function collect(value: unknown, statements: Embedded['statements'][number][], unknown: Set<string>, isLooped: boolean): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, statements, unknown, isLooped)
    return
  }
  if (!isNode(value)) return
  for (const name in value) {
    if (name === 'PLpgSQL_stmt_dynexecute' || name === 'PLpgSQL_stmt_dynfors' || name === 'dynquery') unknown.add('dynamic_sql')
    const child = value[name]
    if (name !== 'PLpgSQL_expr') { collect(child, statements, unknown, isLooped || loop.test(name)); continue }
    const query = isNode(child) ? child['query'] : undefined
    const parsed = typeof query === 'string' ? readQuery(query) : undefined
    if (parsed === undefined) unknown.add('opaque_routine')
    else for (const tree of parsed) statements.push({ tree, isLooped })
  }
}

/** A statement, an expression, or an assignment. */
function readQuery(query: string): readonly unknown[] | undefined {
  if (query.trim() === '') return []
  // A statement, for all that is known: no part of it may be taken for the whole.
  if (isRepeatedTooOften(query)) return undefined
  const assigned = /^[^:=]*:?=([\s\S]*)$/.exec(query)?.[1]
  for (const text of [query, `select ${query}`, ...assigned === undefined ? [] : [`select ${assigned}`]]) {
    try {
      return parseTrees(text)
    } catch { /* The next reading is tried. */ }
  }
  return undefined
}

function stringOf(argument: unknown): string | undefined {
  const [name, body] = onlyNode(argument) ?? ['', {}]
  return name === 'String' ? (typeof body['sval'] === 'string' ? body['sval'] : '') : undefined
}
