// What a statement leads to without a word of it: rows of children, keys that cascade, casts that nobody writes, what is put off to the end of the transaction, and what planning runs.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const folds = "create function f(int) returns text language plpgsql immutable as $f$ begin return (select ssn from public.customers where id = $1); end $f$"
const sinks = [...owned('create type sink as (v text)', 'create function to_sink(int) returns sink language sql immutable as $f$ select row((select ssn from public.customers where id = 1))::sink $f$')]
/** The table becomes a partition of one that nothing is declared about. */
const whole = owned('create table whole (id int not null, name text not null, ssn text not null, email text, pin bigint, born date, profile jsonb, tags text[], balance numeric not null) partition by list (id)', 'alter table customers alter balance drop default', 'alter table whole attach partition customers default')
const codes = ['create table codes (id int primary key)', 'insert into codes values (1), (2)']
const guess = (sql: (letter: string) => string) => ({ ssn }: Canary) => [{ oracle: [sql(ssn[0] ?? 'A'), sql(ssn.startsWith('Q') ? 'W' : 'Q')] as const }]
const held = 'declare c cursor with hold for select ssn::int from customers'

export const behind = [
  leak('a cursor WITH HOLD fails on the value at COMMIT', ['begin', held, 'commit']),
  leak('a cursor WITH HOLD fails on the value at END, by the extended protocol', ['begin', held, { sql: 'end' }]),
  leak('a cursor WITH HOLD fails on the value at a COMMIT in the same pipeline', [{ pipeline: [['P', '', 'begin'], ['B', '', '', [], [0]], ['E', '', 0], ['P', '', held], ['B', '', '', [], [0]], ['E', '', 0], ['P', '', 'commit'], ['B', '', '', [], [0]], ['E', '', 0], ['S']] }]),
  leak('a cursor WITH HOLD fails on a date at COMMIT AND CHAIN', ['begin', "declare c cursor with hold for select to_date(ssn, 'YYYY') from customers", 'commit and chain'], { also: ({ ssn }) => [`"${ssn.slice(0, 4)}"`] }),
  leak('a parent that nothing is declared about shows a child’s rows', ['select ssn from parent', 'select email, pin from parent', "select ssn || '' from parent"], { setup: owned('create table parent (ssn text not null, email text, pin bigint)', 'alter table customers inherit parent') }),
  leak('a partitioned table that nothing is declared about shows a partition’s rows', ['select * from whole', 'select left(pin::text, 30) x from whole', 'select to_jsonb(w) from whole w', 'copy (select pin from whole) to stdout'], { setup: whole }),
  leak('a partitioned table that nothing is declared about is searched', guess((letter) => `select id from whole where ssn like '${letter}%'`), { setup: whole }),
  leak('a partitioned table that nothing is declared about is copied', ['insert into scratch(note) select pin::text from whole', 'select note from scratch'], { setup: whole }),
  leak('a key that is set to NULL elsewhere names the failing row', ['delete from codes where id = 1'], { setup: owned(...codes, 'alter table customers add code int references codes on delete set null', 'update customers set code = 1', 'alter table customers alter code set not null') }),
  leak('a key that changes elsewhere names the failing row', ['update codes set id = 7 where id = 1'], { setup: owned(...codes, 'alter table customers add code int references codes on update cascade check (code < 5)', 'update customers set code = 1') }),
  leak('a deletion that cascades fires a trigger that tells', ['delete from codes where id = 1'], { setup: owned(...codes, 'alter table orders drop constraint orders_customer_id_fkey', 'alter table customers add code int references codes on delete cascade', 'update customers set code = 1', "create function t() returns trigger language plpgsql as $f$ begin raise notice '%', old.ssn; return old; end $f$", 'create trigger t before delete on customers for each row execute function t()') }),
  leak('a change that cascades twice names the failing row', ['update codes set id = 7 where id = 1'], { setup: owned(...codes, 'create table middle (id int primary key references codes on update cascade)', 'insert into middle values (1)', 'alter table customers add code int references middle on update cascade check (code < 5)', 'update customers set code = 1') }),
  leak('a cast that nobody writes reads it', ['select takes(1)'], { setup: [...sinks, ...owned("create function takes(s sink) returns text language sql as 'select s.v'"), 'create cast (int as sink) with function to_sink(int) as implicit'] }),
  leak('a cast at an assignment reads it', ['insert into sinks(s) values (1) returning s', 'select (s).v from sinks'], { setup: [...sinks, ...owned('create table sinks (s sink)'), 'create cast (int as sink) with function to_sink(int) as assignment'] }),
  leak('a domain’s default reads it', ['insert into given default values returning a', 'select a from given'], { setup: owned(folds, 'create domain d as text default f(1)', 'create table given (a d, b int)') }),
  leak('a domain’s check tells by a notice on INSERT', ["insert into given(a) values ('x')"], { setup: owned("create function t(text) returns boolean language plpgsql as $f$ begin raise notice '%', (select ssn from public.customers where id = 1); return true; end $f$", 'create domain d as text check (t(value))', 'create table given (a d)') }),
  leak('a plan folds a constant of a view', ['explain verbose select * from v', 'explain select * from w'], { setup: owned(folds, 'create view v as select f(1) as x', 'create view w as select id from orders where item = f(1)') }),
  leak('a plan folds a constant of a cursor’s view', ['explain (verbose, format json) declare c cursor for select * from v'], { setup: owned(folds, 'create view v as select f(1) as x') }),
  leak('a plan folds an operator', ['explain verbose select 1 === 1'], { setup: owned('create function op(int, int) returns text language plpgsql immutable as $f$ begin return (select ssn from public.customers where id = 1); end $f$', 'create operator === (leftarg = int, rightarg = int, function = op)') }),
  leak('a plan folds a cast', ['explain verbose select 1::sink'], { setup: [...sinks, 'create cast (int as sink) with function to_sink(int)'] }),
  leak('a plan folds a policy', ['explain select id from orders'], { setup: owned(folds, 'alter table orders enable row level security', 'alter table orders force row level security', 'create policy p on orders using (item <> f(1))') }),
  leak('a plan folds a domain’s default', ['explain verbose insert into given default values'], { setup: owned(folds, 'create domain d as text default f(1)', 'create table given (a d, b int)') }),
]
