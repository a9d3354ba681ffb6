// The production command in front of a PostgreSQL server, as suites and benches meet it: a process, its own policy repository and keys, a real token.
// Each target of one server has its own listener; shipped policies, with data for these targets.
import fs from 'node:fs'
import path from 'node:path'
import { front, type Fronted } from './fronted.ts'

export interface PostgresTarget {
  readonly name: string
  readonly durability: 'strict' | 'bounded'
  /** Policy decides nothing and masks nothing: what a suite of a driver's own tests needs. Everything is recorded. */
  readonly isTransparent?: boolean
  readonly catalogue?: Readonly<Record<string, { readonly result: Readonly<Record<string, string>> }>>
}

export type PostgresGateway = Omit<Fronted, 'origin'> & { readonly host: string }

const tokenLifeS = 14_400
/** Nobody approves anything here. */
const approvalWaitS = 1

export async function frontPostgres(upstream: { readonly host: string; readonly port: number }, targets: readonly PostgresTarget[], { groups = ['leads'], user, grant, hasNet = true }: { readonly groups?: readonly string[]; readonly user?: string; /** Every effect, to this group. */ readonly grant?: string; /** Detectors look into every cell that no rule names. */ readonly hasNet?: boolean } = {}): Promise<PostgresGateway> {
  const names = targets.map(({ name }) => name)
  const fronted = await front({
    name: 'postgres', host: '127.0.0.1', targets: names, listeners: names, groups, scope: 'postgres', tokenLifeS,
    governed: targets.map(({ name, durability, isTransparent = false, catalogue }) => ({
      name, protocol: 'postgres', prefix: `/${name}`, env: 'test', durability, ...catalogue === undefined ? {} : { catalogue },
      upstream: { url: `postgres://${upstream.host}:${upstream.port}`, ...user === undefined ? {} : { user } }, postgres: { approval_wait_s: approvalWaitS, ...isTransparent ? { unparsed: 'transparent', parameters: 'any' } : {} },
    })),
    prepare: (repository) => {
      openDatabases(path.join(repository, 'data', 'data.json'), targets, grant, hasNet)
      // The shipped policies' own tests want the net.
      if (!hasNet) for (const name of fs.readdirSync(repository, { recursive: true, encoding: 'utf8' })) if (name.endsWith('_test.rego')) fs.rmSync(path.join(repository, name))
    },
  })
  return { ...fronted, host: '127.0.0.1' }
}

interface PostgresData { databases: Record<string, { groups: string[]; effects: Record<string, string[]> }>; transparent: string[] }

/** The shipped data knows the demo's database; these are like it by other names. */
function openDatabases(file: string, targets: readonly PostgresTarget[], grant: string | undefined, hasNet: boolean): void {
  const data = JSON.parse(fs.readFileSync(file, 'utf8')) as { targets: Record<string, unknown>; masks: { everywhere: object[] }; postgres: PostgresData }
  for (const { name, isTransparent } of targets) {
    data.targets[name] ??= data.targets['bank']
    const { groups = [], effects = {} } = data.postgres.databases['appdb/*'] ?? {}
    data.postgres.databases[`${name}/*`] = { groups, effects: grant === undefined ? effects : Object.fromEntries(Object.entries(effects).map(([effect, allowed]) => [effect, [...new Set([...allowed, grant])]])) }
    if (isTransparent === true) data.postgres.transparent.push(name)
  }
  if (!hasNet) data.masks.everywhere = []
  fs.writeFileSync(file, JSON.stringify(data, null, 2))
}
