// Where in a query something stands: what is called there runs once, or for each row of it.
import { isNode, type Node } from './nodes.ts'
import type { Notes } from './notes.ts'
import { restricts } from './restricts.ts'

/** The member `key` of a query's or an UPDATE's body. */
export interface Place { readonly query: Node; readonly key: string; readonly outer: Place | undefined }

/** For rows that nothing restricts, or for each one that is looked at to tell whether it is one. */
export function isForEveryRow({ place, isLooped }: Notes): boolean {
  for (let at = place; at !== undefined; at = at.outer) if (isEach(at)) return true
  return isLooped
}

function isEach({ query, key }: Place): boolean {
  const { fromClause: from, whereClause: where, relation } = query
  const items: readonly unknown[] = Array.isArray(from) ? from : []
  if (key === 'whereClause' || key === 'havingClause') return items.length > 0 || relation !== undefined
  // What stands there alone is called once.
  if (items.length === 0 || key === 'fromClause' && items.length === 1 && !(isNode(items[0]) && items[0]['JoinExpr'] !== undefined)) return false
  return !restricts(where)
}
