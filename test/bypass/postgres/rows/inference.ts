// Questions whose answers, yes or no, spell the value: predicates, orders, counts, errors that come or stay away.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
/** The right first letter against a wrong one. */
const guess = (sql: (letter: string) => string) => ({ ssn }: Canary) => [{ oracle: [sql(ssn[0] ?? 'A'), sql(ssn.startsWith('Q') ? 'W' : 'Q')] as const }]

export const inference = [
  leak('LIKE on the first letter', guess((letter) => `select id from customers where ssn like '${letter}%'`)),
  leak('a regular expression on the first letter', guess((letter) => `select count(*) from customers where ssn ~ '^${letter}'`)),
  leak('starts_with', guess((letter) => `select id from customers where starts_with(ssn, '${letter}')`)),
  leak('the operator of starts_with', guess((letter) => `select id from customers where ssn ^@ '${letter}'`)),
  leak('a range', guess((letter) => `select id from customers where id = 1 and ssn >= '${letter}' and ssn < '${String.fromCharCode(letter.charCodeAt(0) + 1)}'`)),
  leak('BETWEEN', guess((letter) => `select id from customers where id = 1 and ssn between '${letter}' and '${letter}~'`)),
  leak('a subscript of a split', guess((letter) => `select id from customers where left(ssn, 1) = '${letter}'`)),
  leak('a comparison in the select list', guess((letter) => `select ssn like '${letter}%' from customers where id = 1`)),
  leak('a CASE that gives a number', guess((letter) => `select case when ssn like '${letter}%' then 1 else 0 end from customers where id = 1`)),
  leak('EXISTS', guess((letter) => `select exists (select from customers where ssn like '${letter}%')`)),
  leak('a filter on an aggregate', guess((letter) => `select count(*) filter (where ssn like '${letter}%') from customers`)),
  leak('a join condition', guess((letter) => `select o.id from orders o join customers c on c.id = o.customer_id and c.ssn like '${letter}%'`)),
  leak('HAVING', guess((letter) => `select id from customers group by id, ssn having ssn like '${letter}%'`)),
  leak('a division by nought that comes or stays away', guess((letter) => `select 1 / (case when ssn like '${letter}%' then 1 else 0 end) from customers where id = 1`)),
  leak('an UPDATE’s count', guess((letter) => `update customers set balance = 1 where ssn like '${letter}%'`)),
  leak('a DELETE’s count, rolled back', guess((letter) => `begin; delete from orders where exists (select from customers where ssn like '${letter}%'); rollback`)),
  leak('LIMIT by a subquery', guess((letter) => `select id from orders limit (select count(*) from customers where ssn like '${letter}%')`)),
  leak('generate_series of a code', guess((letter) => `select count(*) from generate_series(1, (select case when ssn like '${letter}%' then 2 else 1 end from customers where id = 1))`)),
  leak('the order against a row of its own', guess((letter) => `select id from (select id, ssn from customers where id = 1 union all select 0, '${letter}~' union all select -1, '${letter}') t order by ssn`)),
  leak('a rank against a row of its own', guess((letter) => `select rank('${letter}~') within group (order by ssn) - rank('${letter}') within group (order by ssn) from customers where id = 1`)),
  leak('a view’s condition', guess((letter) => `select count(*) from v where x like '${letter}%'`), { setup: owned('create view v as select ssn as x from customers') }),
  leak('IN with a list', guess((letter) => `select id from customers where substr(ssn, 1, 1) in ('${letter}', '#')`)),
  leak('NULLIF in a count', guess((letter) => `select count(nullif(left(ssn, 1), '${letter}')) from customers where id = 1`)),
  leak('IS DISTINCT FROM', guess((letter) => `select left(ssn, 1) is distinct from '${letter}' from customers where id = 1`)),
  leak('the position of a letter', guess((letter) => `select strpos(ssn, '${letter}') = 1 from customers where id = 1`)),
  leak('a full-text search', guess((letter) => `select id from customers where to_tsvector('simple', ssn) @@ to_tsquery('simple', '${letter}:*')`)),
  leak('a containment in JSON', ({ ssn }) => [{ oracle: [`select to_jsonb(c) @> '{"ssn":"${ssn}"}' from customers c where id = 1`, `select to_jsonb(c) @> '{"ssn":"x"}' from customers c where id = 1`] }]),
  leak('the rows of a plan that was run', guess((letter) => `explain (analyze, costs off, timing off, summary off, buffers off) select from customers where ssn like '${letter}%'`)),
  leak('a nested statement’s count in a block that raises', guess((letter) => `do $$ begin if (select ssn from customers where id = 1) like '${letter}%' then raise exception 'yes'; end if; end $$`)),
  leak('ON CONFLICT tells whether a key is there', ({ ssn }) => [{ oracle: [`insert into customers(id, name, ssn) values (77, 'x', '${ssn}') on conflict do nothing`, "insert into customers(id, name, ssn) values (78, 'x', 'not-there') on conflict do nothing"] }], { grantedLimit: 'a unique key answers whether one value is there, as = does' }),
]
