// What the server takes for another statement, another table or another text than its reader: names that are one by their first bytes, tables made in front of
// others, settings that change without a word.
import { leak } from '../row.ts'

const owned = (...sql: readonly string[]) => ['set role app', ...sql, 'reset role']
const asText = [0] as const
/** As long as a name is to the server: what follows does not tell two apart. */
const long = 'n'.repeat(63)
const secret = "select pin::text || '' from customers where id = 1"
const plain = "select 'x'::text || ''"
/** Looked in before `public`; a table of it has nothing to hide. */
const front = ['create schema front authorization app']
const inFront = 'create table front.customers (id int, pin text)'
const changes = "create function f() returns trigger language plpgsql as $f$ begin perform set_config('search_path', 'public', false); return new; end $f$"

export const mistaken = [
  leak('a portal has the first 63 bytes of another’s name', ['begin', { pipeline: [['P', 'a', plain], ['P', 'b', secret], ['B', `${long}1`, 'a', [], asText], ['C', 'P', `${long}2`], ['B', `${long}2`, 'b', [], asText], ['E', `${long}1`, 0], ['S']] }, 'commit']),
  leak('a statement has the first 63 bytes of another’s name', [{ pipeline: [['P', `${long}1`, plain], ['S'], ['C', 'S', `${long}2`], ['S'], ['P', `${long}2`, secret], ['S'], ['B', '', `${long}1`, [], asText], ['E', '', 0], ['S']] }]),
  leak('SQL prepares anew what a long name stands for', [{ pipeline: [['P', `${long}1`, plain], ['S']] }, `deallocate ${long}`, `prepare ${long} as ${secret}`, { pipeline: [['B', '', `${long}1`, [], asText], ['E', '', 0], ['S']] }]),
  leak('a table is made in front of the one that a prepared statement reads', ['set search_path = front, public', { pipeline: [['P', 's', secret], ['S']] }, { elsewhere: `set role app; ${inFront}; reset role` }, { pipeline: [['B', '', 's', [], asText], ['E', '', 0], ['S']] }], { setup: front }),
  leak('a table is made in front of the one that SQL has prepared', ['set search_path = front, public', `prepare s as ${secret}`, { elsewhere: `set role app; ${inFront}; reset role` }, 'execute s'], { setup: front }),
  leak('a trigger changes the path, and the next statement came in the same write', ['set search_path = front, public', { pipeline: [['P', '', 'insert into public.fired values (1)'], ['B', '', '', [], asText], ['E', '', 0], ['P', '', secret], ['B', '', '', [], asText], ['E', '', 0], ['S']] }], { setup: [...front, ...owned(inFront, changes, 'create table fired (id int)', 'create trigger t before insert on fired for each row execute function f()')] }),
  leak('a function changes how strings are read, and no Sync lets the server say so', [{ pipeline: [['P', '', 'select f()'], ['B', '', '', [], asText], ['E', '', 0], ['P', '', "select '\\' || ' || (select pin::text from customers where id = 1) -- '"], ['B', '', '', [], asText], ['E', '', 0], ['S']] }], { setup: owned("create function f() returns text language sql as $f$ select set_config('standard_conforming_strings', 'off', false) $f$") }),
  leak('a function prepares anew under the name of a Parse', [{ pipeline: [['P', 's', plain], ['S']] }, 'select f()', { pipeline: [['B', '', 's', [], asText], ['E', '', 0], ['S']] }], { setup: owned(`create function f() returns int language sql as $f$ deallocate s; prepare s as ${secret}; select 1 $f$`) }),
  leak('a function opens a cursor under the name of a Bind', ['begin', { pipeline: [['P', '', plain], ['B', 'p', '', [], asText], ['S']] }, 'select f()', { pipeline: [['E', 'p', 0], ['S']] }, 'commit'], { setup: owned(`create function f() returns int language sql as $f$ close p; declare p cursor for ${secret}; select 1 $f$`) }),
  leak('a trigger prepares anew under the name of a Parse', [{ pipeline: [['P', 's', plain], ['S']] }, 'insert into fired values (1)', { pipeline: [['B', '', 's', [], asText], ['E', '', 0], ['S']] }], { setup: owned(`create function p() returns int language sql as $f$ deallocate s; prepare s as ${secret}; select 1 $f$`, 'create function f() returns trigger language plpgsql as $f$ begin perform p(); return new; end $f$', 'create table fired (id int)', 'create trigger t before insert on fired for each row execute function f()') }),
  leak('a trigger prepares anew by a text that is put together at run time', [{ pipeline: [['P', 's', plain], ['S']] }, 'insert into fired values (1)', { pipeline: [['B', '', 's', [], asText], ['E', '', 0], ['S']] }], { setup: owned(`create function f() returns trigger language plpgsql as $f$ begin execute 'deal' || 'locate s'; execute 'prep' || $q$are s as ${secret}$q$; return new; end $f$`, 'create table fired (id int)', 'create trigger t before insert on fired for each row execute function f()') }),
  leak('a cursor’s function changes the path when rows are fetched, and the next statement came in the same write', ['set search_path = front, public', 'begin', 'declare c cursor for select public.f()', { pipeline: [['Q', 'fetch c'], ['Q', secret]] }, 'commit'], { setup: [...front, ...owned(inFront, "create function f() returns text language sql as $f$ select set_config('search_path', 'public', false) $f$")] }),
]
