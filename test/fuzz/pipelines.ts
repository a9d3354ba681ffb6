// Random pipelines of PostgreSQL messages, through the gateway and at the server itself: the client must see the same replies in the same order.
// Both sides have tables of their own to write to; what policy refuses by design, and one code for another in a failed transaction, is known.
import { openPostgresBank } from '../e2e/postgres-kit.ts'
import { errorFields, PostgresClient, write, type Reply } from '../e2e/postgres-client.ts'

type Random = (below: number) => number
interface Step { readonly text: string; bytes(table: string): Buffer }

const maxSteps = 14
const maxShown = 5
const patienceMs = 15_000
const setUp = [
  'create table orders (id int primary key, item text)', "insert into orders select g, 'item ' || g from generate_series(1, 12) g",
  'create table w1 (id int, t text)', 'create table w2 (id int, t text)',
]
/** `#` is a small number, `@` the side's own table. */
const statements = [
  'select id, item from orders order by id', 'select item from orders where id = #', 'select item from orders where id = $1', 'select # as a, # as b', '', ' ',
  'select 1 / # from orders where id = 1', 'select 10 / (id - #) from orders order by id', 'insert into @ values (#, $1)', "insert into @ values (#, 'x')",
  'update @ set t = $1 where id = # returning id, t', 'delete from @ where id = #', 'select count(*) from @', 'select * from @ where id = # order by 2', 'selec #',
  'begin', 'commit', 'rollback', 'select generate_series(1, #)', 'show work_mem', 'copy orders to stdout', 'select length($1)', 'values (#), (#)',
]
const names = ['', '', 'a', 'b']
const portals = ['', '', 'p', 'q']

/** @returns 1 when the two said something else */
export async function fuzzPipelines(seconds: number, random: Random): Promise<number> {
  const bank = await openPostgresBank({ approval_wait_s: 0 })
  const owner = await bank.superuser()
  for (const sql of ['alter schema public owner to app', 'alter system set fsync = off', 'select pg_reload_conf()']) await owner.simple(sql)
  const app = await bank.app()
  for (const sql of setUp) await app.simple(sql)
  const generate = createGenerator(random)
  const open = async () => ({ direct: await PostgresClient.connect({ port: bank.server.port, user: 'app', database: 'postgres' }), through: await PostgresClient.connect(await bank.through(['leads'])) })
  const counts = { pipelines: 0, messages: 0, differ: 0 }
  let pair = await open()
  let before: string[] = []
  for (const end = performance.now() + seconds * 1_000; performance.now() < end && counts.differ < maxShown;) {
    const steps = generate()
    const [ours, theirs] = ['w1', 'w2'].map((table) => Buffer.concat(steps.map((step) => step.bytes(table)))) as [Buffer, Buffer]
    const cut = random(2) === 0 ? 0 : random(ours.length)
    const [direct, through] = await Promise.all([replies(pair.direct, theirs, cut, random), replies(pair.through, ours, cut, random)])
    counts.pipelines++
    counts.messages += steps.length
    before.push(steps.map(({ text }) => text).join(' '))
    const isSame = alike(direct) === alike(through)
    if (!isSame) {
      counts.differ++
      process.stdout.write(`DIFFERENT, cut at ${cut}\n  ${before.slice(-4).join('\n  ')}\n  server   ${direct}\n  gateway  ${through}\n`)
    }
    if (isSame && random(60) > 0) continue
    for (const client of [pair.direct, pair.through]) client.destroy()
    pair = await open()
    before = []
  }
  for (const client of [pair.direct, pair.through, app, owner]) client.destroy()
  await bank.close()
  process.stdout.write(`${counts.pipelines} pipelines, ${counts.messages} messages, ${counts.differ} differ\n`)
  return counts.differ === 0 ? 0 : 1
}

function createGenerator(random: Random): () => readonly Step[] {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  const statement = () => pick(statements).replaceAll('#', () => String(random(6)))
  const parameters = new Map<string, number>()
  const step = (text: string, bytes: Step['bytes']): Step => ({ text, bytes })
  const bind = (portal: string, name: string): Step => {
    // Now and then a number of values that the statement does not take.
    const values = Array.from({ length: random(12) === 0 ? 1 : parameters.get(name) ?? 0 }, () => pick(['x', '12', null]))
    const formats = random(6) === 0 ? [1] : []
    return step(`Bind(${portal},${name},${values.join()},${formats.join()})`, () => write.bind({ portal, name, parameters: values, formats }))
  }
  const execute = (portal: string): Step => { const rows = pick([0, 0, 1, 2, 5]); return step(`Execute(${portal},${rows})`, () => write.execute(portal, rows)) }
  const describe = (kind: 'S' | 'P', name: string): Step => step(`Describe${kind}(${name})`, () => write.describe(kind, name))
  const sync = step('Sync', () => write.sync())
  const whole = (): Step[] => {
    const [sql, name, portal] = [statement(), pick(names), pick(portals)]
    parameters.set(name, sql.includes('$1') ? 1 : 0)
    return [step(`Parse(${name},${sql})`, (table) => write.parse(sql.replaceAll('@', table), name)), bind(portal, name), ...random(3) === 0 ? [] : [describe('P', portal)], ...Array.from({ length: random(4) }, () => execute(portal))]
  }
  const any = (): Step[] => {
    const kind = pick(['S', 'P'] as const)
    const name = pick(kind === 'S' ? names : portals)
    switch (random(10)) {
      case 0: case 1: case 2: return whole()
      case 3: return [bind(pick(portals), pick(names))]
      case 4: case 5: return [execute(pick(portals))]
      case 6: return [describe(kind, name)]
      case 7: return [step(`Close${kind}(${name})`, () => write.close(kind, name))]
      case 8: return [pick([sync, step('Flush', () => write.flush())])]
      default: { const sql = statement().replaceAll('$1', "'v'"); return [sync, step(`Query(${sql})`, (table) => write.query(sql.replaceAll('@', table)))] }
    }
  }
  return () => [...Array.from({ length: 1 + random(maxSteps) }, any).flat(), sync]
}

/** Sends in one or two writes, and reads up to the last ReadyForQuery that is due. */
async function replies(client: PostgresClient, bytes: Buffer, cut: number, random: Random): Promise<string> {
  let due = 0
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) if (bytes[at] === 0x53 || bytes[at] === 0x51) due++
  client.send(bytes.subarray(0, cut))
  if (cut > 0) await new Promise((resolve) => setTimeout(resolve, random(3)))
  client.send(bytes.subarray(cut))
  const said: string[] = []
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => { timer = setTimeout(() => resolve('late'), patienceMs) })
  while (due > 0) {
    const next = await Promise.race([client.next().catch(() => undefined), late])
    if (next === undefined || next === 'late') { said.push(next ?? 'closed'); break }
    if (next.tag === 'N' || next.tag === 'S') continue
    said.push(shown(next))
    if (next.tag === 'Z') due--
  }
  clearTimeout(timer)
  return said.join(' ').replaceAll(/w[12]/g, 'w')
}

function shown({ tag, body }: Reply): string {
  if (tag === 'E') return `E(${errorFields(body)['C']})`
  return 'DTCZ'.includes(tag) ? `${tag}(${body.toString('latin1').replaceAll(/[^ -~]/g, '')})` : tag
}

/**
 * A portal that is gone in a transaction that has failed has two faults. A simple message that fails while it runs leaves its own unnamed portal, of which
 * the gateway knows nothing: the server says 25P02 of it, the gateway 34000, and either way nothing runs before the ROLLBACK. A name that nobody may see is refused before it is missed.
 */
function alike(said: string): string {
  return said.replaceAll('E(34000)', 'E(25P02)').replaceAll('E(42501)', 'E(42703)')
}
