// Whose rows a statement changes, and what of a condition says nothing about them: values that are never null, and the same rows by another name.
import { isNode, namesOf, onlyNode, textOf, type Node } from './nodes.ts'

/** What the text may call the relation, and its columns; undefined where nobody knows them, so that any name may be one. */
export interface Chosen {
  readonly names: ReadonlySet<string>
  /** The statement's own word, of several names for the same rows. */
  readonly own: ReadonlySet<string>
  readonly columns: ReadonlySet<string> | undefined
  /** Columns that are never null. */
  readonly filled: ReadonlySet<string>
  /** What FROM, USING or a subquery calls it once more: all of its rows. */
  readonly selves: ReadonlySet<string>
  /** Of a RangeVar. */
  isSame(range: Node): boolean
  /** The statement's WITH. */
  readonly ctes: ReadonlyMap<string, unknown>
}

/** Queries inside queries that are looked into for a table that is all of itself. */
const maxWithin = 8
const ofSystem: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax'])
const comparisons: ReadonlySet<string> = new Set(['=', '<>', '<', '>', '<=', '>='])

/** @param statement that changes `relation`; @param from its FROM or USING, where it has one */
export function chosenOf(statement: Node, from: unknown, known: Pick<Chosen, 'columns' | 'filled' | 'isSame'>): Chosen {
  const { alias, relname } = isNode(statement['relation']) ? statement['relation'] : {}
  const name = (isNode(alias) ? textOf(alias['aliasname']) : undefined) ?? textOf(relname)
  const names = new Set(name === undefined ? [] : [name])
  const alone: Chosen = { ...known, names, own: names, selves: new Set(), ctes: ctesOf(statement) }
  const items: readonly unknown[] = Array.isArray(from) ? from : [from]
  return { ...alone, selves: new Set(items.flatMap((item) => isAll(item, alone) ? calledOf(item) : [])) }
}

/** The same rows by their other names, where one of the conditions that are all true says that they are the same. */
export function linked(chosen: Chosen, condition: unknown): Chosen {
  const [kind, body] = onlyNode(condition) ?? ['', {}]
  const parts: readonly unknown[] = kind === 'BoolExpr' && body['boolop'] === 'AND_EXPR' && Array.isArray(body['args']) ? body['args'] : [condition]
  const found = parts.flatMap((part) => { const test = onlyNode(part); return test?.[0] === 'A_Expr' && equatesSelf(test[1], chosen) ? [test[1]['lexpr'], test[1]['rexpr']].map(qualifierOf) : [] })
  return found.length === 0 ? chosen : { ...chosen, names: new Set([...chosen.names, ...found]) }
}

/** `notes.id = n.id`, where n is notes. */
export function equatesSelf({ kind, name, lexpr, rexpr }: Node, chosen: Chosen | undefined): boolean {
  if (chosen === undefined || chosen.selves.size === 0 || kind !== 'AEXPR_OP' || namesOf(name).join() !== '=') return false
  const [one, other] = [qualifierOf(lexpr), qualifierOf(rexpr)]
  return one !== other && [one, other].every((each) => chosen.names.has(each) || chosen.selves.has(each)) && columnOf(lexpr) === columnOf(rexpr)
}

/** Whether a subquery gives every row of the relation: its column that `of` names, or with nothing said but that they are the same rows. */
export function givesAll(query: unknown, chosen: Chosen | undefined, of?: unknown): boolean {
  const [kind, body] = onlyNode(query) ?? ['', {}]
  if (kind !== 'SelectStmt' || isBounded(body)) return false
  const { fromClause: from, whereClause: where, targetList: targets } = body
  if (chosen === undefined || !Array.isArray(from) || from.length !== 1 || !isAll(from[0], chosen)) return false
  if (of !== undefined) return where === undefined && Array.isArray(targets) && targets.length === 1 && columnOf(onlyNode(targets[0])?.[1]['val']) === (columnOf(of) ?? '')
  const within = { ...chosen, selves: new Set(calledOf(from[0])) }
  const parts: readonly unknown[] = isNode(where) && isNode(where['BoolExpr']) && where['BoolExpr']['boolop'] === 'AND_EXPR' && Array.isArray(where['BoolExpr']['args']) ? where['BoolExpr']['args'] : where === undefined ? [] : [where]
  return parts.every((part) => isNode(part) && isNode(part['A_Expr']) && equatesSelf(part['A_Expr'], within))
}

/** An item of FROM that is the relation, or a query that gives its columns with no condition. */
export function isAll(item: unknown, chosen: Chosen, within = 0): boolean {
  const [kind, body] = onlyNode(item) ?? ['', {}]
  if (within > maxWithin) return false
  const cte = kind === 'RangeVar' && body['schemaname'] === undefined ? chosen.ctes.get(textOf(body['relname']) ?? '') : undefined
  if (kind === 'RangeVar' && cte === undefined) return chosen.isSame(body)
  const [inner, query] = onlyNode(cte ?? (kind === 'RangeSubselect' ? body['subquery'] : undefined)) ?? ['', {}]
  const { fromClause: from, targetList: targets } = query
  return inner === 'SelectStmt' && query['whereClause'] === undefined && !isBounded(query) && Array.isArray(from) && from.length === 1 && isAll(from[0], chosen, within + 1)
    && Array.isArray(targets) && targets.every((target) => { const body = onlyNode(target)?.[1]; return body?.['name'] === undefined && isNode(body?.['val']) && body['val']['ColumnRef'] !== undefined })
}

/** Something else than a condition leaves out rows. */
function isBounded(query: Node): boolean {
  return ['groupClause', 'havingClause', 'limitCount', 'limitOffset', 'larg', 'valuesLists'].some((name) => query[name] !== undefined)
}

/** One that stands alone is that relation's own wherever it has one of that name: of two relations the server would not know which. In a subquery it may be the subquery's. */
export function isChosen({ names, columns }: Chosen, fields: readonly string[], isInner: boolean): boolean {
  const name = fields.at(-1) ?? ''
  // All of a table's rows are of that table.
  if (name === 'tableoid') return false
  if (fields.length > 1) return names.has(fields.at(-2) ?? '')
  return !isInner && (columns === undefined || columns.has(name) || ofSystem.has(name) || names.has(name))
}

/** Never null, whatever the row. */
export function isFilled(value: unknown, chosen: Chosen | undefined, depth: number): boolean {
  const [kind, body] = onlyNode(value) ?? ['', {}]
  if (depth > maxWithin) return false
  const isEach = (list: unknown): boolean => Array.isArray(list) && list.every((item) => isFilled(item, chosen, depth + 1))
  switch (kind) {
    case 'A_Const': return body['isnull'] !== true
    case 'TypeCast': return isFilled(body['arg'], chosen, depth + 1)
    case 'NullTest': case 'BooleanTest': return true
    case 'BoolExpr': return isEach(body['args'])
    case 'CoalesceExpr': return Array.isArray(body['args']) && body['args'].some((item) => isFilled(item, chosen, depth + 1))
    case 'A_Expr': return body['kind'] === 'AEXPR_DISTINCT' || body['kind'] === 'AEXPR_NOT_DISTINCT' || body['kind'] === 'AEXPR_OP' && comparisons.has(namesOf(body['name']).join()) && isEach([body['lexpr'], body['rexpr']])
    case 'ColumnRef': return chosen !== undefined && isFilledColumn(body, chosen)
    default: return false
  }
}

function isFilledColumn({ fields }: Node, { names, columns, filled }: Chosen): boolean {
  const [name = '', qualifier] = namesOf(fields).reverse()
  const isRow = Array.isArray(fields) && isNode(fields.at(-1)) && (fields.at(-1) as Node)['A_Star'] !== undefined
  if (isRow || qualifier === undefined && names.has(name) && columns?.has(name) !== true) return columns !== undefined && [...columns].every((column) => filled.has(column))
  return (qualifier === undefined || names.has(qualifier)) && (filled.has(name) || ofSystem.has(name) || name === 'tableoid')
}

function columnOf(value: unknown): string | undefined {
  const [kind, body] = onlyNode(value) ?? ['', {}]
  return kind === 'ColumnRef' ? namesOf(body['fields']).at(-1) : undefined
}

function qualifierOf(value: unknown): string {
  const [kind, body] = onlyNode(value) ?? ['', {}]
  return kind === 'ColumnRef' ? namesOf(body['fields']).at(-2) ?? '' : ''
}

function calledOf(item: unknown): string[] {
  const body = onlyNode(item)?.[1] ?? {}
  const name = (isNode(body['alias']) ? textOf(body['alias']['aliasname']) : undefined) ?? textOf(body['relname'])
  return name === undefined ? [] : [name]
}

function ctesOf({ withClause }: Node): ReadonlyMap<string, unknown> {
  const ctes: readonly unknown[] = isNode(withClause) && Array.isArray(withClause['ctes']) ? withClause['ctes'] : []
  return new Map(ctes.flatMap((cte) => { const body = onlyNode(cte)?.[1]; const name = textOf(body?.['ctename']); return body === undefined || name === undefined ? [] : [[name, body['ctequery']] as const] }))
}
