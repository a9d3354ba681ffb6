// A server of a test file's own: its tables are made before the first test, and every value is read as the server writes it.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { TestFn } from 'ava'
import { loadModule } from 'libpg-query'
import pg from 'pg'
import type { Naming } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { loadSnapshot, type Ask } from '../../../../../gateway/protocols/postgres/sql/catalogue.ts'
import type { Database } from '../../../../../scripts/demo/postgres.ts'
import { startCluster } from '../../../../e2e/cluster.ts'

export interface Live {
  /** The superuser's, who made the tables. */
  readonly client: pg.Client
  /** What names mean to that client once they are made. */
  readonly naming: Naming
  connect(user?: string): Promise<pg.Client>
}

export const askOf = (client: pg.Client): Ask => async (sql) => (await client.query({ text: sql, rowMode: 'array' })).rows as (string | null)[][]

/** @param setUp texts, one after the other */
export function liveOf(test: TestFn, ...setUp: readonly string[]): () => Live {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-live-'))
  let database: Database | undefined
  let client: pg.Client | undefined
  let live: Live | undefined
  test.before(async (t) => {
    t.timeout(240_000)
    await loadModule()
    const { url } = database = await startCluster(folder)
    const connect: Live['connect'] = async (user = 'bank') => {
      const made = new pg.Client({ connectionString: url.replace('bank@', `${user}@`), types: { getTypeParser: () => (value: string | null) => value } } as pg.ClientConfig)
      await made.connect()
      return made
    }
    client = await connect()
    for (const text of setUp) await client.query(text)
    const snapshot = await loadSnapshot(askOf(client))
    live = { client, connect, naming: { snapshot, path: snapshot.path } }
  })
  test.after.always(async () => {
    await client?.end()
    await database?.stop()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  return () => {
    if (live === undefined) throw new Error('not before the first test')
    return live
  }
}
