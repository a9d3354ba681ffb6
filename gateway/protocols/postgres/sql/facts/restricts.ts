// Whether a WHERE clause can leave out a row. `WHERE true`, `WHERE 1 = 1` and `WHERE id = id` cannot, so they count as none; nor can one that only
// speaks of other tables. Whether what it says is true of every row, nobody can tell without them.
import { isNode, namesOf, textOf, type Node } from './nodes.ts'

/** Whose rows are chosen: what the text may call it, and its columns; undefined where nobody knows them, so that any name may be one. */
export interface Chosen { readonly names: ReadonlySet<string>; readonly columns: ReadonlySet<string> | undefined }

/** Deeper conditions count as restricting nothing. */
const maxDepth = 200
const ofSystem: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])

/** @param chosen a subquery chooses among its rows only by naming one of its columns. Absent: any column counts. */
export function restricts(clause: unknown, chosen?: Chosen, depth = 0): boolean {
  if (!isNode(clause) || depth > maxDepth) return false
  if (isNode(clause['CurrentOfExpr'])) return true
  const bool = clause['BoolExpr']
  if (isNode(bool) && Array.isArray(bool['args'])) {
    const args: readonly unknown[] = bool['args']
    if (bool['boolop'] === 'OR_EXPR') return args.every((arg) => restricts(arg, chosen, depth + 1))
    return args.some((arg) => restricts(arg, chosen, depth + 1))
  }
  const test = clause['A_Expr']
  if (isNode(test) && (sameNode(test['lexpr'], test['rexpr'], depth) || isOneColumn(test, chosen, depth))) return false
  const nulls = clause['NullTest']
  return namesColumn(isNode(nulls) ? nulls['arg'] : clause, chosen, false, depth)
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

/** A column that is compared with itself, however it is spelled: `t.id = id`, `id IN (id)`, `id = id::bigint`. */
function isOneColumn({ lexpr, rexpr }: Node, chosen: Chosen | undefined, depth: number): boolean {
  const found = new Set<string>()
  return lexpr !== undefined && isColumns(lexpr, chosen, found, depth) && isColumns(rexpr, chosen, found, depth) && found.size === 1
}

function isColumns(value: unknown, chosen: Chosen | undefined, found: Set<string>, depth: number): boolean {
  if (!isNode(value) || depth > maxDepth) return false
  const { ColumnRef: column, TypeCast: cast, List: list, A_ArrayExpr: array, A_Expr: sign } = value
  if (isNode(column)) {
    const names = namesOf(column['fields'])
    found.add(names.at(-1) ?? '')
    return names.length === 1 || chosen?.names.has(names.at(-2) ?? '') === true
  }
  if (isNode(cast)) return isColumns(cast['arg'], chosen, found, depth + 1)
  if (isNode(sign)) return sign['lexpr'] === undefined && namesOf(sign['name']).join() === '+' && isColumns(sign['rexpr'], chosen, found, depth + 1)
  const items = isNode(list) ? list['items'] : isNode(array) ? array['elements'] : undefined
  return Array.isArray(items) && items.every((item) => isColumns(item, chosen, found, depth + 1))
}

function namesColumn(value: unknown, chosen: Chosen | undefined, isInner: boolean, depth: number): boolean {
  if (depth > maxDepth) return false
  if (Array.isArray(value)) return value.some((item) => namesColumn(item, chosen, isInner, depth + 1))
  if (!isNode(value) || isNode(value['A_Const'])) return false
  const column = value['ColumnRef']
  if (isNode(column)) return chosen === undefined || isOf(chosen, namesOf(column['fields']), isInner)
  return Object.entries(value).some(([name, item]) => namesColumn(item, chosen, isInner || name === 'subselect', depth + 1))
}

/** One that stands alone is that relation's own wherever it has one of that name: of two relations the server would not know which. In a subquery it may be the subquery's. */
function isOf({ names, columns }: Chosen, fields: readonly string[], isInner: boolean): boolean {
  const name = fields.at(-1) ?? ''
  if (fields.length > 1) return names.has(fields.at(-2) ?? '')
  return !isInner && (columns === undefined || columns.has(name) || ofSystem.has(name) || names.has(name))
}

/** @param relation the RangeVar of a statement that changes it. @param columns of what it resolves to */
export function chosenOf(relation: unknown, columns: Chosen['columns']): Chosen {
  const { alias, relname } = isNode(relation) ? relation : {}
  const name = (isNode(alias) ? textOf(alias['aliasname']) : undefined) ?? textOf(relname)
  return { names: new Set(name === undefined ? [] : [name]), columns }
}
