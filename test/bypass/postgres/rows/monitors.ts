// What the system shows of others' statements, of columns' values and of secrets: views that monitors may read but for some of their columns.
import { leak, type Canary, type Step } from '../row.ts'

/** Somebody else of the same role says the value in a statement, and stays. */
const beside = (...attack: readonly Step[]) => ({ ssn }: Canary): readonly Step[] => [{ elsewhere: `select '${ssn}'`, as: 'app' }, ...attack]
/** Two texts that ask whether the statement holds it. */
const asked = (first: (found: string) => string) => ({ ssn }: Canary): readonly Step[] => [{ elsewhere: `select '${ssn}'`, as: 'app' }, { oracle: [first(ssn), first('nobody’s')] }]
const others = 'from pg_stat_activity where pid <> pg_backend_pid()'
/** So that the statement that asks is not what it finds. */
const split = (text: string) => `'${text.slice(0, 5)}' || '${text.slice(5)}'`

const statements = [
  leak('another session’s statement', beside(`select query ${others}`)),
  leak('every column of the sessions', beside('select * from pg_stat_activity')),
  leak('the sessions by a qualified name and a row', beside(`select a from pg_catalog.pg_stat_activity a`, `select a::text from pg_stat_activity a`, 'select (a).query from pg_stat_activity a')),
  leak('the sessions as JSON', beside('select to_jsonb(a) from pg_stat_activity a', 'select json_agg(a) from pg_stat_activity a', `select jsonb_build_object('q', query) ${others}`)),
  leak('parts of a statement', beside(`select left(query, 40), substr(query, 8), split_part(query, '''', 2), reverse(query), upper(query) ${others}`)),
  leak('a statement as bytes and as an array', beside(`select convert_to(query, 'utf8'), string_to_array(query, '''') ${others}`)),
  leak('all statements together', beside(`select string_agg(query, ' '), array_agg(query), max(query) ${others}`)),
  leak('a statement through subqueries and set operations', beside(`with a as (select query as state ${others}) select state from a`, `select (select string_agg(query, ',') ${others})`, `select state ${others} union all select query ${others}`)),
  leak('a statement under another column’s name', beside(`select query as state from pg_stat_activity`, 'select s.state from pg_stat_activity as s(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, state)')),
  leak('a statement in binary', beside({ sql: `select query ${others}`, isBinary: true }, { sql: 'select * from pg_stat_activity', isBinary: true })),
  leak('a statement through a cursor and a prepared statement', beside('begin', `declare c cursor for select query ${others}`, 'fetch all from c', 'commit', `prepare p as select query ${others}`, 'execute p')),
  leak('a statement by COPY', beside(`copy (select query ${others}) to stdout`)),
  leak('a view over the sessions', beside('select q from acts'), { setup: ['set role app', 'create view acts as select query as q, pid from pg_stat_activity', 'reset role'] }),
  leak('a function over the sessions', beside('select acts()'), { setup: ['set role app', "create function acts() returns setof text language sql stable as 'select query from pg_stat_activity'", 'reset role'] }),
  leak('the functions behind the view', beside('select query from pg_stat_get_activity(null)', 'select pg_stat_get_backend_activity(i) from pg_stat_get_backend_idset() i')),
  leak('a statement is kept in a table', beside(`insert into scratch (note) select query ${others}`, 'select note from scratch')),
  leak('a statement is told to listeners', beside('listen heard', `select pg_notify('heard', query) ${others} and query like 'select%'`, { waitMs: 200 }), {}),
  leak('a search among the statements', asked((text) => `select count(*) ${others} and query like '%' || ${split(text)} || '%'`)),
  leak('a search by its value', asked((text) => `select count(*) ${others} and query = 'select ''' || ${split(text)} || ''''`)),
  leak('a search in a join', asked((text) => `select count(*) from pg_stat_activity a join (values ('select ''' || ${split(text)} || '''')) v(query) using (query)`)),
  leak('a search in the order', asked((text) => `select query = 'select ''' || ${split(text)} || '''' from pg_stat_activity where usename = 'app' and pid <> pg_backend_pid() order by query = 'select ''' || ${split(text)} || ''''`)),
  leak('a search in the whole row', asked((text) => `select count(*) from pg_stat_activity a where pid <> pg_backend_pid() and a::text like '%' || ${split(text)} || '%'`)),
  leak('a search in a CASE', asked((text) => `select count(case when query ~ (${split(text)}) then 1 end) ${others}`)),
]

const statistics = [
  leak('the most common values of a column', ["select most_common_vals::text, histogram_bounds::text from pg_stats where tablename = 'customers'"], { setup: ['analyze customers'] }),
  leak('all that is known of a column', ["select * from pg_stats where tablename = 'customers'", "select to_json(s) from pg_stats s where tablename = 'customers'"], { setup: ['analyze customers'] }),
  leak('a value among the most common', ({ ssn }) => [{ oracle: [`select count(*) from pg_stats where tablename = 'customers' and histogram_bounds::text like '%${ssn}%'`, "select count(*) from pg_stats where tablename = 'customers' and histogram_bounds::text like '%nobody’s%'"] }], { setup: ['analyze customers'] }),
  leak('how many values a column has', [{ oracle: ["select count(*) from pg_stats where tablename = 'customers' and attname = 'ssn' and avg_width = 17", "select count(*) from pg_stats where tablename = 'customers' and attname = 'ssn' and avg_width = 18"] }], { setup: ["delete from orders where customer_id = 2", 'delete from customers where id = 2', 'analyze customers'] }),
  leak('values of columns together', ["select most_common_vals::text from pg_stats_ext where tablename = 'customers'"], { setup: ["insert into customers (id, name, ssn) select g, 'x', ssn || g from customers, generate_series(10, 60) g where id = 1", "update customers set email = '{email}' where id > 9", 'create statistics public.s (mcv) on name, email from customers', 'analyze customers'] }),
]

const secrets = [
  leak('options of a foreign server', ['select srvoptions from pg_foreign_server', 'select * from pg_foreign_server', 'select array_to_string(srvoptions, $$,$$), srvoptions[1], unnest(srvoptions) from pg_foreign_server'], { setup: ['create extension postgres_fdw', "create server s foreign data wrapper postgres_fdw options (host '{ssn}')"] }),
  leak('options of a foreign server, one by one', ['select option_name, option_value from pg_foreign_server, pg_options_to_table(srvoptions)', 'select (pg_options_to_table(srvoptions)).* from pg_foreign_server', 'select pg_options_to_table(srvoptions) from pg_foreign_server', 'select o.* from pg_foreign_server, lateral pg_options_to_table(srvoptions) o', "select o.option_name from pg_foreign_server, lateral pg_options_to_table(srvoptions) o(x, option_name)"], { setup: ['create extension postgres_fdw', "create server s foreign data wrapper postgres_fdw options (host '{ssn}')"] }),
  leak('options of a foreign server by the standard’s views', ['select * from information_schema.foreign_server_options', 'select option_value from information_schema.foreign_server_options'], { setup: ['create extension postgres_fdw', "create server s foreign data wrapper postgres_fdw options (host '{ssn}')", 'grant usage on foreign server s to app'] }),
  leak('an option of a foreign server is guessed', ({ ssn }) => ['option_value', 'srvoptions[1]'].map((what) => ({ oracle: [`select count(*) from pg_foreign_server, pg_options_to_table(srvoptions) where ${what} in ('${ssn}', 'host=${ssn}')`, `select count(*) from pg_foreign_server, pg_options_to_table(srvoptions) where ${what} in ('nobody’s')`] as const })), { setup: ['create extension postgres_fdw', "create server s foreign data wrapper postgres_fdw options (host '{ssn}')"] }),
  leak('the password of a user mapping', ['select umoptions from pg_user_mappings', 'select * from pg_user_mappings', 'select * from information_schema.user_mapping_options'], { setup: ['create extension postgres_fdw', "create server s foreign data wrapper postgres_fdw", "create user mapping for app server s options (user 'u', password '{ssn}')", 'grant usage on foreign server s to app'] }),
  leak('what a column held before it was there is searched', ({ ssn }) => [{ oracle: [`select count(*) from pg_attribute where attmissingval::text like '%${ssn}%'`, "select count(*) from pg_attribute where attmissingval::text like '%nobody’s%'"] }], { setup: ["create function d() returns text language sql stable as 'select ssn from public.customers where id = 1'", 'alter table scratch add column x text default d()'] }),
  leak('what a column held before it was there, through a cursor', ['begin', "declare c cursor for select attmissingval::text from pg_attribute where attrelid = 'scratch'::regclass and attname = 'x'", 'fetch all from c', 'commit', "prepare p as select attmissingval from pg_attribute where attrelid = 'scratch'::regclass and attname = 'x'", 'execute p'], { setup: ["create function d() returns text language sql stable as 'select ssn from public.customers where id = 1'", 'alter table scratch add column x text default d()'] }),
  leak('another’s prepared text and cursor', ['select keep()', 'select statement from pg_prepared_statements', 'select * from pg_prepared_statements', 'select statement from pg_cursors', 'select * from pg_cursors'], { setup: ['set role app', "create function keep() returns int language plpgsql as $f$ begin execute format('prepare kept as select %L::text', (select ssn from public.customers where id = 1)); execute format('declare open cursor with hold for select %L::text', (select ssn from public.customers where id = 1)); return 1; end $f$", 'reset role'] }),
]

export const monitors = [...statements, ...statistics, ...secrets]
