// One call stage by stage, in one process and without sockets: `node test/bench/stages.ts`. CPU µs an operation (user and system, all threads), min/median/max of rounds.
// The request and the answer are those of run.ts. What a stage costs beside the others is less than here or more: the loop of one stage keeps its caches warm.
import { generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { SignJWT, exportJWK } from 'jose'
import { openRecorder } from '../../evidence/index.ts'
import { BatchBuilder } from '../../evidence/seal/batch.ts'
import { JournalFollower } from '../../evidence/seal/journal.ts'
import { SessionTable } from '../../evidence/seal/sessions.ts'
import { recordType } from '../../evidence/session/record.ts'
import type { DecidedCall, Permit, ProjectedCall } from '../../gateway/call.ts'
import type { TargetConfig } from '../../gateway/config.ts'
import { createIdentity } from '../../gateway/identity/index.ts'
import { createMasking, maskJson } from '../../gateway/mask/index.ts'
import { decide } from '../../gateway/policy/index.ts'
import { createProjector } from '../../gateway/project/index.ts'
import { eraOf } from '../../gateway/protocols/mcp/era.ts'
import { maskMessage, planOf, readAnswer, summaryOf } from '../../gateway/protocols/mcp/mask.ts'
import { parseMessage, readServerMessage } from '../../gateway/protocols/mcp/messages.ts'
import type { ClientMessage } from '../../gateway/protocols/mcp/messages.ts'
import { clientOperation } from '../../gateway/protocols/mcp/operation.ts'
import type { McpOperation } from '../../gateway/protocols/mcp/operation.ts'
import { createRecord } from '../../gateway/record/index.ts'
import { isRefusal } from '../../gateway/refusal.ts'
import { createTokens } from '../../gateway/sensitive/index.ts'
import { loadPolicy, readBundle } from '../../rego/index.ts'
import { instantSealer } from '../evidence/instant-sealer.ts'
import { compileShipped } from '../rego/sources.ts'
import { machine } from './processes.ts'
import { mcpAnswer, mcpCall, mcpHeaders } from './requests.ts'

const rounds = 15
const callsPerRound = 2_000
/** Calls that share one group commit, as 64 connections make them. */
const width = 16

const target: TargetConfig = {
  name: 'bank', protocol: 'mcp', prefix: '/bank', env: 'prod', upstream: { url: 'http://127.0.0.1:1/mcp', timeoutMs: 30_000, insecureAllowPlaintext: false }, labels: Object.freeze(['pii']), durability: 'bounded',
  catalogue: { run_report: { effects: Object.freeze(['read']), labels: [], request: {}, result: { ssn: 'US_SSN' }, isOpaque: false } },
  limits: { maxBodyBytes: 1 << 20, maxResultBytes: 1 << 26, maxDepth: 64 },
}
const issuer = 'https://idp.example'
const audience = 'https://gateway.example/bank'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = { ...await exportJWK(publicKey), kid: '1', alg: 'ES256', use: 'sig' }
const identity = createIdentity({
  providers: [{ issuer, jwksUri: `${issuer}/jwks`, audiences: [audience], algorithms: ['ES256'], groupsClaim: 'groups', claims: [], clockSkewS: 30, services: [], agents: [] }],
  offBoarded: [], sponsors: {}, now: Date.now, fetch: () => Promise.resolve(Response.json({ keys: [jwk] })),
})
const peer = { ip: '127.0.0.1', port: 1 }
const token = await new SignJWT({ groups: ['leads'], client_id: 'bench' }).setProtectedHeader({ alg: 'ES256', kid: '1', typ: 'at+jwt' }).setIssuer(issuer).setSubject('load').setAudience(audience).setIssuedAt().setExpirationTime('2h').setJti('1').sign(privateKey)
const credential = { kind: 'bearer', token, from: peer } as const
const principal = await identity.verify(credential, audience)
if (isRefusal(principal)) throw new Error(principal.message)

const tokens = createTokens(new Uint8Array(32).fill(7))
const project = createProjector(target, tokens)
const masking = createMasking(target, tokens)
const bundle = readBundle(await compileShipped())
const [cached, uncached] = [loadPolicy(bundle), loadPolicy(bundle, { cacheEntries: 0 })]

const sealer = instantSealer()
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stages-bench-'))
const below = (name: string): string => path.join(directory, name)
const recorder = await openRecorder({
  node: 'bench', directories: { journal: below('journal'), keys: below('keys'), sealer: below('sealer'), evidence: below('evidence') },
  intervalMs: 3_600_000, maxUnsealedBytes: Infinity, maxUnsealedMs: Infinity, now: Date.now, spawnSealer: sealer.start,
})
const record = createRecord(recorder, Date.now)
const session = record.enter(principal, target.name, peer)
if (isRefusal(session)) throw new Error(session.message)

const body = Buffer.from(mcpCall('branch_balances'))
const parse = () => parseMessage(body, target) as Extract<ClientMessage, { kind: 'request' }>
const message = parse()
const operationOf = () => clientOperation(message, { era: eraOf(message, mcpHeaders), session: undefined, body, headers: [], transport: [] }, target)
const operation = operationOf()
const context = () => ({ session: { id: session.writer.hex, seq: session.writer.count, startedAt: session.startedAt }, principal, peer, decisionId: new Uint8Array(16), now: Date.now(), approval: null })
const projectOne = (): ProjectedCall<McpOperation> => project({ operation, from: 'client' }, context())
const projected = projectOne()
const decideOne = (): DecidedCall<McpOperation> => decide(projected, cached, target)
const decided = decideOne()
const permits: Permit<McpOperation>[] = []
const intents = async (): Promise<void> => {
  for (const permit of (await Promise.all(Array.from({ length: width }, () => record.intents(session, [{ call: decided }])))).flat()) if (!isRefusal(permit)) permits.push(permit)
}
await intents()
const [permit] = permits
if (permit === undefined) throw new Error('no permit')
const plan = planOf(permit, masking)
const readOne = () => readServerMessage(readAnswer(mcpAnswer, plan))
const answer = readOne()
if (answer === undefined) throw new Error('no answer')
const maskOne = () => maskMessage(answer, mcpAnswer, permit, plan, summaryOf(answer))
const parts = maskOne()
const clean = Buffer.from(mcpAnswer.toString().replaceAll(/"ssn":"[^"]*",/g, ''))
const [part] = parts
if (part === undefined || part.masked.size === 0) throw new Error('nothing was masked')
const outcomes = async (): Promise<void> => { await Promise.all(permits.splice(0, width).map((one) => record.deliver(session, [[one, part]]))) }

interface Stage { readonly name: string; readonly each?: number; run(): unknown }
const stages: readonly Stage[] = [
  { name: 'identity, token seen before', run: () => identity.verify(credential, audience) },
  { name: 'strict parse of the request', run: parse },
  { name: 'operation', run: operationOf },
  { name: 'project', run: projectOne },
  { name: 'decide, cached', run: decideOne },
  { name: 'decide, uncached', run: () => decide(projected, uncached, target) },
  { name: `intent frame, on record (${width} a commit)`, each: width, run: intents },
  { name: 'strict parse of the answer', run: readOne },
  { name: 'mask, every class, 7 hits', run: maskOne },
  { name: 'strict parse and mask, every class, nothing to mask', run: () => maskJson(clean, plan, summaryOf(answer)) },
  { name: `outcome frame, on record (${width} a commit)`, each: width, run: outcomes },
]
const figures = new Map(stages.map(({ name }) => [name, [] as number[]]))
for (let round = -5; round < rounds; round++) {
  for (const { name, each = 1, run } of stages) {
    const before = process.cpuUsage()
    for (let i = 0; i < callsPerRound; i += each) await run()
    const { user, system } = process.cpuUsage(before)
    if (round >= 0) figures.get(name)?.push((user + system) / callsPerRound)
  }
}
await recorder.cut()
const frames = session.writer.count
figures.set('seal one frame (hash, trees, objects; without Git)', sealing())
await recorder.stop()
fs.rmSync(directory, { recursive: true })

process.stdout.write(`${machine()}; ${rounds} rounds of ${callsPerRound}; request ${body.length} B, input ${projected.inputText.length} B, answer ${mcpAnswer.length} B\n\n| stage | CPU µs (min/median/max) |\n|---|---|\n`)
for (const [name, values] of figures) {
  values.sort((a, b) => a - b)
  process.stdout.write(`| ${name} | ${[values[0], values[values.length >> 1], values.at(-1)].map((value) => value?.toFixed(1)).join(' / ')} |\n`)
}

/** The sealer's own work on what this run has written, several times over. */
function sealing(): number[] {
  const durable = sealer.durable.at(-1)
  if (durable === undefined) throw new Error('nothing is durable')
  return Array.from({ length: 5 }, () => {
    const builder = new BatchBuilder('bench', new SessionTable())
    const before = process.cpuUsage()
    for (const { type, payload } of new JournalFollower(below('journal'), undefined).read(durable)) if (type === recordType.write) builder.write(payload)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / frames
  })
}
