// One name, two statements: what the gateway took a name for, and what the server has under it by then.
import type { Message } from '../row.ts'
import { leak } from '../row.ts'

const secret = "select ssn || '' as x from customers"
const plain = "select 'plain' || '' as x"
const asText = [0]
const sync: Message = ['S']
const run = (name: string): readonly Message[] => [['B', '', name, [], asText], ['E', '', 0], sync]

/** A table of the same name elsewhere, in which nothing is declared. */
const other = ['create schema other', 'create table other.customers (pin bigint)', 'grant all on schema other to app', 'grant all on other.customers to app']
const pins = "select pin || '' as x from customers"

/** A view of the value; a table by its name is made and taken back. */
const shifty = ['create view shifty as select ssn as x from customers', 'grant select on shifty to app']
const shown = "select x || '' from shifty"
const trap = ['create schema trap', 'grant usage on schema trap to app', 'create view trap.orders as select ssn as item from public.customers', 'grant select on trap.orders to app']
const later = (sql: string): readonly Message[] => [['P', '', sql], ['B', '', '', [], asText], ['E', '', 0]]

export const names = [
  leak('EXECUTE of what Parse named, after SQL had prepared something else', [`prepare p as ${plain}`, 'deallocate p', { pipeline: [['P', 'p', secret], sync] }, 'execute p']),
  leak('EXECUTE of what Parse named, after Close of what SQL had prepared', [`prepare p as ${plain}`, { pipeline: [['C', 'S', 'p'], ['P', 'p', secret], sync] }, 'execute p']),
  leak('DEALLOCATE, PREPARE and EXECUTE in one text', [`prepare p as ${plain}`, `deallocate p; prepare p as ${secret}; execute p`]),
  leak('PREPARE in a text that fails behind it', [`prepare p as ${plain}`, `deallocate p; prepare p as ${secret}; select 1/0`, 'execute p']),
  leak('PREPARE in a text that a COPY ends', [`prepare p as ${plain}`, { copy: `deallocate p; prepare p as ${secret}; copy scratch(note) from stdin`, data: ['x\n'] }, 'execute p']),
  leak('CLOSE, DECLARE and FETCH in one text', ['begin', `declare c cursor for ${plain}`, `close c; declare c cursor for ${secret}; fetch c`]),
  leak('FETCH from a portal that Bind named as a cursor was', ['begin', `declare c cursor for ${plain}`, 'close c', { pipeline: [['P', 'q', secret], ['B', 'c', 'q', [], asText], sync] }, 'fetch c']),
  leak('Parse and Close behind an error leave what was there before', [{ pipeline: [['P', 'p', secret], sync] }, { pipeline: [['B', '', 'nobody', [], asText], ['P', 'p', plain], ['C', 'S', 'p'], sync] }, { pipeline: run('p') }]),
  leak('a portal that prepares under a name that SQL has freed meanwhile', [
    'begin', { pipeline: [['P', 'q', `prepare p as ${secret}`], ['B', 'later', 'q', [], asText], sync] }, { pipeline: [['P', 'p', plain], sync] }, 'deallocate p', { pipeline: [['E', 'later', 0], sync] }, { pipeline: run('p') },
  ]),
  leak('EXECUTE after the search path has changed', ['set search_path = other', `prepare p as ${pins}`, 'set search_path = public', 'execute p'], { setup: other }),
  leak('the end of a transaction that had changed the search path, and a SELECT behind it', ['begin', 'set search_path = other', `rollback; ${pins}`], { setup: other }),
  leak('a portal runs again after the search path has changed', [
    'begin', { pipeline: [['P', 'q', pins], ['B', 'c', 'q', [], asText], sync] }, 'savepoint s', { pipeline: [['P', '', 'select 1/0'], ['B', '', '', [], asText], ['E', '', 0], ['E', 'c', 0], sync] }, 'rollback to s', 'set search_path = other', { pipeline: [['E', 'c', 0], sync] },
  ], { setup: other }),
  leak('DDL that is taken back to a savepoint', ['begin', 'savepoint a', 'drop view shifty', 'create table shifty (x text)', shown, 'rollback to a', shown], { setup: shifty }),
  leak('a temporary table that goes with its transaction, and the next begins at once', ['begin', 'create temp table shifty (x text) on commit drop', shown, 'commit and chain', shown, 'rollback'], { setup: shifty }),
  leak('a temporary table that goes with an implicit transaction', [{ pipeline: [...later('create temp table shifty (x text) on commit drop'), ...later(shown), sync, ...later(shown), sync] }], { setup: shifty }),
  leak('a search path that an error in an implicit transaction takes back', ['set search_path = trap', { pipeline: [...later('set search_path = public'), ...later('select item from orders'), ...later('select 1/0'), sync, ...later("select item || '' from orders"), sync] }], { setup: trap }),
  leak('a local search path behind ROLLBACK TO', ['set search_path = trap', 'begin', 'savepoint a', 'set local search_path = public', "select item || '' from orders", 'rollback to a', "select item || '' from orders"], { setup: trap }),
]
