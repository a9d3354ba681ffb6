// The production command in front of a PostgreSQL server, as suites and benches meet it: a process, its own policy repository and keys, a real token.
// Each target of one server has its own listener; shipped policies, with data for these targets.
import { generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { SignJWT, exportJWK } from 'jose'
import { stringify } from 'yaml'
import { startGatewayProcess } from '../../scripts/demo/gateway-process.ts'
import { openHome } from '../../scripts/demo/home.ts'
import { commitAll, syncPolicyRepository } from '../../scripts/demo/policy-repository.ts'
import { freePort } from '../../scripts/demo/postgres.ts'

export interface PostgresTarget {
  readonly name: string
  readonly durability: 'strict' | 'bounded'
  /** Policy decides nothing and masks nothing: what a suite of a driver's own tests needs. Everything is recorded. */
  readonly isTransparent?: boolean
  readonly catalogue?: Readonly<Record<string, { readonly result: Readonly<Record<string, string>> }>>
}

export interface PostgresGateway {
  readonly host: string
  /** Port of a target's listener. */
  port(target: string): number
  readonly token: string
  readonly pid: number
  readonly directories: { readonly keys: string; readonly evidence: string }
  /** @returns the exit code */
  stop(): Promise<number | null>
  /** The record stays until then. */
  remove(): void
}

const keyId = 'suite'
const tokenLifeS = 14_400
/** Nobody approves anything here. */
const approvalWaitS = 1

export async function frontPostgres(upstream: { readonly host: string; readonly port: number }, targets: readonly PostgresTarget[], { groups = ['leads'], user, grant, hasNet = true }: { readonly groups?: readonly string[]; readonly user?: string; /** Every effect, to this group. */ readonly grant?: string; /** Detectors look into every cell that no rule names. */ readonly hasNet?: boolean } = {}): Promise<PostgresGateway> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-postgres-'))
  const home = await openHome(dir)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...await exportJWK(publicKey), kid: keyId, alg: 'ES256', use: 'sig' }
  const keys = http.createServer((_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })) })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`
  const publicUrl = `http://127.0.0.1:${await freePort()}`
  const audiences = targets.map(({ name }) => `${publicUrl}/${name}`)
  await syncPolicyRepository(home, stringify({
    identity: [{ issuer, jwks_uri: `${issuer}/jwks`, audiences, algorithms: ['ES256'], groups_claim: 'groups' }],
    targets: targets.map(({ name, durability, isTransparent = false, catalogue }) => ({
      name, protocol: 'postgres', prefix: `/${name}`, env: 'test', durability, ...catalogue === undefined ? {} : { catalogue },
      upstream: { url: `postgres://${upstream.host}:${upstream.port}`, ...user === undefined ? {} : { user } }, postgres: { approval_wait_s: approvalWaitS, ...isTransparent ? { unparsed: 'transparent', parameters: 'any' } : {} },
    })),
    approvals: { lead: { groups: [{ any_of: ['leads'], min: 1 }], ttl_s: 900 } }, activation: { quorum: 1 },
  }, { aliasDuplicateObjects: false }))
  openDatabases(path.join(home.policy, 'data', 'data.json'), targets, grant, hasNet)
  // The shipped policies' own tests want the net.
  if (!hasNet) for (const name of fs.readdirSync(home.policy, { recursive: true, encoding: 'utf8' })) if (name.endsWith('_test.rego')) fs.rmSync(path.join(home.policy, name))
  await commitAll(home, 'lena', 'data: the databases under test')
  fs.copyFileSync(path.join(home.policy, 'allowed_signers'), path.join(home.gateway, 'allowed_signers'))
  const below = (name: string) => path.join(home.gateway, name)
  const ports = new Map<string, number>()
  for (const { name } of targets) ports.set(name, await freePort())
  fs.writeFileSync(below('gateway.yaml'), stringify({
    node: 'suite-1', listen: [{ host: '127.0.0.1', port: Number(new URL(publicUrl).port) }, ...targets.map(({ name }) => ({ host: '127.0.0.1', port: ports.get(name), target: name }))],
    admin: { host: '127.0.0.1', port: await freePort() }, public_url: publicUrl,
    directories: { journal: below('journal'), keys: below('keys'), sealer: below('sealer'), evidence: below('evidence'), state: below('state') },
    policy: { repository: home.policy, allowed_signers: below('allowed_signers'), quorum: 1, poll_s: 60 }, evidence: { interval_s: 2 }, drain_s: 2,
  }))
  const gateway = await startGatewayProcess(below('gateway.yaml'), below('gateway.log'))
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({ groups: [...groups], client_id: 'suite', scope: 'postgres' }).setProtectedHeader({ alg: 'ES256', kid: keyId, typ: 'at+jwt' })
    .setIssuer(issuer).setSubject('tester').setAudience(audiences).setIssuedAt(now).setExpirationTime(now + tokenLifeS).setJti('1').sign(privateKey)
  return {
    host: '127.0.0.1', token, pid: gateway.pid, directories: { keys: below('keys'), evidence: below('evidence') },
    port: (target) => ports.get(target) ?? 0,
    async stop() {
      const code = await gateway.stop()
      keys.closeAllConnections()
      keys.close()
      return code
    },
    remove() { fs.rmSync(dir, { recursive: true, force: true }) },
  }
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
