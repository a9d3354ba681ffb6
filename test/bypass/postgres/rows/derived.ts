// Names that stand for a part of a value: by `=` with a name whole values may be asked for, and a part of one is a search; so is a join, by as many values as a table has.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
/** The right first letter against a wrong one. */
const guess = (sql: (letter: string) => string) => ({ ssn }: Canary) => [{ oracle: [sql(ssn[0] ?? 'A'), sql(ssn.startsWith('Q') ? 'W' : 'Q')] as const }]
const letters = (values: string) => owned('create table letters (n int, code int2, letter text)', `insert into letters select code, code, chr(code) from generate_series(${values}) code`)
const many = Array.from({ length: 40 }, (_, at) => `'#${at}'`).join()
/** Whether a value is among five hundred that follow one another. */
const counted = (condition: string) => ({ pin }: Canary) => {
  const count = (from: bigint) => `select setval('guesses', ${from}) is null; select count(*) from (select pin from customers, generate_series(1, 500) where id = 1 offset 0) t where ${condition}`
  return [{ oracle: [count(pin - 50n), count(1n)] as const }]
}
const counting = owned('create sequence guesses', "create function f(int) returns bigint language plpgsql stable as $f$ begin return nextval('public.guesses'); end $f$")

export const derived = [
  leak('the name of a subquery’s column stands for the first letter', guess((letter) => `select id from (select id, left(ssn, 1) x from customers) t where x = '${letter}'`)),
  leak('the name of a CTE’s column stands for the first letter', guess((letter) => `with t as (select id, left(ssn, 1) x from customers) select id from t where x = '${letter}'`)),
  leak('the alias of a function in FROM stands for the first letter', guess((letter) => `select id from customers c, left(c.ssn, 1) x where x = '${letter}'`)),
  leak('the column of a lateral VALUES stands for the first letter', guess((letter) => `select id from customers c, lateral (values (left(c.ssn, 1))) t(x) where x = '${letter}'`)),
  leak('the name of a cast stands for the first letter', guess((letter) => `select id from (select id, ssn::char(1) x from customers) t where x = '${letter}'`)),
  leak('a name stands for a comparison', guess((letter) => `select id from (select id, ssn like '${letter}%' x from customers) t where x = true`)),
  leak('a view’s column stands for the first letter', guess((letter) => `select id from v where x in ('${letter}', '#')`), { setup: owned('create view v as select id, left(ssn, 1) x from customers') }),
  leak('a view’s column stands for the first letter in a CASE', guess((letter) => `select count(case x when '${letter}' then 1 end) from v where id = 1`), { setup: owned('create view v as select id, left(ssn, 1) x from customers') }),
  leak('a generated column stands for the first letter', guess((letter) => `select id from customers where initial = '${letter}'`), { setup: owned('alter table customers add initial text generated always as (left(ssn, 1)) stored') }),
  leak('a function’s column stands for the first letter', guess((letter) => `select id from f() where x = '${letter}'`), { setup: owned("create function f() returns table (id int, x text) language sql stable as 'select id, left(ssn, 1) from customers'") }),
  leak('letters are joined with an alphabet, which is what is read', ['select a.letter from letters a join (select n, substr(ssn, n, 1) x from customers, generate_series(1, 14) n where id = 1) t on a.letter = t.x order by t.n'], { setup: letters('48, 122') }),
  leak('codes of letters are joined by USING', ['select a.n from letters a join (select n as at, ascii(substr(ssn, n, 1))::int2 code from customers, generate_series(1, 14) n where id = 1) t using (code) order by t.at'], { setup: letters('1, 130') }),
  leak('codes of letters are joined naturally', ['select a.n from letters a natural join (select n as at, ascii(substr(ssn, n, 1))::int2 code from customers, generate_series(1, 14) n where id = 1) t order by t.at'], { setup: letters('1, 130') }),
  leak('guesses stand in a table that is joined', [{ oracle: ['select g.id from guesses g join customers c on c.pin = g.pin', 'select g.id from guesses g join customers c on c.pin = g.pin where g.id < 0'] }], { setup: owned('create table guesses (id serial, pin bigint)', 'insert into guesses(pin) select pin from customers where id = 1') }),
  leak('guesses stand in another column of the table itself', [{ oracle: ['select a.id from customers a join customers b on a.ssn = b.name', 'select a.id from customers a join customers b on a.ssn = b.name and false'] }], { setup: owned('update customers set name = (select ssn from customers where id = 1) where id = 2') }),
  leak('an array of arrays holds more guesses than it has elements', ({ ssn }) => [{ oracle: [`select id from customers where ssn = any(array[array[${many}, '${ssn}']])`, `select id from customers where ssn = any(array[array[${many}, '#']])`] }]),
  leak('a function makes one element many guesses', ({ ssn }) => [{ oracle: [`select id from customers where ssn = any(array[string_to_array('#,#,${ssn}', ',')])`, "select id from customers where ssn = any(array[string_to_array('#,#,#', ',')])"] }]),
  leak('an array’s text is one element and many guesses', ({ pin }) => [{ oracle: [`select id from customers where pin = any(array['{1,2,${pin}}'::bigint[]])`, "select id from customers where pin = any(array['{1,2,3}'::bigint[]])"] }]),
  leak('a sequence gives another guess a row', counted("pin = nextval('guesses')"), { setup: owned('create sequence guesses') }),
  leak('a CASE compares with a sequence', counted("case pin when nextval('guesses') then true end"), { setup: owned('create sequence guesses') }),
  leak('a function that says it is stable gives another guess a row', counted('pin = f(1)'), { setup: counting }),
  leak('an operator gives another guess a row', counted('pin = (#### 1)'), { setup: [...counting, ...owned('create operator #### (rightarg = int, function = f)')] }),
  leak('a cast gives another guess a row', counted("pin = '(1)'::sink::bigint"), { setup: [...counting, ...owned('create type sink as (a int)', "create function g(sink) returns bigint language plpgsql stable as $f$ begin return nextval('public.guesses'); end $f$", 'create cast (sink as bigint) with function g(sink)')] }),
]
