// Texts that look like others of which much is known: statements that differ only in numbers and strings share what the gateway knows of them (sql/alike.ts).
// Each attack makes a harmless text known first, then sends what a careless likeness would take for it.
import { leak } from '../row.ts'

/** Often enough to be kept. */
const known = (sql: string): string[] => [sql, sql, sql, sql]
const views = ['set role app', 'create view v1 as select id, name as x from customers', 'create view v2 as select id, ssn as x from customers', 'create view "v 1" as select id, name as x from customers', 'create view "v 2" as select id, ssn as x from customers', 'create view numbered as select id, name as "1", ssn as "2", name as c1, ssn as c2 from customers', 'reset role']
const other = ['create schema other', 'create view other.o as select id, ssn as item from public.customers', 'create view public.o as select id, item from public.orders', 'alter view other.o owner to app', 'alter view public.o owner to app', 'grant all on schema other to app']

export const alike = [
  leak('a relation whose name ends in another digit', [...known('select x from v1 where id = 1'), 'select x from v2 where id = 1'], { setup: views }),
  leak('a quoted relation whose name ends in another digit', [...known('select x from "v 1" where id = 1'), 'select x from "v 2" where id = 1'], { setup: views }),
  leak('a column whose name is another digit', [...known('select "1" from numbered where id = 1'), 'select "2" from numbered where id = 1'], { setup: views }),
  leak('a column whose name ends in another digit', [...known('select c1 from numbered where id = 1'), 'select c2 from numbered where id = 1'], { setup: views }),
  leak('a number that a bracket stands right behind, and a word behind that', [...known('select name from customers where id in (1)'), 'select name from customers where id in (1)union(select ssn from customers where id in (1))']),
  leak('a number that a comment stands right behind', [...known('select name from customers where id = 1'), 'select name from customers where id = 1/**/union/**/select ssn from customers', 'select name from customers where id = 1--\nunion select ssn from customers']),
  leak('a number and a string, of which one ends what the other began', [...known("select name from customers where id = 1 and name <> '2'"), "select name from customers where id = 1 and name <> '' union select ssn from customers where ssn <> '2'"]),
  leak('a number inside of dollar quotes', [...known('select name from customers where id = 1'), 'select name from customers where name <> $a$ where id = 1 $a$ union select ssn from customers']),
  leak('a string that ends where another has a doubled quote', [...known("select name from customers where name <> 'a' and name <> 'b'"), "select name from customers where name <> 'a''' union select ssn from customers where ssn <> 'b'"]),
  leak('a string that ends where another has a backslash', [...known("select name from customers where name <> 'a' and name <> 'b'"), "select name from customers where name <> E'a\\'' union select ssn from customers where ssn <> '' or name <> 'b'", "select name from customers where name <> 'a\\' union select ssn from customers where ssn <> 'b'"]),
  leak('a string in two parts', [...known("select name from customers where name <> 'a'"), "select name from customers where name <> 'a'\n'b' union select ssn from customers"]),
  leak('a query in a string', [...known("select query_to_xml('select 1', true, false, '')"), "select query_to_xml('select ssn from customers', true, false, '')"]),
  leak('a setting in a string', [...known("select set_config('application_name', 'a', false)"), "select set_config('search_path', 'other', false)", 'select item from o where id = 1'], { setup: other }),
  leak('ORDER BY with another ordinal', [...known('select id, ssn from customers order by 1 limit 1'), { oracle: ['select id, ssn from customers order by 2 limit 1', 'select id, ssn from customers order by 2 desc limit 1'] }]),
  leak('ORDER BY with another ordinal, of a subquery', [...known('select id from (select id, ssn from customers order by 1) c limit 1'), { oracle: ['select id from (select id, ssn from customers order by 2) c limit 1', 'select id from (select id, ssn from customers order by 2 desc) c limit 1'] }]),
  leak('DISTINCT ON another ordinal', [...known('select distinct on (1) id, length(email) = 16 from customers'), { oracle: ['select distinct on (2) id, length(email) = 16 from customers', 'select distinct on (2) id, length(email) = 99 from customers'] }]),
  leak('the same text under another search path', [...known('select item from o where id = 1'), 'set search_path = other', 'select item from o where id = 1', 'select item from o where id = 2'], { setup: other }),
  leak('the same text by Parse, after it was known by Query', [...known('select x from v1 where id = 2'), ...known('select x from v1 where id = 3'), { sql: 'select x from v2 where id = 1' }, { sql: 'select x from v2 where id = 1', isBinary: true }], { setup: views }),
  leak('a harmless text and its twin in one message', [...known('select x from v1 where id = 1; select x from v1 where id = 2'), 'select x from v1 where id = 1; select x from v2 where id = 1'], { setup: views }),
  leak('a view that means something else by then', [...known('select x from v1 where id = 1'), { elsewhere: 'create or replace view v1 as select id, ssn as x from customers', as: 'app' }, { waitMs: 1_500 }, 'select x from v1 where id = 1', 'select x from v1 where id = 2'], { setup: views }),
]
