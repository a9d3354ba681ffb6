// Columns that are made of others: COPY leaves them out, a partition makes them otherwise, and where nobody can count a result's columns the server's word is all there is.
import { leak } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const filled = 'insert into people(id, name, ssn) select id, name, ssn from customers'

export const generated = [
  leak('COPY leaves a generated column out, and those behind it come one place sooner', ['copy people to stdout', 'copy people to stdout (format csv, header)'], { setup: owned('create table people (id int, g int generated always as (id * 2) stored, name text, ssn text)', filled) }),
  leak('COPY leaves a virtual column out, and those behind it come one place sooner', ['copy people to stdout'], { setup: owned('create table people (id int, g int generated always as (7) virtual, name text, ssn text)', filled) }),
  leak('a partition makes a generated column of another one', ['select note from whole', 'select upper(note) from whole', 'copy (select note from whole) to stdout'], { setup: owned('create table whole (id int, ssn text, note text generated always as (id::text) stored) partition by list (id)', 'create table part partition of whole (note generated always as (ssn) stored) for values in (1)', 'insert into whole(id, ssn) select id, ssn from customers where id = 1') }),
  leak('a generated column stands beside as many columns as a parameter has', ['prepare p(orders[]) as select u.*, c.label from customers c, unnest($1) u where c.id = 1', "execute p(array[row(1, 1, 'a', 'b')::orders])"], { setup: owned('alter table customers add label text generated always as (ssn) stored') }),
]
