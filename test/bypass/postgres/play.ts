// Plays an attack: the steps of a row over one client connection, with everything that the client was given.
import { PostgresClient, Refused, errorOf, texts, write } from '../../e2e/postgres-client.ts'
import type { ConnectOptions, Reply } from '../../e2e/postgres-client.ts'
import type { Message, Row, Step, Canary } from './row.ts'
import { database } from './row.ts'

const rowTimeoutMs = 8_000

export interface Played {
  readonly received: Buffer
  readonly replies: readonly Reply[]
  /** Oracles whose two answers differed. */
  readonly told: readonly string[]
  /** SQLSTATEs the client saw, in order. */
  readonly codes: readonly string[]
  /** Connections that ended before the attack did. */
  readonly lost: number
  /** The attack got no answer in time: whatever else it shows, the gateway hangs. */
  readonly isLate: boolean
}

/** Both at the server itself. */
export interface Direct {
  readonly superuser: PostgresClient
  readonly app: () => Promise<PostgresClient>
  /** Resolves once the gateway knows what was changed past it; a limit of the gateway's, told in DESIGN.md, and not what an attack is about. */
  readonly known?: () => Promise<void>
}

export async function prepare({ superuser, known }: Direct, row: Row, canary: Canary): Promise<void> {
  await superuser.simple("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and datname = current_database()")   // and their locks
  for (const sql of [...await leftovers(superuser), 'drop schema if exists public cascade', 'create schema public', ...database(canary), ...row.setup]) {
    const error = errorOf(await superuser.simple(filled(sql, canary)))
    if (error !== undefined) throw new Error(`setup of "${row.name}": ${error['M']}: ${sql}`)
  }
  await known?.()
}

/** What rows leave outside of schema public. */
async function leftovers(superuser: PostgresClient): Promise<string[]> {
  const drops = await superuser.simple(`select format('drop event trigger %I', evtname) from pg_event_trigger
    union all select format('drop schema %I cascade', nspname) from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public', 'watch')
    union all select format('select lo_unlink(%s)', oid) from pg_largeobject_metadata
    union all select format('alter role app reset %s', split_part(unnest(setconfig), '=', 1)) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where rolname = 'app'
    union all select format('revoke %I from app', g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles a on a.oid = m.member where a.rolname = 'app'`)
  return texts(drops).map(([sql]) => sql ?? '')
}

export async function play(options: ConnectOptions, direct: Direct, row: Row, canary: Canary): Promise<Played> {
  const clients: PostgresClient[] = []
  const replies: Reply[] = []
  const told: string[] = []
  let lost = 0
  let isLate = false
  const connect = async (parameters: Readonly<Record<string, string>> = {}) => { const client = await PostgresClient.connect({ ...options, parameters }); clients.push(client); return client }
  let elsewhere: PostgresClient | undefined
  const run = async () => {
    let client = await connect()
    for (const step of row.attack(canary)) {
      if (client.isClosed) { lost++; client = await connect() }
      if (typeof step === 'object' && 'reconnect' in step) { client = await connect(step.reconnect); continue }
      if (typeof step === 'object' && 'elsewhere' in step) {
        const other = step.as === 'app' ? elsewhere ??= await direct.app() : direct.superuser
        const error = errorOf(await other.simple(filled(step.elsewhere, canary)))
        if (error !== undefined) throw new Error(`"${row.name}", elsewhere: ${error['M']}`)
        await direct.known?.()
        continue
      }
      if (typeof step === 'object' && 'oracle' in step) {
        const answers: string[] = []
        for (const sql of step.oracle) answers.push(comparable(await client.simple(filled(sql, canary))))
        if (answers[0] !== answers[1]) told.push(step.oracle[0])
        continue
      }
      replies.push(...await once(client, step, direct, canary))
    }
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => { timer = setTimeout(() => resolve('late'), rowTimeoutMs) })
  try {
    if (await Promise.race([run().catch((error: unknown) => { if (!(error instanceof Refused)) throw error; lost++ }), late]) === 'late') isLate = true
  } finally {
    clearTimeout(timer)
    for (const client of clients) client.destroy()
    elsewhere?.destroy()
  }
  const codes = replies.flatMap((reply) => reply.tag === 'E' ? [errorOf([reply])?.['C'] ?? ''] : [])
  return { received: Buffer.concat(clients.map(({ received }) => received)), replies, told, codes, lost, isLate }
}

async function once(client: PostgresClient, step: Exclude<Step, { reconnect: unknown } | { elsewhere: unknown } | { oracle: unknown }>, direct: Direct, canary: Canary): Promise<Reply[]> {
  if (typeof step === 'string') return await client.simple(filled(step, canary))
  if ('sql' in step) return await client.extended({ ...step, sql: filled(step.sql, canary) })
  if ('pipeline' in step) return await client.pipeline(step.pipeline.map(bytesOf))
  if ('copy' in step) return await client.copyIn(step.copy, step.data)
  if ('waitMs' in step) return await client.idle(step.waitMs)
  const oid = Number(texts(await direct.superuser.simple(`select '${step.call}'::regprocedure::oid::int8`))[0]?.[0])
  return await client.functionCall(oid, (step.parameters ?? []).map((value) => value?.startsWith('\\x') ? Buffer.from(value.slice(2), 'hex') : value) as (string | null)[], step.isBinary)
}

function bytesOf(message: Message): Buffer {
  switch (message[0]) {
    case 'P': return write.parse(message[2], message[1])
    case 'B': return write.bind({ portal: message[1], name: message[2], parameters: message[3], formats: message[4] })
    case 'D': return write.describe(message[1], message[2])
    case 'C': return write.close(message[1], message[2])
    case 'E': return write.execute(message[1], message[2])
    case 'S': return write.sync()
    case 'H': return write.flush()
    case 'Q': return write.query(message[1])
    case 'd': return write.copyData(message[1])
    case 'c': return write.copyDone()
  }
}

/** What an attacker compares: rows, a COPY's as well, how many, and the error's code. */
function comparable(replies: readonly Reply[]): string {
  return JSON.stringify([texts(replies), replies.filter(({ tag }) => tag === 'C' || tag === 'd').map(({ body }) => body.toString()), errorOf(replies)?.['C']])
}

export const filled = (sql: string, { ssn, email, pin, born }: Canary): string => sql.replaceAll('{ssn}', ssn).replaceAll('{email}', email).replaceAll('{pin}', String(pin)).replaceAll('{born}', born)
