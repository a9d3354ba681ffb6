// A bank with its own identity provider, policy repository and upstream, and gateways in front of it: the production command as a process,
// or the composition root in this one. The policy is compiled once; each gateway starts from a copy.
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { TestFn } from 'ava'
import { SignJWT, exportJWK } from 'jose'
import { stringify } from 'yaml'
import { parseGoverned } from '../../gateway/governed.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository } from '../../gateway/policy/index.ts'
import { openDatabase } from '../../gateway/state/database.ts'
import { shippedCapabilities } from '../../rego/index.ts'
import { buildBefore } from '../gateway/policy/built-before.ts'
import { commit, initRepository, newSigner } from '../gateway/policy/policy-repository.ts'
import type { Signer } from '../gateway/policy/policy-repository.ts'
import { freePort } from '../../scripts/demo/free-port.ts'
import { startUpstream } from './bank-upstream.ts'
import type { BankUpstream } from './bank-upstream.ts'

export const publicUrl = 'https://gateway.bank.example'
export const deskUrl = 'https://desk.bank.example'
export const credential = 'upstream-credential-0c7f'

export interface TokenOptions {
  readonly sub?: string
  readonly groups?: readonly string[]
  /** A target's name, or a whole audience. */
  readonly audience?: string
  readonly expiresInS?: number
  readonly issuer?: string
}

export interface Bank {
  readonly dir: string
  readonly issuer: string
  readonly upstream: BankUpstream
  readonly signer: Signer
  /** The provider's own key, and one it publishes that the governed config does not allow. */
  readonly keys: { readonly ec: KeyObject; readonly rsa: KeyObject; readonly publicPem: string }
  token(options?: TokenOptions): Promise<string>
  /** A folder for one gateway: bootstrap file, policy repository, compiled policy. */
  home(options?: HomeOptions): Promise<Home>
  close(): Promise<void>
}

export interface HomeOptions {
  readonly intervalS?: number
  readonly drainS?: number
  readonly pollS?: number
  readonly maxUnsealedBytes?: number
  readonly listen?: HomeListener
  /** Further listeners, each of one target, on loopback. */
  readonly streams?: readonly string[]
}

interface HomeListener { readonly host: string; readonly port: number; readonly tls?: { readonly cert: string; readonly key: string } }

export interface Home {
  readonly dir: string
  readonly config: string
  /** Where the admin listener is. */
  readonly admin: string
  readonly policy: string
  /** Ended before the bank's folder goes away. */
  atEnd(stop: () => Promise<unknown>): void
  readonly directories: { readonly journal: string; readonly keys: string; readonly sealer: string; readonly evidence: string; readonly state: string }
}

/** One a test file; closed with its last test. @param files of the policy repository, in place of those shipped */
export async function openBank(governed: (bank: { issuer: string; upstream: string }) => object = bankConfig, files: Readonly<Record<string, string>> = {}): Promise<Bank> {
  await using opened = new AsyncDisposableStack()
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-e2e-'))
  opened.defer(() => fs.rmSync(dir, { recursive: true, force: true }))
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwks = { keys: [{ ...await exportJWK(ec.publicKey), kid: 'ec', alg: 'ES256', use: 'sig' }, { ...await exportJWK(rsa.publicKey), kid: 'rsa', alg: 'RS256', use: 'sig' }] }
  const provider = http.createServer((_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(jwks)) })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  opened.defer(() => {
    provider.closeAllConnections()
    provider.close()
  })
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
  const upstream = await startUpstream()
  opened.defer(() => upstream.close())
  const signer = newSigner('lena')
  const policy = path.join(dir, 'policy')
  await initRepository(policy, { 'config.yaml': stringify({ activation: { quorum: 1 }, ...governed({ issuer, upstream: upstream.url }) }, { aliasDuplicateObjects: false }), allowed_signers: signer.line, ...files })
  await commit(policy, signer)
  await compileOnce(policy, path.join(dir, 'state'), signer)
  let homes = 0
  const stops: (() => Promise<unknown>)[] = []
  opened.defer(async () => { await Promise.all(stops.map((stop) => stop())) })
  const kept = opened.move()
  return {
    dir, issuer, upstream, signer, keys: { ec: ec.privateKey, rsa: rsa.privateKey, publicPem: String(ec.publicKey.export({ type: 'spki', format: 'pem' })) },
    token: ({ sub = 'mara', groups = ['leads'], audience = 'bank', expiresInS = 3600, issuer: by = issuer } = {}) => {
      const now = Math.floor(Date.now() / 1000)
      return new SignJWT({ groups: [...groups], client_id: 'agent', scope: 'mcp' }).setProtectedHeader({ alg: 'ES256', kid: 'ec', typ: 'at+jwt' })
        .setIssuer(by).setSubject(sub).setAudience(audience.includes(':') ? audience : `${publicUrl}/${audience}`).setIssuedAt(now - 10).setExpirationTime(now + expiresInS).sign(ec.privateKey)
    },
    home: (options) => makeHome(dir, `gateway-${homes++}`, signer, (stop) => void stops.push(stop), options),
    close: () => kept.disposeAsync(),
  }
}

/** Opens the bank before the first test of a file and closes it after the last. */
export function bankOf(test: TestFn, governed?: Parameters<typeof openBank>[0]): () => Bank {
  let bank: Bank | undefined
  test.serial.before(async () => { bank = await openBank(governed) })
  test.after.always(async () => { await bank?.close() })
  return () => bank!
}

async function compileOnce(policy: string, state: string, signer: Signer): Promise<void> {
  fs.mkdirSync(state, { recursive: true })
  const database = openDatabase(path.join(state, 'state.db'))
  const made = { repository: createPolicyRepository(policy, 'refs/heads/main'), memory: createPolicyMemory(database), bundles: createBundleStore(path.join(state, 'bundles')), capabilities: shippedCapabilities() }
  const keep = await buildBefore(made)
  const activation = createActivation({
    ...made, pinned: { allowedSigners: signer.line, quorum: 1 }, evidence: { epoch: -1, lastActivation: () => undefined }, now: Date.now, parseGoverned: (text) => parseGoverned(text, ['service-key']),
    onEvent: async ({ event, reason }) => { if (event === 'refused') throw new Error(`the policy under test is refused: ${reason?.message}`) }, onActive: () => undefined,
  })
  await activation.start()
  await keep()
  database.close()
}

async function makeHome(bank: string, name: string, signer: Signer, atEnd: Home['atEnd'], { intervalS = 1, drainS = 5, pollS = 3600, maxUnsealedBytes, listen = { host: '127.0.0.1', port: 0 }, streams = [] }: HomeOptions = {}): Promise<Home> {
  const dir = path.join(bank, name)
  fs.mkdirSync(dir)
  for (const part of ['policy', 'state']) fs.cpSync(path.join(bank, part), path.join(dir, part), { recursive: true })
  fs.writeFileSync(path.join(dir, 'allowed_signers'), signer.line)
  fs.writeFileSync(path.join(dir, 'service-key'), credential)
  const config = path.join(dir, 'gateway.yaml')
  const adminPort = await freePort()
  const directories = { journal: path.join(dir, 'journal'), keys: path.join(dir, 'keys'), sealer: path.join(dir, 'sealer'), evidence: path.join(dir, 'evidence'), state: path.join(dir, 'state') }
  fs.writeFileSync(config, stringify({
    node: 'test-1', listen: [listen, ...streams.map((target) => ({ host: '127.0.0.1', port: 0, target }))], admin: { host: '127.0.0.1', port: adminPort, public_url: deskUrl }, public_url: publicUrl, directories,
    policy: { repository: path.join(dir, 'policy'), allowed_signers: path.join(dir, 'allowed_signers'), quorum: 1, poll_s: pollS }, evidence: { interval_s: intervalS, ...maxUnsealedBytes === undefined ? {} : { max_unsealed_bytes: maxUnsealedBytes } }, drain_s: drainS,
    secrets: { 'service-key': { file: path.join(dir, 'service-key') } },
  }))
  return { dir, config, admin: `http://127.0.0.1:${adminPort}`, policy: path.join(dir, 'policy'), directories, atEnd }
}

/** Targets by the names that the shipped policy data knows. Reads may be `bounded`; all else is `strict`. */
export function bankConfig({ issuer, upstream }: { issuer: string; upstream: string }): object {
  const reads = { effects: ['read'] }
  const target = (name: string, protocol: string, url: string, catalogue: object) => ({
    name, protocol, prefix: `/${name}`, env: 'prod', labels: ['pii'], durability: 'bounded', catalogue,
    upstream: { url, timeout_ms: 4_000, credential: { header: 'x-service-key', secret: 'service-key' } }, limits: { max_body_bytes: 65_536, max_depth: 32 },
  })
  return {
    identity: [{ issuer, jwks_uri: `${issuer}/jwks`, audiences: [`${publicUrl}/bank`, `${publicUrl}/ledger`, deskUrl], algorithms: ['ES256'], groups_claim: 'groups' }],
    targets: [
      target('bank', 'mcp', `${upstream}/mcp`, { run_report: reads, lookup_customer: { ...reads, request: { '/ssn': 'US_SSN' } } }),
      target('ledger', 'http', upstream, { 'GET /accounts/{id}': reads, 'GET /stream': reads, 'POST /transfers': { effects: ['write'] } }),
    ],
    approvals: { lead: { groups: [{ any_of: ['leads'], min: 1 }], ttl_s: 900 } },
    off_boarded: [`${issuer}|gone`],
  }
}
