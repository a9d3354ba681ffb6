// Whether a WHERE clause can leave out a row. `WHERE true`, `WHERE 1 = 1` and `WHERE id = id` cannot, so they count as none.
import { isNode, type Node } from './nodes.ts'

/** Deeper conditions count as restricting nothing. */
const maxDepth = 200

export function restricts(clause: unknown, depth = 0): boolean {
  if (!isNode(clause) || depth > maxDepth) return false
  if (isNode(clause['CurrentOfExpr'])) return true
  const bool = clause['BoolExpr']
  if (isNode(bool) && Array.isArray(bool['args'])) {
    const args: readonly unknown[] = bool['args']
    if (bool['boolop'] === 'OR_EXPR') return args.every((arg) => restricts(arg, depth + 1))
    return args.some((arg) => restricts(arg, depth + 1))
  }
  const test = clause['A_Expr']
  if (isNode(test) && sameNode(test['lexpr'], test['rexpr'], depth)) return false
  const nulls = clause['NullTest']
  return namesColumn(isNode(nulls) ? nulls['arg'] : clause, depth)
}

/** Equal but for where they stand in the text. */
function sameNode(a: unknown, b: unknown, depth: number): boolean {
  if (depth > maxDepth) return false
  if (!isNode(a) && !Array.isArray(a)) return a === b
  if (!isNode(b) && !Array.isArray(b)) return false
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  for (const name of names) if (name !== 'location' && !sameNode((a as Node)[name], (b as Node)[name], depth + 1)) return false
  return true
}

function namesColumn(value: unknown, depth: number): boolean {
  if (depth > maxDepth) return false
  if (Array.isArray(value)) return value.some((item) => namesColumn(item, depth + 1))
  if (!isNode(value)) return false
  if (value['ColumnRef'] !== undefined) return true
  return Object.values(value).some((item) => namesColumn(item, depth + 1))
}
