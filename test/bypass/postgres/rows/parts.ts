// Parts of a value that pass for the whole: casts that keep one, somebody's own types and operators under the server's names, and assignments that are cut elsewhere.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const first = ({ ssn }: Canary) => ssn[0] ?? 'A'
const asks = (name: string, condition: (guess: string) => string, right: (canary: Canary) => string, wrong: string, setup: readonly string[] = []) =>
  leak(name, (canary) => [...setup.some((sql) => sql.includes('schema front')) ? ['set search_path = front, pg_catalog, public'] : [], { oracle: [right(canary), wrong].map((guess) => `select count(*) from public.customers where ${condition(guess)}`) as [string, string] }], { setup: owned(...setup) })

export const parts = [
  asks('a moment is cast to its day', (guess) => `born::date = '${guess}'`, ({ born }) => born, '1990-01-01', ["alter table customers alter born type timestamp using born + time '12:34:56'"]),
  asks('a number is cast to a whole one', (guess) => `pin::int8 = ${guess}`, ({ pin }) => String(pin), '5', ['alter table customers alter pin type numeric using pin + 0.25']),
  asks('a type of the name text, found before the server’s, keeps a letter', (guess) => `ssn::text = '${guess}'`, first, '#', ['create schema front', 'create domain front.text as char(1)']),
  asks('an operator of the name = asks for the first letter', (guess) => `ssn = ${guess.charCodeAt(0)}`, first, '#', ["create function same(text, int) returns boolean language sql as 'select $1 like chr($2) || ''%'''", 'create operator = (leftarg = text, rightarg = int, function = same)']),
  leak('an assignment has := in a string', ['select f()'], { setup: owned("create function f() returns text language plpgsql as $f$ declare v text; begin v = (select ssn from customers where id = 1) || ':=1 --'; return v; end $f$") }),
  leak('an assignment’s subscript is the value', ['select f()'], { setup: owned("create function f() returns int[] language plpgsql as $f$ declare v int[] := array_fill(0, array[128]); begin for i in 1..16 loop v[(select ascii(substr(ssn, i, 1)) from customers where id = 1)] := i; end loop; return array(select at from generate_series(1, 128) at where v[at] > 0 order by v[at]); end $f$"), also: ({ ssn }) => [`{${[...new Set([...ssn].reverse())].reverse().map((letter) => letter.charCodeAt(0)).join(',')}}`] }),
  leak('a function’s column is declared to be one byte of it', (canary) => [{ oracle: [first(canary), '#'].map((guess) => `select count(*) from f() where x = '${guess}'`) as [string, string] }], { setup: owned('create function f() returns table (id int, x "char") language sql stable as $f$ select id, ssn from customers where id = 1 $f$') }),
  leak('a function’s column is declared to be the day of a moment', (canary) => [{ oracle: [canary.born, '1990-01-01'].map((guess) => `select count(*) from f() where x = '${guess}'`) as [string, string] }], { setup: owned("alter table customers alter born type timestamp using born + time '12:34:56'", 'create function f() returns table (x date) language sql stable as $f$ select born from customers $f$') }),
]
