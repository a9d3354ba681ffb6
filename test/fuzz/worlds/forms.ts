// What statements are put together of. `{type}` is any expression of it, `<type>` a column or a constant, `{=}` and `<=>` of the same type as the whole, `{?}` a condition,
// `{query}` a query, `{from}` what stands behind FROM, `{key}` a column of it.

export const constants: Readonly<Record<string, readonly string[]>> = {
  text: ["'a'", "'K%'", "'x\\'", "'k'", "'1'", "'hex'", "'$.k'", "'FM999'", 'null', "rpad('y', 3)", `(select 'a' collate "POSIX")`, `(select 'a' collate "C")`],
  integer: ['1', '2', '0', '-1', '3', 'null', '2147483647', '-2147483648'], bigint: ['1::bigint', '9223372036854775807', '-9223372036854775808'], numeric: ['1.5', '0.1', '1e400', "'NaN'::numeric"],
  'double precision': ['0.3::float8', '1::float8', "'-Infinity'::float8"], boolean: ['true', 'false', 'null'], oid: ['1::oid'], name: ["'a'::name"], 'character varying': ["'a'::varchar"], '"char"': [`'a'::"char"`],
  date: ["date '2000-01-01'", "date '1985-06-07'", "date '5874897-12-31'"], 'timestamp with time zone': ["timestamptz '2005-01-01 00:00Z'"], 'timestamp without time zone': ["timestamp '2005-01-01'"], interval: ["interval '1 day'", "interval '10 years'"],
  jsonb: [`'{"k": 1}'::jsonb`, "'[1, 2]'::jsonb", "'null'::jsonb"], json: [`'{"k": 1}'::json`, "'[1]'::json"], jsonpath: ["'$.k'::jsonpath", "'$[*] ? (@ > 1)'::jsonpath", "'lax $.**'::jsonpath"], xml: ["'<a>1</a>'::xml"],
  'text[]': ["array['a', 'b']", "'{}'::text[]", "'{K,x}'::text[]"], 'integer[]': ['array[1, 2]', "'{}'::int[]"], bytea: ["'\\x4142'::bytea", "''::bytea"], daterange: ["'[2000-01-01,2005-01-01)'::daterange"], datemultirange: ["'{[2000-01-01,2005-01-01)}'::datemultirange"],
  tsvector: ["'a b'::tsvector"], tsquery: ["'a & b'::tsquery"], 'bit varying': ["B'101'::varbit"], regconfig: ["'simple'::regconfig"],
}

/** Of values of any type. */
export const anywhere = [
  'coalesce({=}, {=})', 'nullif({=}, {=})', 'greatest({=}, {=})', 'least({=}, {=})', 'case when {?} then {=} else {=} end', 'case <text> when <text> then {=} else {=} end', '(array[{=}, {=}])[{integer}]', '(array[{=}])[{bigint}]',
  '(select {=} from customers where id = 1)', '(select min({=}) from customers)', '(values ({=}), ({=}) limit 1)', '(select {=} union all select {=} limit 1)', 'same_too({=})', 'any_value({=}) over ()', 'lag({=}, 1, {=}) over ()',
]

export const ofType: Readonly<Record<string, readonly string[]>> = {
  text: [
    "json_value({jsonb}, '$.k')", "json_value({jsonb}, '$' default 'd' on empty default 'e' on error)", "({jsonb})['k']::text", '(row({text}, {text}))::text', '({text[]})[{integer}]', "array_to_string(({text[]})[1:{integer}], ',')", 'substring({text} from <integer> for <integer>)',
    'overlay({text} placing {text} from 1)', 'trim(both {text} from {text})', 'xmlserialize(content xmlelement(name k, {text}) as text)', '({text} collate "C")', "(<timestamp with time zone> at time zone 'UTC')::text", '(row({text}, 1)::pair).a', '{text} ## {text}', "first_of({text}, {text}, 'q')",
    'of_id({integer})', 'of_id_too(<integer>)', "format('%s', {text})", "format('%-3s|', {text})", 'extract(year from <date>)::text', '{text}::word::text', '<text>::"char"::text', '{text}::varchar(2)', '{text} || {numeric}', 'string_agg({text}, {text}) over ()', '{jsonb} ->> <text>', '{json} #>> <text[]>',
  ],
  boolean: [
    '<text> is json', '<text> is json object', '<text> is not distinct from {text}', '{text} is null', "json_exists({jsonb}, '$.k ? (@ == $x)' passing <text> as x)", '(<text>, <integer>) = (<text>, <integer>)', '(<text>, <numeric>) < (<text>, <double precision>)', '(<date>, <date>) overlaps (<date>, <interval>)', '{text} like <text>',
    '<text> ilike <text>', '<text> similar to <text>', '{bigint} = <oid>', '{numeric} = <double precision>', '{date} = <timestamp without time zone>', '{integer} between <integer> and {integer}', '{text} = any ({text[]})', '{text} <> all ({text[]})', "xmlexists('/a' passing <xml>)", 'row(<text>, 1) is null', '({?}) is unknown', '({?})',
    '{numeric} in ({numeric}, <double precision>)', '{text} in ({text}, {text})', 'exists (select {text} from customers where {?})', '{text} in (select {text} from customers)',
  ],
  jsonb: ["json_object('k' value {text} absent on null returning jsonb)", 'json_array({text}, <integer> null on null returning jsonb)', "json_query({jsonb}, '$.k' with wrapper)", "json_query({jsonb}, '$[*]' empty object on error)", '{jsonb} -> <text>', 'to_jsonb({text})', 'jsonb_agg({text}) over ()'],
  json: ["json_object('k' value {text} returning json)", 'json_array({text} returning json)', 'row_to_json(row({text}, {integer}))'],
  'text[]': ['array[{text}]', 'array(select {text} from customers order by id)', '{text[]} || {text}', 'array_agg({text}) over ()'], 'integer[]': ['array[{integer}]', 'array(select {integer} from customers order by id)'],
  numeric: ['sum({bigint}) over ()', 'extract(epoch from {date})', 'round({numeric}, 1)'], integer: ['length({text})', 'ascii({text})', '{integer} / {integer}', 'grouping(<text>)'], bigint: ['count({text}) over ()', 'count(*) filter (where {?}) over ()', 'hashtextextended({text}, 0)'],
}

/** NULL, or at the end of its type, in one of the worlds: what an attacker aims with. `@` is the row's name. */
export const aimed: Readonly<Record<string, readonly string[]>> = {
  text: ["nullif(left(@ssn, 1), 'K')", "nullif(@ssn || '', 'Kq7')"], integer: ['nullif(length(@ssn), 3)', "nullif(strpos(@ssn, 'K'), 1)"], bigint: ["nullif(hashtextextended(@ssn || '', 0), hashtextextended('Kq7', 0))"], numeric: ['coalesce(nullif(length(@ssn), 3), 1e400)'],
  date: ["(array[date '5874897-12-31'])[strpos(@ssn, 'K')]"], boolean: ["left(@ssn, 1) = 'K'"], 'text[]': ["nullif(array[left(@ssn, 1)], array['K'])"], jsonb: ["nullif(to_jsonb(left(@ssn, 1)), '\"K\"')"], 'timestamp with time zone': ["nullif(@seen, '2001-02-03 04:05:06+00')"],
}

/** A table by a name, and its columns behind it. */
export const sources = [
  "lateral json_table({jsonb}, '$[*]' passing {text} as x columns (c0 text path '$.k' default 'd' on empty, c1 for ordinality, nested path '$.a[*]' columns (c2 int path '$'))) #", 'lateral unnest({text[]}, {integer[]}) with ordinality #(c0, c1, c2)',
  "lateral (select {text}, {integer}) #(c0, c1)", '(values ({text}, 1), ((select ssn from customers where id = 1), 2)) #(c0, c1)', "lateral xmltable('/a' passing {xml} columns c0 text path '.', c1 int path 'b') #", '(select {text}, {integer} from customers offset 0) #(c0, c1)',
  "lateral rows from (regexp_split_to_table({text}, ''), generate_series(1, least({integer}, 9))) #(c0, c1)",
]

export const whole = ['*', '#.*', '#', '#::text', 'row_to_json(#)', '(#).*', 'row(#.*)', 'array[#]', '# is null', "to_jsonb(#) - 'ssn'", 'num_nulls(#.*)', 'string_agg(#::text, chr(44))', '(#, {text})', 'count(#)', 'max(#::text)']

/** Of one row or of many: `{out}` what is asked for. */
export const queries = [
  'select {out} from {from}', 'select {out} from {from}', 'select {out}, {out} from {from}', 'select {out} from {from} where {?}', 'select {out}, {key} from {from} where {?}', 'select {out} from {from} order by {key}', 'select {out} from {from} order by 1 using >', 'select {out} from {from} limit {integer}',
  'select {key}, {aggregate} from {from} group by {key}', 'select {aggregate} from {from}', 'select {aggregate} from {from} having {aggregate boolean}', 'select {aggregate}, grouping({key}) from {from} group by rollup ({key}, id)', 'select distinct {out} from {from}', 'select distinct on ({key}) {out} from {from}',
  'select {window} over (partition by {key} order by id rows between 1 preceding and current row) from {from}', 'select {window} over (order by id groups 1 preceding) from {from}',
  'with w as materialized (select {out} as x from {from}) select w, x from w', 'with w(x) as (select {out} from {from}) select count(*), max(x::text) from w', 'select {out} from {from} union all select {out} from {from}', 'select {out} from {from} except select {out} from {from}',
  "with recursive r(a, b) as (select {text}, 1 from customers union all select a, b + 1 from r where b < {integer}) cycle a set looped using way select b, looped from r", 'with recursive r(a, b) as (select {text}, 1 from customers union select a || {text}, b + 1 from r where b < 2) search depth first by b set way select r from r',
  'select x = y from (select {out} as x from {from}) t, (select {out} as y from {from}) u',
]

/** Of several statements, with a semicolon between them. */
export const scripts = [
  ...Array.from({ length: 14 }, () => '{query}'), 'explain (costs off) {query}', 'explain (analyze, timing off, summary off, costs off, buffers off) {query}', 'explain (analyze, timing off, summary off, costs off, buffers off, serialize) {query}', 'explain (verbose, format json, costs off) {query}',
  'copy ({query}) to stdout', 'copy ({query}) to stdout with (format csv, header, force_quote *)', "copy ({query}) to stdout with (delimiter '|', null 'N')", 'declare c scroll cursor for {query}; fetch all from c', 'declare c binary cursor for {query}; move 2 in c; fetch c', 'prepare p as {query}; execute p',
  'create temp table t as {query}; select t::text from t', 'create materialized view t as {query}; select count(*) from t',
  'insert into scratch (note, other) select {text}, {text} from {from} returning *; select * from scratch', 'insert into scratch (note) values ((select {text} from {from} limit 1)) returning new.note; select count(*) from scratch', "with w as (insert into scratch (note) select {text} from {from} returning note) select * from w",
  "update orders set item = 'x' from {from} where orders.id = 1 and {?} returning orders.*; select * from orders", 'delete from orders using {from} where orders.id = 3 and {?} returning orders.id, {text}', "update customers set name = {text} where id = 1 returning with (old as o, new as n) o.name, n.name, n.ssn, tail",
  "merge into scratch x using (select {text} as v, c.* from customers c) q on x.note = q.v when not matched then insert (note) values (q.name) when matched and {?} then delete returning merge_action(), x.*; select note from scratch",
  "select nextval('ticks') from {from} where {?}; select last_value from ticks", "select coalesce({text}, nextval('ticks')::text) from {from}; select last_value from ticks",
]
