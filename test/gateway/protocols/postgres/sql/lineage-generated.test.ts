// Queries made by chance from the shapes in which a column can hide; PostgreSQL runs each, and no secret may show in a column that lineage holds to be harmless.
import test from 'ava'
import { parseSync } from 'libpg-query'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { canary, schema, sensitive } from './lineage-schema.ts'
import { liveOf } from './live.ts'

const count = 600
const live = liveOf(test, schema, 'set statement_timeout = 2000')

/** mulberry32: the same queries every time. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

interface Source { readonly sql: string; readonly columns: readonly string[] }

/** Every column it names is text, so that any two can meet. */
function generate(pick: (below: number) => number): string {
  let serial = 0
  const one = <T>(list: readonly T[]): T => list[pick(list.length)] as T
  const fresh = (): string => `n${serial++}`
  const relation = (): Source => one<() => Source>([
    () => ({ sql: 'customers', columns: ['ssn', 'email', 'name'] }), () => ({ sql: 'people', columns: ['ssn', 'name', 'region'] }), () => ({ sql: 'v_alias', columns: ['code', 'contact'] }), () => ({ sql: 'v_deep', columns: ['loud', 'contact', 'note'] }), () => ({ sql: 'mv', columns: ['name', 'marked'] }),
    () => ({ sql: 'f_table()', columns: ['who', 'what'] }), () => ({ sql: 'f_set()', columns: ['ssn', 'email', 'name'] }), () => ({ sql: 'accounts', columns: ['note'] }), () => ({ sql: 'other.customers', columns: ['ssn', 'remark'] }), () => ({ sql: 'f_out(1)', columns: ['mail', 'secret'] }), () => ({ sql: 'v_union', columns: ['x'] }),
  ])()
  const expression = (columns: readonly string[], depth: number): string => {
    const column = (): string => columns.length === 0 ? "'none'" : one(columns)
    if (depth <= 0) return column()
    const next = (): string => expression(columns, depth - 1)
    return one<() => string>([column, column, () => `(${next()} || ${next()})`, () => `upper(${next()})`, () => `coalesce(${next()}, ${next()})`, () => `(case when ${next()} > 'm' then ${next()} else ${next()} end)`, () => `(${query(depth - 1, 1, columns).sql} limit 1)`, () => `(array[${next()}, ${next()}])[1]`,
      () => `(array(${query(depth - 1, 1, columns).sql} limit 2))[1]`, () => `(row(${next()}, ${next()})::pair).b`, () => `(select q.b from (select ${next()}, ${next()}) q(a, b))`, () => `f_pure(${next()})`, () => `(to_jsonb(${next()}) #>> '{}')`, () => `(select string_agg(z, ',') from unnest(array[${next()}]) z)`, () => `f_variadic(${next()}, ${next()})`])()
  }
  const item = (depth: number, outer: readonly string[]): Source => {
    const alias = fresh()
    if (depth <= 0 || pick(3) === 0) {
      const base = relation()
      const renamed = pick(4) === 0 && base.sql.endsWith('()') ? [fresh(), ...base.columns.slice(1)] : undefined
      return renamed === undefined || base.sql === 'f_set()' ? { sql: `${base.sql} ${alias}`, columns: base.columns.map((column) => `${alias}.${column}`) } : { sql: `${base.sql} ${alias}(${renamed[0]})`, columns: renamed.map((column) => `${alias}.${column}`) }
    }
    const width = 1 + pick(3)
    const names = Array.from({ length: width }, fresh)
    const isLateral = pick(2) === 0
    return { sql: `${isLateral ? 'lateral ' : ''}(${query(depth - 1, width, isLateral ? outer : []).sql}) ${alias}(${names.join(', ')})`, columns: names.map((name) => `${alias}.${name}`) }
  }
  const from = (depth: number, outer: readonly string[]): Source => {
    const first = item(depth, outer)
    if (pick(2) === 0) return first
    const second = item(depth - 1, [...outer, ...first.columns])
    const kind = one(['cross join', 'left join', 'join'])
    return { sql: `${first.sql} ${kind} ${second.sql}${kind === 'cross join' ? '' : ' on true'}`, columns: [...first.columns, ...second.columns] }
  }
  const query = (depth: number, width: number, outer: readonly string[]): Source => {
    if (depth > 0 && pick(5) === 0) return { sql: `(${query(depth - 1, width, outer).sql} limit 3) union ${pick(2) === 0 ? 'all ' : ''}(${query(depth - 1, width, outer).sql} limit 3)`, columns: [] }
    if (depth > 0 && pick(6) === 0) {
      const [name, columns] = [fresh(), Array.from({ length: width }, fresh)]
      return { sql: `with ${name}(${columns.join(', ')}) as (${query(depth - 1, width, outer).sql}) select ${columns.map((column) => `${name}.${column}`).join(', ')} from ${name}`, columns: [] }
    }
    const source = from(depth, outer)
    const visible = [...source.columns, ...outer]
    const targets = Array.from({ length: width }, () => expression(visible, Math.min(depth, 2)))
    const where = pick(3) === 0 ? ` where ${expression(visible, 0)} is not null` : ''
    return { sql: `select ${targets.join(', ')} from ${source.sql}${where}`, columns: [] }
  }
  const inner = query(3, 1 + pick(3), []).sql
  return one([inner, inner, `select to_jsonb(w) from (${inner}) w`, `select w from (${inner}) w`, `select * from (${inner}) w`, `with w as materialized (${inner}) select w.* from w`]).concat(' limit 20')
}

test('no secret shows in a column of a generated query that lineage holds to be harmless', async (t) => {
  const { client, naming } = live()
  const pick = chance(20_26)
  const misses: string[] = []
  const figures = { ran: 0, columns: 0, secrets: 0, unknown: 0 }
  for (let at = 0; at < count; at++) {
    const sql = generate(pick)
    let rows: readonly (readonly unknown[])[]
    let width: number
    try {
      const result = await client.query({ text: sql, rowMode: 'array' })
      rows = result.rows as unknown[][]
      width = result.fields.length
    } catch { continue }
    figures.ran++
    const traced = traceStatement(parseSync(sql).stmts?.[0]?.stmt, naming)
    if (traced.outputs !== undefined && traced.outputs.length !== width) misses.push(`count: ${sql}`)
    for (let column = 0; column < width; column++) {
      figures.columns++
      const lineage = traced.outputs?.[column]
      if (lineage === undefined || lineage.unknown !== undefined) {
        figures.unknown++
        continue
      }
      if (!rows.some((row) => String(row[column]).toLowerCase().includes(canary.toLowerCase()))) continue
      figures.secrets++
      const isHeld = lineage.columns.some(({ relation, attribute }) => {
        const found = naming.snapshot.relation(relation)
        return (sensitive as readonly string[]).includes(`${found?.schema}.${found?.name}.${found?.columns.find((each) => each.attribute === attribute)?.name}`)
      })
      if (!isHeld) misses.push(sql)
    }
  }
  t.log(figures)
  t.true(figures.ran > count * 0.9)
  t.deepEqual(misses, [])
})
