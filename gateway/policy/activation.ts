// Activation: a commit of the policy repository becomes the policy in force, or is refused and the last good one stays.
// Judged by the signers and rules of the active commit; the first by the pinned ones. Each verdict is on record before it takes effect.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ActivationRules, Governed } from '../config.ts'
import { GatewayError } from '../errors.ts'
import { createDecisionReader, PolicyError, type Policy } from '../../rego/index.ts'
import { parseAllowedSigners } from './allowed-signers.ts'
import type { BundleStore } from './bundle-store.ts'
import { judgeCommit, peopleWhoMaySign, whatCounts, type Backing, type Judges } from './judge.ts'
import type { PolicyMemory, Remembered, Review } from './memory.ts'
import { rebuild } from './rebuild.ts'
import type { PolicyCommit, PolicyRepository, PolicyTree } from './repository.ts'
import type { ActivationEvent } from './event.ts'
import { createReviews } from './reviews.ts'

/** No statement may use up the serials that those after it need. */
const maxSerialRise = 1_000_000

/** A compiler that ran out of time on a busy machine says nothing of the commit: it is asked again, so often. */
const maxTries = 5

/** Says that a statement is not true of its commit; another one may be. */
const ofStatement: readonly string[] = ['ERR_POLICY_STATEMENT', 'ERR_POLICY_SERIAL']

/** One policy in force: an immutable snapshot that a call reads once. */
export interface ActivePolicy {
  readonly policy: Policy
  readonly governed: Governed
  /** Git commit */
  readonly revision: string
  readonly serial: number
  /** SHA-256 of the bundle's bytes */
  readonly digest: Uint8Array
  readonly signers: readonly string[]
}

export interface ActivationOptions {
  readonly repository: PolicyRepository
  readonly memory: PolicyMemory
  readonly bundles: BundleStore
  /** What the bootstrap file pins for the first commit: the text of an allowed_signers, and how many of them must sign. */
  readonly pinned: { readonly allowedSigners: string; readonly quorum: number }
  /** What the record says: this node's own state may be lost, or be a copy of an older one. */
  readonly evidence: { readonly epoch: number; readonly lastActivation: (afterEpoch: number, current: string | undefined) => { readonly serial: number; readonly bundle: string | undefined } | undefined }
  /** OPA capabilities: what the host implements. */
  readonly capabilities: unknown
  /** ms since the Unix epoch */
  readonly now: () => number
  readonly parseGoverned: (text: string) => Governed | Promise<Governed>
  /** Resolves once the event is on record; a rejection keeps an activation from happening. */
  readonly onEvent: (event: ActivationEvent) => Promise<void>
  /** After each swap: who must follow (identity, connections). */
  readonly onActive: (active: ActivePolicy) => void
}

/** For readiness, metrics and the console. */
export interface PolicyStatus {
  readonly active?: { readonly revision: string; readonly serial: number; readonly digest: string; readonly signers: readonly string[] }
  /** The ref's commit at the last look that could see it. */
  readonly head?: string
  readonly refused?: { readonly revision: string; readonly code: string; readonly message: string }
  /** Signatures of a head that too few have signed for. */
  readonly pending?: { readonly signed: number; readonly needed: number }
  /** Why the repository could not be looked at, the last time. */
  readonly fault?: { readonly code: string; readonly message: string }
  /** Seconds since the ref could be seen; since the start, where it never could. */
  readonly staleS: number
  readonly reviews: readonly Review[]
}

export interface Activation {
  /** undefined until the first activation: no policy, no call. */
  active(): ActivePolicy | undefined
  status(): PolicyStatus
  /** Text of the allowed_signers that judge what comes next. */
  allowedSigners(): string
  /** The policy that was in force before the restart, then whatever is newer; a repository elsewhere is not waited for where one is in force. */
  start(): Promise<void>
  /** Looks once. A commit that was refused is not tried again until the ref moves or somebody signs. */
  poll(): Promise<ActivationEvent | undefined>
  /** The state has seen all that this epoch brings: nothing comes into force any more. */
  stop(): void
  /** Polls until `signal` aborts. */
  follow(pollMs: number, signal: AbortSignal): Promise<void>
}

interface Trusted { readonly commit: PolicyCommit; readonly serial: number; readonly backing: Backing }
/** What is told of a verdict. */
interface Seen { serial: number; signers: readonly string[] }

export function createActivation(options: ActivationOptions): Activation {
  const { repository, memory, now, onEvent, evidence } = options
  const reviews = createReviews(options)
  const making = { ...options, readDecision: createDecisionReader(), isAnswering: () => active !== undefined }
  let active: ActivePolicy | undefined                   // swapped whole
  let head: string | undefined
  let refused: PolicyStatus['refused'], pending: PolicyStatus['pending'], fault: PolicyStatus['fault']
  let lastRefused: string | undefined                    // what was looked at, as `markOf` says
  let tries = 0                                          // of what `lastRefused` says
  let toResume: { readonly before: Remembered; tries: number; isAbsent: boolean } | undefined
  let seenAt = now()
  let recorded: ReturnType<ActivationOptions['evidence']['lastActivation']>   // above what this node's state knows of
  let polling: Promise<ActivationEvent | undefined> | undefined
  let isStopped = false

  function judges(): Judges {
    const before = memory.active()
    return { signers: parseAllowedSigners(before?.allowedSigners ?? options.pinned.allowedSigners), rules: before?.rules ?? { quorum: options.pinned.quorum } }
  }

  /** A list that cannot be read is told with the commit that it cannot judge. */
  function keysIfReadable(): readonly string[] {
    try {
      return keysOf(judges())
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      return []
    }
  }

  /** Who signed, and does it follow what is in force. @throws GatewayError, with a reason that can be recorded */
  async function judge(revision: string, endorsements: Awaited<ReturnType<PolicyRepository['endorsements']>>, seen: Seen): Promise<{ readonly commit: PolicyCommit; readonly count: number; readonly backing: Backing }> {
    const before = memory.active()
    const commit = await repository.readCommit(revision)
    const backing = judgeCommit(commit, endorsements, judges(), now())
    seen.signers = backing.signers
    if (!backing.isEnough) {
      pending = { signed: backing.signed, needed: backing.needed }
      throw new GatewayError('ERR_POLICY_QUORUM', backing.message)
    }
    const overdue = memory.reviews().find(({ state }) => state === 'overdue')
    if (overdue !== undefined) throw new GatewayError('ERR_POLICY_REVIEW', `the after-review of the emergency change with serial ${overdue.serial} is overdue: nothing new comes into force before it is signed`)
    const { count, isAfterKnown } = await repository.countCommits(commit, before)
    if (before !== undefined && !isAfterKnown) throw new GatewayError('ERR_POLICY_HISTORY', `${before.revision}, which is in force, is not on its first-parent line: history goes on, it is not rewritten`)
    return { commit, count, backing }
  }

  /** The newest statement that is true of the commit: one person's false one keeps nobody else's from counting. */
  async function activateOne({ commit, count, backing }: Awaited<ReturnType<typeof judge>>, seen: Seen): Promise<ActivationEvent> {
    const tree = await repository.readTree(commit)
    const serialOf = ({ statement }: Backing): number => statement?.serial ?? count
    seen.serial = serialOf(backing)
    for (let one = backing; ; one = one.otherwise) {
      try {
        checkSerial(serialOf(one))
        return await activate({ commit, serial: serialOf(one), backing: one }, tree)
      } catch (cause) {
        if (one.otherwise === undefined || !(cause instanceof GatewayError) || !ofStatement.includes(cause.code)) throw cause
      }
    }
  }

  function checkSerial(serial: number): void {
    const before = memory.active()
    const floor = Math.max(before?.serial ?? 0, recorded?.serial ?? 0)
    if (serial <= floor && serial !== recorded?.serial) throw new GatewayError('ERR_POLICY_SERIAL', `serial ${serial} does not rise above ${floor}, which is ${floor === before?.serial ? 'in force' : 'on record'}`)
    if (serial > floor + maxSerialRise) throw new GatewayError('ERR_POLICY_SERIAL', `serial ${serial} leaps: at most ${maxSerialRise} above ${floor}`)
  }

  async function activate({ commit: { revision }, serial, backing }: Trusted, tree: PolicyTree): Promise<ActivationEvent> {
    const before = memory.active()
    const { statement, way, signers } = backing
    if (statement !== undefined && statement.tree !== tree.digest) throw new GatewayError('ERR_POLICY_STATEMENT', 'the tree that was signed is not the one of this commit')
    const governed = await options.parseGoverned(tree.config)
    const allowedSigners = tree.allowedSigners ?? before?.allowedSigners ?? options.pinned.allowedSigners
    checkSuccession(allowedSigners, governed.activation, way, before)
    const { policy, build } = await rebuild(making, { revision, serial, files: tree.source })
    if (statement !== undefined && statement.tests !== build.tests) throw new GatewayError('ERR_POLICY_STATEMENT', 'the test report that was signed is not the one that its tests give here')
    if (statement !== undefined && statement.bundle !== build.bundle) throw new GatewayError('ERR_POLICY_STATEMENT', 'the bundle that was signed is not the one that this commit compiles to here')

    // A node that lost its state may take up the very policy that its record ends with, and nothing else under that serial.
    if (serial === recorded?.serial && recorded.bundle !== build.bundle) throw new GatewayError('ERR_POLICY_SERIAL', `serial ${serial} is on record for another bundle`)
    const earlier = tree.digest === before?.tree ? undefined : memory.serialOf(tree.digest)
    const within = way === 'emergency' ? before?.rules.emergency?.reviewWithinS : undefined
    const dueAt = within === undefined ? undefined : now() + within * 1000
    const event: ActivationEvent = {
      event: way === 'emergency' ? 'emergency' : earlier !== undefined ? 'rolled_back' : 'activated',
      revision, serial, signers, bundle: build.bundle, tree: tree.digest, tests: build.tests, endorsements: backing.endorsements,
      ...earlier === undefined ? {} : { rollsBackTo: earlier }, ...statement?.reason === undefined ? {} : { why: statement.reason },
      ...dueAt === undefined ? {} : { reviewDue: new Date(dueAt).toISOString() },
    }
    await onEvent(event)
    const review = dueAt === undefined ? undefined : { serial, revision, tree: tree.digest, bundle: build.bundle, tests: build.tests, dueAt }
    memory.setActive({ revision, serial, tree: tree.digest, allowedSigners, rules: governed.activation, signers, epoch: evidence.epoch - 1 }, review)
    recorded = undefined
    swap({ policy, governed, revision, serial, digest: policy.digest, signers })
    return event
  }

  /** Whoever comes next must be able to, and a few in a hurry do not choose them. */
  function checkSuccession(allowedSigners: string, rules: ActivationRules, way: Backing['way'], before: Remembered | undefined): void {
    if (way === 'emergency' && (allowedSigners !== before?.allowedSigners || !isDeepStrictEqual(rules, before.rules))) throw new GatewayError('ERR_POLICY_EMERGENCY', 'an emergency change may change neither allowed_signers nor the activation rules')
    const able = peopleWhoMaySign(parseAllowedSigners(allowedSigners), now())
    if (able < rules.quorum) throw new GatewayError('ERR_POLICY_UNTRUSTED', `its allowed_signers names ${able} people who may sign activations and its quorum is ${rules.quorum}, so nothing could ever follow it`)
  }

  function swap(next: ActivePolicy): void {
    active = Object.freeze(next)
    toResume = undefined                                   // it is over: what was in force before must not come back above this
    refused = pending = lastRefused = undefined            // who may sign is another question now
    options.onActive(active)
  }

  /** Judged when it was first activated; the state directory is as trusted as the bootstrap file. */
  async function resume(): Promise<void> {
    const trying = toResume
    if (trying === undefined) return
    const { revision, serial, signers } = trying.before
    try {
      if (recorded !== undefined) throw new GatewayError('ERR_POLICY_SERIAL', `this node's state has serial ${serial}, and its record ${recorded.serial}: the state is an older copy`)
      const tree = await repository.readTree(await repository.readCommit(revision))
      const governed = await options.parseGoverned(tree.config)
      const { policy, build } = await rebuild(making, { revision, serial, files: tree.source })
      await onEvent({ event: 'activated', revision, serial, signers, bundle: build.bundle, tree: tree.digest, tests: build.tests, isResumed: true })
      memory.setEpoch(evidence.epoch - 1)
      swap({ policy, governed, revision, serial, digest: policy.digest, signers })
    } catch (cause) {
      const reason = reasonOf(cause)
      const isFirst = trying.tries++ === 0
      trying.isAbsent = reason.code === 'ERR_POLICY_REPOSITORY'   // a mirror that was lost, a mount that is late: it comes back, and nothing else brings this serial
      if (!trying.isAbsent && (!isPassing(reason) || trying.tries >= maxTries)) toResume = undefined
      if (isFirst || toResume === undefined) await onEvent({ event: 'refused', revision, serial, signers, isResumed: true, reason })
    }
  }

  async function look(): Promise<ActivationEvent | undefined> {
    await reviews.overdue()
    await resume()
    try {
      await repository.refresh(memory.reviews().map(({ revision }) => revision), keysIfReadable())
      head = await repository.head()
      if (toResume?.isAbsent === true) await resume()
      fault = undefined
      seenAt = now()
    } catch (cause) {
      const reason = reasonOf(cause)
      const isKnown = isDeepStrictEqual(fault, reason)
      fault = reason
      if (isKnown) return undefined                        // as was recorded already
      const event: ActivationEvent = { event: 'refused', revision: '', serial: 0, signers: [], reason }
      await onEvent(event)
      return event
    }
    return await consider(head)
  }

  async function consider(revision: string): Promise<ActivationEvent | undefined> {
    const seen: Seen = { serial: 0, signers: [] }
    let mark = revision
    try {
      if (memory.reviews().length > 0) await reviews.close(judges())
      if (toResume !== undefined && revision === toResume.before.revision) return undefined   // the next look tries again
      if (revision === active?.revision) {
        refused = pending = lastRefused = undefined
        return undefined
      }
      const endorsements = await repository.endorsements(revision, keysOf(judges()))
      mark = markOf(revision, whatCounts(endorsements, revision, judges(), now()), memory.reviews())
      if (mark === lastRefused && !(isPassing(refused) && tries < maxTries)) return undefined
      // While it is tested and built nothing is known of it: the verdict before was on fewer signatures.
      pending = undefined
      if (mark !== lastRefused) refused = undefined
      return await activateOne(await judge(revision, endorsements, seen), seen)
    } catch (cause) {
      const reason = reasonOf(cause)
      const isKnown = mark === lastRefused && reason.code === refused?.code
      tries = mark === lastRefused ? tries + 1 : 1
      refused = { revision, ...reason }
      if (isKnown) return undefined
      const event: ActivationEvent = { event: 'refused', revision, ...seen, reason }
      await onEvent(event)
      lastRefused = mark
      return event
    }
  }

  const poll = async (): Promise<ActivationEvent | undefined> => isStopped ? undefined : await (polling ??= look().finally(() => { polling = undefined }))

  return {
    active: () => active,
    status: () => ({
      ...active === undefined ? {} : { active: { revision: active.revision, serial: active.serial, digest: Buffer.from(active.digest).toString('hex'), signers: active.signers } },
      ...head === undefined ? {} : { head }, ...refused === undefined ? {} : { refused }, ...pending === undefined ? {} : { pending }, ...fault === undefined ? {} : { fault },
      staleS: Math.max(0, (now() - seenAt) / 1000), reviews: memory.reviews(),
    }),
    allowedSigners: () => memory.active()?.allowedSigners ?? options.pinned.allowedSigners,
    poll,
    async start() {
      const before = memory.active()
      // The state saw the epoch before this one to its end; or it is a copy, from before that end or of longer ago, or the end was a kill.
      const last = before?.epoch === evidence.epoch - 1 ? undefined : evidence.lastActivation(before?.epoch ?? -1, before && memory.buildOf(before.revision, before.serial)?.bundle)
      recorded = last !== undefined && last.serial > (before?.serial ?? 0) ? last : undefined
      toResume = before && { before, tries: 0, isAbsent: false }
      await resume()
      if (active !== undefined && repository.isRemote) void poll().catch(() => undefined)   // the next look tries again
      else await poll()
    },
    stop() {
      isStopped = true
      if (polling === undefined && memory.active() !== undefined && memory.active()?.serial === active?.serial) memory.setEpoch(evidence.epoch)
    },
    async follow(pollMs, signal) {
      while (!signal.aborted) {
        await sleep(pollMs, undefined, { signal, ref: false }).catch(() => undefined)
        if (!signal.aborted) await poll().catch(() => undefined)   // the recorder failed: nothing changed; the next look tries again
      }
    },
  }
}

/** All that a verdict on a commit hangs on, but the clock: while it is the same, so is the verdict, whatever unsigned comes and goes beside it. */
function markOf(revision: string, counted: readonly string[], reviews: readonly Review[]): string {
  return `${revision} ${createHash('sha256').update(counted.join('\n')).digest('hex')} ${reviews.some(({ state }) => state === 'overdue')}`
}

function keysOf({ signers }: Judges): readonly string[] {
  return signers.map(({ key }) => key)
}

/** Of the machine at that moment, not of the policy. */
function isPassing(reason: { readonly code: string } | undefined): boolean {
  return reason?.code === 'ERR_TOOLCHAIN_DEADLINE' || reason?.code === 'ERR_TOOLCHAIN_FAULT'
}

/** What can be recorded of a fault of the policy or its repository. @throws whatever else it is: not the commit's fault */
function reasonOf(cause: unknown): { readonly code: string; readonly message: string } {
  if (!(cause instanceof GatewayError) && !(cause instanceof PolicyError)) throw cause
  return { code: cause.code, message: cause.message }
}
