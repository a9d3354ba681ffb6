// Databases for rows that are played at the same time: each row has one to itself, and the gateway knows it before the row begins.
import { PostgresClient, errorOf } from '../../e2e/postgres-client.ts'
import type { ConnectOptions } from '../../e2e/postgres-client.ts'
import type { Direct } from './play.ts'
import type { Row } from './row.ts'

const pollMs = 60
/** The gateway asks for changes twice a second, more rarely where asking takes long: a busy machine. */
const knownWithinMs = 20_000

export interface OpenDatabase { readonly name: string; readonly direct: Direct }

/** What these name belongs to the whole server: nobody else plays meanwhile. */
const shared = /\b(?:alter|create|drop) (?:role|user|database|tablespace|system)\b|\bgrant \w+ to\b|pg_stat_activity|pg_db_role|pg_terminate|pg_cancel|dbname|reassign|drop owned/i

export const isAlone = (row: Row, attack: string): boolean => shared.test(row.setup.join('\n')) || shared.test(attack)

/** Who may take a database: some at a time, or one alone. */
export class Databases {
  readonly #free: OpenDatabase[]
  readonly #all: number
  #waiting: { readonly alone: boolean; readonly start: (database: OpenDatabase) => void }[] = []
  #isAlone = false

  constructor(databases: readonly OpenDatabase[]) {
    this.#free = [...databases]
    this.#all = databases.length
  }

  async use<T>(alone: boolean, run: (database: OpenDatabase) => Promise<T>): Promise<T> {
    const database = await new Promise<OpenDatabase>((start) => { this.#waiting.push({ alone, start }); this.#next() })
    try {
      return await run(database)
    } finally {
      this.#free.push(database)
      if (alone) this.#isAlone = false
      this.#next()
    }
  }

  /** Those who want to be alone come last. */
  #next(): void {
    while (!this.#isAlone && this.#free.length > 0) {
      const at = this.#waiting.findIndex(({ alone }) => !alone)
      const [next] = at >= 0 ? this.#waiting.splice(at, 1) : this.#free.length === this.#all ? this.#waiting.splice(0, 1) : []
      if (next === undefined) return
      this.#isAlone = next.alone
      next.start(this.#free.pop() as OpenDatabase)
    }
  }
}

/** @param direct connects to the server itself; `through` is a caller of the gateway who may read */
export async function openDatabases(count: number, direct: (user: string, database: string) => Promise<PostgresClient>, through: ConnectOptions): Promise<{ readonly databases: Databases; readonly all: readonly OpenDatabase[] }> {
  const first = await direct('bank', 'postgres')
  // Nothing here outlives the run.
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum']) await first.simple(`alter system set ${setting} = off`)
  await first.simple('select pg_reload_conf()')
  const all: OpenDatabase[] = []
  for (let i = 0; i < count; i++) {
    const name = `attacked_${i}`
    await first.simple(`create database ${name}`)
    await first.simple(`grant create on database ${name} to app`)
    const superuser = await direct('bank', name)
    await superuser.simple('create schema watch; grant usage on schema watch to app')
    all.push({ name, direct: { superuser, app: () => direct('app', name), known: () => known(superuser, { ...through, database: name }) } })
  }
  first.destroy()
  return { databases: new Databases(all), all }
}

let marks = 0

/** A table made last is there for the gateway: then so is all before it. */
async function known(superuser: PostgresClient, through: ConnectOptions): Promise<void> {
  const mark = `mark_${marks++}`
  await superuser.simple(`create schema if not exists watch; grant usage on schema watch to app; create table watch.${mark} (); grant select on watch.${mark} to app`)
  const client = await PostgresClient.connect(through)
  try {
    const until = Date.now() + knownWithinMs
    while (errorOf(await client.simple(`select from watch.${mark}`)) !== undefined) {
      if (Date.now() > until) throw new Error('the gateway does not see what was changed past it')
      await new Promise((resolve) => { setTimeout(resolve, pollMs) })
    }
  } finally {
    client.destroy()
  }
}
