// How columns are used beside the result, where they flow, which literal meets which column, and what is admitted to be unknown.
import test from 'ava'
import { parseSync } from 'libpg-query'
import type { BaseColumn, Lineage } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { createViewLineage } from '../../../../../gateway/protocols/postgres/sql/view-lineage.ts'
import type { Trace } from '../../../../../gateway/protocols/postgres/sql/trace.ts'
import { schema } from './lineage-schema.ts'
import { liveOf } from './live.ts'

const live = liveOf(test, schema)

const trace = (sql: string): Trace => traceStatement(parseSync(sql).stmts?.[0]?.stmt, live().naming)

function nameOf({ relation, attribute }: BaseColumn): string {
  const found = live().naming.snapshot.relation(relation)
  return `${found?.name}.${found?.columns.find((column) => column.attribute === attribute)?.name}`
}
const uses = (sql: string, column: string): string => {
  const found = trace(sql).columns.filter((each) => nameOf(each) === column)
  return found.map((each) => `${[...each.uses].sort().join('+')} ${[...each.comparisons].sort().join('+')}`.trim()).join(' | ')
}
const outputs = (traced: { outputs?: readonly Lineage[] | undefined }): string[] | undefined => traced.outputs?.map((lineage) => `${lineage.columns.map(nameOf).join()}${lineage.unknown === undefined ? '' : `?${lineage.unknown}`}`)

const predicates: readonly (readonly [string, string])[] = [
  ['select id from customers where ssn = $1', 'predicate equality'],
  ['select id from customers where ssn::text = \'x\'', 'predicate equality'],
  ['select id from customers where $1 = ssn and id > 3', 'predicate equality'],
  ['select id from customers where ssn in (\'a\', $1)', 'predicate equality'],
  ['select id from customers where ssn = any(array[$1::text, \'b\'])', 'predicate equality'],
  // An array, a subquery, a function that gives rows: a range of guesses. A cast that cuts: a letter of it.
  ['select id from customers where ssn = any($1)', 'predicate other'],
  ['select id from customers where ssn = any(\'{a,b}\')', 'predicate other'],
  // An array of arrays; and what gives another guess for each row that is looked at.
  ['select id from customers where ssn = any(array[$1])', 'predicate other'],
  ['select id from customers where ssn = any(array[array[\'a\', \'b\']])', 'predicate other'],
  ['select id from customers where ssn = any(array[\'{a,b}\'::text[]])', 'predicate other'],
  ['select id from customers where ssn = any(array[string_to_array(\'a,b\', \',\')])', 'predicate other'],
  ['select customers.id from customers, generate_series(1, 9) where ssn = random()::text', 'predicate other'],
  ['select id from customers where ssn = upper(\'a\')', 'predicate equality'],
  ['select id from customers join (values (\'a\')) v(ssn) using (ssn)', 'join+predicate equality+other'],
  ['select id from customers where ssn::char(1) = \'a\'', 'predicate other'],
  ['select id from customers where ssn::"char" = \'a\'', 'predicate other'],
  [`select id from customers where ssn in (${Array.from({ length: 20 }, (_, i) => `'${i}'`).join()})`, 'predicate equality'],
  [`select id from customers where ssn in (${Array.from({ length: 21 }, (_, i) => `'${i}'`).join()})`, 'predicate equality+other'],
  [`select id from customers where ${Array.from({ length: 21 }, (_, i) => `ssn = '${i}'`).join(' or ')}`, 'predicate equality+other'],
  ['select id from customers where (ssn, id) = (\'a\', 1)', 'predicate equality'],
  [`select id from customers where (ssn, id) in (${Array.from({ length: 20 }, (_, i) => `('${i}', 1)`).join()})`, 'predicate equality'],
  [`select id from customers where (ssn, id) in (${Array.from({ length: 21 }, (_, i) => `('${i}', 1)`).join()})`, 'predicate equality+other'],
  ['select id from customers where not (ssn = \'a\' or id = 2)', 'predicate equality'],
  ['select id from customers where ssn in (select \'a\')', 'predicate other'],
  ['select id from customers where ssn <> \'a\'', 'predicate other'],
  ['select id from customers where ssn like \'1%\'', 'predicate other'],
  ['select id from customers where ssn between \'a\' and \'b\'', 'predicate other'],
  ['select id from customers where upper(ssn) = \'A\'', 'predicate other'],
  ['select id from customers where ssn is null', 'predicate other'],
  ['select id from customers where ssn = email', 'predicate other'],
  ['select id from customers where starts_with(ssn, \'1\')', 'predicate other'],
  ['select 1 where exists (select 1 from customers where ssn ~ \'1\')', 'predicate other'],
  ['select id from v_alias where code = \'x\'', 'predicate equality'],
  ['select id from accounts a where f_row((select c from customers c limit 1)) > \'a\'', 'predicate other'],
  ['select c.id from customers c join accounts a on a.note = c.ssn', 'join equality'],
  ['select c.id from customers c join (values (\'guess\')) g(x) on c.ssn = g.x', 'predicate other'],
  ['select c.id from customers c join other.customers o using (ssn)', 'join equality | join equality'],
  ['select id from customers order by ssn', 'order'],
  ['select email from customers group by email, ssn', 'group'],
  ['select max(id) from customers having min(ssn) > \'a\'', 'predicate other'],
  ['select row_number() over (partition by ssn) from customers', 'order'],
  ['select distinct on (ssn) id from customers', 'group'],
  ['select id from customers where id in (select 1 intersect select id from customers where ssn = \'x\')', 'predicate equality'],
  ['select case when ssn = \'a\' then 1 end from customers', 'output+predicate equality'],
  ['select count(*) filter (where ssn < \'b\') from customers', 'output+predicate other'],
  ['select ssn from customers', 'output'],
  ['select count(*) from (select ssn from customers) q', ''],
  ['delete from customers where ssn = \'x\'', 'predicate equality'],
  ['update customers set name = \'x\' where ssn > \'b\'', 'predicate other'],
  ['update customers set ssn = \'x\'', 'write-target'],
  ['insert into customers (id, ssn) values (1, \'x\')', 'write-target'],
  ['copy customers (ssn) from stdin', 'write-target'],
  ['update customers set email = ssn', 'write-source'],
  ['merge into accounts a using customers c on a.note = c.ssn when matched then delete', 'join equality'],
  ['merge into accounts a using customers c on a.id = c.id when matched and c.ssn like \'1%\' then delete', 'predicate other'],
  ['select f_ssn(1)', 'output'],
]

test('each way to use a sensitive column has its name, and equality with a given value is told from searching', (t) => {
  for (const [sql, expected] of predicates) t.is(uses(sql, 'customers.ssn'), expected, sql)
})

const flows: readonly (readonly [string, readonly string[]])[] = [
  ['update customers set email = ssn', ['customers.ssn > public.customers.email']],
  ['update customers set ssn = upper(ssn)', []],
  ['insert into accounts (id, note) select id, ssn from customers', ['customers.ssn > public.accounts.note']],
  ['insert into accounts (id, note) values (1, (select ssn from customers limit 1))', ['customers.ssn > public.accounts.note']],
  ['with x as (select ssn from customers) update accounts set note = x.ssn from x', ['customers.ssn > public.accounts.note']],
  ['merge into accounts a using customers c on a.id = c.id when matched then update set note = c.ssn', ['customers.ssn > public.accounts.note']],
  ['insert into customers (id, ssn) values (1, \'x\') on conflict (id) do update set name = customers.ssn', ['customers.ssn > public.customers.name']],
  ['create table stolen as select ssn from customers', ['customers.ssn > relation']],
  ['select ssn into stolen from customers', ['customers.ssn > relation']],
  ['create materialized view m as select ssn from customers', ['customers.ssn > relation']],
  ['alter table customers alter column email type text using ssn', ['customers.ssn > public.customers.email']],
  ['alter table customers add column g text generated always as (upper(ssn)) stored', ['customers.ssn > public.customers.g']],
  ['copy (select ssn from customers) to \'/tmp/x\'', ['customers.ssn > file']],
  ['copy customers (ssn) to program \'cat\'', ['customers.ssn > program']],
  ['select pg_notify(\'c\', ssn) from customers', ['customers.ssn > notify']],
  ['select set_config(\'a.b\', ssn, false) from customers', ['customers.ssn > set_config']],
  ['select lo_from_bytea(0, ssn::bytea) from customers', ['customers.ssn > large_object']],
  ['select query_to_xml(ssn, true, true, \'\') from customers', ['customers.ssn > dynamic_sql']],
  ['select pg_advisory_lock(length(ssn)) from customers', ['customers.ssn > advisory_lock']],
  ['select f_launder(ssn) from customers', ['customers.ssn > public.accounts.note']],
  ['do $$declare x text; begin select ssn into x from customers; insert into accounts (id, note) values (1, x); end$$', ['customers.ssn > public.accounts.note']],
]

test('a sensitive column that is written anywhere but the result is a flow', (t) => {
  for (const [sql, expected] of flows) t.deepEqual(trace(sql).flows.filter((flow) => nameOf(flow.from) === 'customers.ssn').map((flow) => `${nameOf(flow.from)} > ${flow.into}`), expected, sql)
})

test('literals and parameters are attributed to the columns they are compared with or written into', (t) => {
  const literal = (sql: string, text: string): string => trace(sql).literalColumns.get(sql.indexOf(text))?.map(nameOf).join() ?? 'none'
  for (const [sql, expected] of [
    ['select 1 from customers where ssn = \'L\'', 'customers.ssn'], ['select 1 from customers where \'L\'::text <> ssn', 'customers.ssn'], ['select 1 from customers where ssn like \'L\'', 'customers.ssn'],
    ['select 1 from customers where ssn in (\'a\', \'L\')', 'customers.ssn'], ['select 1 from customers where ssn between \'L\' and \'z\'', 'customers.ssn'], ['select 1 from customers where ssn = any(array[\'L\'])', 'customers.ssn'],
    ['select 1 from customers where (id, ssn) = (1, \'L\')', 'customers.ssn'], ['select 1 from customers where (id, ssn) in ((1, \'L\'))', 'customers.ssn'], ['select 1 from customers where starts_with(ssn, \'L\')', 'customers.ssn'],
    ['with g(x) as (values (\'L\')) select 1 from customers, g where ssn = x', 'customers.ssn'], ['select 1 from customers where ssn in (select \'L\')', 'customers.ssn'], ['select 1 from customers where ssn = lower(\'L\')', 'customers.ssn'],
    ['insert into customers values (1, \'L\', \'e\')', 'customers.ssn'], ['insert into customers (email, ssn) values (\'e\', \'L\'), (\'f\', \'M\')', 'customers.ssn'], ['insert into customers (email, ssn) select \'e\', \'L\'', 'customers.ssn'],
    ['update customers set email = \'e\', ssn = \'L\'', 'customers.ssn'], ['update customers set (email, ssn) = (\'e\', \'L\')', 'customers.ssn'], ['select case ssn when \'L\' then 1 end from customers', 'customers.ssn'],
    ['select nullif(ssn, \'L\') from customers', 'customers.ssn'], ['select 1 from customers c join (values (\'L\')) v(x) on v.x = c.ssn', 'customers.ssn'], ['select ssn from customers except select \'L\'', 'customers.ssn'],
    ['merge into customers c using (select 1 as id) s on c.id = s.id when matched then update set ssn = \'L\'', 'customers.ssn'], ['select 1 from customers where profile->>\'k\' = \'L\'', 'customers.profile'],
    ['select \'L\'', 'none'], ['select 1 from customers where f_dynamic(\'x\') = \'L\'', 'none'], ['select f_ssn(1), \'L\' from customers where id = 1', 'none'],
  ] as const) t.is(literal(sql, "'L'"), expected, sql)
  const parameters = trace('update customers set ssn = $2::text, email = lower($3) where id = $1 and name like $4 || \'%\' and ssn = any($5)').parameterColumns
  t.deepEqual([...parameters].sort(([a], [b]) => a - b).map(([number, columns]) => `${number}:${columns.map(nameOf).join()}`), ['1:customers.id', '2:customers.ssn', '3:customers.email', '4:customers.name', '5:customers.ssn'])
})

test('what cannot be told is called unknown, with its reason', (t) => {
  for (const [sql, reason] of [
    ['select * from nowhere', 'unresolved_relation'], ['select nothing from customers', 'unresolved_column'], ['select nowhere.f(1)', 'unresolved_routine'], ['select f_dynamic(\'x\')', 'dynamic_sql'], ['select query_to_xml(\'x\', true, true, \'\')', 'opaque_routine'],
    ['select pg_read_file(\'x\')', 'opaque_routine'], ['select lo_get(1)', 'opaque_routine'], ['select last_of(ssn) from customers', 'opaque_routine'], ['select * from pg_toast.pg_toast_1', 'system_sensitive'], ['select * from pg_authid', 'system_sensitive'],
    ['select f_fetch(\'c\')', 'unparsed_routine'], ['select f_opened()', 'unknown_cursor'], ['fetch all from c', 'unknown_cursor'], ['execute p', 'unknown_statement'], ['do $$begin execute \'x\' || \'y\'; end$$', 'dynamic_sql'], ['do language plperl $$x$$', 'opaque_routine'], ['explain verbose select f_ssn(1)', 'explain'],
  ] as const) {
    const traced = trace(sql)
    t.true((traced.unknown as readonly string[]).includes(reason), `${sql}: ${traced.unknown.join()}`)
    if (!sql.startsWith('do')) t.true(traced.outputs === undefined || traced.outputs.some((lineage) => lineage.unknown !== undefined), sql)
  }
})

test('a cursor and a prepared statement keep what their queries give, and a COPY gives it', (t) => {
  const declared = trace('declare c cursor for select ssn, id from customers')
  t.deepEqual(outputs(declared), [])
  t.deepEqual(outputs({ outputs: declared.held }), ['customers.ssn', 'customers.id'])
  t.deepEqual(outputs({ outputs: trace('prepare p(int) as select upper(ssn) from customers where id = $1').held }), ['customers.ssn'])
  t.deepEqual(outputs(trace('copy (select ssn, 1 from customers) to stdout')), ['customers.ssn', ''])
  t.deepEqual(outputs(trace('copy customers (email, ssn) to stdout')), ['customers.email', 'customers.ssn'])
})

test('a partition and an inheriting table count as their parents too', (t) => {
  t.deepEqual(outputs(trace('select ssn from people_eu')), ['people_eu.ssn,people.ssn'])
  t.deepEqual(outputs(trace('select name from dogs')), ['dogs.name,animals.name'])
})

test('a view column reported by the server is what its definition makes of base columns', (t) => {
  const lineage = createViewLineage(live().naming)
  const of = (name: string): string[] => {
    const view = live().naming.snapshot.findRelation('public', name, [])
    return view?.columns.map((column) => lineage(view, column.attribute)?.columns.map(nameOf).sort().join() ?? 'unknown') ?? []
  }
  t.deepEqual(of('v_deep'), ['customers.ssn,v_alias.code,v_deep.loud', 'customers.email,v_alias.contact,v_deep.contact', 'accounts.note,v_deep.note'])
  t.deepEqual(of('v_union'), ['customers.email,customers.ssn,v_union.x'])
  t.deepEqual(of('mv'), ['customers.name,mv.name', 'customers.ssn,mv.marked'])
})

test('statements made to exhaust the tracer end, and are unknown', (t) => {
  const hostile = [
    `select ${'('.repeat(0)}${Array.from({ length: 3_000 }, () => 'ssn').join(' || ')} from customers`,
    `select ${'upper('.repeat(1_000)}ssn${')'.repeat(1_000)} from customers`,
    `with ${Array.from({ length: 24 }, (_, at) => `c${at} as (select * from ${at === 0 ? 'customers' : `c${at - 1} a, c${at - 1} b`})`).join(', ')} select * from c23`,
    `select ${'case when ssn = \'a\' then '.repeat(400)}1${' end'.repeat(400)} from customers`,
    `${'select * from ('.repeat(700)}select ssn from customers${') q'.repeat(700)}`,
  ]
  for (const sql of hostile) {
    let traced: Trace
    try {
      traced = trace(sql)
    } catch (error) {
      t.true(error instanceof RangeError)
      continue
    }
    t.true(traced.unknown.includes('too_deep') || traced.unknown.includes('too_large') || outputs(traced)?.every((each) => each.includes('customers.ssn')) === true, `${sql.slice(0, 60)}: ${traced.unknown.join()}`)
    if (traced.unknown.includes('too_deep') || traced.unknown.includes('too_large')) t.is(traced.outputs, undefined)
  }
})

test('a long list of rows is followed in one pass', (t) => {
  const traced = trace(`insert into customers (id, ssn) values ${Array.from({ length: 20_000 }, (_, at) => `(${at}, 'x${at}')`).join()}`)
  t.deepEqual(traced.unknown, [])
  t.is(traced.literalColumns.size, 40_000)
})
