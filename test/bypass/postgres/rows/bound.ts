// What was looked up when a portal was bound or a cursor declared, and is looked up again when it runs; and portals that are others than those that were bound.
import { leak } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const asText = [0] as const
/** Two of a name: the first has nothing to hide. */
const two = owned('create schema front', 'create table front.shifty (id int, name text)', "insert into front.shifty values (1, 'plain'), (2, 'plain')", "create view shifty as select id, pin::text || '' as name from customers")
const reads = owned("create function reads(int) returns text language plpgsql stable as $f$ begin return (select max(name) from shifty where id = 1); end $f$")
const first = 'set local search_path = front, public'
const then = 'set local search_path = public'
const ask = "select name || '' from shifty where id = 1"
const bound = (sql: string) => ({ pipeline: [['P', '', sql], ['B', 'p', '', [], asText], ['S']] as const })
const run = { pipeline: [['E', 'p', 0], ['S']] as const }
const opens = (more: string, kind = 'volatile') => owned(`create function f() returns int language plpgsql ${kind} as $f$ declare r refcursor := 'p'; begin ${more} open r for ${ask}; return 1; end $f$`)

export const boundBefore = [
  leak('a bound EXECUTE runs what was prepared anew', ['begin', `prepare t as ${ask.replace('shifty', 'front.shifty')}`, bound('execute t'), 'deallocate t', `prepare t as ${ask}`, run, 'commit'], { setup: two }),
  leak('a bound EXECUTE runs what a Parse has made by its name', ['begin', `prepare t as ${ask.replace('shifty', 'front.shifty')}`, bound('execute t'), { pipeline: [['Q', 'deallocate t'], ['P', 't', ask], ['E', 'p', 0], ['S']] }, 'commit'], { setup: two }),
  leak('a bound FETCH reads what was declared anew', ['begin', `declare c cursor for ${ask.replace('shifty', 'front.shifty')}`, bound('fetch c'), 'close c', `declare c cursor for ${ask}`, run, 'commit'], { setup: two }),
  leak('a bound COPY names its tables when it runs', ['begin', first, bound(`copy (${ask}) to stdout`), then, run, 'commit'], { setup: two }),
  leak('a portal’s function names its tables with each row', ['begin', first, { pipeline: [['P', '', 'select reads(g) from generate_series(1, 3) g'], ['B', 'p', '', [], asText], ['E', 'p', 1], ['S']] }, then, run, 'commit'], { setup: [...two, ...reads] }),
  leak('a cursor’s function names its tables when rows are fetched', ['begin', first, 'declare c cursor for select reads(1)', then, 'fetch c', 'commit'], { setup: [...two, ...reads] }),
  leak('the rows of a cursor WITH HOLD are made at COMMIT, by the path that was set for it', ['begin', first.replace(' local', ''), 'declare c cursor with hold for select reads(1)', 'set search_path = public; commit', first.replace(' local', ''), 'fetch c'], { setup: [...two, ...reads] }),
  leak('a function opens a cursor with the text of a portal that a ROLLBACK TO has ended', ['begin', first, 'savepoint a', bound(ask), 'rollback to a', then, 'select f()', run, 'commit'], { setup: [...two, ...opens('')] }),
  leak('a function closes a portal and opens one of the same text by another path', ['begin', first, bound(ask), 'select f()', run, 'commit'], { setup: [...two, ...opens("close r; perform set_config('search_path', 'public', true);")] }),
  leak('a function that is not volatile closes a portal and opens another', ['begin', bound(ask.replace('shifty', 'front.shifty')), 'select f()', run, 'commit'], { setup: [...two, ...opens('close r;', 'stable')] }),
  leak('a trigger is made between Bind and Execute of what it copies at', ['begin', bound('insert into fired values (1)'), { pipeline: [['P', '', 'with x as (insert into fired values (2) returning 1) select from x'], ['B', 'q', '', [], asText], ['S']] }, 'create trigger t before insert on fired for each row execute function copies()', 'savepoint a', run, 'rollback to a', { pipeline: [['E', 'q', 0], ['S']] }, 'commit', 'select note from scratch'], { setup: owned('create table fired (id int)', 'create function copies() returns trigger language plpgsql as $f$ begin insert into public.scratch (note) select pin::text from public.customers; return new; end $f$') }),
  leak('names are those of a transaction that has failed, behind its ROLLBACK in one text', ['set search_path = front, public', 'select 1 from shifty', 'set search_path = public', { pipeline: [['C', 'S', 'x'], ['P', '', 'begin'], ['B', '', '', [], asText], ['E', '', 0], ['D', 'P', 'none'], ['S']] }, `rollback; ${ask}`], { setup: two }),
]
