// A bank with a PostgreSQL 18 behind its gateway: embedded server, policy as shipped, `customers` declared sensitive column by column.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startCluster } from './cluster.ts'
import type { Database } from '../../scripts/demo/postgres.ts'
import { bankConfig, openBank, publicUrl } from './gateway-kit.ts'
import type { Bank } from './gateway-kit.ts'
import { PostgresClient } from './postgres-client.ts'
import type { ConnectOptions } from './postgres-client.ts'
import { startProcess } from './running.ts'
import type { Running } from './running.ts'

export const databaseName = 'postgres'

export interface PostgresBank {
  readonly bank: Bank
  readonly server: Database
  readonly gateway: Running
  /** At the server itself, as its superuser, who trusts. */
  superuser(): Promise<PostgresClient>
  /** At the server itself, as the role that owns the tables. */
  app(): Promise<PostgresClient>
  /** How a client of the gateway connects, with a token of these groups. */
  through(groups?: readonly string[]): Promise<ConnectOptions>
  close(): Promise<void>
}

/** Every column of `customers` that no attack may bring out; by class, so that nothing hangs on a name. */
export const sensitive = { ssn: 'US_SSN', email: 'EMAIL', pin: 'US_ACCOUNT', born: 'DOB' }

/** @param settings more of the target's block `postgres` */
export async function openPostgresBank(settings: Readonly<Record<string, unknown>> = {}): Promise<PostgresBank> {
  await using opened = new AsyncDisposableStack()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-postgres-kit-'))
  opened.defer(() => fs.rmSync(folder, { recursive: true, force: true }))
  const server = await startCluster(folder)
  opened.defer(() => server.stop())
  const direct = (user: string) => PostgresClient.connect({ port: server.port, user, database: databaseName })
  const setUp = await direct('bank')
  await setUp.simple(`create role app login; grant create on database ${databaseName} to app`)
  await setUp.end()
  const bank = await openBank((about) => {
    const config = bankConfig(about) as { identity: { audiences: string[] }[]; targets: object[] }
    config.identity[0]?.audiences.push(`${publicUrl}/appdb`)
    config.targets.push({
      name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'prod', labels: ['pii'], durability: 'bounded',
      upstream: { url: `postgres://127.0.0.1:${server.port}` }, catalogue: { 'public.customers': { result: sensitive } }, postgres: settings,
    })
    return config
  })
  opened.defer(() => bank.close())
  const gateway = await startProcess(await bank.home({ streams: ['appdb'] }))
  const [host = '', port = ''] = gateway.addresses[1]?.split(':') ?? []
  const kept = opened.move()
  return {
    bank, server, gateway,
    superuser: () => direct('bank'), app: () => direct('app'),
    through: async (groups = ['leads']) => ({ host, port: Number(port), user: 'app', database: databaseName, password: await bank.token({ audience: 'appdb', groups }) }),
    close: () => kept.disposeAsync(),
  }
}
