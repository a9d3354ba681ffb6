// Names that one reader of SQL finds here and another there, values that are written as parts of themselves, numbers that grow with a value (rows of a document,
// kilobytes of a plan), and what is run or not as a value decides.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

/** The right first letter against a wrong one. */
const guess = (sql: (letter: string) => string) => ({ ssn }: Canary) => [{ oracle: [sql(ssn[0] ?? 'A'), sql(ssn.startsWith('Q') ? 'W' : 'Q')] as const }]
/** Two rows whose values differ. */
const size = (sql: (id: number) => string) => [{ oracle: [sql(1), sql(2)] as const }]
/** One of two sequences goes on. */
const decides = (name: string, sql: (letter: string, sequence: string) => string) => leak(name, ({ ssn }) => [sql(ssn[0] ?? 'A', 's'), sql('#', 'z'), { oracle: ['select is_called from s', 'select is_called from z'] }], { setup: ['set role app', 'create sequence s', 'create sequence z', 'reset role'] })
const plan = 'costs off, timing off, summary off, buffers off'
const sampled = (code: number) => `select count(*) from (select abs(ascii(ssn) - ${code}) * 100 as k from customers where id = 1) c where exists (select from (values (0)) s(k), orders tablesample bernoulli(k))`
const letters = (letter: string) => `(select left(ssn, 1) x from customers where id = 1 union all select '${letter}')`

export const misread = [
  leak('a subquery’s column gets its name from behind a star, and an outer column has that name as well', ["select (select ssn from (select (select * from (select ssn from customers where id = 1) q)) t) as x from (select 'z' as ssn) o"]),
  leak('a subquery’s column gets its name from behind a star in a CTE', ["with t as (select (select q.* from (select ssn as v from customers where id = 1) q)) select (select v from t) as x from (select 'z' as v) o"]),
  leak('a cast in FROM gets its name from behind a star', ["select (select v from cast((select * from (select ssn as v from customers where id = 1) q) as text)) as x from (select 'z' as v) o"]),
  leak('the condition of a join means an outer column, and a table beside the join has one of that name', guess((letter) => `select count(*) from customers c where c.id = 1 and exists (select from (values ('zzz')) s(ssn), orders a join orders b on ssn like '${letter}%')`)),
  leak('GROUP BY means an output, and an outer query has a column of that name', guess((letter) => `select id, (select count(*) from (select x as item from ${letters(letter)} t group by item) u) from orders`)),
  leak('GROUP BY means an output, and a table beside it has that name', guess((letter) => `select count(*) from (select left(x, 1) as o from ${letters(letter)} t, (select 1 as one) o group by o) u`)),
  leak('a whole row is written into the only column of a list', ["insert into scratch(id, note) values (5, 'a')", 'update scratch set (note) = (select c from customers c where c.id = 1) where id = 5 returning note', 'select note from scratch']),
  leak('a part of the value takes its place, and is asked for by =', guess((letter) => `begin; update customers set ssn = left(ssn, 1) where id = 1; select count(*) from customers where ssn = '${letter}'; rollback`)),
  leak('a part of the value is inserted as a row of its own, and is asked for by =', guess((letter) => `begin; insert into customers(id, name, ssn) select 9, 'x', left(ssn, 1) from customers where id = 1; select count(*) from customers where ssn = '${letter}'; rollback`)),
  leak('a column takes a part of itself for its new type', guess((letter) => `begin; alter table customers alter ssn type text using id || left(ssn, 1); select count(*) from customers where ssn = '1${letter}'; rollback`)),
  leak('a recursive query’s SEARCH column is no part of a star further in', ["with recursive r(a) as (select 1 union all select a + 1 from r where a < 2) search depth first by a set ord cycle a set m using p select x.c2 from (select r.*, c.ssn || '' from r, customers c where c.id = 1) x(c1, c2)"]),
  leak('a view has no system columns, and an outer column has the name of one', ["select (select cmin from pg_tables limit 1) x from (select ssn || '' as cmin from customers where id = 1) o"]),
  leak('an alias gives the columns other names, and a row of them keeps its own', ["select (x).ssn || '' as q from (select c as x from customers as c(id, ssn, name) where c.id = 1) s", "with s as (select c as x from customers as c(id, ssn, name) where c.id = 1) select (x).ssn as q from s", "select y.b from (select (x).* from (select c as x from customers as c(id, ssn, name) where c.id = 1) s) y(a, b, z)"]),
  leak('an alias gives the columns of a function other names, and a row of them keeps its own', ["select (x).ssn as q from (select c as x from f() as c(id, ssn, name)) s"], { setup: ['set role app', "create function f() returns setof customers language sql stable as 'select * from customers where id = 1'", 'reset role'] }),
  leak('a sample’s size means an outer column, and a table beside it has one of that name', ({ ssn }) => [{ oracle: [sampled(ssn.charCodeAt(0)), sampled(ssn.charCodeAt(0) + 1)] }]),
  leak('a parameter says which columns a function gives, and an outer column has one of the names', ["prepare p(orders) as select (select item from jsonb_populate_record($1, (select jsonb_build_object('item', ssn) from customers where id = 1))) as x from (select 'z' as item) o", 'execute p(null)']),
  leak('a parameter is an array of rows, and moves the columns beside it', ["prepare p(orders[]) as select (select e from (select u.*, c.ssn || '' from unnest($1) u, customers c where c.id = 1) x(a, b, c, d, e)) from (select 'q' as e) o", "execute p(array[row(1, 1, 'a', 'b')::orders])"]),
  leak('a range of rows says which columns a function gives, and an outer column has one of the names', ["select (select item from jsonb_populate_record(lower('empty'::row_range), (select jsonb_build_object('item', ssn) from customers where id = 1))) as x from (select 'z' as item) o"], { setup: ['set role app', 'create type row_range as range (subtype = orders)', 'reset role'] }),
  leak('a star in an expression means a table, and a column has its name', ["select to_json(c.*) as q from customers c, (select 'z' as c) o where c.id = 1", "select (select to_json(c.*)) as q, c.*::text from customers c, (select 'z' as c) o where c.id = 1"]),
  leak('a star behind a schema means a table, and an alias has the schema’s name', ["select to_json(public.customers.*) as q from customers, (select 'z' as customers) public where id = 1"]),
  leak('a table is stored in the order of the column, and a guess among its rows', [{ oracle: ['begin; cluster customers using customers_pkey; select id from customers limit 1; rollback', 'begin; cluster customers using customers_ssn_key; select id from customers limit 1; rollback'] }], { setup: ['set role app', "insert into customers(id, name, ssn) values (60, 'x', '00000')", 'reset role'] }),
  leak('a JSON path gives a row or none', guess((letter) => `select count(*) from customers c, json_table(to_jsonb(c.ssn), '$ ? (@ starts with "${letter}")' columns (x text path '$')) t where c.id = 1`)),
  leak('a path in XML gives a row or none', guess((letter) => `select count(*) from customers c, xmltable('/a[starts-with(., "${letter}")]' passing xmlelement(name a, c.ssn) columns x text path '.') t where c.id = 1`)),
  leak('a plan that was run tells how many bytes its result had', size((id) => `explain (analyze, serialize text, ${plan}) select repeat('x', 1024 * ascii(ssn)) from customers where id = ${id}`)),
  leak('a plan that was run tells how many bytes a CTE had', size((id) => `explain (analyze, ${plan}) with x as materialized (select repeat('x', 1024 * ascii(ssn)) v from customers where id = ${id}) select count(*) from x`)),
  leak('a plan of a prepared statement that was run tells how many bytes a CTE had', ["prepare p(int) as with x as materialized (select repeat('x', 1024 * ascii(ssn)) v from customers where id = $1) select count(*) from x", ...size((id) => `explain (analyze, ${plan}) execute p(${id})`)]),
  decides('COALESCE goes on to a sequence', (letter, sequence) => `select coalesce(nullif(left(ssn, 1), '${letter}'), nextval('${sequence}')::text) from customers where id = 1`),
  decides('AND goes on to a sequence', (letter, sequence) => `select left(ssn, 1) = '${letter}' and nextval('${sequence}') > 0 from customers where id = 1`),
  decides('a comparison of rows goes on to a sequence', (letter, sequence) => `select (left(ssn, 1), 1::bigint) = ('${letter}', nextval('${sequence}')) from customers where id = 1`),
  decides('a comparison with every row of a subquery goes on to a sequence', (letter, sequence) => `select left(ssn, 1) = all (select '${letter}' union all select nextval('${sequence}')::text) from customers where id = 1`),
  decides('the default of a JSON path is a sequence', (letter, sequence) => `select json_value(to_jsonb(ssn), '$ ? (!(@ starts with "${letter}"))' returning int default nextval('${sequence}')::int on empty) from customers where id = 1`),
  leak('COALESCE goes on to a table, and the server counts how often it was read', ({ ssn }) => [
    ...[[ssn[0] ?? 'A', 'one'], ['#', 'other']].map(([letter, table]) => `select coalesce(nullif(left(ssn, 1), '${letter}'), (select max(note) from ${table})) from customers where id = 1`), { waitMs: 1_500 }, 'select 1',
    { oracle: ["select seq_scan > 0 from pg_stat_user_tables where relname = 'one'", "select seq_scan > 0 from pg_stat_user_tables where relname = 'other'"] },
  ], { setup: ['create table one (note text)', 'create table other (note text)', 'alter table one owner to app', 'alter table other owner to app'] }),
]
