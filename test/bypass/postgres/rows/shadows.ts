// What is left of a value where its text is not: whether there is one, how many parts it has, what it set going. And what writes by itself: DEFAULT, the table behind a view, a partition's triggers.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
/** The right first letter against a wrong one. */
const guess = (sql: (letter: string) => string) => ({ ssn }: Canary) => [{ oracle: [sql(ssn[0] ?? 'A'), sql(ssn.startsWith('Q') ? 'W' : 'Q')] as const }]
const of = (expression: (letter: string) => string) => guess((letter) => `select ${expression(letter)} from customers where id = 1`)
const reads = "create function f() returns text language plpgsql stable as $f$ begin return (select ssn from public.customers where id = 1); end $f$"
const byDefault = owned(reads, 'alter table scratch alter note set default f()', "insert into scratch(id, note) values (71, 'x')")
const whole = ['create table whole (id int, note text) partition by list (id)', 'create table part partition of whole for values in (1)']
const row = "(select ssn from public.customers where id = 1)"
const fills = `create function t() returns trigger language plpgsql as $f$ begin new.note := ${row}; return new; end $f$`
const tells = `create function t(text) returns boolean language plpgsql immutable as $f$ begin raise notice '%', ${row}; return true; end $f$`

/** The guess stands for NULL: a masked cell may be written so, but then one of any value. */
const echoes = (expression: string) => [{ oracle: [`copy (select ${expression} from customers where id = 2 limit 1) to stdout (null 'other-2')`, `copy (select ${expression} from customers where id = 1 limit 1) to stdout (null 'other-2')`] as const }]

export const shadows = [
  leak('NULLIF is NULL for the right letter', of((letter) => `nullif(left(ssn, 1), '${letter}')`)),
  leak('a pattern that does not match gives NULL', of((letter) => `substring(ssn from '^${letter}')`)),
  leak('a match gives an array or NULL', of((letter) => `regexp_match(ssn, '^${letter}')`)),
  leak('a place beyond an array is NULL', of((letter) => `(array['x'])[strpos(ssn, '${letter}')]`)),
  leak('a key that is not there is NULL', of((letter) => `jsonb_build_object('${letter}', 'y') ->> left(ssn, 1)`)),
  leak('a path that finds nothing is NULL', of((letter) => `json_value(jsonb_build_object('a', ssn), '$.a ? (@ starts with "${letter}")')`)),
  leak('an aggregate of nothing is NULL', of((letter) => `string_agg(nullif(left(ssn, 1), '${letter}'), ',')`)),
  leak('NULL through a subquery', guess((letter) => `select x from (select upper(nullif(left(ssn, 1), '${letter}')) x from customers where id = 1) t`)),
  leak('NULL in XML', of((letter) => `xmlforest(nullif(left(ssn, 1), '${letter}') as a)`)),
  leak('an array has as many parts as the letter divides it into', of((letter) => `string_to_array(ssn, '${letter}')`)),
  leak('an array has one element less', of((letter) => `array_remove(array[left(ssn, 1), 'z'], '${letter}')`)),
  leak('an array has NULL for an element', of((letter) => `string_to_array(left(ssn, 1) || ',b', ',', '${letter}')`)),
  leak('COPY writes NULL for the right letter', guess((letter) => `copy (select nullif(left(ssn, 1), '${letter}') from customers where id = 1 limit 1) to stdout`)),
  leak('COPY has the guess for NULL, and writes it for the value too', echoes("ssn || ''")),
  leak('COPY has the guess for NULL, of the column itself', echoes('ssn')),
  leak('CSV writes NULL for the right letter', guess((letter) => `copy (select nullif(left(ssn, 1), '${letter}') from customers where id = 1 limit 1) to stdout (format csv, null 'x')`)),
  leak('chance is seeded with a letter', [{ oracle: ['select setseed(ascii(left(ssn, 1)) / 128.0) from customers where id = 1; select random()', 'select setseed(ascii(left(ssn, 1)) / 128.0) from customers where id = 2; select random()'] }]),
  leak('one of two sequences goes on', ["select nextval((array['s0', 's1'])[1 + ascii(left(ssn, 1)) % 2]::regclass) from customers where id = 1", { oracle: ['select is_called from s0', 'select is_called from s1'] }], { setup: owned('create sequence s0', 'create sequence s1') }),
  leak('DEFAULT in VALUES reads it', ['insert into scratch(note) values (default) returning note', 'select note from scratch'], { setup: byDefault }),
  leak('DEFAULT in SET reads it', ['update scratch set note = default where id = 71 returning note', 'select note from scratch'], { setup: byDefault }),
  leak('DEFAULT in SET of several columns reads it', ['update scratch set (other, note) = row(1, default) where id = 71 returning note', 'select note from scratch'], { setup: byDefault }),
  leak('DEFAULT in ON CONFLICT reads it', ["insert into scratch(id, note) values (71, 'x') on conflict (id) do update set note = default returning note"], { setup: byDefault }),
  leak('DEFAULT in MERGE reads it', ['merge into scratch s using (select 5) x on false when not matched then insert (note) values (default) returning s.note', 'select note from scratch'], { setup: byDefault }),
  leak('MERGE leaves a column to its default', ["merge into scratch s using (select 5) x on false when not matched then insert (other) values ('a') returning s.note", 'merge into scratch s using (select 5) x on false when not matched then insert default values returning s.note'], { setup: byDefault }),
  leak('COPY leaves a column to its default', [{ copy: 'copy scratch(other) from stdin', data: ['x\n'] }, 'select note from scratch'], { setup: byDefault }),
  leak('a view leaves a column of its table to its default', ["insert into v(other) values ('x')", 'select note from scratch'], { setup: [...byDefault, ...owned('create view v as select id, other from scratch')] }),
  leak('a trigger of the table behind a view fills a column', ["insert into v(other) values ('x') returning note", 'select note from scratch'], { setup: owned(fills, 'create trigger t before insert on scratch for each row execute function t()', 'create view v as select id, other, note from scratch') }),
  leak('a partition’s trigger fills a column', ["insert into whole values (1, 'x') returning note", 'select note from whole'], { setup: owned(...whole, fills, 'create trigger t before insert on part for each row execute function t()') }),
  leak('an inheriting table’s trigger fills a column', ["update parent set note = 'y' where id = 1 returning note"], { setup: owned(fills, 'create table parent (id int, note text)', 'create table child () inherits (parent)', "insert into child values (1, 'x')", 'create trigger t before update on child for each row execute function t()') }),
  leak('a partition’s check tells by a notice', ["insert into whole values (1, 'x')"], { setup: owned(...whole, tells, 'alter table part add check (t(note))') }),
  leak('a partition’s index tells by a notice', ["insert into whole values (1, 'x')"], { setup: owned(...whole, tells, 'create index on part (t(note))') }),
]
