// Every attack, through the gateway with the policy as shipped: no form of a secret reaches the client or the record, nothing is destroyed, and what was refused is on record.
// One server and one gateway for all rows; as many at a time as there are databases, each row with its own secrets.
import test from 'ava'
import { openPostgresBank } from '../../e2e/postgres-kit.ts'
import type { PostgresBank } from '../../e2e/postgres-kit.ts'
import { PostgresClient, texts } from '../../e2e/postgres-client.ts'
import type { ConnectOptions } from '../../e2e/postgres-client.ts'
import { readFrames } from '../../e2e/recorded.ts'
import { isAlone, openDatabases } from './databases.ts'
import type { Databases, OpenDatabase } from './databases.ts'
import { filled, play, prepare } from './play.ts'
import { formsOf, foundAmong, seen } from './reveal.ts'
import { canaryOf, leak } from './row.ts'
import type { Row } from './row.ts'
import { rows } from './rows/index.ts'

const atATime = 6
/** All tests begin at once and wait for a database. */
const timeoutMs = 580_000

let opened: PostgresBank
let databases: Databases
let all: readonly OpenDatabase[] = []
/** Those who leak may write; those who destroy may only read. */
let options: Readonly<Record<Row['kind'], ConnectOptions>>
/** Leaks by how they were met. */
const met = { served: 0, refused: 0 }
const limits: string[] = []

test.before(async (t) => {
  t.timeout(240_000)
  opened = await openPostgresBank({ approval_wait_s: 1 })
  options = { leak: await opened.through(['leads']), destroy: await opened.through(['analysts']) }
  const direct = (user: string, database: string) => PostgresClient.connect({ port: opened.server.port, user, database })
  ;({ databases, all } = await openDatabases(atATime, direct, options.leak))
})
test.after.always(async () => {
  for (const { direct } of all) direct.superuser.destroy()
  await opened?.close()
})

test('an honest reader is served, with the sensitive columns masked', async (t) => {
  t.timeout(timeoutMs)
  const canary = canaryOf(rows.length)
  const honest = leak('a reader asks for what he may see', ['select id, name, ssn from customers order by id', 'select max(id), max(name) from customers'], { setup: ['create extension citext'] })   // which has a max() of its own
  await databases.use(false, async ({ name, direct }) => {
    await prepare(direct, honest, canary)
    const played = await play({ ...options.leak, database: name }, direct, honest, canary)
    t.deepEqual(texts(played.replies), [['1', 'Ada Vance', '[REDACTED:pg.ssn]'], ['2', 'Bo Lindqvist', '[REDACTED:pg.ssn]'], ['2', 'Bo Lindqvist']])
  })
})

const played = rows.map((row, index) => new Promise<void>((resolve) => {
  test(`${row.kind === 'leak' ? 'nothing is learnt when' : 'nothing is lost when'} ${row.name}`, async (t) => {
    t.timeout(timeoutMs)
    const canary = canaryOf(index)
    try {
      await databases.use(isAlone(row, JSON.stringify(row.attack(canary))), async ({ name, direct }) => {
        await prepare(direct, row, canary)
        const result = await play({ ...options[row.kind], database: name }, direct, row, canary)
        t.false(result.isLate, 'an answer came')
        if (row.kind === 'destroy') {
          t.is(texts(await direct.superuser.simple(filled(row.intact, canary)))[0]?.[0], 't', `codes ${result.codes.join(' ')}`)
          t.true(result.codes.length > 0, 'the client was told')
          return
        }
        met[result.codes.length + result.lost === 0 ? 'served' : 'refused']++
        const found = [...seen(formsOf(canary, row.also(canary)), result.received, result.replies), ...result.told]
        if (row.limit === undefined) t.deepEqual(found, [], `codes ${result.codes.join(' ')}`)
        else {
          limits.push(row.name)
          t.true(found.length > 0, 'a declared limit is none any more')
        }
      })
    } finally {
      resolve()
    }
  })
}))

// Last: the whole record at once, and whole it is when the gateway has ended.
test('no secret of any attack is on record, and the refusals are', async (t) => {
  t.timeout(timeoutMs)
  await Promise.all(played)
  t.log(`${rows.length} rows; of the leaks ${met.served} were served, masked where they had to be, and ${met.refused} were refused at some step; declared limits: ${limits.join('; ')}`)
  await opened.gateway.stop()
  const frames = readFrames(opened.gateway.home.directories)
  // An attacker who guesses the whole value has put it on record himself.
  const owners = new Map(rows.flatMap((row, index) => {
    const canary = canaryOf(index)
    const asked = JSON.stringify(row.attack(canary))
    return row.kind === 'leak' && row.limit === undefined && !asked.includes(canary.ssn) && !asked.includes(String(canary.pin)) ? [[row.name, formsOf(canary, row.also(canary))] as const] : []
  }))
  t.deepEqual(foundAmong(owners, Buffer.from(JSON.stringify(frames))), [])
  t.true(frames.filter(({ decision }) => decision?.effect === 'deny').length >= rows.filter(({ kind }) => kind === 'destroy').length, 'each destruction left a refusal')
})
