// The production command in front of servers under test: its own home, policy repository, keys and a real token. What the targets are, and what
// policy says of them, is the caller's.
import { generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { SignJWT, exportJWK } from 'jose'
import { stringify } from 'yaml'
import { startGatewayProcess } from '../../scripts/demo/gateway-process.ts'
import { openHome } from '../../scripts/demo/home.ts'
import { commitAll, syncPolicyRepository } from '../../scripts/demo/policy-repository.ts'
import { freePort } from '../../scripts/demo/free-port.ts'

export interface Front {
  /** Part of the directory's name and of the node's. */
  readonly name: string
  /** Of the gateway's URL: some suites ask for `localhost`. */
  readonly host: string
  /** Targets; each is an audience of the token. */
  readonly targets: readonly string[]
  /** Those with a listener of their own. */
  readonly listeners?: readonly string[]
  readonly groups: readonly string[]
  readonly scope?: string
  readonly tokenLifeS: number
  /** The `targets` of governed config. */
  readonly governed: readonly object[]
  /** Changes the policy repository before it is committed. */
  prepare(repository: string): void
}

export interface Fronted {
  readonly origin: string
  readonly token: string
  readonly pid: number
  /** Port of a target's own listener. */
  port(target: string): number
  /** What an examiner of this run needs. */
  readonly directories: { readonly keys: string; readonly evidence: string }
  /** SIGTERM, to the end of the drain. The record stays until it is removed. @returns the exit code */
  stop(): Promise<number | null>
  remove(): void
}

/** On a machine with other work the policy's tests may outlast the compiler's deadline; until the next attempt, a minute later, the gateway listens and refuses everybody. */
const policyTimeoutMs = 600_000

async function policyInForce(adminPort: number): Promise<void> {
  const startedAt = performance.now()
  const isReady = (): Promise<boolean> => fetch(`http://127.0.0.1:${adminPort}/readyz`).then(({ status }) => status === 200, () => false)
  while (!await isReady()) {
    if (performance.now() - startedAt > policyTimeoutMs) throw new Error('the gateway has no policy in force')
    await pause(250)
  }
}

export async function front({ name, host, targets, listeners = [], groups, scope, tokenLifeS, governed, prepare }: Front): Promise<Fronted> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `countersign-${name}-`))
  const home = await openHome(dir)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...await exportJWK(publicKey), kid: name, alg: 'ES256', use: 'sig' }
  const keys = http.createServer((_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })) })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`
  const port = await freePort()
  const origin = `http://${host}:${port}`
  const audiences = targets.map((target) => `${origin}/${target}`)
  await syncPolicyRepository(home, stringify({
    identity: [{ issuer, jwks_uri: `${issuer}/jwks`, audiences, algorithms: ['ES256'], groups_claim: 'groups' }],
    targets: governed, approvals: { lead: { groups: [{ any_of: ['leads'], min: 1 }], ttl_s: 900 } }, activation: { quorum: 1 },
  }, { aliasDuplicateObjects: false }))
  prepare(home.policy)
  await commitAll(home, 'lena', 'policy: the targets under test')
  fs.copyFileSync(path.join(home.policy, 'allowed_signers'), path.join(home.gateway, 'allowed_signers'))
  const adminPort = await freePort()
  const below = (file: string) => path.join(home.gateway, file)
  const ports = new Map<string, number>()
  for (const target of listeners) ports.set(target, await freePort())
  fs.writeFileSync(below('gateway.yaml'), stringify({
    node: `${name}-1`, listen: [{ host: '127.0.0.1', port }, ...[...ports].map(([target, own]) => ({ host: '127.0.0.1', port: own, target }))],
    admin: { host: '127.0.0.1', port: adminPort }, public_url: origin,
    directories: { journal: below('journal'), keys: below('keys'), sealer: below('sealer'), evidence: below('evidence'), state: below('state') },
    policy: { repository: home.policy, allowed_signers: below('allowed_signers'), quorum: 1, poll_s: 60 }, evidence: { interval_s: 2 }, drain_s: 2,
  }))
  const gateway = await startGatewayProcess(below('gateway.yaml'), below('gateway.log'))
  await policyInForce(adminPort)
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({ groups: [...groups], client_id: name, ...scope === undefined ? {} : { scope } }).setProtectedHeader({ alg: 'ES256', kid: name, typ: 'at+jwt' })
    .setIssuer(issuer).setSubject('tester').setAudience(audiences).setIssuedAt(now).setExpirationTime(now + tokenLifeS).setJti('1').sign(privateKey)
  return {
    origin, token, pid: gateway.pid, directories: { keys: below('keys'), evidence: below('evidence') },
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
