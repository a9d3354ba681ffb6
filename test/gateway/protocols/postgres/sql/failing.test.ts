// What may fail by a column's value is noted; what cannot is not, and the server agrees.
import test from 'ava'
import { parseSync } from 'libpg-query'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { liveOf } from './live.ts'

const schema = `
create domain few as text check (length(value) < 4);
create table people (id int primary key, name text, ssn text, pin int8, born date, paid numeric, tags text[], doc jsonb, seen timestamptz, num int);
create table coded (code few);
insert into people values
  (1, 'Ada', '123-45-6789', 7, '1980-02-29', 1.5, '{a,b}', '{"a":{"b":"c"}}', now(), 1),
  (2, '', '', 9223372036854775807, 'infinity', 'NaN', '{}', 'null', 'infinity', 2147483647),
  (3, '\\', '%I%', -9223372036854775808, '-infinity', '-1e100', '{{a},{b}}', '[1,{"a":null}]', '-infinity', -2147483648),
  (4, E'\\u00df\\n"''', 'ä𝄞', 0, '0044-03-15 BC', 'Infinity', '{NULL}', '"x"', '0044-03-15 BC', 0),
  (5, null, null, null, null, null, null, null, null, null);
create function mine(text) returns text language sql immutable as 'select $1';
create function reverse(text, text) returns text language sql immutable as 'select $1';
create function deep(n int) returns int language sql stable as 'select 1 / (ascii(ssn) - n) from people where id = 1';
create extension citext;
create extension hstore;
`

const live = liveOf(test, schema)

/** `column: names` of those that something may fail by. */
function failures(sql: string): string {
  const traced = traceStatement(parseSync(sql).stmts?.[0]?.stmt, live().naming)
  return traced.columns.flatMap(({ relation, attribute, failures: names }) => names === undefined ? [] : `${live().naming.snapshot.relation(relation)?.columns.find((column) => column.attribute === attribute)?.name}: ${[...names].sort().join(' ')}`).sort().join(', ')
}

const total = [
  'ssn', 'p', 'p.*', 'substring(ssn from 8)', 'substring(ssn from 1 for 3)', 'substr(ssn, 2)', 'left(ssn, -1)', 'right(ssn, 4)', 'upper(name)', 'lower(ssn)', 'initcap(ssn)', 'reverse(ssn)', 'length(ssn)', 'char_length(ssn)', 'octet_length(ssn)',
  'md5(ssn)', 'replace(ssn, \'-\', \'\')', 'translate(ssn, \'1-\', \'2\')', 'trim(both \'1\' from ssn)', 'btrim(ssn)', 'ltrim(ssn)', 'rtrim(ssn)', 'lpad(ssn, 20, \'*\')', 'rpad(ssn, 3)', 'split_part(ssn, \'-\', 2)', 'strpos(ssn, \'4\')', 'position(\'4\' in ssn)', 'starts_with(ssn, \'1\')',
  'ssn || \' \' || name', 'id || ssn', 'ssn || null', 'concat(ssn, 1, name)', 'concat_ws(\', \', name, ssn)', 'format(\'%s of %1$s, %% %-10L\', ssn, name)', 'quote_literal(ssn)', 'quote_ident(ssn)', 'quote_nullable(ssn)',
  'coalesce(ssn, name, \'none\')', 'coalesce(nullif(ssn, \'\'), upper(name), \'-\')', 'nullif(ssn, \'x\')', 'greatest(ssn, name)', 'case when ssn = \'x\' then 1 else 2 end', 'case ssn when \'x\' then name end',
  'ssn::text', 'ssn::varchar(3)', 'pin::text', 'born::varchar', 'doc::text', 'ssn::char(2)', 'ssn::name', 'paid::text', 'pin::numeric', 'num::int8', 'num::float8', 'born::timestamp', 'seen::date', 'tags::text[]', 'array[ssn, name]::text[]', 'array_agg(ssn)::text[]',
  'ssn is null', 'ssn is not distinct from name', 'ssn = \'x\'', 'ssn < \'x\'', 'ssn in (\'a\', \'b\')', 'ssn between \'a\' and \'b\'', 'ssn = any(array[\'a\', name])', 'array[ssn, name] = array[\'a\', \'b\']', 'substr(upper(ssn), 2, 3)', 'lpad(btrim(ssn), 12, \'0\')', 'split_part(lower(name), \'@\', 2)', 'encode(sha256(\'x\'), \'hex\') || upper(ssn)', 'pin > 4', 'born <= current_date', '(ssn, name) = (\'a\', \'b\')', 'not (ssn = \'x\' and name = \'y\')', '(ssn = \'a\') is true',
  'count(ssn)', 'count(distinct ssn)', 'count(*) filter (where ssn = \'x\')', 'min(ssn)', 'max(born)', 'sum(pin)', 'avg(paid)', 'stddev(num)', 'coalesce(sum(paid), 0)', 'string_agg(ssn, \', \' order by id)', 'array_agg(ssn)', 'bool_or(ssn = \'x\')', 'any_value(ssn)',
  'row_number() over (partition by id order by id)', 'lag(ssn) over (order by id)', 'first_value(ssn) over (order by id)',
  'row_to_json(p)', 'to_jsonb(p)', 'to_json(ssn)', 'json_agg(p)', 'jsonb_agg(ssn)', 'json_build_object(\'ssn\', ssn, \'n\', name)', 'jsonb_build_object(\'ssn\', ssn)', 'json_build_array(ssn, 1)', 'json_object_agg(id, ssn)', 'doc -> \'a\' ->> \'b\'', 'doc #>> \'{a,b}\'', 'doc #> array[\'a\']', 'jsonb_typeof(doc)', 'jsonb_pretty(doc)', 'jsonb_extract_path_text(doc, \'a\')',
  'row(ssn, name)', 'array[ssn, name]', 'array(select ssn)', '(select ssn)', 'tags[1]', '(array[name, ssn])[num]', 'array_to_string(tags, \',\')', 'array_length(tags, 1)', 'cardinality(tags)',
  'to_char(born, \'YYYY-MM\')', 'to_char(seen, \'HH24\')', 'to_char(paid, \'9,999.99\')', 'date_trunc(\'month\', born)', 'date_trunc(\'day\', seen, \'UTC\')', 'extract(year from born)', 'date_part(\'month\', seen)', 'seen at time zone \'UTC\'', 'round(paid, 2)', 'trunc(paid)', 'floor(paid)', 'ceil(paid)', 'sign(pin)', 'encode(sha256(\'x\'), \'hex\') || ssn', 'ssn collate "C"', 'ssn::text::varchar', 'pg_typeof(ssn)', 'num_nulls(ssn, name)',
  'coalesce(sum(pin), 0)', 'coalesce(max(paid), 0.5)', 'coalesce(avg(num), 0)', 'coalesce(upper(ssn), num::text)', 'count(ssn) = count(name)', 'coalesce(max(born), \'2000-01-01\')', 'case when id > 1 then upper(ssn) else \'-\' end', 'length(ssn) = num', '(array_agg(ssn))[1]', 'ssn collate "C" = name',
]

test('what works for every value is open, and the server agrees', async (t) => {
  for (const expression of total) {
    // ids may fail what they like
    t.is(failures(`select ${expression} from people p`).replace(/^id: [^,]+$/, ''), '', expression)
    await t.notThrowsAsync(live().client.query(`select ${expression} from people p`), expression)
  }
})

const all = (by: string): string => ['born', 'doc', 'id', 'name', 'num', 'paid', 'pin', 'seen', 'ssn', 'tags'].map((column) => `${column}: ${by}`).join(', ')

const may: readonly (readonly [string, string])[] = [
  ['1 / (ascii(ssn) - 65)', 'ssn: - / ascii'], ['ssn::int', 'ssn: int4'], ['pin::int', 'pin: int4'], ['cast(ssn as date)', 'ssn: date'], ['ssn::few', 'ssn: few'], ['ssn::json', 'ssn: json'], ['ssn::xml', 'ssn: xml'], ['ssn::regclass', 'ssn: regclass'], ['ssn::text[]', 'ssn: text'], ['paid::numeric(5, 2)', 'paid: numeric'], ['int4(ssn::numeric)', 'ssn: int4 numeric'],
  ['substr(ssn, 1, length(ssn) - 11)', 'ssn: - substr'], ['substring(name from 1 for length(ssn))', 'ssn: substring'], ['left(\'abc\', ascii(ssn))', 'ssn: ascii'], ['repeat(name, 2)', 'name: repeat'], ['chr(num)', 'num: chr'], ['pg_sleep(num)', 'num: pg_sleep'], ['num * 1000', 'num: *'], ['-num', 'num: -'], ['pin + 1', 'pin: +'], ['sqrt(paid)', 'paid: sqrt'], ['exp(paid)', 'paid: exp'], ['sum(num + 1)', 'num: + sum'], ['to_char(pin, \'999V99\')', 'pin: to_char'], ['to_char(born, ssn)', 'ssn: to_char'], ['to_date(ssn, \'YYYY\')', 'ssn: to_date'], ['to_number(ssn, \'9\')', 'ssn: to_number'],
  ['ssn like \'1\\\'', 'ssn: ~~'], ['ssn ~ \'^1\'', 'ssn: ~'], ['ssn similar to \'1%\'', 'ssn: ~'], ['regexp_replace(ssn, \'1\', \'2\')', 'ssn: regexp_replace'], ['format(\'%I\', ssn)', 'ssn: format'], ['format(\'%*s\', ssn, 1)', 'ssn: format'], ['format(ssn, 1)', 'ssn: format'], ['format(name, ssn)', 'name: format, ssn: format'], ['json_build_object(ssn, 1)', 'ssn: json_build_object'], ['json_object_agg(ssn, 1)', 'ssn: json_object_agg'], ['encode(\'x\', ssn)', 'ssn: encode'], ['length(\'\\x00\'::bytea, ssn)', 'ssn: length'], ['date_trunc(ssn, now())', 'ssn: date_trunc'], ['split_part(name, \'-\', length(ssn))', 'ssn: split_part'], ['now() at time zone ssn', 'ssn: timezone'],
  // A constant that is wrong fails for all but NULL, and the ends of types can be brought in by COALESCE.
  ['lpad(nullif(left(ssn, 1), \'4\'), 2000000000)', 'ssn: lpad'], ['substr(nullif(left(ssn, 1), \'4\'), 1, -1)', 'ssn: substr'], ['split_part(nullif(left(ssn, 1), \'4\'), \'-\', 0)', 'ssn: split_part'], ['encode(sha256(nullif(left(ssn, 1), \'4\')::bytea), \'none\')', 'ssn: bytea encode'],
  ['abs(coalesce(length(nullif(left(ssn, 1), \'4\')), -2147483648))', 'ssn: abs'], ['date_trunc(\'month\', coalesce(nullif(born, \'1980-02-29\'), \'5874897-12-31\'))', 'born: date_trunc'], ['coalesce(to_json(nullif(left(ssn, 1), \'4\')), \'{"a":"\\u0000"}\') ->> \'a\'', 'ssn: ->>'], ['to_jsonb(coalesce(to_json(nullif(left(ssn, 1), \'4\')), \'"\\u0000"\'))', 'ssn: to_jsonb'], ['\'{"4":1}\'::json -> left(ssn, 1)', 'ssn: ->'], ['nullif(array[left(ssn, 1)], array[\'4\']) || array[array[\'a\', \'b\']]', 'ssn: ||'],
  ['(select t from (select left(p.ssn, 1), \'{}\'::json) t) = (select u from (select \'4\'::text, \'{}\'::json) u)', 'ssn: ='], ['max(row(ssn, doc))', 'doc: max, ssn: max'], ['greatest(p, p)', all('greatest')],
  ['mine(ssn)', 'ssn: mine'], ['reverse(ssn, name)', 'name: reverse, ssn: reverse'], ['deep(3)', 'ssn: - / ascii'], ['p.mine', all('mine')],
  ['array[tags, array[\'a\', \'b\']]', 'tags: array'], ['tags || array[array[\'a\']]', 'tags: ||'], ['array_agg(tags)', 'tags: array_agg'], ['xmlparse(content ssn)', 'ssn: xml'], ['json_value(doc, \'$.a\' error on error)', 'doc: json_value'], ['json_query(doc, \'$\' returning int error on error)', 'doc: json_value'], ['json(ssn)', 'ssn: json'], ['json_object(ssn: 1)', 'ssn: json_object'],
  // Casts that nobody wrote, and two collations of one text.
  ['coalesce(nullif(length(left(ssn, 1)), 1), 1e400) = 1::float8', 'ssn: ='], ['(array[1])[pin]', 'pin: subscript'], ['(array[1])[nullif(hashtextextended(ssn, 0), 5)]', 'ssn: subscript'], ['coalesce(max(born), now())', 'born: coalesce'], ['nullif(hashtextextended(ssn, 0), 5) = 1::oid', 'ssn: ='], ['lag(sum(paid), 1, 1::float8) over ()', 'paid: lag'],
  ['lower(ssn || (select \'a\' collate "POSIX") || \'b\'::name)', 'ssn: collation'], ['greatest(ssn collate "POSIX", name::name)', 'name: collation, ssn: collation'], ['coalesce(nullif(left(ssn, 1), \'4\'), born::timestamp::text)', 'ssn: timestamp'],
  // What stops where the outcome is known, in front of what fails by other things.
  ['coalesce(nullif(left(ssn, 1), \'4\'), (1 / (id - 7))::text)', 'id: - /, ssn: /'], ['(left(ssn, 1) = \'4\') and 1 / (id - 7) = 1', 'id: - /, ssn: /'], ['left(ssn, 1) = \'4\' or name::int = 1', 'name: int4, ssn: int4'], ['left(ssn, 1) in (\'4\', (1 / (id - 7))::text)', 'id: - /, ssn: /'], ['left(ssn, 1) between \'4\' and chr(id)', 'id: chr, ssn: chr'], ['(left(ssn, 1), 1) = (\'4\', 1 / (id - 7))', 'id: - /, ssn: /'], ['coalesce(nullif(left(ssn, 1), \'4\'), pg_sleep(5)::text)', 'ssn: pg_sleep'], ['(nullif(array[left(ssn, 1)], array[\'4\']))[1 / (id - 7)]', 'id: - / subscript, ssn: subscript'], ['coalesce(nullif(left(ssn, 1), \'4\'), \'abcd\'::few)', 'ssn: few'], ['coalesce(nullif(left(ssn, 1), \'4\'), substr(name, 1, -1))', 'ssn: substr'],
]

test('what may fail by a value is noted by name, wherever the value comes through', (t) => {
  for (const [expression, expected] of may) t.is(failures(`select ${expression} from people p`), expected, expression)
  const through: readonly (readonly [string, string])[] = [
    ['select x::int from (select ssn as x from people) t', 'ssn: int4'], ['with c as (select ssn as x from people) select 1 / ascii(x) from c', 'ssn: / ascii'], ['with c as (select ssn::int as x from people) select 1', 'ssn: int4'],
    ['select coalesce(nullif(left(p.ssn, 1), \'4\'), t.bad::text) from people p, (select 1 / (id - 7) as bad from people) t', 'id: - /, ssn: /'], ['select row(nullif(left(ssn, 1), \'4\'), 1 / (id - 7)) is null from people', 'id: - /, ssn: /'], ['select t is null from (select nullif(left(ssn, 1), \'4\'), 1 / (id - 7) from people) t', 'id: - /, ssn: /'],
    ['select 1 from people where ssn::int = 5', 'ssn: int4'], ['select 1 from people order by ssn::int', 'ssn: int4'], ['insert into people (id) values (1) returning ssn::int', 'ssn: int4'], ['update people set num = ssn::int', 'ssn: int4'], ['delete from people returning 1 / num', 'num: /'],
    ['select 1 from people a join people b on a.ssn::int = b.id', 'ssn: int4'], ['select (select ssn::int from people limit 1)', 'ssn: int4'], ['select t.x::int from people p, lateral (select p.ssn as x) t', 'ssn: int4'], ['select sum(x) from (select pin as x from people union all select 9223372036854775807) t', 'pin: sum'], ['values ((select ssn from people limit 1)::int)', 'ssn: int4'], ['select ssn like any (select name from people) from people', 'name: ~~, ssn: ~~'],
  ]
  for (const [sql, expected] of through) t.is(failures(sql), expected, sql)
})

test('a column that fails unseen has no use and is not touched', (t) => {
  const traced = traceStatement(parseSync('select id from (select id, num + 1 from people) t').stmts?.[0]?.stmt, live().naming)
  t.deepEqual(traced.columns.map(({ attribute, uses, failures: names }) => [attribute, uses, names]), [[1, ['output'], undefined], [10, [], ['+']]])
})

test('what drivers ask with parameters is open, and a row that one may be is not', (t) => {
  const from = 'select name from people where'
  for (const text of [
    `${from} ssn = $1 and id <> $2`, `${from} $1 = ssn`, `${from} ssn in ($1, $2)`, `${from} ssn is not distinct from $1`, `${from} (ssn, name) = ($1, $2)`, `${from} ssn = $1::text`, 'select code from coded where code = $1',
    'select name from (select ssn as x, name from people) p where x = $1', 'select nullif(ssn, $1) from people', 'update people set ssn = $1 where id = $2', `${from} pin in ($1, $2)`, `${from} pin = $1 and born = $2`, `${from} (ssn, pin) = ($1, $2)`, `${from} (pin, born) in (($1, $2), ($3, $4))`, 'insert into people (id, pin, born, paid) values ($1, $2, $3, $4), ($5, $6, $7, $8)', 'select coalesce(pin, $1), coalesce(born, $2) from people', 'delete from people where ssn = $1 and seen < $2',
  ]) t.is(failures(text), '', text)
  t.is(failures(`${from} tags = $1`), 'tags: =')
  t.is(failures(`${from} row(ssn, 1) = $1`), 'ssn: =')
})
