// kill -9 of the gateway, of clients and of the server in the middle of statements, copies and transactions:
// what a client was told is on record, no claim of the record is false, and the database holds what the record says was delivered.
import test from 'ava'
import { errorFields, PostgresClient, texts, write } from '../e2e/postgres-client.ts'
import type { Reply } from '../e2e/postgres-client.ts'
import { openFront } from '../e2e/postgres/front.ts'
import type { Front, Group } from '../e2e/postgres/front.ts'
import { eventually, verify } from '../e2e/recorded.ts'
import type { Frame } from '../e2e/recorded.ts'

let front: Front
let superuser: PostgresClient
test.serial.before(async (t) => {
  t.timeout(240_000)
  front = await openFront({ isProcess: true })
  superuser = await front.superuser()
})
test.serial.beforeEach(async () => {
  await superuser.simple('truncate items')
  for (const { session } of front.gateway.frames()) earlier.add(session)
})
test.after.always(async () => {
  superuser?.destroy()
  await front?.close()
})

const { query, copyData, parse, bind, execute, sync } = write
const numbers = async (): Promise<number[]> => texts(await superuser.simple('select id from items order by id')).map(([id]) => Number(id))
const isRunning = async (pid: string, what: string): Promise<true | undefined> => texts(await superuser.simple(`select 1 from pg_stat_activity where pid = ${pid} and state = 'active' and query like '${what}%'`)).length > 0 || undefined
const isGone = async (pid: string): Promise<true | undefined> => texts(await superuser.simple(`select 1 from pg_stat_activity where pid = ${pid}`)).length === 0 || undefined

interface Told { readonly acknowledged: number[]; pid: string }

/** Writes numbers one by one until the connection ends; each that was answered counts as told. */
async function writeUntilGone(group: Group, told: Told, from: number): Promise<void> {
  try {
    const client = await front.as(group)
    told.pid = String(texts(await client.simple('select pg_backend_pid()'))[0]?.[0])
    for (let id = from; ; id++) {
      const isExtended = id % 2 === 0
      client.send(...isExtended ? [parse('insert into items values ($1, $2)'), bind({ parameters: [String(id), 'told'] }), execute(), sync()] : [query(`insert into items values (${id}, 'told')`)])
      const replies = await client.until()
      if (!replies.some(({ tag }) => tag === 'C') || replies.at(-1)?.tag !== 'Z') return
      told.acknowledged.push(id)
    }
  } catch { /* the connection is gone */ }
}

/** Of an outcome (FORMAT.md §4, kind 5): delivered, or none where the gateway was killed before it. */
const delivered = 0
const none = undefined
/** Reason of a close that the next start wrote. */
const abandoned = 4

/** Numbers of the inserts whose outcome on record is this. */
function numbersOf(frames: readonly Frame[], status: number | undefined): number[] {
  const outcomes = new Map(frames.filter(({ kind }) => kind === 'outcome').map((frame) => [`${frame.session}/${frame.ref}`, frame.structure?.['1']]))
  return frames.filter((frame) => frame.kind === 'intent' && outcomes.get(`${frame.session}/${frame.seq}`) === status).flatMap(({ request }) => {
    const { literals = [], parameters = [] } = (request?.json ?? {}) as { literals?: unknown[]; parameters?: unknown[] }
    const number = Number([...literals, ...parameters][0])
    return Number.isInteger(number) ? [number] : []
  })
}

/** Sessions of earlier tests. */
const earlier = new Set<string>()

function unended(frames: readonly Frame[]): number {
  const ended = new Set(frames.filter(({ kind }) => kind === 'outcome').map(({ session, ref }) => `${session}/${ref}`))
  return frames.filter(({ kind, session, seq }) => kind === 'intent' && !ended.has(`${session}/${seq}`)).length
}

async function sealed(): Promise<Frame[]> {
  await front.gateway.stop()
  const frames = front.gateway.frames()
  const { falsities } = await verify(front.gateway.home.directories)
  await front.restart()
  if (falsities.length > 0) throw new Error(`the record says what is not so: ${JSON.stringify(falsities)}`)
  return frames
}

const closes = (frames: readonly Frame[]): number => frames.filter(({ kind }) => kind === 'close').length
const opens = (frames: readonly Frame[]): number => frames.filter(({ kind }) => kind === 'open' || kind === 'epoch').length

test.serial('kill -9 of the gateway under writes: what was acknowledged is on record and in the database, in every round', async (t) => {
  const acknowledged: number[] = []
  for (let round = 0; round < 3; round++) {
    const writers = [0, 1, 2].map((): Told => ({ acknowledged: [], pid: '' }))
    const running = writers.map((told, n) => writeUntilGone(n === 2 ? 'owners' : 'leads', told, 100_000 * (round * 3 + n + 1)))
    await eventually(() => writers.every((told) => told.acknowledged.length > 5) || undefined, 'writes')
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
    front.gateway.signal('SIGKILL')
    await front.gateway.ended
    await Promise.all(running)
    for (const told of writers) acknowledged.push(...told.acknowledged)
    await front.restart()
  }
  await eventually(async () => texts(await superuser.simple("select 1 from pg_stat_activity where usename = 'app' and state = 'active'")).length === 0 || undefined, 'the server to have finished')
  const stored = new Set(await numbers())
  const frames = await sealed()
  const recorded = new Set(numbersOf(frames, delivered))
  t.true(acknowledged.length > 60)
  t.deepEqual(acknowledged.filter((id) => !stored.has(id)), [], 'every acknowledged write is in the database')
  t.deepEqual(acknowledged.filter((id) => !recorded.has(id)), [], 'and its outcome on record')
  t.deepEqual([...recorded].filter((id) => !stored.has(id)), [], 'what the record calls delivered is in the database')
  const known = new Set([...recorded, ...numbersOf(frames, none)])
  t.deepEqual([...stored].filter((id) => !known.has(id)), [], 'nothing is in the database of which the record knows nothing')
  t.is(closes(frames), opens(frames), 'sessions that were cut off are closed as abandoned')
})

test.serial('kill -9 of the gateway in the middle of a copy in, a copy out and a transaction: nothing is half done, and the record says so', async (t) => {
  const copying = await front.as('leads')
  copying.send(query('copy items from stdin'))
  await copying.until('G')
  copying.send(copyData('1\thalf\n2\thalf\n'))
  const open = await front.as('leads')
  await open.pipeline([query('begin'), query("insert into items values (3, 'half')")])
  const reading = await front.as('seers')
  reading.send(query('copy (select g from generate_series(1, 5000000) g) to stdout'))
  await reading.until('d')
  const running = await front.as('leads')
  const pid = String(texts(await running.simple('select pg_backend_pid()'))[0]?.[0])
  running.send(query("insert into items select 4, 'slow' from pg_sleep(30)"))
  await eventually(() => isRunning(pid, 'insert'), 'the statement')
  front.gateway.signal('SIGKILL')
  await front.gateway.ended
  for (const client of [copying, open, reading, running]) client.destroy()
  await superuser.simple("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
  t.deepEqual(await numbers(), [])
  await front.restart()
  const frames = await sealed()
  t.is(unended(frames.filter(({ session }) => !earlier.has(session))), 3, 'the copies and the statement have begun, and no end is claimed')
  const cut = new Set(frames.filter(({ kind, session }) => kind === 'open' && !earlier.has(session)).map(({ session }) => session))
  t.deepEqual(frames.filter(({ kind, session }) => kind === 'close' && cut.has(session)).map(({ structure }) => structure?.['3']), [abandoned, abandoned, abandoned, abandoned], 'the close says that nobody ended them')
  t.is(closes(frames), opens(frames))
})

test.serial('kill -9 of a client in the middle of a copy in, a transaction and a statement: the server is rid of it, and the record says what became of it', async (t) => {
  for (const kind of ['copy', 'transaction', 'statement', 'read'] as const) {
    const client = await front.as('seers')
    const pid = String(texts(await client.simple('select pg_backend_pid()'))[0]?.[0])
    if (kind === 'copy') {
      client.send(query('copy items from stdin'))
      await client.until('G')
      client.send(copyData('1\thalf\n'))
    } else if (kind === 'transaction') await client.pipeline([query('begin'), query("insert into items values (1, 'half')")])
    else if (kind === 'statement') {
      client.send(query("insert into items select 1, 'slow' from pg_sleep(30)"))
      await eventually(() => isRunning(pid, 'insert'), 'the statement')
    } else {
      client.send(query('select g from generate_series(1, 5000000) g'))
      await client.until('D')
    }
    client.destroy()
    await eventually(() => isGone(pid), `the backend of ${kind} to be gone`)
  }
  t.deepEqual(await numbers(), [])
  const frames = await sealed()
  t.is(unended(frames.filter(({ session }) => !earlier.has(session))), 0, 'every statement has an outcome')
  t.is(closes(frames), opens(frames))
})

test.serial('kill -9 of a backend takes the whole server down and up again: each client hears it, no write was acknowledged that is not there', async (t) => {
  const told: Told = { acknowledged: [], pid: '' }
  const writing = writeUntilGone('leads', told, 5_000_000)
  const copying = await front.as('leads')
  copying.send(query('copy items from stdin'))
  await copying.until('G')
  copying.send(copyData('1\thalf\n'))
  const busy = await front.as('leads')
  busy.send(query("insert into items select 2, 'slow' from pg_sleep(30)"))
  const reading = await front.as('seers')
  reading.send(query("copy (select repeat('x', 9000), pg_sleep(0.05) from generate_series(1, 100000)) to stdout"))
  await reading.until('d')
  await eventually(() => told.acknowledged.length > 20 || undefined, 'writes')
  process.kill(Number(told.pid), 'SIGKILL')
  await writing
  for (const client of [copying, busy, reading]) {
    const replies = await client.until('Q')
    t.true(client.isClosed)
    t.true(['08006', '57P02', '57P01'].includes(codeOf(replies)), codeOf(replies))
  }
  superuser.destroy()
  superuser = await eventually(async () => await front.superuser().catch(() => undefined), 'the server to be back')
  const again = await eventually(async () => await front.as('leads').catch(() => undefined), 'the way to it')
  t.is(texts(await again.simple('select 1'))[0]?.[0], '1')
  again.destroy()
  const stored = new Set(await numbers())
  const frames = await sealed()
  const recorded = numbersOf(frames, delivered).filter((id) => id >= 5_000_000)
  t.deepEqual(told.acknowledged.filter((id) => !stored.has(id)), [])
  t.deepEqual(told.acknowledged.filter((id) => !recorded.includes(id)), [])
  t.deepEqual(recorded.filter((id) => !stored.has(id)), [])
  t.false(stored.has(1) || stored.has(2))
  t.is(unended(frames.filter(({ session }) => !earlier.has(session))), 0)
})

const codeOf = (replies: readonly Reply[]): string => replies.filter(({ tag }) => tag === 'E').map(({ body }) => errorFields(body)['C'] ?? '').at(-1) ?? ''
