// Two worlds: databases that differ in nothing but their declared columns. Whatever a masked caller asks, both answer the same, to the byte. Statements are made at random;
// those that the server itself answers the same tell nothing, and only the others are sent through the gateway. The caller may do everything but see the columns.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startCluster } from '../../e2e/cluster.ts'
import { errorFields, PostgresClient, texts, type Reply } from '../../e2e/postgres-client.ts'
import { frontPostgres } from '../../e2e/postgres-gateway.ts'
import { Grammar, type Catalogue, type Random } from './grammar.ts'
import { declared, filled, town } from './town.ts'

type Pair<T> = readonly [T, T]
interface Said { readonly text: string; readonly isError: boolean; readonly rules: readonly string[] }
interface Worlds { readonly catalogue: Catalogue; direct(user?: string): Promise<Pair<PostgresClient>>; through(): Promise<Pair<PostgresClient>>; close(): Promise<void> }

const maxShown = 20
const aroundShown = 60
const maxLength = 400
const extensions = ['citext', 'hstore', 'pg_trgm', 'fuzzystrmatch', 'unaccent', 'ltree', 'intarray']
/** An index on a declared column tells the order of its values: a declared limit. */
const settings = [...['fsync', 'synchronous_commit', 'autovacuum', 'enable_indexscan', 'enable_bitmapscan', 'enable_indexonlyscan', 'jit'].map((name) => `alter system set ${name} = off`), "alter role app set statement_timeout = '3s'"]
/** Sequences stand outside of transactions. */
const again = "select setval('ticks', 1), setval('scratch_id_seq', 1)"
/** What gives another answer each time, waits, or is the server's own plumbing. */
const left = new RegExp(`^(?:${[
  'random.*', 'setseed', 'clock_timestamp', 'timeofday', 'now', '(?:statement|transaction)_timestamp', 'gen_random_uuid', 'uuidv[47]', 'current_.*', 'inet_(?:client|server).*', 'version', 'getpgusername',
  'pg_.*', 'txid_.*', 'lo_.*', 'loread', 'lowrite', '(?:next|curr|last|set)val', 'set_config', '.*_to_xml.*', 'ts_stat', 'has_.*', '(?:col|obj|shobj)_description', 'to_reg.*', 'format_type', 'currtid2',
  'binary_upgrade.*', 'satisfies_hash_partition', 'amvalidate', '.*(?:in|out|recv|send|sel|support|handler|transfn|combine|_accum|serialize|final)',
].join('|')})$`)

const inBoth = <T>(run: (world: 0 | 1) => Promise<T>): Promise<Pair<T>> => Promise.all([run(0), run(1)])
const differ = ([one, other]: Pair<Said>): boolean => one.text !== other.text

/** @returns 1 when the two said something else */
export async function fuzzWorlds(seconds: number, random: Random): Promise<number> {
  const worlds = await openWorlds()
  const grammar = new Grammar(worlds.catalogue, random)
  const resetting = await worlds.direct()
  let [atServer, masked] = [await worlds.direct('app'), await worlds.through()]
  const counts = { statements: 0, failed: 0, telling: 0, refused: 0, served: 0, unsteady: 0, told: 0 }
  const rules = new Map<string, number>()
  try {
    for (const end = performance.now() + seconds * 1_000; performance.now() < end && counts.told < maxShown;) {
      const script = grammar.script()
      const channel = random(4)
      const ask = (clients: Pair<PostgresClient>) => inBoth(async (world) => { await resetting[world].simple(again); return await answer(clients[world], script, channel) })
      /** Twice the same, or it is no secret that makes the difference. */
      const steadily = async (clients: Pair<PostgresClient>): Promise<Pair<Said> | undefined> => {
        const said = await ask(clients)
        if (!differ(said)) return said
        const repeated = await ask(clients)
        return said.every(({ text }, at) => text === repeated[at]?.text) ? said : undefined
      }
      if (atServer.some(({ isClosed }) => isClosed)) atServer = await worlds.direct('app')
      if (masked.some(({ isClosed }) => isClosed)) masked = await worlds.through()
      counts.statements++
      const direct = await steadily(atServer)
      if (direct === undefined || !differ(direct)) {
        if (direct === undefined) counts.unsteady++
        else if (direct[0].isError) counts.failed++
        continue
      }
      counts.telling++
      const said = await steadily(masked)
      if (said === undefined) { counts.unsteady++; continue }
      if (said[0].rules.length === 0) counts.served++
      else counts.refused++
      for (const rule of said[0].rules) rules.set(rule, (rules.get(rule) ?? 0) + 1)
      if (!differ(said)) continue
      counts.told++
      const at = Math.max(0, [...said[0].text].findIndex((letter, i) => letter !== said[1].text[i]) - aroundShown)
      process.stdout.write(`TOLD by ${['a simple message', 'a simple message', 'extended messages', 'binary values'][channel]}: ${script.join('; ')}\n  one    ${said[0].text.slice(at, at + maxLength)}\n  other  ${said[1].text.slice(at, at + maxLength)}\n`)
    }
  } finally {
    for (const client of [...resetting, ...atServer, ...masked]) client.destroy()
    await worlds.close()
  }
  process.stdout.write(`${counts.statements} statements, ${counts.failed} failed in both worlds, ${counts.unsteady} unsteady; ${counts.telling} tell the worlds apart at the server: ${counts.refused} refused (${[...rules].map(([rule, count]) => `${rule} ${count}`).join(', ')}), ${counts.served} served; ${counts.told} told\n`)
  return counts.told === 0 ? 0 : 1
}

async function openWorlds(): Promise<Worlds> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-worlds-'))
  const server = await startCluster(folder)
  const connect = (user: string, database: string) => PostgresClient.connect({ port: server.port, user, database })
  const first = await connect('bank', 'postgres')
  for (const sql of ['create role app login', ...settings, 'select pg_reload_conf()', 'create database world_0 owner app']) await must(first, sql)
  const one = await connect('bank', 'world_0')
  for (const sql of [...extensions.map((name) => `create extension ${name}`), 'alter schema public owner to app', ...town]) await must(one, sql)
  const catalogue = await readCatalogue(one)
  await one.end()
  // A copy: the same OIDs.
  await must(first, 'create database world_1 template world_0 owner app')
  first.destroy()
  await inBoth(async (world) => {
    const client = await connect('bank', `world_${world}`)
    for (const sql of filled(world)) await must(client, sql)
    client.destroy()
  })
  const gateway = await frontPostgres({ host: '127.0.0.1', port: server.port }, [{ name: 'worlds', durability: 'bounded', catalogue: declared }], { grant: 'leads' })
  return {
    catalogue,
    direct: (user = 'bank') => inBoth((world) => connect(user, `world_${world}`)),
    through: () => inBoth((world) => PostgresClient.connect({ port: gateway.port('worlds'), user: 'app', password: gateway.token, database: `world_${world}` })),
    async close() {
      await gateway.stop()
      gateway.remove()
      await server.stop()
      fs.rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function must(client: PostgresClient, sql: string): Promise<readonly Reply[]> {
  const replies = await client.simple(sql)
  const error = replies.find(({ tag }) => tag === 'E')
  if (error !== undefined) throw new Error(`${errorFields(error.body)['M']}: ${sql}`)
  return replies
}

/** In a transaction that leaves nothing. */
async function answer(client: PostgresClient, script: readonly string[], channel: number): Promise<Said> {
  const replies: Reply[] = []
  await client.simple('begin')
  for (const sql of script) {
    if (client.isClosed) break
    for (const reply of await (channel < 2 || sql.startsWith('copy') ? client.simple(sql) : client.extended({ sql, isBinary: channel === 3, describe: channel === 3 ? 'statement' : 'portal' }))) replies.push(reply)
  }
  await client.simple('rollback')
  const errors = replies.filter(({ tag }) => tag === 'E').map(({ body }) => errorFields(body))
  return { text: replies.map(shown).join(' '), isError: errors.length > 0, rules: errors.flatMap(({ D: detail = '' }) => detail.match(/^pg\.\w+(?=: )/gm) ?? []) }
}

function shown({ tag, body }: Reply): string {
  if (tag !== 'E' && tag !== 'N') return `${tag}(${body.toString('latin1').replaceAll(/[^ -~]/g, (byte) => `\\${byte.charCodeAt(0)}`)})`
  const { C: code, M: message, D: detail = '' } = errorFields(body)
  return `${tag}(${code} ${message} ${detail})`
}

async function readCatalogue(client: PostgresClient): Promise<Catalogue> {
  const ask = async (sql: string) => texts(await must(client, sql)).map((row) => row.map((cell) => cell ?? ''))
  const routines = await ask(`select proname, prokind, proretset, format_type(prorettype, null), (select string_agg(format_type(case when provariadic <> 0 and place = pronargs then coalesce(nullif(provariadic, 2276), 25) else type end, null), ';' order by place) from unnest(proargtypes::oid[]) with ordinality u(type, place))
    from pg_proc where pronamespace in ('pg_catalog'::regnamespace, 'public'::regnamespace) and prokind <> 'p' and not proargtypes::oid[] && '{2281,2275}'`)
  const operators = await ask("select oprname, case when oprleft = 0 then '' else format_type(oprleft, null) end, format_type(oprright, null), format_type(oprresult, null) from pg_operator where oprcode <> 0")
  const casts = await ask('select format_type(castsource, null), format_type(casttarget, null) from pg_cast')
  const columns = await ask("select relname, attname, format_type(atttypid, null) from pg_attribute join pg_class c on c.oid = attrelid where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm') and relname <> 'scratch' and attnum > 0 order by attrelid, attnum")
  return {
    routines: routines.filter(([name = '']) => !left.test(name)).map(([name = '', kind = '', isSet, result = '', args = '']) => ({ name, kind, args: args === '' ? [] : args.split(';'), result, isSet: isSet === 't' })),
    operators: operators.map(([name = '', one = '', right = '', result = '']) => ({ name, left: one, right, result })),
    casts: casts.map(([from = '', to = '']) => ({ from, to })),
    columns: columns.map(([table = '', name = '', type = '']) => ({ table, name, type })),
  }
}
