// WITH: each query once, on first use; recursive ones until nothing new comes out.
import { lost, type Context } from './context.ts'
import { traceSelect } from './select.ts'
import { aliasColumns } from './names.ts'
import { childScope, type Cte, type Scope } from './scope.ts'
import { traceAny, type Output } from './statements.ts'
import { bodyAt, bodyOf, isTrueAt, listAt, stringsOf, textAt, type Body } from './tree.ts'
import { empty, merge, mergeFields, unknownValue, type Field } from './value.ts'
import { Uses } from './uses.ts'

/** Rounds of a fix-point; each adds a column somewhere, and columns are few. */
const maxRounds = 64

export function traceWith(context: Context, clause: Body | undefined, scope: Scope): void {
  if (clause === undefined) return
  const isRecursive = isTrueAt(clause, 'recursive')
  for (const node of listAt(clause, 'ctes')) {
    const body = bodyOf(node, 'CommonTableExpr')
    if (body === undefined) {
      lost(context, 'unknown_node')
      continue
    }
    // Without RECURSIVE a query sees only those before it, and its own name means a table or an outer query.
    if (!isRecursive) context.effort.spend(scope.ctes.size)
    const seen: Scope = isRecursive ? scope : { ...childScope(scope.parent ?? scope), parent: scope.parent, frame: scope.frame, ctes: new Map(scope.ctes) }
    const cte: Cte = { state: 'pending', body, scope: seen, fields: [], added: 0, isRecursive }
    scope.ctes.set(textAt(body, 'ctename') ?? '', cte)
    if (!isRecursive) resolveCte(context, cte)
  }
  if (isRecursive) for (const cte of scope.ctes.values()) resolveCte(context, cte)
}

/** Its fields; while it is being followed, those found so far. */
export function resolveCte(context: Context, cte: Cte): Cte {
  if (cte.state !== 'pending') return cte
  const query = cte.body['ctequery']
  const select = bodyOf(query, 'SelectStmt')
  const left = cte.isRecursive && select !== undefined ? bodyAt(select, 'larg') : undefined
  cte.state = 'running'
  if (left === undefined) keep(cte, traceAny(context, query, cte.scope))
  else {
    // The first branch only names the columns here; what it yields comes with the whole.
    const named = traceSelect({ ...context, uses: new Uses(context.effort) }, left, cte.scope)
    keep(cte, { fields: named.fields.map((field) => ({ name: field.name, value: empty })), ...named.open === undefined ? {} : { open: named.open } })
    for (let round = 0; ; round++) {
      const before = weigh(cte.fields)
      const output = traceAny(context, query, cte.scope)
      keep(cte, { fields: mergeFields(cte.fields.slice(0, output.fields.length), output.fields), ...output.open === undefined ? {} : { open: output.open } })
      if (weigh(cte.fields) === before) break
      if (round > maxRounds) {
        cte.fields = cte.fields.map((field) => ({ name: field.name, value: merge([field.value, lost(context, 'too_deep')]) }))
        break
      }
    }
  }
  // Where a cycle is found, rows end.
  const cycle = bodyAt(cte.body, 'cycle_clause')
  const watched = cycle === undefined ? [] : stringsOf(listAt(cycle, 'cycle_col_list'))
  for (const { name, value } of cte.fields) if (watched.includes(name)) context.uses.use(value, 'group')
  cte.state = 'done'
  return cte
}

const weigh = (fields: readonly Field[]): number => fields.reduce((sum, field) => sum + field.value.columns.size + (field.value.unknown === undefined ? 0 : 1), fields.length)

/** Names the columns, and adds those of SEARCH and CYCLE. */
function keep(cte: Cte, output: Output): void {
  const names = aliasColumns(cte.body)
  const renamed = listAt(cte.body, 'aliascolnames')
  const given = renamed.length > 0 ? stringsOf(renamed) : names
  const fields: Field[] = output.fields.map((field, at) => ({ name: given[at] ?? field.name, value: field.value }))
  cte.open = output.open ?? (given.length > output.fields.length ? unknownValue('unresolved_type') : undefined)
  const extra: Field[] = []
  const search = bodyAt(cte.body, 'search_clause')
  const cycle = bodyAt(cte.body, 'cycle_clause')
  const of = (columns: readonly unknown[]) => merge(fields.filter((field) => stringsOf(columns).includes(field.name)).map((field) => field.value))
  const add = (name: string | undefined, value: Field['value']) => { if (name !== undefined && !fields.some((field) => field.name === name)) extra.push({ name, value: { ...value, fields: undefined } }) }
  if (search !== undefined) add(textAt(search, 'search_seq_column'), of(listAt(search, 'search_col_list')))
  if (cycle !== undefined) {
    add(textAt(cycle, 'cycle_mark_column'), empty)
    add(textAt(cycle, 'cycle_path_column'), of(listAt(cycle, 'cycle_col_list')))
  }
  cte.fields = [...fields, ...extra]
  cte.added = extra.length
}
