// A real PostgreSQL 18 behind the gateway, reached three ways: at the server itself, through a target that decides nothing, and through one that decides, masks and holds.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startCluster } from '../cluster.ts'
import type { Database } from '../../../scripts/demo/postgres.ts'
import { bankConfig, deskUrl, openBank, publicUrl } from '../gateway-kit.ts'
import type { Bank, HomeOptions } from '../gateway-kit.ts'
import { PostgresClient } from '../postgres-client.ts'
import type { ConnectOptions } from '../postgres-client.ts'
import { startHere, startProcess } from '../running.ts'
import type { Running } from '../running.ts'

const database = 'postgres'
const data = new URL('../../../rego/data/data.json', import.meta.url)

/** Who a client is, by what policy grants: `owners` may do anything, `seers` sees every value, the last three meet a limit at once. */
export type Group = 'leads' | 'analysts' | 'owners' | 'seers' | 'few_rows' | 'few_bytes' | 'brief'

export interface FrontOptions {
  /** More of the block `postgres` of the target that decides. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** The production command, not the composition root in this process. */
  readonly isProcess?: boolean
  readonly home?: HomeOptions
  readonly now?: () => number
  /** Of the target that decides: another address than the server's own. */
  readonly upstream?: (port: number) => Promise<number>
  readonly offBoarded?: readonly string[]
  /** Policy only observes the target that decides: the shipped data with one word more. */
  readonly isObserved?: boolean
}

export interface Front {
  readonly bank: Bank
  readonly server: Database
  /** The running one: a restart puts another here. */
  gateway: Running
  /** At the server itself, as its superuser. */
  superuser(): Promise<PostgresClient>
  direct(): Promise<PostgresClient>
  /** Policy decides nothing and masks nothing; everything is recorded. */
  open(): Promise<PostgresClient>
  /** As decided, held and masked. */
  as(group: Group, token?: { readonly sub?: string; readonly expiresInS?: number }): Promise<PostgresClient>
  connection(target: 'appdb' | 'open', group?: Group, token?: { readonly sub?: string; readonly expiresInS?: number }): Promise<ConnectOptions>
  /** What a lead answers to a request that waits. @returns the HTTP status */
  decide(id: string, verb: 'approve' | 'reject'): Promise<number>
  restart(): Promise<void>
  close(): Promise<void>
}

export async function openFront({ settings = {}, isProcess = false, home: homeOptions = {}, now, upstream = async (port) => port, isObserved = false }: FrontOptions = {}): Promise<Front> {
  await using opened = new AsyncDisposableStack()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-front-'))
  opened.defer(() => fs.rmSync(folder, { recursive: true, force: true }))
  const server = await startCluster(folder)
  opened.defer(() => server.stop())
  const setUp = await PostgresClient.connect({ port: server.port, user: 'bank', database })
  await setUp.simple(`create role app login; grant create on database ${database} to app; grant create on schema public to app; set role app;
    create table items (id int primary key, name text not null); create table customers (id int primary key, name text, ssn text)`)
  await setUp.end()
  const port = await upstream(server.port)
  const bank = await openBank((about) => {
    const config = bankConfig(about) as { identity: { audiences: string[] }[]; targets: object[] }
    config.identity[0]?.audiences.push(`${publicUrl}/appdb`, `${publicUrl}/open`)
    const target = (name: string) => ({ name, protocol: 'postgres', prefix: `/${name}`, env: 'prod', labels: ['pii'], durability: 'bounded' })
    config.targets.push(
      { ...target('appdb'), upstream: { url: `postgres://127.0.0.1:${port}` }, catalogue: { 'public.customers': { result: { ssn: 'US_SSN' } } }, postgres: settings },
      { ...target('open'), upstream: { url: `postgres://127.0.0.1:${server.port}` }, postgres: { unparsed: 'transparent' } },
    )
    return config
  }, { 'data/data.json': JSON.stringify(policyData(isObserved)) })
  opened.defer(() => bank.close())
  const home = await bank.home({ ...homeOptions, streams: ['appdb', 'open'] })
  const start = async (): Promise<Running> => isProcess ? await startProcess(home) : await startHere(home, now === undefined ? {} : { now })
  const connection: Front['connection'] = async (target, group = 'leads', { sub = 'mara', expiresInS = 3600 } = {}) => {
    const [host = '', at = ''] = front.gateway.addresses[target === 'appdb' ? 1 : 2]?.split(':') ?? []
    return { host, port: Number(at), user: 'app', database, password: await bank.token({ sub, expiresInS, audience: target, groups: group === 'leads' || group === 'analysts' ? [group] : ['leads', group] }) }
  }
  const front: Front = {
    bank, server, gateway: await start(), connection,
    superuser: () => PostgresClient.connect({ port: server.port, user: 'bank', database }),
    direct: () => PostgresClient.connect({ port: server.port, user: 'app', database }),
    open: async () => await PostgresClient.connect(await connection('open')),
    as: async (group, token) => await PostgresClient.connect(await connection('appdb', group, token)),
    async decide(id, verb) {
      const token = await bank.token({ sub: 'otto', groups: ['leads'], audience: deskUrl })
      const response = await fetch(`${home.admin}/api/approvals/${id}/${verb}`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{"comment":"ticket 1042"}' })
      await response.arrayBuffer()
      return response.status
    },
    async restart() { front.gateway = await start() },
    close: () => kept.disposeAsync(),
  }
  const kept = opened.move()
  return front
}

interface PolicyData { targets: Record<string, unknown>; postgres: { bookkeeping: Record<string, string[]>; databases: Record<string, { groups: string[]; effects: Record<string, string[]> }>; transparent: string[]; observe: string[]; unmasked: Record<string, string[]>; limits: { groups: Record<string, object> } } }

/** The shipped data, with groups for what the tests meet. */
function policyData(isObserved: boolean): PolicyData {
  const shipped = JSON.parse(fs.readFileSync(data, 'utf8')) as PolicyData
  const { postgres, targets } = shipped
  targets['open'] = targets['appdb']
  postgres.transparent.push('open')
  if (isObserved) postgres.observe.push('appdb')
  const { groups = [], effects = {} } = postgres.databases['appdb/*'] ?? {}
  postgres.databases['appdb/*'] = { groups, effects: Object.fromEntries(Object.entries(effects).map(([effect, allowed]) => [effect, [...allowed, 'owners']])) }
  postgres.unmasked['appdb'] = ['seers']
  postgres.bookkeeping['appdb'] = ['public.knex_migrations_lock', 'public.schema_migrations', 'public.databasechangeloglock']
  postgres.limits.groups = { ...postgres.limits.groups, few_rows: { rows: 10 }, few_bytes: { bytes: 10_000 }, brief: { timeout_ms: 1_000 } }
  return shipped
}

/** Opens before the first test of a file and closes after the last. */
export function frontOf(test: import('ava').TestFn, options?: FrontOptions): () => Front {
  let front: Front | undefined
  test.serial.before(async (t) => { t.timeout(240_000); front = await openFront(options) })
  test.after.always(async () => { await front?.close() })
  return () => front!
}
