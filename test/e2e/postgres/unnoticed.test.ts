// What the gateway asks for itself leaves nothing in a client's transaction: no snapshot, no lock, no failure; and it waits for nobody's lock.
import test from 'ava'
import { PostgresClient } from '../postgres-client.ts'
import { eventually, readInput } from '../recorded.ts'
import { frontOf } from './front.ts'

const front = frontOf(test)
/** Message of the first error, if there is one. */
const failureOf = async (client: PostgresClient, sql: string): Promise<string | undefined> => {
  const error = (await client.simple(sql)).find(({ tag }) => tag === 'E')
  return error === undefined ? undefined : /M([^\0]*)\0/.exec(error.body.toString())?.[1]
}

test.serial('a change ticket is read from the start-up packet, stands in the record as the client\'s word, and does not reach the server', async (t) => {
  const client = await PostgresClient.connect({ ...await front().connection('open'), parameters: { options: '-c countersign.ticket=CHG0031042 -c statement_timeout=9s' } })
  try {
    t.is(await failureOf(client, 'show statement_timeout'), undefined)
    t.is(await failureOf(client, 'show countersign.ticket'), 'unrecognized configuration parameter "countersign.ticket"')
  } finally {
    await client.end()
  }
  const { home } = front().gateway
  const intent = await eventually(() => front().gateway.frames().findLast(({ kind, request }) => kind === 'intent' && JSON.stringify(request ?? '').includes('show countersign.ticket')), 'the intent')
  t.like((JSON.parse(readInput(home.directories, `${intent.session}/${intent.seq}`)) as { context: object }).context, { ticket: 'CHG0031042', ticket_by: 'caller' })
})

test.serial('SET TRANSACTION behind DDL that was committed is still the first of its transaction', async (t) => {
  const client = await front().open()
  try {
    for (const sql of ['create table before_it (a int)', 'begin', 'set transaction isolation level serializable, read only', 'set transaction read only', 'rollback', 'drop table before_it']) t.is(await failureOf(client, sql), undefined, sql)
  } finally {
    await client.end()
  }
})

test.serial("a lock that somebody holds on a view's table stops nobody else, and reading the catalogue in a transaction takes none", async (t) => {
  t.timeout(60_000)
  const [holder, other] = [await front().open(), await front().open()]
  try {
    for (const sql of ['create table locked (a int)', 'create view over_it as select a from locked', 'begin', 'lock table locked in access exclusive mode']) t.is(await failureOf(holder, sql), undefined, sql)
    for (const sql of ['create table meanwhile (a int)', 'select * from meanwhile', 'begin', 'alter table meanwhile add column b int', 'select b from meanwhile', 'commit']) t.is(await failureOf(other, sql), undefined, sql)
    t.is(await failureOf(holder, 'commit'), undefined)
    for (const sql of ['begin', 'alter table meanwhile add column c int', 'select c from meanwhile']) t.is(await failureOf(other, sql), undefined, sql)
    const direct = await front().direct()
    t.is(await failureOf(direct, 'begin; lock table locked in access exclusive mode nowait; rollback'), undefined, 'the open transaction holds no lock but its own')
    await direct.end()
    for (const sql of ['rollback', 'drop table locked cascade', 'drop table meanwhile']) t.is(await failureOf(other, sql), undefined, sql)
  } finally {
    await holder.end()
    await other.end()
  }
})

test.serial('a lock on a table with defaults, generated columns and policies stops nobody else, who sees what is changed meanwhile', async (t) => {
  t.timeout(60_000)
  const [holder, other] = [await front().open(), await front().open()]
  try {
    for (const sql of [
      'create table valued (a int default 1, b int generated always as (a + 1) stored)', 'alter table valued enable row level security', 'create policy own on valued using (a > 0)',
      'create function counted() returns bigint language sql begin atomic select count(*) from valued; end', 'begin', 'lock table valued in access exclusive mode',
    ]) t.is(await failureOf(holder, sql), undefined, sql)
    for (const sql of [
      'create table meanwhile (a int default 2)', 'alter table meanwhile rename column a to b', 'select b from meanwhile', 'begin', 'alter table meanwhile add column c int', 'select c from meanwhile', 'rollback', 'drop table meanwhile',
    ]) t.is(await failureOf(other, sql), undefined, sql)
    for (const sql of ['commit', 'select b from valued', 'drop function counted', 'drop table valued']) t.is(await failureOf(holder, sql), undefined, sql)
  } finally {
    await holder.end()
    await other.end()
  }
})

test.serial('a temporary schema that a path begins with is made by the transaction that needs it', async (t) => {
  const client = await front().open()
  try {
    for (const sql of ['set search_path to pg_temp', 'begin', 'select current_schema()']) t.is(await failureOf(client, sql), undefined, sql)
    t.is(await failureOf(client, "prepare transaction 'none'"), 'cannot PREPARE a transaction that has operated on temporary objects')
    for (const sql of ['create table here (a int)', 'select a from here', 'alter table here add column b int', 'select b from pg_temp.here', 'drop table here']) t.is(await failureOf(client, sql), undefined, sql)
  } finally {
    await client.end()
  }
})

test.serial("a client's limits on time and its workers are none for the gateway's questions", async (t) => {
  const client = await front().open()
  try {
    for (const sql of ['begin', 'set local max_parallel_workers_per_gather = 4', 'set local parallel_setup_cost = 0', 'set local min_parallel_table_scan_size = 0', 'set local statement_timeout = 1', 'set local statement_timeout = 2000', 'create table limited (a int)', 'select a from limited', 'show max_parallel_workers_per_gather', 'rollback']) t.is(await failureOf(client, sql), undefined, sql)
  } finally {
    await client.end()
  }
})

test.serial('where what cannot be parsed goes through, a session outlives a setting that changes how texts are read', async (t) => {
  const client = await front().open()
  try {
    for (const sql of ['set standard_conforming_strings = off', String.raw`select 'it\'s'`, 'reset standard_conforming_strings', 'select 1']) t.is(await failureOf(client, sql), undefined, sql)
  } finally {
    await client.end()
  }
})
