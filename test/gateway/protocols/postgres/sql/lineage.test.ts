// Lineage against PostgreSQL itself: what the server reports, what its planner names and what its rows show must be in what we say.
import test from 'ava'
import { parseSync } from 'libpg-query'
import type { Lineage, Snapshot } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import type { Trace } from '../../../../../gateway/protocols/postgres/sql/trace.ts'
import { queries } from './lineage-queries.ts'
import { canary, schema, sensitive } from './lineage-schema.ts'
import { askOf, liveOf } from './live.ts'

const live = liveOf(test, schema)

const trace = (sql: string): Trace => traceStatement(parseSync(sql).stmts?.[0]?.stmt, live().naming)

function nameOf(snapshot: Snapshot, relation: number, attribute: number): string {
  const found = snapshot.relation(relation)
  return `${found?.schema}.${found?.name}.${found?.columns.find((column) => column.attribute === attribute)?.name}`
}
const names = (lineage: Lineage): string[] => lineage.columns.map((column) => nameOf(live().naming.snapshot, column.relation, column.attribute))
const isSensitive = (lineage: Lineage): boolean => names(lineage).some((name) => (sensitive as readonly string[]).includes(name))

/** Ways a secret may be spelled in a cell. */
const spellings = [canary, canary.toUpperCase(), canary.toLowerCase(), [...canary].reverse().join(''), Buffer.from(canary).toString('hex'), Buffer.from(canary).toString('base64').replace(/.{2}=*$/, '')]
const shows = (cell: unknown): boolean => typeof cell === 'string' && spellings.some((each) => cell.includes(each))

test.serial('no result column that PostgreSQL fills with a secret escapes its lineage', async (t) => {
  t.true(queries.length >= 200)
  const misses: string[] = []
  let outputs = 0
  let unknown = 0
  let secrets = 0
  const vague: string[] = []
  const broad: string[] = []
  for (const sql of queries) {
    const parameters = sql.includes('$1') ? [1] : []
    const traced = trace(sql)
    await live().client.query('begin')
    try {
      const result = await live().client.query({ text: sql, values: parameters, rowMode: 'array' })
      const rows = result.rows as unknown[][]
      const lineages = traced.outputs
      if (lineages !== undefined && lineages.length !== result.fields.length) {
        misses.push(`${sql}: ${lineages.length} outputs, the server has ${result.fields.length}`)
        continue
      }
      for (const [at, field] of result.fields.entries()) {
        outputs++
        const lineage = lineages?.[at]
        const hasCanary = rows.some((row) => shows(row[at]))
        if (lineage === undefined || lineage.unknown !== undefined) {
          unknown++
          if (!hasCanary) vague.push(`${sql} [${at}] ${lineage?.unknown ?? 'no outputs'}: ${traced.unknown.join()}`)
          continue
        }
        if (field.tableID !== 0 && field.columnID > 0 && !lineage.columns.some((column) => column.relation === field.tableID && column.attribute === field.columnID)) misses.push(`${sql} [${at}]: the server reports ${nameOf(live().naming.snapshot, field.tableID, field.columnID)}, we say ${names(lineage).join()}`)
        if (hasCanary) secrets++
        else if (rows.length > 0 && isSensitive(lineage)) broad.push(`${sql} [${at}]`)
        if (hasCanary && !isSensitive(lineage)) misses.push(`${sql} [${at}]: shows a secret, we say ${names(lineage).join()}`)
      }
    } catch (error) {
      misses.push(`${sql}: ${(error as Error).message}`)
    } finally {
      await live().client.query('rollback')
    }
  }
  t.log(`${queries.length} statements, ${outputs} result columns, ${unknown} unknown, ${vague.length} of them show no secret; ${secrets} show one; ${broad.length} are held to have one and show none here`)
  for (const each of broad) t.log('broad: ' + each)
  for (const each of vague) t.log(each)
  t.deepEqual(misses, [])
})

interface Plan { readonly Output?: readonly string[]; readonly Plans?: readonly Plan[]; readonly 'Relation Name'?: string; readonly Schema?: string; readonly Alias?: string }

test.serial('no base column that the planner names in a result column is missing from its lineage', async (t) => {
  const misses: string[] = []
  let compared = 0
  for (const sql of queries) {
    if (/^(explain|show|call|table only)/.test(sql)) continue
    let plan: Plan | undefined
    try {
      const answer = await askOf(live().client)(`explain (verbose, generic_plan, costs off, format json) ${sql}`)
      plan = (JSON.parse(answer[0]?.[0] ?? '[]') as { Plan: Plan }[])[0]?.Plan
    } catch { continue }
    if (plan?.Output === undefined) continue
    const aliases = aliasesOf(plan)
    const traced = trace(sql)
    if (traced.outputs === undefined || traced.outputs.length > plan.Output.length) continue
    for (const [at, lineage] of traced.outputs.entries()) {
      if (lineage.unknown !== undefined) continue
      compared++
      const text = plan.Output[at] ?? ''
      for (const [alias, relation] of aliases) {
        for (const name of sensitive) {
          const column = name.slice(name.lastIndexOf('.') + 1)
          if (name.startsWith(`${relation}.`) && (text.includes(`${alias}.${column}`) || new RegExp(`\\b${alias}\\.\\*`).test(text)) && !isSensitive(lineage)) misses.push(`${sql} [${at}]: planned as ${text}, we say ${names(lineage).join()}`)
        }
      }
    }
  }
  t.log(`${compared} result columns compared with their plans`)
  t.deepEqual(misses, [])
})

function aliasesOf(plan: Plan, found = new Map<string, string>()): Map<string, string> {
  if (plan['Relation Name'] !== undefined && plan.Alias !== undefined) found.set(plan.Alias, `${plan.Schema}.${plan['Relation Name']}`)
  for (const each of plan.Plans ?? []) aliasesOf(each, found)
  return found
}
