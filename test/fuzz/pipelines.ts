// Random pipelines of PostgreSQL messages, through the gateway and at the server itself: the client must see the same replies in the same order.
// Both sides have tables of their own to write to; what policy refuses by design, and one code for another in a failed transaction, is known.
import { openPostgresBank } from '../e2e/postgres-kit.ts'
import { errorFields, message, PostgresClient, write, type Reply } from '../e2e/postgres-client.ts'

type Random = (below: number) => number
type Pipelines = readonly (readonly Step[])[]
/** The server, and the gateway. */
type Said = readonly [string, string]
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
/** Not what their type says, or not UTF-8: the server fails them where they stand. */
const broken = [
  ['P', '\0select 1\0; select 2\0\0\0'], ['P', '\0\xff\0\0\0'], ['P', 'a\0select 1\0\0\0\0'], ['D', 'X\0'], ['D', 'S\xff\0'], ['C', 'X\0'], ['C', 'Pa\0b\0'], ['E', '\0\0\0\0\0\0'], ['E', '\xff\0\0\0\0\0'], ['Q', 'select 1\0\0'], ['Q', '\xff\0'],
] as const
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
  const counts = { pipelines: 0, messages: 0, known: 0, differ: 0 }
  /** What both say to these on new connections, where they do not say the same. */
  const tried = async (pipelines: Pipelines): Promise<Said | undefined> => {
    await app.simple('truncate w1, w2')
    const fresh = await open()
    try {
      for (const steps of pipelines) {
        const said = await Promise.all([replies(fresh.direct, Buffer.concat(steps.map((step) => step.bytes('w2'))), 0, random), replies(fresh.through, Buffer.concat(steps.map((step) => step.bytes('w1'))), 0, random)])
        if (alike(said[0]) !== alike(said[1])) return leavesShell(...said) ? undefined : said
      }
      return undefined
    } finally {
      for (const client of [fresh.direct, fresh.through]) client.destroy()
    }
  }
  let pair = await open()
  let before: (readonly Step[])[] = []
  for (const end = performance.now() + seconds * 1_000; performance.now() < end && counts.differ < maxShown;) {
    const steps = generate()
    const [ours, theirs] = ['w1', 'w2'].map((table) => Buffer.concat(steps.map((step) => step.bytes(table)))) as [Buffer, Buffer]
    const cut = random(2) === 0 ? 0 : random(ours.length)
    const [direct, through] = await Promise.all([replies(pair.direct, theirs, cut, random), replies(pair.through, ours, cut, random)])
    counts.pipelines++
    counts.messages += steps.length
    before.push(steps)
    const isSame = alike(direct) === alike(through)
    const isKnown = !isSame && leavesShell(direct, through)
    if (!isSame && !isKnown) {
      counts.differ++
      process.stdout.write(`DIFFERENT, cut at ${cut}\n  ${shownOf(before.slice(-4))}\n  server   ${direct}\n  gateway  ${through}\n`)
      const [least, said] = await shrink(before, tried) ?? []
      process.stdout.write(least === undefined ? 'not again\n' : `LEAST\n  ${shownOf(least)}\n  server   ${said?.[0]}\n  gateway  ${said?.[1]}\n`)
    }
    if (isSame && random(60) > 0) continue
    if (isKnown) counts.known++
    for (const client of [pair.direct, pair.through]) client.destroy()
    pair = await open()
    before = []
  }
  for (const client of [pair.direct, pair.through, app, owner]) client.destroy()
  await bank.close()
  process.stdout.write(`${counts.pipelines} pipelines, ${counts.messages} messages, ${counts.known} known, ${counts.differ} differ\n`)
  return counts.differ === 0 ? 0 : 1
}

/** With whatever can go left out: whole pipelines first, then messages, but for the Sync at an end. */
async function shrink(pipelines: Pipelines, tried: (pipelines: Pipelines) => Promise<Said | undefined>): Promise<readonly [Pipelines, Said] | undefined> {
  let least = pipelines
  let said = await tried(least)
  if (said === undefined) return undefined
  const without = async (fewer: Pipelines): Promise<boolean> => {
    const again = await tried(fewer)
    if (again !== undefined) [least, said] = [fewer, again]
    return again !== undefined
  }
  for (let i = 0; i < least.length;) if (!await without(least.toSpliced(i, 1))) i++
  for (let i = 0; i < least.length; i++) {
    for (let j = (least[i]?.length ?? 0) - 2; j >= 0; j--) await without(least.with(i, (least[i] ?? []).toSpliced(j, 1)))
  }
  return [least, said]
}

function shownOf(pipelines: Pipelines): string {
  return pipelines.map((steps) => steps.map(({ text }) => text).join(' ')).join('\n  ')
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
    switch (random(11)) {
      case 0: case 1: case 2: return whole()
      case 3: return [bind(pick(portals), pick(names))]
      case 4: case 5: return [execute(pick(portals))]
      case 6: return [describe(kind, name)]
      case 7: return [step(`Close${kind}(${name})`, () => write.close(kind, name))]
      case 9: {
        const [tag, content] = pick(broken)
        const odd = step(`${tag}(${JSON.stringify(content)})`, () => message(tag, Buffer.from(content, 'latin1')))
        return tag === 'Q' ? [sync, odd] : [odd]
      }
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

/**
 * A Bind that fails over a value has made its portal before (exec_bind_message in PostgreSQL's postgres.c). In a transaction that has failed it stays, and
 * Execute of it is an EmptyQueryResponse. The gateway sends no Execute of a portal that nobody was permitted: it says that there is none.
 */
function leavesShell(direct: string, through: string): boolean {
  const [server, gateway] = [direct, through].map((said) => alike(said).split(' ')) as [string[], string[]]
  const at = server.findIndex((one, i) => one !== gateway[i])
  return server[at] === 'I' && gateway[at] === 'E(25P02)' && gateway.slice(at).find((one) => one.startsWith('Z')) === 'Z(E)'
}
