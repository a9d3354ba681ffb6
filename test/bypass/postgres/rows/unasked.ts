// Casts and collations that nobody writes: values that meet become one type, and a text needs one collation. What fails there fails by the letter that was guessed.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const from = 'from customers where id = 1'
const guess = (sql: (letter: string) => string) => ({ ssn }: Canary) => [{ oracle: [sql(ssn[0] ?? 'A'), sql(ssn.startsWith('Q') ? 'W' : 'Q')] as const }]
/** NULL for the right letter: then nothing is run. */
const nulled = (letter: string) => `nullif(left(ssn, 1), '${letter}')`
/** A numeric that no float8 holds, for the right letter; for others a small one. */
const wide = (letter: string) => `coalesce(nullif(hashtext(left(ssn, 1)), hashtext('${letter}')), 1e400)`
/** Beyond int4 and oid, but for the right letter. */
const long = (letter: string) => `nullif(hashtextextended(left(ssn, 1), 0), hashtextextended('${letter}', 0))`
const far = "'5874897-12-31'::date"
const unread = owned('create table unread (doc json)', `insert into unread values ('{"k":"\\u0000"}')`)
const blurring = [`create collation blurred (provider = icu, locale = 'und', deterministic = false, rules = '&A=${[...'BCDEFGHIJKLMNOPQRSTUVWXYZ'].join('=')}')`]
/** All but the capitals of the value, against other digits. */
const blurred = (condition: (value: string) => string) => ({ ssn }: Canary) => {
  const right = ssn.replaceAll(/[A-Z]/g, 'A')
  return [{ oracle: [right, right.replaceAll(/\d/g, '7')].map((value) => `select id from customers where ${condition(value)}`) as [string, string] }]
}
/** Of checks and indexes, as their conditions are others' (README.md). */
const tried = 'who may make checks and indexes learns whether they could be made'
const apart = `from customers, (select 'a' collate "POSIX" as x) p, (select 'b' collate "C" as y) n where id = 1`

export const unasked = [
  leak('a numeric compared with a float', guess((letter) => `select ${wide(letter)} = 1::float8 ${from}`)),
  leak('a float in a list with a numeric', guess((letter) => `select 1::float8 in (${wide(letter)}, 2) ${from}`)),
  leak('a float between numerics', guess((letter) => `select 1::float8 between 0 and ${wide(letter)} ${from}`)),
  leak('NULLIF of a numeric and a float', guess((letter) => `select nullif(${wide(letter)}, 1::float8) ${from}`)),
  leak('COALESCE of a numeric and a float', guess((letter) => `select coalesce(${wide(letter)}, 1::float8) ${from}`)),
  leak('CASE of a numeric and a float', guess((letter) => `select case when id > 0 then ${wide(letter)} else 1::float8 end ${from}`)),
  leak('CASE on a numeric with a float to compare', guess((letter) => `select case ${wide(letter)} when 1::float8 then 1 end ${from}`)),
  leak('GREATEST of a numeric and a float', guess((letter) => `select greatest(${wide(letter)}, 1::float8) ${from}`)),
  leak('an array of a numeric and a float', guess((letter) => `select array[${wide(letter)}, 1::float8] ${from}`)),
  leak('a numeric before an array of floats', guess((letter) => `select ${wide(letter)} || '{1}'::float8[] ${from}`)),
  leak('a union of a numeric and a float', guess((letter) => `select ${wide(letter)} ${from} union all select 1::float8`)),
  leak('rows of VALUES with a numeric and a float', guess((letter) => `select * from (values ((select ${wide(letter)} ${from})), (1::float8)) v`)),
  leak('lag() of a numeric, or else a float', guess((letter) => `select lag(${wide(letter)}, 0, 1::float8) over () ${from}`)),
  leak('a numeric compared with a float elsewhere in the statement', guess((letter) => `select x = y from (select ${wide(letter)} as x ${from}) t, (select 1::float8 as y) u`)),
  leak('a number compared with an oid', guess((letter) => `select ${long(letter)} = 1::oid ${from}`)),
  leak('a number compared with the oid of a relation', guess((letter) => `select bool_or(${long(letter)} = c.oid) from customers, pg_class c where id = 1`)),
  leak('a date far away compared with a time', guess((letter) => `select (array[${far}])[strpos(ssn, '${letter}')] = timestamp '2000-01-01' ${from}`)),
  leak('the bound of a range of dates compared with a time', guess((letter) => `select lower((array[daterange(${far}, null)])[strpos(ssn, '${letter}')]) = timestamp '2000-01-01' ${from}`)),
  leak('a subscript that no int4 holds', guess((letter) => `select (array[1])[${long(letter)}] ${from}`)),
  leak('a slice whose bound no int4 holds', guess((letter) => `select (array[1])[1:${long(letter)}] ${from}`)),
  leak('a stored date behind a guard, cast to a time', guess((letter) => `select coalesce(${nulled(letter)}, d::timestamp::text) from customers, far_away where id = 1`), { setup: owned('create table far_away (d date)', `insert into far_away values (${far})`) }),
  leak('a stored numeric behind a guard, compared with a float', guess((letter) => `select coalesce(${nulled(letter)}, (n = 1::float8)::text) from customers, far_away where id = 1`), { setup: owned('create table far_away (n numeric)', 'insert into far_away values (1e400)') }),
  leak('lower() of a text with two collations', guess((letter) => `select lower(${nulled(letter)} || x || y) ${apart}`)),
  leak('a comparison of two collations', guess((letter) => `select ${nulled(letter)} || x = y ${apart}`)),
  leak('GREATEST of two collations', guess((letter) => `select greatest(${nulled(letter)} || x, ${nulled(letter)} || y) ${apart}`)),
  leak('max() of a text with two collations', guess((letter) => `select max(t) from (select ${nulled(letter)} || x || y as t ${apart} union all select ${nulled(letter)} || x || y ${apart}) t`)),
  leak('a text with two collations behind a guard', guess((letter) => `select coalesce(${nulled(letter)}, lower(name || x || y)) ${apart}`)),
  leak('a document behind a guard that cannot be read', guess((letter) => `select coalesce(${nulled(letter)}, doc ->> 'k') from customers, unread where id = 1`), { setup: unread }),
  leak('a document behind a guard that cannot be made a jsonb', guess((letter) => `select coalesce(${nulled(letter)}, to_jsonb(doc)::text) from customers, unread where id = 1`), { setup: unread }),
  leak('a search by a collation to which letters are the same', guess((letter) => `select starts_with(${nulled(letter)}, 'x' collate blurred) ${from}`), { setup: blurring }),
  leak('a search in a column of such a collation', guess((letter) => `select starts_with(${nulled(letter)} || word, 'x') from customers, blurry where id = 1`), { setup: [...blurring, ...owned('create table blurry (word text collate blurred)', "insert into blurry values ('a')")] }),
  leak('a value compared by a collation to which letters are the same', blurred((value) => `ssn = '${value}' collate blurred`), { setup: blurring }),
  leak('a column compared by a collation to which letters are the same', blurred((value) => `ssn collate blurred in ('${value}')`), { setup: blurring }),
  leak('a value of a domain with a collation to which letters are the same', blurred((value) => `ssn = '${value}'::blur`), { setup: [...blurring, 'create domain blur as text collate blurred'] }),
  leak('a column’s own collation beside a name’s', guess((letter) => `select lower(${nulled(letter)} || word || relname) from customers, worded, pg_class where id = 1 and relname = 'worded'`), { setup: owned('create table worded (word text collate "POSIX")', "insert into worded values ('a')") }),
  leak('a check that is tried when it is made', guess((letter) => `begin; alter table customers add check (id <> 1 or left(ssn, 1) = '${letter}'); rollback`), { grantedLimit: tried }),
  leak('a unique index over a letter', guess((letter) => `begin; create unique index on customers ((left(ssn, 1) = '${letter}')); rollback`), { grantedLimit: tried }),
  leak('an index whose condition fails', guess((letter) => `begin; create index on customers (id) where left(ssn, 1) = '${letter}' and 1 / (id - 1) = 0; rollback`), { grantedLimit: tried }),
]
