// Names that the server finds at one level of a query and a careless reader at another: what stands in FROM has other columns than it seems to, or none.
import { leak } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
/** Read as the subquery's own, the name is harmless; to the server it is the outer query's. */
const outer = (name: string) => `from (select ssn || '' as ${name} from customers where id = 1) o`
const further = (name: string, subquery: string) => `select (${subquery}) as x ${outer(name)}`
/** The other way round: to the server the name is the subquery's own. */
const nearer = (name: string, subquery: string) => `select (${subquery}) as x from (select 'z' as ${name}) o`
const ofParameter = (name: string, subquery: string) => [`prepare p(orders[]) as ${further(name, subquery)}`, "execute p(array[row(1, 1, 'a', 'b')::orders])"]
const row = "row(1, 1, c.ssn || '', '')::orders"

export const scopes = [
  leak('a join has no system columns, and an outer column has the name of one', [further('ctid', 'select ctid from orders a join orders b on a.id = b.id limit 1')]),
  leak('an OUT column without a name is called what its function is', [further('column1', 'select column1 from g()')], { setup: owned("create function g(out text) language sql as 'select ''x''::text'") }),
  leak('OUT columns without names are counted behind the arguments', [nearer('column1', 'select column1 from g(1)')], { setup: owned("create function g(int, out text, out text) language sql as 'select ssn, name from customers where id = $1'") }),
  leak('the only OUT column is a row, and so its columns are', [nearer('ssn', 'select ssn from f()')], { setup: owned("create function f(out r customers) language sql stable as 'select c from customers c where id = 1'") }),
  leak('an array of rows that a built-in gives is one column', [further('note', 'select note from array_append(null::scratch[], null::scratch) as q')]),
  leak('an array of rows that a function gives is one column', [further('item', 'select item from f() as q')], { setup: owned("create function f() returns orders[] language sql stable as 'select array_agg(o) from orders o'") }),
  leak('a record’s column is said to be an array of rows, and unnest takes them apart', [further('u', `select u from json_to_record('{"x":[{"id":1}]}') as r(x orders[]), unnest(r.x) u`)]),
  leak('a JSON table’s column is an array of rows, and unnest takes them apart', [further('u', `select u from json_table(jsonb '{"x":[{"id":1}]}', '$' columns (x orders[] path '$.x')) as r, unnest(r.x) u`)]),
  leak('an XML table’s column is an array of rows, and unnest takes them apart', [further('u', `select u from xmltable('/a' passing '<a><x>{"(1,1,a,b)"}</x></a>' columns x orders[] path 'x') as r, unnest(r.x) u`)]),
  leak('a parameter is an array of rows, and unnest is no column', ofParameter('unnest', 'select unnest from unnest($1)')),
  leak('a parameter is an array of rows, and its alias is no column', ofParameter('u', 'select u from unnest($1) u')),
  leak('a parameter is an array of rows, and its alias is no column of a join', ofParameter('u', 'select u from (values (1)) v(id) join unnest($1) u using (id)')),
  leak('a parameter is an array of rows, and comes through a subquery', ofParameter('u', 'select u from (select $1 as a) s, unnest(s.a) u')),
  leak('CAST in FROM gives a row’s columns', [nearer('item', `select item from customers c, cast(${row} as orders) as q where c.id = 1`)]),
  leak('COALESCE in FROM gives a row’s columns', [nearer('item', `select item from customers c, coalesce(${row}, null) as q where c.id = 1`)]),
  leak('COALESCE in FROM gives a row’s columns, and its alias is none', [further('q', 'select q from coalesce(null::orders, null) as q')]),
  leak('a record’s column is said to be a row', [nearer('item', "select item from customers c, json_to_record(json_build_object('x', json_build_object('item', c.ssn))) as r(x orders), coalesce(r.x, null) as q where c.id = 1")]),
  leak('JSON_QUERY returns a row', [nearer('item', "select item from customers c, coalesce(json_query(jsonb_build_object('item', c.ssn), '$' returning orders), null) as q where c.id = 1")]),
  leak('one of a SQL function’s columns is a row', [nearer('item', 'select item from customers c, f(c.ssn) r, coalesce(r.x, null) as q where c.id = 1')], { setup: owned("create function f(text, out x orders, out y int) language sql as $f$ select row(1, 1, $1, '')::orders, 1 $f$") }),
  leak('one of a PL/pgSQL function’s columns is a row', [nearer('item', 'select item from customers c, f(c.ssn) r, coalesce(r.x, null) as q where c.id = 1')], { setup: owned("create function f(text, out x orders, out y int) language plpgsql as $f$ begin x := row(1, 1, $1, '')::orders; y := 1; end $f$") }),
]
