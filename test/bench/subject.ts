// The gateway as the bench runs it: the production command with the shipped policies, two targets of each kind (bounded and strict), a real token.
import { generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { SignJWT, exportJWK } from 'jose'
import { stringify } from 'yaml'
import { startGatewayProcess } from '../../scripts/demo/gateway-process.ts'
import type { GatewayProcess } from '../../scripts/demo/gateway-process.ts'
import { openHome } from '../../scripts/demo/home.ts'
import { commitAll, syncPolicyRepository } from '../../scripts/demo/policy-repository.ts'
import { freePort } from '../../scripts/demo/free-port.ts'
import { family } from './processes.ts'

export interface Subject {
  readonly origin: string
  readonly token: string
  readonly pid: number
  /** Gateway and sealer. */
  pids(): number[]
  readonly home: string
  readonly process: GatewayProcess
  stop(): Promise<void>
}

const issuedFor = 'bench'
const targetNames = ['bank', 'bank-strict', 'ledger', 'ledger-strict']

export async function startSubject(upstream: string): Promise<Subject> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-bench-'))
  const home = await openHome(dir)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...await exportJWK(publicKey), kid: issuedFor, alg: 'ES256', use: 'sig' }
  const keys = http.createServer((_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })) })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`
  const port = await freePort()
  const audiences = targetNames.map((name) => `http://127.0.0.1:${port}/${name}`)
  await syncPolicyRepository(home, governed(issuer, audiences, upstream))
  widenData(path.join(home.policy, 'data', 'data.json'))
  await commitAll(home, 'lena', 'data: the bench\'s targets')
  fs.copyFileSync(path.join(home.policy, 'allowed_signers'), path.join(home.gateway, 'allowed_signers'))
  const below = (name: string) => path.join(home.gateway, name)
  const config = path.join(home.gateway, 'gateway.yaml')
  fs.writeFileSync(config, stringify({
    node: 'bench-1', listen: [{ host: '127.0.0.1', port }], admin: { host: '127.0.0.1', port: await freePort() }, public_url: `http://127.0.0.1:${port}`,
    directories: { journal: below('journal'), keys: below('keys'), sealer: below('sealer'), evidence: below('evidence'), state: below('state') },
    policy: { repository: home.policy, allowed_signers: below('allowed_signers'), quorum: 1, poll_s: 60 }, evidence: { interval_s: 10 }, drain_s: 5,
  }))
  const gateway = await startGatewayProcess(config, below('gateway.log'))
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({ groups: ['leads'], client_id: 'bench', scope: 'mcp' }).setProtectedHeader({ alg: 'ES256', kid: issuedFor, typ: 'at+jwt' })
    .setIssuer(issuer).setSubject('load').setAudience(audiences).setIssuedAt(now).setExpirationTime(now + 7_200).setJti('1').sign(privateKey)
  return {
    origin: `http://127.0.0.1:${port}`, token, pid: gateway.pid, pids: () => family(gateway.pid), home: dir, process: gateway,
    async stop() {
      await gateway.stop()
      keys.closeAllConnections()
      keys.close()
    },
  }
}

function governed(issuer: string, audiences: readonly string[], upstream: string): string {
  const target = (name: string, protocol: 'mcp' | 'http', durability: string) => ({
    name, protocol, prefix: `/${name}`, env: 'prod', labels: ['pii'], durability, upstream: { url: protocol === 'mcp' ? `${upstream}/mcp` : upstream },
    catalogue: protocol === 'mcp' ? { run_report: { effects: ['read'], result: { ssn: 'US_SSN' } } } : { 'POST /search': { effects: ['read'], result: { ssn: 'US_SSN' } }, 'POST /upload': { effects: ['write'], opaque: true }, 'GET /stream': { effects: ['read'] } },
  })
  return stringify({
    identity: [{ issuer, jwks_uri: `${issuer}/jwks`, audiences, algorithms: ['ES256'], groups_claim: 'groups' }],
    targets: [target('bank', 'mcp', 'bounded'), target('bank-strict', 'mcp', 'strict'), target('ledger', 'http', 'bounded'), target('ledger-strict', 'http', 'strict')],
    approvals: { lead: { groups: [{ any_of: ['leads'], min: 1 }], ttl_s: 900 } }, activation: { quorum: 1 },
  }, { aliasDuplicateObjects: false })
}

/** The shipped data knows the demo's targets; the bench's are the same by other names. */
function widenData(file: string): void {
  const data = JSON.parse(fs.readFileSync(file, 'utf8')) as { targets: Record<string, unknown>; mcp: { tools: Record<string, unknown> }; http: { routes: Record<string, unknown> } }
  for (const name of ['bank', 'ledger']) data.targets[`${name}-strict`] = data.targets[name]
  data.mcp.tools['bank-strict/run_report'] = data.mcp.tools['bank/run_report']
  for (const name of ['ledger', 'ledger-strict']) data.http.routes[`${name}/POST /search`] = data.http.routes['ledger/GET /accounts']
  fs.writeFileSync(file, JSON.stringify(data, null, 2))
}
