// The gateway as the conformance suites and the stock clients meet it: the production command, its own policy repository and keys, a real token.
// Every control is on: identity, the shipped policies and their masks, the record. Policy allows whatever the targets given here offer.
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

export interface Fronted {
  /** MCP endpoint of target `name`, as callers reach it. The host is `localhost`, as the conformance suite asks. */
  url(name: string): string
  readonly token: string
  /** What an examiner of this run needs. */
  readonly directories: { readonly keys: string; readonly evidence: string }
  /** SIGTERM, to the end of the drain. The record stays until it is removed. @returns the exit code */
  stop(): Promise<number | null>
  remove(): void
}

const keyId = 'conformance'
const tokenLifeS = 3_600

/** @param targets name → URL of the MCP server behind it */
export async function frontServers(targets: Readonly<Record<string, string>>): Promise<Fronted> {
  const names = Object.keys(targets)
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-conformance-'))
  const home = await openHome(dir)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...await exportJWK(publicKey), kid: keyId, alg: 'ES256', use: 'sig' }
  const keys = http.createServer((_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })) })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`
  const origin = `http://localhost:${await freePort()}`
  const audiences = names.map((name) => `${origin}/${name}`)
  await syncPolicyRepository(home, governed(issuer, audiences, targets))
  openTargets(home.policy, names)
  await commitAll(home, 'lena', 'policy: the fixtures are open to testers')
  fs.copyFileSync(path.join(home.policy, 'allowed_signers'), path.join(home.gateway, 'allowed_signers'))
  const below = (name: string) => path.join(home.gateway, name)
  const config = below('gateway.yaml')
  fs.writeFileSync(config, stringify({
    node: 'conformance-1', listen: [{ host: '127.0.0.1', port: Number(new URL(origin).port) }], admin: { host: '127.0.0.1', port: await freePort() }, public_url: origin,
    directories: { journal: below('journal'), keys: below('keys'), sealer: below('sealer'), evidence: below('evidence'), state: below('state') },
    policy: { repository: home.policy, allowed_signers: below('allowed_signers'), quorum: 1, poll_s: 60 }, evidence: { interval_s: 2 }, drain_s: 2,
  }))
  const gateway = await startGatewayProcess(config, below('gateway.log'))
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({ groups: ['testers'], client_id: 'conformance' }).setProtectedHeader({ alg: 'ES256', kid: keyId, typ: 'at+jwt' })
    .setIssuer(issuer).setSubject('tester').setAudience(audiences).setIssuedAt(now).setExpirationTime(now + tokenLifeS).setJti('1').sign(privateKey)
  return {
    url: (name) => `${origin}/${name}`, token, directories: { keys: below('keys'), evidence: below('evidence') },
    async stop() {
      const code = await gateway.stop()
      keys.closeAllConnections()
      keys.close()
      return code
    },
    remove() { fs.rmSync(dir, { recursive: true, force: true }) },
  }
}

/** Pictures and sounds of the fixture: bytes beside masks pass where they are declared. */
const binary = ['test_image_content', 'test_audio_content', 'test_multiple_content_types', 'test://static-binary', 'test_prompt_with_image']

function governed(issuer: string, audiences: readonly string[], targets: Readonly<Record<string, string>>): string {
  return stringify({
    identity: [{ issuer, jwks_uri: `${issuer}/jwks`, audiences, algorithms: ['ES256'], groups_claim: 'groups' }],
    targets: Object.entries(targets).map(([name, url]) => ({ name, protocol: 'mcp', prefix: `/${name}`, env: 'test', upstream: { url }, catalogue: Object.fromEntries(binary.map((item) => [item, { effects: ['read'], opaque: true }])) })),
    approvals: { lead: { groups: [{ any_of: ['leads'], min: 1 }], ttl_s: 900 } }, activation: { quorum: 1 },
  }, { aliasDuplicateObjects: false })
}

/** One rule in each of the library's two places, and the group in the data: what an author would write for a target that is open to a team. */
function openTargets(repository: string, names: readonly string[]): void {
  const file = path.join(repository, 'data', 'data.json')
  const data = JSON.parse(fs.readFileSync(file, 'utf8')) as { targets: Record<string, unknown> }
  for (const name of names) data.targets[name] = { groups: ['testers'], open: true }
  fs.writeFileSync(file, JSON.stringify(data, null, 2))
  const folder = path.join(repository, 'policy', 'open')
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, 'access.rego'), `package countersign.access

# METADATA
# title: Everything behind an open target is open to its groups
may_call(subject, resource) if {
	some name, target in data.targets
	target.open
	startswith(resource.id, concat("", [name, "/"]))
	in_any(subject, target.groups)
}
`)
  fs.writeFileSync(path.join(folder, 'open.rego'), `# METADATA
# title: Targets that are open to a team
# schemas:
#   - input: schema.input
package policies.open

allow if data.targets[input.resource.properties.target].open
`)
}
