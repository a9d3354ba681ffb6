// Errors that come or stay away with a value: no mask hides them, so each statement is an exact test of a letter.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const from = 'from customers where id = 1'
/** The right first letter against a wrong one; and the same as codes. */
const guess = (sql: (letter: string, code: number) => string) => ({ ssn }: Canary) => {
  const [right, wrong] = [ssn[0] ?? 'A', ssn.startsWith('Q') ? 'W' : 'Q']
  return [{ oracle: [sql(right, right.charCodeAt(0)), sql(wrong, wrong.charCodeAt(0))] as const }]
}
/** NULL for the right letter, and that letter for another. */
const nulled = (letter: string) => `nullif(left(ssn, 1), '${letter}')`

export const failing = [
  leak('a division by nought that asks for a letter’s code', guess((_, code) => `select 1 / (ascii(ssn) - ${code}) ${from}`)),
  leak('the same through a subquery and a common table', guess((_, code) => `with c as (select ascii(x) as n from (select ssn as x ${from}) t) select 1 / (n - ${code}) from c`)),
  leak('a cast of a letter to a number', guess((letter) => `select translate(left(ssn, 1), '${letter}', '1')::int ${from}`)),
  leak('a cast to a domain', guess((letter) => `select (${nulled(letter)} || '')::only_null ${from}`), { setup: owned('create domain only_null as text check (value is null)') }),
  leak('a negative length', guess((_, code) => `select substr(ssn, 1, ascii(ssn) - ${code + 1} + 1) ${from}`)),
  leak('a number that is too large', guess((_, code) => `select (ascii(ssn) - ${code} + 1) * 2147483647 ${from}`)),
  leak('a date that is none', guess((_, code) => `select make_date(2000, 1, ascii(ssn) - ${code} + 1) ${from}`)),
  leak('the ascii code as a letter', guess((_, code) => `select chr(ascii(ssn) - ${code}) ${from}`)),
  leak('LIKE with a pattern that ends in a backslash', guess((letter) => `select ssn like '${letter}\\' ${from}`)),
  leak('a pattern made of a value', guess((letter) => `select '${letter}x' like left(ssn, 1) || '\\' ${from}`)),
  leak('a format that no NULL can fill', guess((letter) => `select format('%I', ${nulled(letter)}) ${from}`)),
  leak('a key that must not be NULL', guess((letter) => `select json_build_object(${nulled(letter)}, 1) ${from}`)),
  leak('a length that is too long, for all but NULL', guess((letter) => `select lpad(${nulled(letter)}, 2000000000) ${from}`)),
  leak('an encoding that is none, for all but NULL', guess((letter) => `select encode(sha256(convert_to(${nulled(letter)}, 'utf8')), 'none') ${from}`)),
  leak('an end of a type that COALESCE brings in', guess((letter) => `select abs(coalesce(length(${nulled(letter)}), -2147483648)) ${from}`)),
  leak('JSON that cannot be read, brought in by COALESCE', guess((letter) => `select coalesce(to_json(${nulled(letter)}), '{"a":"\\u0000"}') ->> 'a' ${from}`)),
  leak('an error behind COALESCE', guess((letter) => `select coalesce(${nulled(letter)}, (1 / (id - 1))::text) ${from}`)),
  leak('an error behind AND', guess((letter) => `select left(ssn, 1) = '${letter}' and 1 / (id - 1) = 1 ${from}`)),
  leak('an error in a list', guess((letter) => `select left(ssn, 1) in ('${letter}', chr(id - 1)) ${from}`)),
  leak('an error behind BETWEEN', guess((letter) => `select left(ssn, 1) between '${letter}' and chr(id - 1) ${from}`)),
  leak('an error in a row', guess((letter) => `select (left(ssn, 1), 1) = ('${letter}', 1 / (id - 1)) ${from}`)),
  leak('an error in a column of a subquery that COALESCE asks for', guess((letter) => `select coalesce(nullif(left(c.ssn, 1), '${letter}'), t.bad::text) from customers c, (select 1 / (id - 1) as bad from customers where id = 1) t where c.id = 1`)),
  leak('an error in a row that is asked whether it is NULL', guess((letter) => `select row(${nulled(letter)}, 1 / (id - 1)) is null ${from}`)),
  leak('rows whose last columns cannot be compared', guess((letter) => `select t = u from (select left(ssn, 1), '{}'::json ${from}) t, (select '${letter}'::text, '{}'::json) u`)),
  leak('arrays of two sizes', guess((letter) => `select nullif(array[left(ssn, 1)], array['${letter}']) || array[array['a', 'b']] ${from}`)),
  leak('a sum that a row of one’s own brings to its end', ({ pin }: Canary) => [{ oracle: [`select sum(x) from (select pin::numeric::text::money as x ${from} union all select '92233720368547758.07'::money - '${pin}'::money) t`, `select sum(x) from (select pin::numeric::text::money as x ${from} union all select '92233720368547758.07'::money - '${pin - 1n}'::money) t`] as const }]),
  leak('a scalar subquery of two rows', guess((letter) => `select (select 1 from customers, generate_series(1, 2) where id = 1 and left(ssn, 1) = '${letter}')`)),
  leak('a scalar subquery of as many rows as a code says', guess((_, code) => `select (select 1 from generate_series(0, (select abs(ascii(ssn) - ${code}) ${from})))`)),
  leak('RETURNING that fails', guess((_, code) => `update customers set name = name where id = 1 returning 1 / (ascii(ssn) - ${code})`)),
  leak('SET of another column that fails', guess((_, code) => `update customers set balance = 1 / (ascii(ssn) - ${code}) where id = 1`)),
  leak('a prepared statement that fails', ({ ssn }) => [`prepare s (int) as select 1 / (ascii(ssn) - $1) ${from}`, { oracle: [`execute s(${ssn.charCodeAt(0)})`, `execute s(${ssn.charCodeAt(0) + 1})`] as const }]),
  leak('a cursor that fails', ({ ssn }) => [{ oracle: [`begin; declare c cursor for select 1 / (ascii(ssn) - ${ssn.charCodeAt(0)}) ${from}; fetch c; rollback`, `begin; declare c cursor for select 1 / (ascii(ssn) - ${ssn.charCodeAt(0) + 1}) ${from}; fetch c; rollback`] as const }]),
  leak('a function of one’s own that fails', guess((_, code) => `select f(ssn, ${code}) ${from}`), { setup: owned('create function f(text, int) returns int language sql immutable as $$ select 1 / (ascii($1) - $2) $$') }),
  leak('an operator of one’s own that fails', guess((letter) => `select ssn || '${letter}'::char(1) ${from}`), { setup: owned("create function g(text, char) returns int language sql immutable as $$ select 1 / (ascii($1) - ascii($2)) $$", 'create operator || (leftarg = text, rightarg = char, function = g)') }),
]
