// What a statement runs though it calls nothing: against a live catalogue, where the server's own dependencies say what stands behind what.
import test from 'ava'
import { parseSync } from 'libpg-query'
import { readFacts } from '../../../../../gateway/protocols/postgres/sql/facts/facts.ts'
import { liveOf } from './live.ts'

const live = liveOf(test, `
create table secrets (v text); create table plain (id int, note text); create table guarded (id int); create table counted (id int); create table written (id int); create table looked (id int);
create function tenant() returns int language plpgsql as $f$ begin return current_setting('my.tenant')::int; end $f$;
create function spies() returns boolean language plpgsql stable as $f$ begin raise notice '%', (select v from secrets); return true; end $f$;
create function wipes() returns boolean language plpgsql as $f$ begin delete from plain; return true; end $f$;
create function hides() returns boolean language plpgsql stable as $f$ begin return wipes(); end $f$;
create function builds() returns boolean language plpgsql as $f$ begin execute 'select 1'; return true; end $f$;
create function step(a int, b int) returns int language plpgsql as $f$ begin delete from plain; return 1; end $f$;
create aggregate wipe(int) (sfunc = step, stype = int, initcond = 0);
alter table plain enable row level security; create policy p on plain using (id = tenant());
alter table guarded enable row level security; create policy p on guarded using (spies());
alter table counted enable row level security; create policy p on counted using (hides());
alter table looked enable row level security; create policy p on looked using (exists (select from secrets));
create view dynamic as select builds();`,
  "create sequence s; create view stamped as select setval('s', 1) as x; create domain d as text check (wipes()); create type carrier as (x d)",
  'create function logs() returns trigger language plpgsql as $f$ begin insert into secrets values (new.id); return new; end $f$; create trigger t before insert on written for each row execute function logs()')

function facts(sql: string) {
  const { effects, relations, unknown } = readFacts(parseSync(sql).stmts?.[0]?.stmt, live().naming).facts
  return { effects: [...effects].sort().join(), relations: relations.map(({ name }) => name).sort().join(), unknown: unknown.join() }
}

for (const [what, sql, effects, relations, unknown = ''] of [
  ['a policy whose function only computes leaves a SELECT what it is', 'select note from plain', 'read', 'plain'],
  ['a policy’s function that reads another table is seen to', 'select id from guarded', 'read', 'guarded,secrets'],
  ['a policy’s subquery is seen to read', 'select id from looked', 'read', 'looked,secrets'],
  ['a policy’s function that deletes, behind one that is called stable, makes a SELECT a write', 'select id from counted', 'execute,read,write', 'counted,plain'],
  ['a view’s function that puts SQL together is not trusted', 'select * from dynamic', 'execute,read,write', 'dynamic', 'opaque_routine'],
  ['a built-in that writes behind a view is seen', 'select * from stamped', 'read,write', 'stamped'],
  ['an aggregate does what its steps do', 'select wipe(id) from guarded', 'execute,read,write', 'guarded,plain,secrets'],
  ['a domain’s check runs with a cast', "select 'x'::d", 'execute,read,write', 'plain'],
  ['and with a cast to a row that has it', "select '(x)'::carrier", 'execute,read,write', 'plain'],
  ['and with an array of it', "select '{x}'::d[]", 'execute,read,write', 'plain'],
  ['a trigger’s tables are named, and an INSERT stays one', 'insert into written values (1)', 'write', 'secrets,written'],
  ['EXPLAIN of it may run it, since planning asks for an estimate', 'explain select id from counted', 'execute,read,write', 'counted,plain'],
  ['EXPLAIN runs what one ANALYZE of several says', 'explain (analyze off, analyze on) delete from written', 'read,write', 'secrets,written'],
] as const) {
  test(what, (t) => { t.deepEqual(facts(sql), { effects, relations, unknown }) })
}
