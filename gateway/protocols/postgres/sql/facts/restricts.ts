// Whether a WHERE clause can leave out a row. `WHERE true`, `WHERE 1 = 1` and `WHERE id = id` cannot, so they count as none.
import { isNode, namesOf, type Node } from './nodes.ts'

/** Deeper conditions count as restricting nothing. */
const maxDepth = 200

/** @param target names of the relation whose rows are chosen: a subquery chooses among them only by naming one of its columns. Absent: any column counts. */
export function restricts(clause: unknown, target?: ReadonlySet<string>, depth = 0): boolean {
  if (!isNode(clause) || depth > maxDepth) return false
  if (isNode(clause['CurrentOfExpr'])) return true
  const bool = clause['BoolExpr']
  if (isNode(bool) && Array.isArray(bool['args'])) {
    const args: readonly unknown[] = bool['args']
    if (bool['boolop'] === 'OR_EXPR') return args.every((arg) => restricts(arg, target, depth + 1))
    return args.some((arg) => restricts(arg, target, depth + 1))
  }
  const test = clause['A_Expr']
  if (isNode(test) && sameNode(test['lexpr'], test['rexpr'], depth)) return false
  const nulls = clause['NullTest']
  return namesColumn(isNode(nulls) ? nulls['arg'] : clause, target, false, depth)
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

function namesColumn(value: unknown, target: ReadonlySet<string> | undefined, isInner: boolean, depth: number): boolean {
  if (depth > maxDepth) return false
  if (Array.isArray(value)) return value.some((item) => namesColumn(item, target, isInner, depth + 1))
  if (!isNode(value) || isNode(value['A_Const'])) return false
  const column = value['ColumnRef']
  if (isNode(column)) return !isInner || target === undefined || target.has(namesOf(column['fields']).at(-2) ?? '')
  return Object.entries(value).some(([name, item]) => namesColumn(item, target, isInner || name === 'subselect', depth + 1))
}
