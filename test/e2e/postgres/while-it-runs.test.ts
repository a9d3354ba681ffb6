// What happens while a statement runs, waits for a person, or sends more than anybody reads: cancels, limits, expiry, off-boarding, and ends of either side.
import fs from 'node:fs'
import path from 'node:path'
import { mock } from 'node:test'
import test from 'ava'
import { maxFinishMs } from '../../../gateway/protocols/postgres/session.ts'
import { commit, write as writeFiles } from '../../gateway/policy/policy-repository.ts'
import { errorFields, errorOf, PostgresClient, texts, write } from '../postgres-client.ts'
import type { Reply } from '../postgres-client.ts'
import { eventually, toldSession } from '../recorded.ts'
import type { Frame } from '../recorded.ts'
import { reset } from './conversations.ts'
import { frontOf } from './front.ts'
import type { Group } from './front.ts'

const { query, parse, bind, describe, execute, sync } = write
/** ms that the gateway's clock is ahead. */
let ahead = 0
const front = frontOf(test, { settings: { approval_wait_s: 30 }, now: () => Date.now() + ahead })
let superuser: PostgresClient
test.serial.before(async () => { superuser = await front().superuser() })
test.serial.beforeEach(async () => { await superuser.simple(reset) })
test.after.always(() => { superuser?.destroy() })

const codes = (replies: readonly Reply[]): string => replies.filter(({ tag }) => 'EZCGsT'.includes(tag)).map(({ tag, body }) => tag === 'E' ? errorFields(body)['C'] : tag === 'Z' ? `Z${body.toString()}` : tag === 'C' ? body.toString().replace('\0', '') : tag).join(' ')
const pidOf = async (client: PostgresClient): Promise<string> => String(texts(await client.simple('select pg_backend_pid()'))[0]?.[0])
const isRunning = async (pid: string, what: string): Promise<true | undefined> => texts(await superuser.simple(`select 1 from pg_stat_activity where pid = ${pid} and state = 'active' and query like '${what}%'`)).length > 0 || undefined
const isGone = async (pid: string): Promise<true | undefined> => texts(await superuser.simple(`select 1 from pg_stat_activity where pid = ${pid}`)).length === 0 || undefined
/** The outcomes of a connection's calls, once all of it is sealed. */
async function outcomeOf(find: (intent: Frame) => boolean): Promise<Frame['outcome']> {
  const outcome = await eventually(() => {
    const frames = front().gateway.frames()
    const intent = frames.findLast((frame) => frame.kind === 'intent' && find(frame))
    return frames.find(({ kind, session, ref }) => kind === 'outcome' && session === intent?.session && ref === intent.seq)
  }, 'the outcome')
  return outcome.outcome
}
const says = (text: string) => (intent: Frame): boolean => JSON.stringify(intent.request ?? '').includes(text)

async function withClient<T>(group: Group, use: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await front().as(group)
  try { return await use(client) } finally { client.destroy() }
}

test.serial('a cancel ends the statement it meant, and none that comes after', async (t) => {
  await withClient('leads', async (client) => {
    const pid = await pidOf(client)
    await client.cancel()
    t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI', 'nothing ran')
    for (let round = 0; round < 5; round++) {
      client.send(query('select pg_sleep(20)'))
      await eventually(() => isRunning(pid, 'select pg_sleep'), 'the statement')
      await client.cancel()
      t.is(codes(await client.until()), 'T 57014 ZI')
      t.is(codes(await client.simple('select pg_sleep(0.05)')), 'T SELECT 1 ZI', 'the next is unharmed')
    }
    for (let round = 0; round < 20; round++) {
      const cancelled = client.cancel()
      const [replies] = await Promise.all([client.simple('select 1'), cancelled])
      t.true(['T SELECT 1 ZI', '57014 ZI', 'T 57014 ZI'].includes(codes(replies)))
      t.is(codes(await client.simple('select pg_sleep(0.002)')), 'T SELECT 1 ZI')
    }
  })
  const stranger = await front().as('leads')
  await withClient('leads', async (client) => {
    client.send(query('select pg_sleep(4)'))
    await eventually(() => isRunning(String(client.key?.readUInt32BE(0)), 'select pg_sleep'), 'the statement')
    stranger.key?.copy(client.key!, 4, 4)
    await client.cancel()
    t.is(codes(await client.until()), 'T SELECT 1 ZI', 'a wrong key cancels nothing')
  })
  stranger.destroy()
})

test.serial('a held statement waits, says so, keeps its place, and runs when approved', async (t) => {
  await withClient('leads', async (client) => {
    client.send(query('begin'), query('delete from items'), query("insert into items values (9, 'x')"), query('commit'))
    const id = await approvalIn(client)
    t.is(texts(await superuser.simple('select count(*) from items'))[0]?.[0], '3')
    t.is(await front().decide(id, 'approve'), 200)
    t.is(codes([...await client.until(), ...await client.until(), ...await client.until(), ...await client.until()]), 'BEGIN ZT DELETE 3 ZT INSERT 0 1 ZT COMMIT ZI', 'not even the transaction was open meanwhile')
  })
  t.deepEqual(texts(await superuser.simple('select id from items')).flat(), ['9'])
})

test.serial('a held statement that is rejected or cancelled runs never, and the next goes on', async (t) => {
  await withClient('leads', async (client) => {
    client.send(query('delete from items'), query('select 1'))
    t.is(await front().decide(await approvalIn(client), 'reject'), 200)
    const rejected = [...await client.until(), ...await client.until()]
    t.is(codes(rejected), '42501 ZI T SELECT 1 ZI')
    t.regex(errorOf(rejected)?.['M'] ?? '', /ticket 1042/)
    client.send(parse('delete from items where true'), bind(), execute(), ...[parse("insert into items values (9, 'x')"), bind(), execute(), sync()])
    const id = await approvalIn(client)
    await client.cancel()
    t.is(codes(await client.until()), '57014 ZI')
    await eventually(async () => await front().decide(id, 'approve') !== 200 || undefined, 'too late')
    t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
  })
  t.is(texts(await superuser.simple('select count(*) from items'))[0]?.[0], '3')
})

test.serial('a held statement whose approval expires is refused and never runs, the next goes on, and the same one asks anew', async (t) => {
  await withClient('leads', async (client) => {
    client.send(query('delete from items'), query('select 1'))
    const id = await approvalIn(client)
    ahead = 901_000                                           // the shipped template's 15 minutes, and a second
    const said = [...await client.until(), ...await client.until()]
    ahead = 0
    t.is(codes(said), '42501 ZI T SELECT 1 ZI')
    t.is(errorOf(said)?.['M'], 'Nobody decided in time; the same call asks again')
    t.regex(errorOf(said)?.['D'] ?? '', /^pg\.whole_table: /)
    const { H: hint = '' } = errorOf(said) ?? {}
    t.regex(hint, /^Nothing was run\. Run exactly the same statement again to ask anew\. Decision [0-9a-f]{32}\. Recorded as frame [0-9a-f]{32}\/\d+\.$/)
    t.not(await front().decide(id, 'approve'), 200, 'too late')
    const refused = await front().gateway.frame(/frame (\S+)\.$/.exec(hint)?.[1] ?? '')
    t.like(refused, { kind: 'refusal', structure: { 1: 'approval.pending' }, decision: { effect: 'require' } })
    t.true(says('delete from items')(refused))
    t.deepEqual(edgesOf(id), [0, 3], 'pending, expired')
    t.false(front().gateway.frames().some((frame) => frame.kind === 'intent' && frame.session === refused.session && says('delete')(frame)))
    client.send(query('delete from items'))
    t.not(await approvalIn(client), id)
    await client.cancel()
    t.is(codes(await client.until()), '57014 ZI')
  })
  t.is(texts(await superuser.simple('select count(*) from items'))[0]?.[0], '3')
})

const edgesOf = (id: string): unknown[] => front().gateway.frames().filter(({ kind, structure }) => kind === 'approval' && structure?.['1'] === id).map(({ structure }) => structure?.['2'])

test.serial('a client that leaves while its statement is held leaves nothing behind', async (t) => {
  const client = await front().as('leads')
  const pid = await pidOf(client)
  client.send(query('delete from items'))
  await approvalIn(client)
  client.destroy()
  await eventually(() => isGone(pid), 'the backend to be gone')
  t.is(texts(await superuser.simple('select count(*) from items'))[0]?.[0], '3')
})

async function approvalIn(client: PostgresClient): Promise<string> {
  for (;;) {
    const { tag, body } = await client.next()
    const said = tag === 'N' ? errorFields(body)['M'] ?? '' : ''
    const found = /Waiting for approval (\S+) at (\S+)/.exec(said)
    if (found?.[1] !== undefined) return found[1]
    if (tag === 'E') throw new Error(errorFields(body)['M'])
  }
}

test.serial('a result beyond the rows or bytes of the policy ends in an error, its transaction fails, and the session goes on', async (t) => {
  for (const [group, sql] of [['few_rows', 'select g from generate_series(1, 100000) g'], ['few_bytes', "select repeat('x', 500) from generate_series(1, 1000)"]] as const) {
    await withClient(group, async (client) => {
      const replies = await client.simple(sql)
      t.is(codes(replies).replace('T ', ''), '54000 ZI', group)
      t.true(replies.filter(({ tag }) => tag === 'D').length <= (group === 'few_rows' ? 10 : 20))
      t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
      t.is(codes(await client.pipeline([query('begin'), query(sql), query('select 1'), query('commit')])).replaceAll(/(?<!Z)T /g, ''), 'BEGIN ZT 54000 ZE 25P02 ZE ROLLBACK ZI')
      const piped = await client.pipeline([parse("insert into items values (70, 'x')"), bind(), execute(), parse(sql), bind(), execute(), parse("insert into items values (71, 'x')"), bind(), execute(), sync()])
      t.is(codes(piped), 'INSERT 0 1 54000 ZI')
      t.is(codes(await client.pipeline([query('begin'), parse(sql), bind(), ...Array.from({ length: 5 }, () => execute('', 5)), sync(), query('rollback')])).includes('54000'), true)
      t.is(codes(await client.simple('copy (select 1 from generate_series(1, 100000)) to stdout')), group === 'few_rows' || group === 'few_bytes' ? '54000 ZI' : '')
      t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
    })
  }
  t.is(texts(await superuser.simple('select count(*) from items'))[0]?.[0], '3')
})

test.serial('a statement that takes longer than policy allows is ended, and the next runs', async (t) => {
  await withClient('brief', async (client) => {
    const replies = await client.simple('select pg_sleep(20)')
    t.is(codes(replies).replace('T ', ''), '54000 ZI')
    t.regex(errorOf(replies)?.['M'] ?? '', /longer than policy allows/)
    t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
    t.is(codes(await client.pipeline([parse('select pg_sleep(20)'), bind(), describe('P'), execute(), sync()])).replace('T ', ''), '54000 ZI')
    t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
  })
})

test.serial('a client that vanishes ends its statement, and what became of it is on record', async (t) => {
  for (const how of ['destroy', 'half'] as const) {
    const client = await front().as('leads')
    const pid = await pidOf(client)
    client.send(query(`select pg_sleep(25), '${how}'`))
    await eventually(() => isRunning(pid, 'select pg_sleep'), 'the statement')
    if (how === 'destroy') client.destroy()
    else void client.end()
    await eventually(() => isGone(pid), 'the backend to be gone')
    const outcome = await outcomeOf((intent) => intent.session !== '' && says(how)(intent))
    t.not(outcome?.status, 'delivered')
  }
})

test.serial('a server that dies in the middle of a statement is told in words, and the outcome is on record', async (t) => {
  for (const [sql, status] of [["select pg_sleep(25), 'died'", 'failed'], ["insert into items select 90, 'lost' from pg_sleep(25)", 'ambiguous']] as const) {
    const client = await front().as('leads')
    const pid = await pidOf(client)
    client.send(query(sql))
    await eventually(() => isRunning(pid, sql.slice(0, 6)), 'the statement')
    await superuser.simple(`select pg_terminate_backend(${pid})`)
    const last = (await client.until('Q')).filter(({ tag }) => tag === 'E')
    t.is(errorOf(last)?.['S'], 'FATAL')
    t.true(['57P01', '08006'].includes(errorOf(last)?.['C'] ?? ''))
    t.true(client.isClosed)
    const outcome = await outcomeOf(says(status === 'failed' ? 'died' : 'lost'))
    t.true(outcome?.status === status || outcome?.code === 'postgres.57P01', JSON.stringify(outcome))
  }
})

test.serial('notifications come while nothing runs, and between the rows of what does', async (t) => {
  await withClient('seers', async (client) => {
    t.is(codes(await client.simple('listen news')), 'LISTEN ZI')
    await superuser.simple("notify news, 'idle'")
    t.regex(String((await client.next()).body), /news\0idle/)
    client.send(query('select pg_sleep(0.3)'))
    await superuser.simple("notify news, 'busy'")
    const replies = await client.until('Z')
    const later = replies.some(({ tag }) => tag === 'A') ? [] : [await client.next()]
    t.regex(String([...replies, ...later].find(({ tag }) => tag === 'A')?.body), /news\0busy/)
    t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
  })
})

test.serial('a change of settings from outside is passed on', async (t) => {
  await withClient('leads', async (client) => {
    await superuser.simple("alter system set intervalstyle = 'iso_8601'")
    await superuser.simple('select pg_reload_conf()')
    await eventually(async () => { await client.simple('select 1'); return client.parameters.get('IntervalStyle') === 'iso_8601' || undefined }, 'the new value')
    await superuser.simple('alter system reset intervalstyle')
    await superuser.simple('select pg_reload_conf()')
    t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
  })
})

test.serial('a cell of 20 MB passes where nothing is masked, and where something is', async (t) => {
  for (const group of ['seers', 'analysts'] as const) {
    await withClient(group, async (client) => {
      const replies = await client.simple("select repeat('x', 20000000)")
      if (group === 'seers') t.is(replies.find(({ tag }) => tag === 'D')?.body.length, 20_000_006)
      else t.regex(codes(replies), /^T (SELECT 1|\w{5}) ZI$/)
      t.is(codes(await client.simple('select 1')), 'T SELECT 1 ZI')
    })
  }
})

test.serial('a thousand inserts in one write are answered one by one, and are on record each', async (t) => {
  await withClient('leads', async (client) => {
    const before = front().gateway.frames().length
    const replies = await client.pipeline([...Array.from({ length: 1_000 }, (_, i) => [parse('insert into items values ($1, $2)'), bind({ parameters: [String(1_000 + i), 'bulk'] }), execute()]).flat(), sync()])
    t.is(replies.filter(({ tag }) => tag === 'C').length, 1_000)
    t.is(codes(replies).slice(-2), 'ZI')
    t.is(texts(await superuser.simple("select count(*) from items where name = 'bulk'"))[0]?.[0], '1000')
    await eventually(() => front().gateway.frames().slice(before).filter(({ kind, outcome }) => kind === 'outcome' && outcome?.status === 'delivered').length >= 1_000 || undefined, 'all outcomes')
    t.pass()
  })
})

test.serial('a million rows to a client that does not read wait in the server, not in the gateway', async (t) => {
  await superuser.simple("create table if not exists big as select g as id, repeat('y', 100) as filler from generate_series(1, 1000000) g; grant select on big to app")
  const options = await front().connection('appdb', 'seers')
  const client = await PostgresClient.connect(options)
  const pid = await pidOf(client)
  const before = process.memoryUsage().rss
  client.pause()
  client.send(query('select * from big'))
  await eventually(async () => texts(await superuser.simple(`select 1 from pg_stat_activity where pid = ${pid} and wait_event = 'ClientWrite'`)).length > 0 || undefined, 'the server to wait')
  await new Promise((resolve) => setTimeout(resolve, 500))
  const grown = (process.memoryUsage().rss - before) / 1_048_576
  t.true(grown < 80, `${grown.toFixed(0)} MB more`)
  client.destroy()
  await eventually(() => isGone(pid), 'the backend to be gone')
})

test.serial('the path that SET changes is the path the next statement of the same write is read by', async (t) => {
  await withClient('owners', async (client) => {
    for (const sql of ['create schema other', 'create table other.customers (id int, name text, ssn text)']) t.regex(codes(await client.simple(sql)), /^CREATE/)
    const replies = await client.pipeline([
      ...[parse('set search_path to other, public'), bind(), execute()], ...[parse('select count(*) from customers'), bind(), execute()], sync(),
      query('reset search_path'), query('create table pg_temp.customers (id int, ssn text)'), query("insert into customers values (1, 'mine')"), query('select ssn from customers'),
    ])
    t.deepEqual(texts(replies)[0], ['0'])
    t.is(codes(replies), 'SET SELECT 1 ZI RESET ZI CREATE TABLE ZI INSERT 0 1 ZI T SELECT 1 ZI')
    const seen = await eventually(() => front().gateway.frames().findLast((frame) => frame.kind === 'intent' && says('count')(frame) && says('other.customers')(frame)), 'the statement by its new path')
    t.truthy(seen)
    t.is(codes(await client.simple('set search_path to other; select * from customers')), '42601 ZI', 'in one text nobody can tell')
  })
})

test.serial('a token that expires ends the connection once the statement under way is through', async (t) => {
  const client = await front().as('leads', { expiresInS: 600 })
  client.send(query('select pg_sleep(5)'))
  await eventually(() => isRunning(String(client.key?.readUInt32BE(0)), 'select pg_sleep'), 'the statement')
  ahead = 700_000
  const replies = await client.until('Q')
  ahead = 0
  t.is(codes(replies).slice(0, 13), 'T SELECT 1 ZI')
  t.is(errorOf(replies)?.['S'], 'FATAL')
  t.is(errorOf(replies)?.['C'], '28P01')
  t.true(client.isClosed)
})

test.serial('a token that has expired does not let its holder go on for ever: a statement that only its client could end is ended', async (t) => {
  const client = await front().as('leads', { expiresInS: 600 })
  await client.simple('select 1')
  client.send(query('copy items from stdin'))
  await client.until('G')
  client.send(write.copyData('7\tx\n'))
  ahead = 700_000
  // Whatever is timed from here on is told that the time has come.
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const ended = client.until('Q')
    while (!client.isClosed) {
      await new Promise((resolve) => { setImmediate(resolve) })
      mock.timers.tick(maxFinishMs)
    }
    t.like(errorOf(await ended), { S: 'FATAL', C: '28P01', M: 'The token has expired' })
  } finally {
    mock.timers.reset()
    ahead = 0
  }
  t.is(texts(await superuser.simple('select count(*) from items'))[0]?.[0], '3')
})

test.serial('a token that expires while nothing runs ends the connection at once', async (t) => {
  const client = await front().as('leads', { expiresInS: 600 })
  ahead = 700_000
  const replies = await client.until('Q')
  ahead = 0
  t.is(errorOf(replies)?.['S'], 'FATAL')
  t.true(client.isClosed)
})

test.serial('a session is told to an examiner statement by statement: as typed, values by number and masked, what was decided, rows, bytes and masked cells', async (t) => {
  const client = await front().as('leads')
  await client.simple("select name as who, ssn from customers where id = 1; select count(*) from items where name <> 'it''s'")
  await client.pipeline([parse('select name from customers where ssn = $1 and id <> $2'), bind({ parameters: ['123-45-6789', null] }), execute(), sync()])
  await client.simple('drop table items')
  await client.simple('copy items to stdout')
  client.send(query('copy items (id, name) from stdin'))
  await client.until('G')
  client.send(write.copyData('7\tseven\n8\teight\n'), write.copyDone())
  await client.until()
  client.send(query('delete from items'))
  t.is(await front().decide(await approvalIn(client), 'approve'), 200)
  t.is(codes(await client.until()), 'DELETE 5 ZI')
  await client.simple('select 1 / 0')
  await client.end()
  const { session } = await eventually(() => { const frames = front().gateway.frames(); const intent = frames.findLast((frame) => frame.kind === 'intent' && says('who')(frame)); return frames.find((frame) => frame.kind === 'close' && frame.session === intent?.session) }, 'the end of the session')
  const told = toldSession(front().gateway.home.directories, session)
  let rest = told
  for (const line of [
    /select name as who, ssn from customers where id = \$1; select count\(\*\) from items where name <> \$2\n +-- \$1 = '1'\n +-- \$2 = 'it''s'\n/, /result: SELECT 1 \(2 rows, 163 bytes, .*masked: pg\.ssn 1\)/,
    /select name from customers where ssn = \$1 and id <> \$2\n +-- \$1 = ⟦US_SSN:.*⟧\n +-- \$2 = NULL\n/, /delivered · SELECT 0/,
    /refusal +policy\.denied · pg\.drop appdb\/postgres · \[deny pg\.ddl\]\n.*\n +drop table items\n.*decision: deny\n +pg\.ddl: Creating/,
    /copy items to stdout\n/, /result: COPY 3 \(3 rows, /, /copy items \(id, name\) from stdin\n/, /requestChunk +of \d+ · 26 bytes\n/, /delivered · COPY 2/,
    /approved · .* pg\.delete appdb\/postgres\n/, /"subject": ".*otto",\n.*\n +"comment": "ticket 1042"/, /consumed · /, /\[require pg\.whole_table\]\n.*\n +delete from items\n/, /delivered · DELETE 5/,
    /select \$1 \/ \$2\n/, /failed · ERROR 22012/, /close +ended · \d+ frames before it$/,
  ]) {
    const found = line.exec(rest)
    if (found === null) return t.fail(`${line} is not there, or not in its place:\n${told}`)
    rest = rest.slice(found.index + found[0].length)
  }
  t.false(/123-45-6789|seven/.test(told))
})

test.serial('a text that fails behind a COMMIT of its own is on record as one that has committed', async (t) => {
  await withClient('owners', async (client) => {
    t.is(codes(await client.simple("insert into items values (7070, 'x'); commit; select 7070 / 0")), 'INSERT 0 1 COMMIT 22012 ZI')
  })
  t.like(await outcomeOf(says('"7070"')), { status: 'failed', code: 'postgres.22012', title: 'ERROR 22012, after a COMMIT' })
})

test.serial('what an error undoes that comes behind it, or instead of the commit, is on record as undone', async (t) => {
  await superuser.simple('set role app; create table later (id int references items deferrable initially deferred); reset role')
  const insert = (sql: string) => [parse(sql), bind(), execute()]
  const text = "insert into items values (7171, 'undone')"
  try {
    await withClient('owners', async (client) => {
      t.is(codes(await client.pipeline([...insert("insert into items values (7172, 'undone')"), ...insert(text), ...insert(text), sync(), ...insert(text), sync(), ...insert(text), sync()])), 'INSERT 0 1 INSERT 0 1 23505 ZI INSERT 0 1 ZI 23505 ZI')
      t.like(await outcomeOf(says('"7171"')), { status: 'failed', code: 'postgres.23505', title: 'ERROR 23505' })
      t.true(front().gateway.frames().some(({ kind, outcome }) => kind === 'outcome' && outcome?.title === 'ERROR 23505, which undid 2 before it' && outcome.code === 'postgres.23505'))
      t.is(codes(await client.pipeline([...insert('vacuum items'), ...insert("select 1/0 as undoes_nothing"), sync()])), 'VACUUM 22012 ZI', 'it has committed by itself')
      t.like(await outcomeOf(says('undoes_nothing')), { status: 'failed', title: 'ERROR 22012' })
      t.is(codes(await client.pipeline([...insert('insert into later values (7173)'), sync()])), 'INSERT 0 1 23503 ZI')
      t.like(await outcomeOf((intent) => JSON.stringify(intent.request).includes('"kind":"error"')), { status: 'failed', code: 'postgres.23503', title: 'ERROR 23503, instead of a commit' })
    })
  } finally {
    await superuser.simple('drop table later')
  }
})

test.serial('more messages without a Sync than may be due at once are answered all the same', async (t) => {
  await withClient('leads', async (client) => {
    for (let i = 0; i < 20; i++) client.send(...Array.from({ length: 1_000 }, (_, j) => write.close('S', `none_${i}_${j}`)))
    client.send(sync())
    const replies = await client.until()
    t.is(replies.filter(({ tag }) => tag === '3').length, 20_000)
    t.is(replies.at(-1)?.tag, 'Z')
  })
})

// What it puts in force stays.
test.serial('what was bound, held, or decided beside a statement that waits, under a policy that is in force no more is asked about again', async (t) => {
  t.timeout(120_000)
  const { policy } = front().gateway.home
  for (const name of fs.readdirSync(policy, { recursive: true, encoding: 'utf8' })) if (name.endsWith('_test.rego')) fs.rmSync(path.join(policy, name))   // seconds of each activation here
  writeFiles(policy, { 'policy/frozen/frozen.rego': 'package policies.frozen\n\ndeny contains {"id": "frozen", "msg": "Items are frozen.", "severity": "high", "controls": ["FFIEC-IS-II.C.15"]} if {\n\tsome statement in input.request.statements\n\tsome relation in statement.relations\n\trelation.name == "public.items"\n\trelation.access[_] in {"insert", "delete"}\n}\n' })
  await commit(policy, front().bank.signer)
  await withClient('leads', async (client) => {
    await withClient('leads', (waiting) => withClient('leads', async (held) => {
      await client.pipeline([query('begin'), parse("insert into items values (60, 'x')", 'i'), bind({ portal: 'i', name: 'i' }), parse('select id from items order by id', 's'), bind({ portal: 's', name: 's' }), execute('s', 1), sync()])
      waiting.send(query("insert into items values (61, 'x')"), query('delete from customers'))
      const [notice] = await waiting.until('N')
      const id = / approval (\S+) /.exec(errorFields(notice?.body ?? new Uint8Array())['M'] ?? '')?.[1] ?? ''
      held.send(query('delete from items'))
      const own = await approvalIn(held)
      front().gateway.signal('SIGHUP')
      await eventually(() => /"serial":2.*policy activated/.test(front().gateway.log()) || undefined, 'the second policy')
      t.is(codes(await client.pipeline([execute('s', 1), execute('s'), sync()])), 's SELECT 1 ZT', 'a portal is read on where policy says the same')
      t.is(codes(await client.pipeline([execute('i'), sync()])), '42501 ZE')
      await front().decide(id, 'approve')
      const said = [...await waiting.until(), ...await waiting.until()]
      t.is(codes(said), '42501 ZI DELETE 1 ZI')
      t.is(errorOf(said)?.['M'], 'Another policy came into force while this waited for a call beside it')
      t.is(await front().decide(own, 'approve'), 200)
      const late = await held.until()
      t.is(codes(late), '42501 ZI', 'the yes was for what the first policy said')
      t.is(codes(await held.simple('select 1')), 'T SELECT 1 ZI')
      t.is(errorOf(late)?.['M'], 'The approval no longer fits the policy in force')
      t.regex(errorOf(late)?.['H'] ?? '', /^Nothing was run\. Run it again to ask under the policy in force now\. Decision [0-9a-f]{32}\. Recorded as frame [0-9a-f]{32}\/\d+\.$/)
      const refused = await front().gateway.frame(/frame (\S+)\.$/.exec(errorOf(late)?.['H'] ?? '')?.[1] ?? '')
      t.like(refused, { kind: 'refusal', structure: { 1: 'approval.superseded' }, decision: { effect: 'deny' } })
      t.true(refused.decision?.reasons.some(({ id }) => id === 'frozen'), 'what the second policy says, and not the first')
      t.deepEqual(edgesOf(own), [0, 1], 'pending, approved, and never consumed')
      t.false(front().gateway.frames().some(({ kind, session, request }) => kind === 'intent' && session === refused.session && JSON.stringify(request).includes('delete')))
      t.regex(errorOf(await held.simple('delete from items'))?.['M'] ?? '', /^Items are frozen\. UPDATE or DELETE /)
    }))
  })
  t.is(texts(await superuser.simple('select count(*), count(*) filter (where id >= 60) from items'))[0]?.join(), '3,0')
  const outcome = await outcomeOf(says('insert into items values'))
  t.like(outcome, { status: 'cancelled' })
})

test.serial('when the gateway stops, connections hear why, and every session is closed on record', async (t) => {
  const idle = await front().as('leads')
  const busy = await front().as('leads')
  busy.send(query('select pg_sleep(25)'))
  await eventually(() => isRunning(String(busy.key?.readUInt32BE(0)), 'select pg_sleep'), 'the statement')
  const stopped = front().gateway.stop()
  for (const client of [idle, busy]) {
    const replies = await client.until('Q')
    t.is(errorOf(replies.filter(({ tag }) => tag === 'E').slice(-1))?.['S'], 'FATAL')
  }
  t.is(await stopped, 0)
  const frames = front().gateway.frames()
  t.is(frames.filter(({ kind }) => kind === 'close').length, frames.filter(({ kind }) => kind === 'open' || kind === 'epoch').length)
})
