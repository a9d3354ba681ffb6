// Statements that differ from each other in numbers and strings, and in what only looks like them: made by chance, for the tests and for the fuzzer.

export type Random = (below: number) => number

/** mulberry32: a run is repeated by its seed. */
export function randomOf(seed: number): Random {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296 * below)
  }
}

const plain = ['0', '1', '2', '3', '4', '5', '7', '10', '17', '42', '00', '007', '64', '4711', '99999', '999999999']
const odd = ['1000000000', '2147483647', '2147483648', '12345678901234567890', '-5', '- 5', '+5', '1.5', '.5', '5.', '1e5', '1E-5', '0x10', '0b1', '1_000', '1__0', '5and', '5a', '$1', '$1and', "'5'", "E'5'", "'5' '6'", "U&'5'", 'x5', '_5', '"5"', '"a""5"', '5"a"', '/*5*/5', '5--5\n', '$$5$$', '$5$5$5$', '5::int', '(5)', 'b\'1\'', 'é5', '5é', '\u00a05', '\f5', '\v5', '5\0', '5;5']

const plainStrings = ["''", "'a'", "'5'", "'Ada Vance'", "'219-09-9999'", "'jane@example.com'", "'--'", "'/*'", "'$1$'", "'\"'", "'ssn'", "'search_path'", "'?'", "'#'", "'true'", "'a; drop table t'", `'${'x'.repeat(300)}'`]
const oddStrings = ["'a''b'", "''''", "'a\\b'", "'a\\'", "E'a'", "e'\\x41'", "N'a'", "B'1'", "X'1f'", "U&'a'", "$$a$$", "$x$a$x$", "'é'", "'a\nb'", "'a'\n'b'", "'a' 'b'", "'a'--\n'b'", "'a'\t\n 'b'", "'a'::text", "'a", "a'", "'a'b", "'\u0001'", "'\0'", 'null', 'true', '5', 'ssn', '"a"']

/** `#` is a number, `@` a string, `?` a condition. */
const conditions = ['id = #', '# = id', 'id = # and b = #', 'id <> #', 'id in (#, #, #)', 'id in (#)', 'not id = #', 'id between # and #', '# = #', '#=#', 'id=#', '(id, b) = (#, #)', '(id, b) in ((#, #), (#, #))', 'id = any (array[#, #])', 'ssn = #', 'true', 'false or id = #', '# < # or ssn = #', 'id = (select # from orders where id = #)', '(select # from t where a = #) = (select # from t where a = #)', 'exists (select # from t where a = #)', 'pg_sleep(#) is null', 'lower(ssn) = #', 'coalesce(id, #) = #', 'case id when # then true else # = # end', 'id * # + # < #', 'id % # = #', 'id = #::int', 'id::numeric(#, #) = #', 'cast(id as float(#)) = #', 'cast(ssn as char(#)) = #', 'cast(ssn as varchar(#)) = #', 'id is distinct from #', 'ssn like #', 'id = # is true', '"a1" = #', '"1" = #', 'a1 = #', 'current_time(#) is null', "ssn = 'x' and id = #", 'id @# #', 'area(#) = #', 'wipe(#) is null', 'nextval(#) = #', 'set_config(#, #, true) = #', 'row_number() over (order by # rows # preceding) = #',
  'ssn = @', 'name = @ and id = #', '@ = ssn', '@ = @', 'ssn in (@, @)', 'ssn like @', 'ssn || @ = ssn || @', 'lower(@) = @', "ssn = cast(@ as text)", 'placed < date @', 'placed > now() - interval @ day', 'ssn = @ collate "C"', 'ssn similar to @ escape @', '(ssn, id) = (@, #)', '(select @ from t where a = @) = (select @ from t where a = @)', 'query_to_xml(@, true, false, @) is null', 'nextval(@) = #', 'set_config(@, @, true) = @', 'pg_read_file(@) = @', 'dblink(@, @) is null', 'current_setting(@) = @', 'name = any (@)', 'json_value(ssn, @) = @', 'id @# #']
const statements = [
  'select id, ssn from customers where ?', 'SELECT * FROM customers WHERE ?;', 'select # from customers where ?', 'select #, ssn from customers where ? order by #', 'select ssn, count(*) from customers where ? group by #', 'select ssn from customers where ? group by #, # having ?',
  'select id from customers where ? limit #', 'select id from customers where ? limit # offset #', 'select id from customers where ? offset # rows fetch first # rows only', 'select id from customers order by # limit (#)', 'select distinct on (#) id, ssn from customers where ?',
  'select ssn as x from customers union select # from t where ? order by #', 'with c as (select id from customers where ?) select # from c where ?', 'with c as (delete from t where ? returning #) select # from c', 'select (select # from t where ?) from customers where ?', 'select x from (select # as x from customers where ?) y where ?',
  'select * from (values (#, #), (#, #)) v (a, b) where a = #', 'values (#, #), (#, #)', 'values (#) order by #', 'insert into t (a, b) values (#, #)', 'insert into t values (#, #, #), (#, #, #) returning a', 'insert into customers (id, ssn) values (#, #) on conflict (id) do update set ssn = # where ?', 'insert into t (a) select # from customers where ? limit #',
  'update customers set ssn = # where ?', 'update t set a = #, b = a + # where ? returning #', 'update t set (a, b) = (select #, # from customers where ?) where ?', 'update t set (a, b) = (#, #) where ?', 'update customers set ssn = #', 'delete from customers where ?', 'delete from customers where #', 'delete from t using customers where ? returning ssn',
  'select id from customers where ? for update', 'select id from customers tablesample system (#) where ?', 'select generate_series(#, #)', 'select set_config(#, #, #)', 'select pg_sleep(#), pg_terminate_backend(#)', 'select lo_get(#)', 'select array[#, #][#]', 'select ssn from customers c (a#, b) where ?', 'select id "5" from customers where ?',
  'set statement_timeout = #', 'set search_path = #', 'reset all', 'explain select id from customers where ?', 'explain (analyze #) select # from customers', 'prepare p as select id from customers where ?', 'execute p (#)', 'declare c cursor for select ssn from customers where ?', 'fetch # from c', 'fetch forward # from c', 'lock table t', 'copy (select ssn from customers where ?) to stdout', 'create table n (a numeric(#, #), b char(#) default #)', 'create view w as select # from customers where ?', "do 'begin perform #; end'", 'do @', 'set search_path = @', 'select set_config(@, @, #)', 'select @, ssn from customers where ? order by @', 'insert into customers (id, ssn) values (#, @), (#, @)', 'update customers set ssn = @, name = name || @ where ?', 'select ssn as "@", @ as x from customers where ?', 'select * from query_to_xml(@, true, false, @)', 'select text @, date @', 'comment on table t is @', 'notify x, @', 'copy t from @', 'select nextval(@), lo_import(@), pg_notify(@, ssn) from customers', 'select @\n@', 'select ssn from customers where name = @ @', 'begin; select id from customers where ?; commit', 'select # where ?; delete from t where ?', 'merge into t using s on t.a = s.a and ? when matched then update set b = #', 'truncate t', 'call proc(#)', 'select ssn from customers where ? --#', 'select /*#*/ ssn from customers where ?', 'alter sequence q increment by # cache #', 'notify x', 'show work_mem', 'vacuum t',
]

/** A statement with a hole for each number. */
export function template(random: Random): string {
  let text = pick(statements, random)
  for (let depth = 0; text.includes('?'); depth++) text = text.replace('?', () => pick(conditions, random) + (depth < 4 && random(6) === 0 ? pick([' and ?', ' or ?', ' and not (?)', ' or (? and ?)'], random) : ''))
  // What only a mutation would say.
  if (random(12) === 0) { const at = random(text.length + 1); text = text.slice(0, at) + pick([...odd, '#', ' ', '(', ')', ',', ';', '=', '"', '\'', '\n', '\t'], random) + text.slice(at) }
  return text
}

/** @param oddness one in so many numbers is none */
export function filled(text: string, random: Random, oddness: number): string {
  return text.replaceAll(/[#@]/g, (hole) => random(oddness) === 0 ? pick(random(2) === 0 ? odd : oddStrings, random) : pick(hole === '#' ? plain : plainStrings, random))
}

function pick(list: readonly string[], random: Random): string {
  return list[random(list.length)] ?? ''
}
