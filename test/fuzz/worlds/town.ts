// Two databases that differ in nothing but the declared columns of `customers`, `vault` and `holder`, and what may stand between a caller and those: views, routines, partitions, generated columns.

/** Declared; `#` of the text below stands for one of the world's own values. */
const columns: Readonly<Record<string, readonly (readonly [string | null, string | null])[]>> = {
  // Where two values are equal in one world they are in the other, and so with NULL: whether they are may be asked.
  ssn: [['Kq7', 'wwwwwZ-9001'], ['12', 'abc%_\\'], [null, null], ['Kq7', 'wwwwwZ-9001'], ['zyx 5', '-3'], ['é9', 'Kz']],
  email: [['a7@q', 'nobody'], ['{"k":1}', '[]'], ['5', '<a>5</a>'], [null, null], ['2001-02-03', 'P1D'], ['\\x41', '10.0.0.1']],
  pin: [['73911', '-4'], ['912345678901', '0'], [null, null], ['73911', '-4'], ['8', '9223372036854775807'], ['77', '500']],
  born: [['1971-03-19', '2020-02-29'], ['0004-01-02', '1999-12-31'], ['1980-05-06', '1950-05-07'], [null, null], ['1971-03-19', '2020-02-29'], ['infinity', '1900-01-01']],
  code: [['41', '-1'], ['1000000', '66'], [null, null], ['41', '-1'], ['2147483647', '300'], ['99', '98']],
  rate: [['0.5', '-12345.678'], ['NaN', '88'], ['31', '1e30'], [null, null], ['0.5', '-12345.678'], ['17', '0.001']],
  score: [['0.25', '-1e300'], ['NaN', 'Infinity'], ['31.5', '1e-300'], [null, null], ['0.25', '-1e300'], ['17', '0.125']],
  seen: [['2001-02-03 04:05:06+00', '1999-09-09 09:09:09+00'], ['infinity', '2030-01-01 00:00:00+00'], [null, null], ['2001-02-03 04:05:06+00', '1999-09-09 09:09:09+00'], ['0001-01-01 00:00:00+00', '2012-12-12 12:12:12+00'], ['2024-02-29 00:00:00+00', '2023-03-01 00:00:00+00']],
  doc: [['{"k": "Kq7", "n": 5}', '[1, "ww"]'], ['"12"', '{"n": {"k": null}}'], [null, null], ['{"k": "Kq7", "n": 5}', '[1, "ww"]'], ['[]', '7'], ['{"a": [1, 2]}', '{"k": "zz"}']],
  paper: [['{"k": "Kq7", "k": 5}', '[1, "ww"]'], ['"12"', '{"n": {"k": null}}'], [null, null], ['{"k": 8}', '[1]'], ['[]', '7'], ['{"a": [1, 2]}', '{"k": "zz"}']],
  // How many elements a stored array has is shown.
  codes: [['{Kq7,b}', '{ww,-9}'], ['{}', '{}'], [null, null], ['{Kq7,b}', '{ww,-9}'], ['{{a,b},{c,d}}', '{{e,ff},{g,12}}'], ['{x}', '{y%_}']],
  raw: [['\\x414243', '\\xff00'], ['\\x', '\\x01'], [null, null], ['\\x414243', '\\xff00'], ['\\x99', '\\xe282ac'], ['\\x7f', '\\x3132']],
  span: [['[2001-01-01,2002-01-01)', '[1990-01-01,)'], ['empty', '(,1950-01-01)'], [null, null], ['[2001-01-01,2002-01-01)', '[1990-01-01,)'], ['[2020-01-01,2020-01-03)', '[2010-01-01,2011-01-01)'], ['(,)', '[2022-02-02,2022-02-03)']],
}
const secret = (name: string): readonly (readonly [string | null, string | null])[] => columns[name] ?? []

export const declared = {
  'public.customers': { result: Object.fromEntries(Object.keys(columns).map((name) => [name, 'US_SSN'])) },
  'public.vault': { result: { secret: 'US_SSN' } },
  'public.base': { result: { secret: 'US_SSN' } },
  'public.holder': { result: { pair: 'US_SSN', word: 'US_SSN', small: 'US_SSN' } },
}

export const town = [
  'set role app', 'create type pair as (a text, b int)', 'create domain word as text', 'create domain small as int',
  `create table customers (id int primary key, name text not null, ssn text, email text, pin bigint, born date, code int, rate numeric, score float8, seen timestamptz, doc jsonb, paper json, codes text[], raw bytea, span daterange,
    profile jsonb, tags text[], balance numeric not null default 0, tail text generated always as (right(ssn, 4)) virtual, loud text generated always as (upper(ssn)) stored)`,
  'create table orders (id int primary key, customer_id int references customers, item text not null, price numeric, at date)',
  "insert into orders values (1, null, 'lamp', 12.5, '2024-01-01'), (2, null, 'desk', 80, '2024-02-03'), (3, null, 'lamp', 7, null)",
  'create table scratch (id serial primary key, note text, other text, n bigint, doc jsonb)', 'create sequence ticks',
  'create table vault (id int, region text, secret text, plain text) partition by list (region)', "create table vault_east partition of vault for values in ('east')", "create table vault_west partition of vault for values in ('west')",
  'create table base (id int, secret text, plain text)', 'create table derived (extra text) inherits (base)',
  'create table holder (id int, pair pair, word word, small small, plain text)',
  'create view plain as select * from customers', 'create view joined as select c.id, c.name, c.ssn, c.pin, o.item, o.price from customers c join orders o on o.id = c.id',
  'create view counted as select name, count(*) n, max(ssn) top, string_agg(email, chr(44)) mails from customers group by name', 'create view rows as select id, customers as whole, row_to_json(customers) as doc from customers',
  'create view parts as select id, left(ssn, 2) as front, coalesce(email, name) as contact, pin + 0 as number, tags from customers', "create view arms as select id, ssn as value from customers union all select id, item from orders",
  'create view sealed with (security_barrier) as select id, name, ssn from customers where id < 5',
  "create function of_row(customers) returns text language sql stable as 'select $1.ssn'", "create function of_id(i int) returns text language sql stable as 'select ssn from customers where id = i'",
  'create function of_id_too(i int) returns text language plpgsql stable as $f$ declare s text; begin select ssn into s from customers where id = i; return s; end $f$',
  "create function all_of() returns setof customers language sql stable as 'select * from customers'", "create function some_of() returns table (i int, s text) language sql stable as 'select id, ssn from customers'",
  'create function row_of(i int) returns record language sql stable as $f$ select id, ssn, name from customers where id = i $f$',
  'create function outs(i int, out a text, out b text) language plpgsql stable as $f$ begin select name, ssn into a, b from customers where id = i; end $f$',
  "create function same(text) returns text language sql immutable as 'select $1'", "create function same_too(t anyelement) returns anyelement language plpgsql immutable as 'begin return t; end'",
  "create function first_of(t text, variadic u text[]) returns text language sql immutable as 'select coalesce(t, u[1])'",
  'create function joins(text, text) returns text language sql immutable as $f$ select coalesce($1, $2) $f$', "create aggregate joined_up(text) (sfunc = joins, stype = text)",
  'create materialized view kept as select id, ssn, name, pin from customers with no data', 'create materialized view kept_parts as select id, left(ssn, 1) as l, doc from customers with no data',
  'create operator ## (leftarg = text, rightarg = text, function = joins)',
]

/** What one of them holds. */
export function filled(world: 0 | 1): string[] {
  const names = Object.keys(columns)
  const quoted = (value: string | null | undefined) => value === null || value === undefined ? 'null' : `'${value.replaceAll("'", "''")}'`
  const of = (name: string, row: number) => quoted(secret(name)[row]?.[world])
  return [
    'set role app',
    ...[0, 1, 2, 3, 4, 5].map((row) => `insert into customers (id, name, ${names.join(', ')}, profile, tags, balance) values (${row + 1}, '${['Ada', 'Bo', 'Ada', 'Cy', 'Di', 'Ed'][row]}', ${names.map((name) => of(name, row)).join(', ')}, '{"plan": "${row % 2}"}', '{t${row}}', ${row * 10})`),
    'update orders set customer_id = id',
    ...[0, 1, 2, 4].map((row) => `insert into vault values (${row}, '${row % 2 === 0 ? 'east' : 'west'}', ${of('ssn', row)}, 'p${row}')`),
    ...[0, 1].map((row) => `insert into base values (${row}, ${of('email', row)}, 'p')`), ...[4, 5].map((row) => `insert into derived values (${row}, ${of('ssn', row)}, 'p', 'e')`),
    ...[0, 1, 4].map((row) => `insert into holder values (${row}, row(${of('ssn', row)}, ${of('code', row)}), ${of('email', row)}, ${of('code', row)}, 'p')`),
    'refresh materialized view kept', 'refresh materialized view kept_parts',
  ]
}
