// A first week: policy observes a database and enforces nothing. And what a target says otherwise about the end of a token.
import test from 'ava'
import { errorFields, errorOf, PostgresClient, texts, write } from '../postgres-client.ts'
import type { Reply } from '../postgres-client.ts'
import { eventually } from '../recorded.ts'
import { reset } from './conversations.ts'
import { frontOf } from './front.ts'

/** ms that the gateway's clock is ahead. */
let ahead = 0
const front = frontOf(test, { isObserved: true, settings: { on_expiry: 'close' }, now: () => Date.now() + ahead })
const { query } = write
let superuser: PostgresClient
test.serial.before(async () => {
  superuser = await front().superuser()
  await superuser.simple(reset)
})
test.after.always(() => { superuser?.destroy() })

const commandOf = (replies: readonly Reply[]): string => String(replies.find(({ tag }) => tag === 'C')?.body ?? errorFields(replies.find(({ tag }) => tag === 'E')?.body ?? Buffer.alloc(0))['C']).replace('\0', '')

test.serial('a database that is only observed refuses, holds, masks and cuts nothing, and the record names every rule that would have', async (t) => {
  t.timeout(60_000)
  const analyst = await front().as('analysts')
  t.is(texts(await analyst.simple("select ssn from customers where ssn like '123%'"))[0]?.[0], '123-45-6789')
  t.is(commandOf(await analyst.simple('create temp table mine (id int)')), 'CREATE TABLE')
  t.is(commandOf(await analyst.simple('delete from customers')), 'DELETE 1')
  const cut = await front().as('few_rows')
  t.is(commandOf(await cut.simple('select g from generate_series(1, 50) g')), 'SELECT 50')
  for (const client of [analyst, cut]) await client.end()
  const rulesOf = async (statement: string): Promise<string[]> => {
    const { decision } = await eventually(() => front().gateway.frames().findLast((frame) => frame.kind === 'intent' && String(frame.request?.json['statement']).startsWith(statement)), statement)
    t.is(decision?.effect, 'allow', statement)
    return (decision?.reasons ?? []).map(({ id, mode }) => mode === undefined ? id : `${id} (${mode})`).toSorted()
  }
  t.deepEqual(await rulesOf('select ssn'), ['pg.sensitive_predicate (dryrun)', 'postgres.allow'])
  t.deepEqual(await rulesOf('create temp'), ['pg.ddl (dryrun)', 'postgres.allow'])
  t.deepEqual(await rulesOf('delete from'), ['pg.protected (dryrun)', 'pg.read_only (dryrun)', 'pg.whole_table (dryrun)', 'postgres.allow'])
})

test.serial('an observed database still asks who is there, and is not forwarded what nobody can read', async (t) => {
  const { password: _, ...where } = await front().connection('appdb')
  await t.throwsAsync(PostgresClient.connect({ ...where, password: 'no token' }), { message: /token/ })
  const client = await front().as('analysts')
  const replies = await client.simple('selec 1')
  t.is(errorOf(replies)?.['C'], '42601')
  await client.end()
})

test.serial('where config says close, a token that expires cuts the statement under way', async (t) => {
  t.timeout(60_000)
  const client = await front().as('leads', { expiresInS: 600 })
  const pid = client.key?.readUInt32BE(0)
  const state = async (): Promise<string | undefined> => texts(await superuser.simple(`select state from pg_stat_activity where pid = ${pid} and query like 'select pg_sleep%'`))[0]?.[0] ?? undefined
  client.send(query('select pg_sleep(60)'))
  await eventually(async () => await state() === 'active' || undefined, 'the statement')
  ahead = 700_000
  const replies = await client.until('Q')
  ahead = 0
  t.false(replies.some(({ tag }) => tag === 'C'), 'it did not finish')
  t.is(errorOf(replies)?.['S'], 'FATAL')
  t.is(errorOf(replies)?.['C'], '28P01')
  t.true(client.isClosed)
  await eventually(async () => await state() === undefined || undefined, 'the server to be rid of it')
})
