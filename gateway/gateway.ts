// The composition root: the only place that knows every part. Parts are made here, in the order they depend on each other, and end in the other.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Cleanup, compareDecisions, lastActivation, openRecorder } from '../evidence/index.ts'
import type { Disk } from '../evidence/index.ts'
import { shippedCapabilities } from '../rego/index.ts'
import { approvalsApi, policyApi, startAdmin } from './admin/index.ts'
import { approvalEdges, createApprovalStore, createApprovals } from './approval/index.ts'
import type { ApprovalEdge } from './approval/index.ts'
import type { Bootstrap } from './config.ts'
import { createRouter, listen, listenBytes } from './connection/index.ts'
import type { PlainHandler, Router } from './connection/index.ts'
import { consolePages } from './console/index.ts'
import { parseGoverned } from './governed.ts'
import { parseGovernedAside } from './governed-thread.ts'
import { createDecisionLog, createFileSink, createHttpSink } from './decision-log/index.ts'
import type { DecisionLog } from './decision-log/index.ts'
import { callerOf, createIdentity, createMachines, machineIssuer, mayAsk, metadataUrl, requesterOf, resourceMetadata } from './identity/index.ts'
import { createMetrics } from './metrics.ts'
import { policyCheck, policyDocument, policyEventFrame, policyLogLine } from './policy-status.ts'
import type { Stages } from './pipeline.ts'
import { createActivation, createBundleStore, createMirror, createPolicyMemory, createPolicyRepository, createRates, createShadow, decide, mirrorPath, remoteAccess, withTreeThread } from './policy/index.ts'
import type { ActivationEvent, ActivePolicy, PolicyRepository } from './policy/index.ts'
import { createAuthzen, decisionPointMetadata, metadataPath } from './protocols/authzen/index.ts'
import { createHttp } from './protocols/http/index.ts'
import { createMcp } from './protocols/mcp/index.ts'
import { createPostgres } from './protocols/postgres/index.ts'
import { withOnlookers } from './onlookers.ts'
import type { Onlooker } from './onlookers.ts'
import { DecisionIds } from './project/index.ts'
import { createRecord } from './record/index.ts'
import type { Connection } from './protocol.ts'
import { isRefusal, refusal } from './refusal.ts'
import { resolveSecrets } from './secrets.ts'
import { openDatabase } from './state/database.ts'
import { Targets, openNothing, protocolEntry } from './targets.ts'
import { openStream, openUpstream } from './upstream/index.ts'

const tickMs = 1_000
/** The same trouble is told in the log this often at most. */
const sayAgainMs = 60_000
/** Time for connections that were cut at the end of a drain to put the outcomes of their last calls on record. */
const lastWordsMs = 2_000

export interface GatewayOptions {
  readonly log: Logger
  readonly environment: Readonly<Record<string, string | undefined>>
  /** ms since the Unix epoch */
  readonly now: () => number
  /** The journal's file operations; default: the real ones. A test makes them fail. */
  readonly journalDisk?: Disk
}

export interface Gateway {
  readonly epoch: number
  /** `host:port` of each listener. */
  readonly addresses: readonly string[]
  readonly adminAddress: string
  /** Looks at the policy repository now. */
  reload(): Promise<void>
  /** Drains for up to `drain_s`, closes and records every session, and resolves once the last batch is sealed. */
  close(): Promise<void>
}

/** @throws GatewayError, EvidenceError: nothing is left running */
export async function startGateway(bootstrap: Bootstrap, { log, environment, now, journalDisk }: GatewayOptions): Promise<Gateway> {
  await using opened = new Cleanup()
  const secrets = resolveSecrets(bootstrap.secrets, environment)
  const database = opened.adopt(openDatabase(path.join(bootstrap.directories.state, 'state.db')), (open) => open.close())
  const recorder = opened.use(await openRecorder({
    node: bootstrap.node, directories: bootstrap.directories, intervalMs: bootstrap.evidence.intervalS * 1000,
    maxUnsealedBytes: bootstrap.evidence.maxUnsealedBytes, maxUnsealedMs: bootstrap.evidence.maxUnsealedS * 1000, now,
    ...journalDisk === undefined ? {} : { disk: journalDisk },
  }))
  const record = createRecord(recorder, now)
  opened.defer(() => record.close())
  await record.events.config(bootstrap.digest, 'started')

  const identity = createIdentity({ providers: [], offBoarded: [], sponsors: {}, now })
  const secretOfNode = nodeSecret(bootstrap.directories.keys)
  const machines = createMachines({ now, nodeSecret: secretOfNode, secret: (name) => secrets.get(name) ?? '' })
  const approvals = createApprovals({
    store: createApprovalStore(database), now,
    url: (id) => `${admin.url}/approvals/${id}`,
    templates: () => activation.active()?.governed.approvals ?? {},
    isApart: (issuer) => activation.active()?.governed.identity.some((provider) => provider.issuer === issuer && provider.arePeopleApart === true) === true,
    hasLeft: (id) => activation.active()?.governed.offBoarded.includes(id) === true,
    onEdge: ({ approval, edge, statement }: ApprovalEdge) => record.events.approval({ id: approval.id, session: approval.session, number: approvalEdges[edge], statement, salt: approval.salt }),
  })
  const rates = createRates(now)
  const decisionLog = openDecisionLog(bootstrap, log, (name) => secrets.get(name) ?? '')
  if (decisionLog !== undefined) opened.defer(() => decisionLog.close(lastWordsMs))
  const { shadowRef } = bootstrap.policy
  const shadow = shadowRef === undefined ? undefined : createShadow({
    repository: policyRepository(bootstrap, { ref: shadowRef, mirror: mirrorPath(bootstrap.directories.state, 'shadow'), secrets, isAnswering: () => activation.active() !== undefined }, { environment, log, now }),
    capabilities: shippedCapabilities(), now, clock: () => performance.now(), compare: compareDecisions, signers: () => activation.allowedSigners(), onDifference: (difference) => record.events.shadow(difference),
  })
  if (shadow !== undefined) opened.defer(() => shadow.close())
  const metrics = createMetrics(recorder, record, () => activation.status(), decisionLog)
  const turnAway: Stages['record']['unauthenticated'] = (refused, peer, target) => {
    metrics.turnedAway(target, refused.code)
    record.unauthenticated(refused, peer, target)
    if (refused.why !== undefined) said(`${target}\n${refused.why}`, () => log.warn({ target, code: refused.code, why: refused.why }, 'a token was refused'))
  }
  const said = seldom(now)
  const decisionIds = new DecisionIds()
  let isDraining = false
  const sponsors = () => activation.active()?.governed.sponsors ?? {}

  const stages: Stages = {
    closed: (target) => isDraining ? 'gateway.draining' : record.fence.has(target) ? 'upstream.fenced' : undefined,
    identify: (credential, { name, prefix }) => credential.kind === 'machine' ? machines.verify(credential.proof, name) : identity.verify(credential, `${bootstrap.publicUrl}${prefix}`),
    challenge: (name) => machines.challenge(name),
    tokensFrom({ prefix }) {
      const providers = activation.active()?.governed.identity ?? []
      const provider = providers.find(({ audiences }) => audiences.includes(`${bootstrap.publicUrl}${prefix}`)) ?? providers[0]
      return provider && { configuration: `${provider.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, scope: 'openid' }
    },
    enter: (principal, target, peer) => record.enter(principal, target, peer),
    open: (principal, target, peer) => record.open(principal, target, peer),
    leave: (session) => record.leave(session),
    project: (call, session, target, approval) => projectorOf(target.name)(call, {
      session: { id: session.writer.hex, seq: session.writer.count, startedAt: session.startedAt },
      principal: callerOf(call.operation, session.principal, sponsors()), peer: session.peer, decisionId: decisionIds.next(), now: now(), approval,
    }),
    decide(call, target) {
      const decided = decide(call, policyInForce().policy, target)
      metrics.decided(target.name, decided.decision.effect)
      return decided
    },
    isInForce: (bundle) => policyInForce().policy.digest === bundle,
    visible(call, items, { catalogue, labels }) {
      const properties = (key: string) => ({ ...call.input.resource.properties, labels: [...labels, ...Object.hasOwn(catalogue, key) ? catalogue[key]?.labels ?? [] : []] })
      const input = { ...call.input, phase: 'list', items: items.map(({ type, id, catalogueKey }) => ({ type, id, properties: properties(catalogueKey) })) }
      return policyInForce().policy.visible(input)
    },
    mayAsk({ operation }, { principal }, target) {
      const admitted = identity.admit(callerOf(operation, principal, sponsors()))
      return mayAsk(operation, principal, target) ?? (isRefusal(admitted) ? admitted : undefined)
    },
    limit({ decision, operation }, session) {
      const { rate } = decision.limits
      if (rate === undefined) return undefined
      const { id, clientId } = callerOf(operation, session.principal, sponsors())
      const who = { subject: id, client: clientId, target: '' }[rate.key]
      return rates.take(`${rate.key}\n${who}\n${session.target}`, rate.per_min)
    },
    async approve(call, session, hold) {
      try {
        const found = await approvals.obtain(call, { principal: requesterOf(call.operation, session.principal, sponsors()), target: session.target, session: session.writer.hex }, hold)
        if (isRefusal(found)) return found
        const consume = () => found.consume().then((isOurs) => isOurs ? undefined : refusal('approval.superseded', 'The approval was used or ended meanwhile'), record.unrecordable)
        return { approval: found.approval, consume }
      } catch (error) {
        return record.unrecordable(error)
      }
    },
    record: withOnlookers({ ...record, unauthenticated: turnAway }, [
      ...decisionLog === undefined ? [] : [{
        room: () => decisionLog.room(),
        see(call, frame, outcome, { peer }) {
          const { revision, serial } = versions.get(call.bundle) ?? policyInForce()
          decisionLog.add({ call, frame, outcome, peer, revision, serial })
        },
      } satisfies Onlooker],
      ...shadow === undefined ? [] : [shadow],
    ]),
  }
  const { publicUrl } = bootstrap
  const targets = new Targets([protocolEntry(createMcp({ publicUrl }), openUpstream), protocolEntry(createHttp({ publicUrl }), openUpstream), protocolEntry(createPostgres({ now }), openStream), protocolEntry(createAuthzen({ publicUrl, placeOf: (name) => targets.get(name)?.config }), openNothing)], stages, secrets, secretOfNode)
  opened.defer(() => targets.close())
  const projectorOf = (name: string) => {
    const target = targets.get(name)
    if (target === undefined) throw new Error(`target ${name} is not in force`)
    return target.project
  }
  /** By the digest that a decision carries: another policy may have come into force before it is on record. */
  const versions = new WeakMap<Uint8Array, ActivePolicy>()
  const policyInForce = (): ActivePolicy => {
    const active = activation.active()
    if (active === undefined) throw new Error('no policy is in force')
    return active
  }

  const plain = new Map<string, PlainHandler>()
  let router: Router = () => refusal('policy.unavailable')
  const hosts = new Set([new URL(bootstrap.publicUrl).host])
  const activation = createActivation({
    repository: policyRepository(bootstrap, { ref: bootstrap.policy.ref, mirror: mirrorPath(bootstrap.directories.state), secrets, isAnswering: () => activation.active() !== undefined }, { environment, log, now }),
    memory: createPolicyMemory(database), bundles: createBundleStore(path.join(bootstrap.directories.state, 'bundles')),
    capabilities: shippedCapabilities(), now, evidence: { epoch: recorder.epoch, lastActivation: (afterEpoch, current) => lastActivation(bootstrap.directories.evidence, afterEpoch, current) }, pinned: { allowedSigners: readFileSync(bootstrap.policy.allowedSigners, 'utf8'), quorum: bootstrap.policy.quorum },
    // Without a policy there are no calls that would wait.
    parseGoverned: (text) => activation.active() === undefined ? parseGoverned(text, secrets.keys()) : parseGovernedAside(text, secrets.keys()),
    async onEvent(event: ActivationEvent) {
      await record.events.policy(policyEventFrame(event))
      const line = policyLogLine(event, activation.status())
      metrics.policy(line.event)
      const { revision, serial, signers, reason } = event
      log[line.level]({ revision, serial, signers, reason }, line.message)
    },
    onActive(active: ActivePolicy) {
      const { governed } = active
      versions.set(active.policy.digest, active)
      identity.trust({ providers: governed.identity, offBoarded: governed.offBoarded, sponsors: governed.sponsors })
      const unusable = machines.trust(governed)
      if (unusable.length > 0) log.error({ machines: unusable }, 'no SCRAM-SHA-256 verifier: these machine users cannot connect')
      void identity.warm()                                    // the first call need not wait for keys; what cannot be had, readiness says
      // Whoever would be refused now: off-boarded, acting for or answered for by somebody who is, or known from a provider no longer trusted.
      const issuers = [...governed.identity.map(({ issuer }) => issuer), machineIssuer].map((issuer) => `${issuer}|`)
      record.sessions.revoke(({ principal }) => isRefusal(machines.admit(principal) ?? identity.admit(principal)) || !issuers.some((issuer) => principal.id.startsWith(issuer)))
      const changed = targets.follow(governed)
      record.sessions.drain('reconfigured', ({ target }) => changed.has(target))
      router = createRouter({ targets: governed.targets.filter(({ name }) => targets.get(name)?.isStream === false), hosts })
      plain.clear()
      for (const { prefix, protocol } of governed.targets) {
        plain.set(new URL(metadataUrl(bootstrap.publicUrl, prefix)).pathname, documentHandler(resourceMetadata(bootstrap.publicUrl, prefix, governed.identity.map(({ issuer }) => issuer))))
        if (protocol === 'authzen') plain.set(metadataPath(bootstrap.publicUrl, prefix), documentHandler(decisionPointMetadata(bootstrap.publicUrl, prefix)))
      }
    },
  })

  const admin = await startAdmin({
    host: bootstrap.admin.host, port: bootstrap.admin.port, ...(bootstrap.admin.publicUrl === undefined ? {} : { publicUrl: bootstrap.admin.publicUrl }),
    metrics: metrics.registry,
    readiness() {
      const { ready, fenced, full, lag, sealerFault } = recorder.status()
      const keys = identity.health()
      const isConfirmed = ({ keysConfirmedAt }: (typeof keys)[number]) => Number.isFinite(keysConfirmedAt)
      if (!keys.some(isConfirmed)) void identity.warm()
      const checks = [
        { name: 'evidence', isOk: ready, reason: ready ? 'frames are recorded and sealed' : fenced ? 'the journal is fenced' : full ? 'the journal is full' : lag ? 'evidence_lag' : sealerFault ?? 'not ready' },
        policyCheck(activation.status(), bootstrap.policy),
        { name: 'identity', isOk: keys.some(isConfirmed), reason: keys.length === 0 ? 'no provider is known before a policy is in force' : keys.every(isConfirmed) ? 'the keys of every provider are known' : `no keys yet of ${keys.filter((one) => !isConfirmed(one)).map(({ issuer }) => issuer).join(', ')}` },
        { name: 'draining', isOk: !isDraining, reason: isDraining ? 'the gateway is stopping' : 'no' },
        { name: 'targets', isOk: record.fence.targets.length === 0, reason: record.fence.targets.length === 0 ? 'none fenced' : `fenced: ${record.fence.targets.join(', ')}` },
      ]
      return { isReady: checks.every(({ isOk }) => isOk), checks }
    },
    routes: [approvalsApi({ desk: approvals, identity, audience: () => admin.url }), policyApi({ document: () => policyDocument(activation.status(), bootstrap.policy, shadow?.status()), identity, audience: () => admin.url }), consolePages({ desk: approvals, identity, providers: () => activation.active()?.governed.identity ?? [], url: () => admin.url, now })],
  })
  opened.defer(() => admin.close())

  await activation.start()
  /** Byte streams that their protocol is not done with. */
  const streams = new Set<Promise<void>>()
  const accept = (client: Connection): void => {
    const drop = () => client.framing === 'exchange' ? client.response.destroy() : client.socket.destroy()
    const target = targets.get(client.target)
    // A listener may name what governed config does not have, or has under a protocol that no byte stream speaks.
    if (target === undefined || target.isStream !== (client.framing === 'bytes')) {
      if (client.framing === 'bytes') said(client.target, () => log.warn({ target: client.target }, activation.active() === undefined ? 'a listener hangs up: no policy is in force' : 'a listener hangs up: config in force has no such target that speaks PostgreSQL'))
      turnAway(refusal(activation.active() === undefined ? 'policy.unavailable' : 'request.unknown_target'), client.peer, client.target)
      drop()
      return
    }
    const served = target.serve(client).then((end) => metrics.ended(client.target, end), (error: unknown) => {
      log.error({ err: error, target: client.target }, 'a connection ended in a fault')
      drop()
    })
    if (client.framing !== 'bytes') return
    streams.add(served)
    void served.finally(() => streams.delete(served))
  }
  // What does hear closes again where one port cannot be had: it would keep a process alive that serves nobody.
  const taken = await Promise.allSettled(bootstrap.listen.map((config) => config.target === undefined
    ? listen({
        config, plain, accept,
        router(address) {
          for (const host of [config.host, 'localhost', '127.0.0.1']) hosts.add(`${host}:${address.port}`)
          return (...request) => router(...request)
        },
        refused: (refused, peer) => turnAway(refused, peer, ''),
      })
    : listenBytes({ config: { ...config, target: config.target }, accept, refused: (refused, peer) => turnAway(refused, peer, config.target ?? '') })))
  const listeners = taken.flatMap((one) => one.status === 'fulfilled' ? [one.value] : [])
  const failed = taken.find((one) => one.status === 'rejected')
  if (failed !== undefined) {
    await Promise.all(listeners.map((listener) => listener.close(0)))
    throw failed.reason
  }

  const following = new AbortController()
  void activation.follow(bootstrap.policy.pollS * 1000, following.signal)
  void shadow?.follow(bootstrap.policy.pollS * 1000, following.signal)
  const timer = setInterval(() => {
    Promise.all([record.tick(), approvals.sweep()]).catch((error: unknown) => log.error({ err: error }, 'a periodic task failed'))
  }, tickMs)

  const parts = opened.move()
  let closing: Promise<void> | undefined
  const close = async () => {
    isDraining = true
    following.abort()
    activation.stop()
    clearInterval(timer)
    record.sessions.drain('stopping')
    await Promise.all(listeners.map((listener) => listener.close(bootstrap.drainS * 1000)))
    await Promise.race([Promise.all(streams), sleep(lastWordsMs, undefined, { ref: false })])
    await parts.disposeAsync()
  }
  return {
    epoch: recorder.epoch,
    addresses: listeners.map(({ address }) => `${address.address}:${address.port}`),
    adminAddress: admin.url,
    async reload() {
      await activation.poll()                              // may be a look that began before there was anything to see
      await activation.poll()
    },
    close: () => closing ??= close(),
  }
}

function policyRepository({ policy }: Bootstrap, { ref, mirror, secrets, isAnswering }: { readonly ref: string; readonly mirror: string; readonly secrets: ReadonlyMap<string, string>; readonly isAnswering: () => boolean }, { environment, log, now }: GatewayOptions): PolicyRepository {
  if (!policy.isRemote) return withTreeThread(createPolicyRepository(policy.repository, ref), { path: policy.repository, ref }, isAnswering)
  const said = (words: string): void => log.warn({ git: words }, 'the policy repository could not be fetched')
  const repository = createPolicyRepository(mirror, ref, createMirror({ path: mirror, url: policy.repository, ref, environment, access: remoteAccess(policy, (name) => secrets.get(name) ?? ''), now, said }))
  return withTreeThread(repository, { path: mirror, ref, environment }, isAnswering)
}

/** Says a thing once a minute at most, so that nobody who knocks fills the log. Keys are of config and code: there are few. */
function seldom(now: () => number): (key: string, say: () => void) => void {
  const next = new Map<string, number>()
  return (key, say) => {
    if (now() < (next.get(key) ?? 0)) return
    next.set(key, now() + sayAgainMs)
    say()
  }
}

/** undefined: nobody wants a copy. */
function openDecisionLog({ decisionLog: config, node }: Bootstrap, log: Logger, secret: (name: string) => string): DecisionLog | undefined {
  if (config === undefined) return undefined
  const onFault = (error: unknown) => { log.warn({ err: error }, 'the decision log cannot be delivered; it is tried again') }
  const { token } = config.to === 'http' ? config : {}
  const sink = config.to === 'file' ? createFileSink({ path: config.path, maxBytes: config.maxBytes, keep: config.keep, onFault })
    : createHttpSink({ url: config.url, ...token === undefined ? {} : { token: () => secret(token) }, onFault })
  return createDecisionLog({ sink, labels: { id: node, app: 'countersign' }, maxWaitMs: config.waitMs })
}

/** The secret of this node's token keys: made once, 0600, beside the session keys and never in the record. */
function nodeSecret(directory: string): Uint8Array {
  const file = path.join(directory, 'token.key')
  if (!existsSync(file)) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(file, randomBytes(32), { mode: 0o600, flag: 'wx', flush: true })
  }
  return readFileSync(file)
}

/** What anybody may read: which provider to ask for a token (RFC 9728), where a decision point is. */
function documentHandler(document: object): PlainHandler {
  const body = JSON.stringify(document)
  return ({ method }, response) => {
    if (method !== 'GET' && method !== 'HEAD') { response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end(); return }
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=300' }).end(body)
  }
}
