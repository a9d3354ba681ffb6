// Whether a WHERE clause can leave out a row. `WHERE true`, `WHERE 1 = 1`, `WHERE id = id`, `WHERE id IS NOT NULL` of a column that never is, and
// `WHERE id IN (SELECT id FROM the same table)` cannot, so they count as none; nor can one that only speaks of other tables. Whether what it says is
// true of every row that is there (`id > 0`), nobody can tell without them (DESIGN.md, "PostgreSQL", Every row).
import { equatesSelf, givesAll, isChosen, isFilled, type Chosen } from './chosen.ts'
import { isNode, namesOf, onlyNode, type Node } from './nodes.ts'

/** Deeper conditions count as restricting nothing. */
const maxDepth = 200
/** Of an OR, of which two may be opposites; more are not compared. */
const maxAlternatives = 16
const opposites = new Map([['=', '<>'], ['<>', '='], ['<', '>='], ['>=', '<'], ['>', '<='], ['<=', '>']])

/** @param chosen a subquery chooses among its rows only by naming one of its columns. Absent: any column counts. @param isDenied under NOT */
export function restricts(clause: unknown, chosen?: Chosen, isDenied = false, depth = 0): boolean {
  const [kind, body] = onlyNode(clause) ?? ['', {}]
  if (depth > maxDepth) return false
  switch (kind) {
    case 'CurrentOfExpr': return true
    case 'A_Const': return isNode(body['boolval']) && (body['boolval']['boolval'] === true) === isDenied
    case 'BoolExpr': return connected(body, chosen, isDenied, depth)
    case 'BooleanTest': return tested(body, chosen, isDenied, depth)
    case 'NullTest': return present(body['arg'], chosen, (body['nulltesttype'] === 'IS_NOT_NULL') !== isDenied, depth)
    case 'CaseExpr': return body['defresult'] === undefined || outcomes(body).some((result) => restricts(result, chosen, isDenied, depth + 1)) ? namesColumn(body, chosen, false, depth) : false
    case 'SubLink': return isOfAll(body, chosen) ? false : namesColumn(clause, chosen, false, depth)
    case 'A_Expr': return compared(body, chosen, isDenied, depth)
    default: return namesColumn(clause, chosen, false, depth)
  }
}

/** Under NOT, AND is OR of what is denied. */
function connected({ boolop, args }: Node, chosen: Chosen | undefined, isDenied: boolean, depth: number): boolean {
  if (!Array.isArray(args)) return false
  const parts: readonly unknown[] = args
  if (boolop === 'NOT_EXPR') return restricts(parts[0], chosen, !isDenied, depth + 1)
  if ((boolop === 'AND_EXPR') !== isDenied) return parts.some((part) => restricts(part, chosen, isDenied, depth + 1))
  if (parts.length <= maxAlternatives && parts.some((part, i) => parts.slice(i + 1).some((other) => areOpposite(part, other, depth)))) return false
  return parts.every((part) => restricts(part, chosen, isDenied, depth + 1))
}

function tested({ arg, booltesttype: type }: Node, chosen: Chosen | undefined, isDenied: boolean, depth: number): boolean {
  if (type === 'IS_UNKNOWN' || type === 'IS_NOT_UNKNOWN') return present(arg, chosen, (type === 'IS_NOT_UNKNOWN') !== isDenied, depth)
  return restricts(arg, chosen, isDenied !== (type === 'IS_FALSE' || type === 'IS_NOT_TRUE'), depth + 1)
}

/** What is never null leaves out no row, and everything where it has to be null. */
function present(value: unknown, chosen: Chosen | undefined, isPresent: boolean, depth: number): boolean {
  return isFilled(value, chosen, depth) ? !isPresent : namesColumn(value, chosen, false, depth)
}

function outcomes({ args, defresult }: Node): unknown[] {
  return [...Array.isArray(args) ? args.map((when: unknown) => onlyNode(when)?.[1]['result']) : [], defresult]
}

function compared(test: Node, chosen: Chosen | undefined, isDenied: boolean, depth: number): boolean {
  const { kind, name, lexpr, rexpr } = test
  const outcome = ofNumbers(test)
  if (outcome !== undefined) return outcome === isDenied
  if (sameNode(lexpr, rexpr, depth) || isOneColumn(test, chosen, depth) || equatesSelf(test, chosen)) return false
  if (choicesOf(lexpr) !== undefined && choicesOf(rexpr) === undefined && isOneColumn({ kind, lexpr: rexpr, rexpr: lexpr }, chosen, depth)) return false
  const [operator = ''] = namesOf(name).slice(-1)
  const [far, other] = onlyNode(rexpr) ?? ['', {}]
  if (far === 'A_Const' && (kind === 'AEXPR_DISTINCT' || kind === 'AEXPR_NOT_DISTINCT') && other['isnull'] === true) return present(lexpr, chosen, (kind === 'AEXPR_DISTINCT') !== isDenied, depth)
  if (chosen !== undefined && far === 'A_Const' && (kind === 'AEXPR_LIKE' || kind === 'AEXPR_ILIKE') && operator.startsWith('~') && isNode(other['sval']) && /^%+$/.test(String(other['sval']['sval'] ?? ''))) return present(lexpr, chosen, !isDenied, depth)
  if (far === 'SubLink' && kind === 'AEXPR_OP_ANY' && givesAll(other['subselect'], chosen, lexpr)) return false
  return namesColumn(test, chosen, false, depth)
}

/** Of two whole numbers: `1 = 0` is what query builders write for an empty list. undefined for anything else, whose values are not looked at. */
function ofNumbers({ kind, name, lexpr, rexpr }: Node): boolean | undefined {
  if (kind !== 'AEXPR_OP' || !isNode(lexpr) || !isNode(rexpr) || !isNode(lexpr['A_Const']) || !isNode(rexpr['A_Const'])) return undefined
  const [a, b] = [lexpr['A_Const']['ival'], rexpr['A_Const']['ival']].map((value) => isNode(value) ? value['ival'] ?? 0 : undefined)
  if (a === undefined || b === undefined) return undefined
  switch (namesOf(name).join()) {
    case '=': return a === b
    case '<>': return a !== b
    default: return undefined
  }
}

/** `x OR NOT x`, `x IS NULL OR x IS NOT NULL`, `x = 1 OR x <> 1`. */
function areOpposite(a: unknown, b: unknown, depth: number): boolean {
  const [[kind, one], [other, two]] = [onlyNode(a) ?? ['', {}], onlyNode(b) ?? ['', {}]]
  if (kind === 'BoolExpr' && one['boolop'] === 'NOT_EXPR' && Array.isArray(one['args']) && sameNode(one['args'][0], b, depth)) return true
  if (other === 'BoolExpr' && two['boolop'] === 'NOT_EXPR' && Array.isArray(two['args']) && sameNode(two['args'][0], a, depth)) return true
  if (kind !== other) return false
  if (kind === 'NullTest') return one['nulltesttype'] !== two['nulltesttype'] && sameNode(one['arg'], two['arg'], depth)
  return kind === 'A_Expr' && one['kind'] === 'AEXPR_OP' && two['kind'] === 'AEXPR_OP' && opposites.get(namesOf(one['name']).join()) === namesOf(two['name']).join()
    && sameNode(one['lexpr'], two['lexpr'], depth) && sameNode(one['rexpr'], two['rexpr'], depth)
}

/** `id IN (SELECT id FROM …)` and `EXISTS (…)` over all rows of the table itself, and EXISTS over no table at all. */
function isOfAll({ subLinkType: type, operName, subselect, testexpr }: Node, chosen: Chosen | undefined): boolean {
  if (type === 'EXISTS_SUBLINK') {
    const { fromClause: from, whereClause: where, havingClause: having, larg } = onlyNode(subselect)?.[1] ?? {}
    return [from, where, having, larg].every((part) => part === undefined) || givesAll(subselect, chosen)
  }
  return type === 'ANY_SUBLINK' && (operName === undefined || ['=', '<=', '>='].includes(namesOf(operName).join())) && givesAll(subselect, chosen, testexpr)
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

/** A column that is compared with itself, however it is spelled: `t.id = id`, `id IN (id, 5)`, `id = id::bigint`, `id = COALESCE($1, id)`. */
function isOneColumn({ kind, lexpr, rexpr }: Node, chosen: Chosen | undefined, depth: number): boolean {
  const found = new Set<string>()
  if (lexpr === undefined || !isColumns(lexpr, chosen, found, depth) || found.size !== 1) return false
  const items = kind === 'AEXPR_IN' || kind === 'AEXPR_OP_ANY' ? itemsOf(rexpr) : choicesOf(rexpr)
  if (items === undefined) return isColumns(rexpr, chosen, found, depth) && found.size === 1
  return items.some((item) => { const own = new Set(found); return isColumns(item, chosen, own, depth) && own.size === 1 })
}

function isColumns(value: unknown, chosen: Chosen | undefined, found: Set<string>, depth: number): boolean {
  if (!isNode(value) || depth > maxDepth) return false
  const { ColumnRef: column, TypeCast: cast, A_Expr: sign } = value
  if (isNode(column)) {
    const names = namesOf(column['fields'])
    found.add(names.at(-1) ?? '')
    return names.length === 1 || chosen?.own.has(names.at(-2) ?? '') === true
  }
  if (isNode(cast)) return isColumns(cast['arg'], chosen, found, depth + 1)
  if (isNode(sign)) return sign['lexpr'] === undefined && namesOf(sign['name']).join() === '+' && isColumns(sign['rexpr'], chosen, found, depth + 1)
  return itemsOf(value)?.every((item) => isColumns(item, chosen, found, depth + 1)) === true
}

/** Whichever is not null comes first: nobody can tell which. */
function choicesOf(value: unknown): readonly unknown[] | undefined {
  const { CoalesceExpr: choice } = isNode(value) ? value : {}
  return isNode(choice) && Array.isArray(choice['args']) ? choice['args'] : undefined
}

function itemsOf(value: unknown): readonly unknown[] | undefined {
  const { List: list, A_ArrayExpr: array } = isNode(value) ? value : {}
  const items = isNode(list) ? list['items'] : isNode(array) ? array['elements'] : undefined
  return Array.isArray(items) ? items : undefined
}

function namesColumn(value: unknown, chosen: Chosen | undefined, isInner: boolean, depth: number): boolean {
  if (depth > maxDepth) return false
  if (Array.isArray(value)) return value.some((item) => namesColumn(item, chosen, isInner, depth + 1))
  if (!isNode(value) || isNode(value['A_Const'])) return false
  const column = value['ColumnRef']
  if (isNode(column)) return chosen === undefined || isChosen(chosen, namesOf(column['fields']), isInner)
  return Object.entries(value).some(([name, item]) => namesColumn(item, chosen, isInner || name === 'subselect', depth + 1))
}
