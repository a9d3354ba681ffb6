// What is run or not as a value decides, and what it leaves behind: a sequence that went on, a number drawn, a transaction that got its id, a lock, a table that was read.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const first = ({ ssn }: Canary) => ssn[0] ?? 'A'
/** One of two sequences goes on. */
const decides = (name: string, sql: (letter: string, sequence: string) => string, { setup = [], wrong = '#' }: { readonly setup?: readonly string[]; readonly wrong?: string } = {}) =>
  leak(name, (canary) => [sql(first(canary), 's'), sql(wrong, 'z'), { oracle: ['select is_called from s', 'select is_called from z'] }], { setup: owned('create sequence s', 'create sequence z', ...setup) })
/** The same text with the right letter and with a wrong one. */
const tells = (name: string, sql: (letter: string) => string) => leak(name, (canary) => [{ oracle: [sql(first(canary)), sql('#')] }])
/** One of two tables is read. */
const scans = (name: string, head: string, call: (letter: string, table: string) => string) => leak(name, (canary) => [
  call(first(canary), 'one'), call('#', 'other'), { waitMs: 1_500 }, 'select 1',
  { oracle: ["select seq_scan > 0 from pg_stat_user_tables where relname = 'one'", "select seq_scan > 0 from pg_stat_user_tables where relname = 'other'"] },
], { setup: owned(...['one', 'other'].flatMap((table) => [`create table ${table} (note text)`, `create function read_${table}${head} language plpgsql as $f$ begin return (select max(note) from ${table}); end $f$`])) })
const locks = (name: string, call: string, setup: readonly string[], [right, wrong]: readonly [string, string]) => leak(name, (canary) => {
  const isLocked = (relation: string) => `select count(*) from pg_locks where relation = '${relation}'::regclass and pid = pg_backend_pid()`
  return ['begin', call.replace('{letter}', first(canary)), { oracle: [isLocked(right), isLocked(wrong)] }, 'commit']
}, { setup: owned(...setup) })
const one = 'from customers where id = 1'

export const traces = [
  decides('BETWEEN looks at its second bound where the first one holds', (letter, sequence) => `select left(ssn, 1) between '${letter}' and nextval('${sequence}')::text ${one}`, { wrong: '~' }),
  decides('BETWEEN of the column itself looks at its second bound', (letter, sequence) => `select ssn between '${letter}' and nextval('${sequence}')::text ${one}`, { wrong: '~' }),
  decides('a list goes on to what hangs on a row', (letter, sequence) => `select left(ssn, 1) not in ('${letter}', nextval('${sequence}' || left(name, 0))::text) ${one}`),
  decides('a list of rows goes on to the next', (letter, sequence) => `select (1::bigint, left(ssn, 1)) in ((1, '${letter}'), (nextval('${sequence}'), '#')) ${one}`),
  decides('a subscript is worked out where there is an array', (letter, sequence) => `select (string_to_array(nullif(left(ssn, 1), '${letter}'), ','))[nextval('${sequence}')] ${one}`),
  decides('a JSON path is given its values where there is a document', (letter, sequence) => `select json_value(to_jsonb(nullif(left(ssn, 1), '${letter}')), '$' passing nextval('${sequence}') as x) ${one}`),
  decides('a window asks for a default where there is no row', (letter, sequence) => `select lag(1::bigint, k, nextval('${sequence}')) over () from (select abs(ascii(ssn) - ascii('${letter}')) as k ${one}) t`),
  decides('a function does one thing or another', (letter, sequence) => `select f_${sequence}(left(ssn, 1), '${letter}') ${one}`, { setup: ['s', 'z'].map((sequence) => `create function f_${sequence}(a text, b text) returns text language plpgsql as $f$ begin if a = b then perform nextval('${sequence}'); end if; return ''; end $f$`) }),
  decides('a function does one thing or another as the column itself says', (letter, sequence) => `select f_${sequence}(ssn, '${letter}') ${one}`, { setup: ['s', 'z'].map((sequence) => `create function f_${sequence}(a text, b text) returns text language plpgsql as $f$ begin if a like b || '%' then perform nextval('${sequence}'); end if; return ''; end $f$`) }),
  decides('a function is written into the query, and stops where it knows', (letter, sequence) => `select f(nullif(left(ssn, 1), '${letter}'), nextval('${sequence}')::text) ${one}`, { setup: ["create function f(text, text) returns text language sql as 'select coalesce($1, $2)'"] }),
  decides('an operator of somebody’s own goes on to a sequence', (letter, sequence) => `select coalesce(nullif(left(ssn, 1), '${letter}'), (#### '${sequence}'::text)) ${one}`, { setup: ["create function f(text) returns text language plpgsql as $f$ begin return nextval($1::regclass); end $f$", 'create operator #### (rightarg = text, function = f)'] }),
  decides('a cast of somebody’s own goes on to a sequence', (letter, sequence) => `select coalesce(nullif(left(ssn, 1), '${letter}'), ('${sequence}'::name_of)::text) ${one}`, { setup: ["create function f(text) returns boolean language plpgsql as $f$ begin return nextval($1::regclass) > 0; end $f$", 'create domain name_of as text check (f(value))'] }),
  decides('a function by attribute notation goes on to a sequence', (letter, sequence) => `select coalesce(nullif(left(ssn, 1), '${letter}'), c.f_${sequence}) from customers c where id = 1`, { setup: ['s', 'z'].map((sequence) => `create function f_${sequence}(customers) returns text language plpgsql as $f$ begin return nextval('${sequence}'); end $f$`) }),
  tells('COALESCE goes on to the transaction’s id', (letter) => `begin; select coalesce(nullif(left(ssn, 1), '${letter}'), pg_current_xact_id()::text) ${one}; select pg_current_xact_id_if_assigned() is null; rollback`),
  tells('COALESCE goes on to chance', (letter) => `select setseed(0.5); select coalesce(nullif(left(ssn, 1), '${letter}'), random()::text) ${one}; select random()`),
  scans('COALESCE goes on to a function that reads a table', '() returns text stable', (letter, table) => `select coalesce(nullif(left(ssn, 1), '${letter}'), read_${table}()) ${one}`),
  scans('a strict function is not run for NULL', '(text) returns text strict stable', (letter, table) => `select read_${table}(nullif(left(ssn, 1), '${letter}')) ${one}`),
  locks('a view is printed, and the tables behind it are locked', `select pg_get_viewdef((array['v0', 'v1'])[1 + (left(ssn, 1) = '{letter}')::int]::regclass) ${one}`, ['create view v0 as select * from scratch', 'create view v1 as select * from orders'], ['orders', 'scratch']),
  locks('a sequence is looked at, and locked', `select pg_sequence_last_value((array['s0', 's1'])[1 + (left(ssn, 1) = '{letter}')::int]::regclass) ${one}`, ['create sequence s0', 'create sequence s1'], ['s1', 's0']),
  leak('rows come in the order of an index that holds all that is asked for', ['set enable_seqscan = off', 'set enable_bitmapscan = off', { oracle: ['select id from customers', 'select id from customers c order by id'] }], { setup: owned('create index on customers (ssn) include (id)', 'alter table customers drop constraint customers_pkey cascade', "insert into customers(id, name, ssn) values (0, 'x', '~~')"), limit: 'an index on a sensitive column that covers a query gives its rows in the order of the values' }),
]
