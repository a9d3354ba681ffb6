// Shadow mode: a candidate that is not in force decides live calls once more, after they were answered, and what it would have changed is on record.
// It changes nothing: it is asked behind the calls, from a queue that drops when it is full, and its answers go nowhere else.
import { setTimeout as sleep } from 'node:timers/promises'
import type { DecidedCall } from '../call.ts'
import { createDecisionReader, makePolicy, PolicyError, type Decision, type Policy } from '../../rego/index.ts'
import { findSigner, parseAllowedSigners } from './allowed-signers.ts'
import { denialOf } from './decide.ts'
import type { PolicyCommit, PolicyRepository } from './repository.ts'
import { verifySshSignature } from './sshsig.ts'

/** Calls that wait to be decided again; more than that are skipped and counted. */
const maxQueued = 4_096
/** UTF-16 units of their inputs together. */
const maxQueuedChars = 16 * 1024 * 1024
/** Decisions of one turn of the event loop, and the ms after which none is begun: what a call that comes meanwhile waits for. */
const callsPerTurn = 8
const maxTurnMs = 1
/** Of one decision: ten times what the shipped policies take, 2 to 5 ms. In force, a decision may take two hundred times as much. */
const evaluationFuel = 250_000
/** A candidate that ran out of it so often is given up. */
const maxOverruns = 3
/** Of one kind of difference; the rest are counted. */
const maxRecorded = 100
/** Kinds of differences that are told apart. */
const maxKinds = 1_000

/** One way in which a caller would have been answered otherwise: what happens, and by which rules. */
export interface ShadowFlip { readonly kind: string; readonly rules: readonly string[] }

export interface ShadowDifference {
  /** `session/seq` of the call's frame. */
  readonly frame: string
  /** The candidate's commit. */
  readonly revision: string
  readonly flips: readonly ShadowFlip[]
  /** RFC 8785 bytes of what it would have decided. */
  readonly decision: Uint8Array
  readonly bundle: Uint8Array
}

export interface ShadowStatus {
  readonly candidate?: string
  /** Why the ref's commit is no candidate. */
  readonly refused?: { readonly code: string; readonly message: string }
  readonly compared: number
  readonly differed: number
  readonly skipped: number
  /** Most frequent first. */
  readonly differences: readonly { readonly flips: readonly ShadowFlip[]; readonly count: number }[]
}

export interface ShadowOptions {
  /** Whose ref the candidate is. */
  readonly repository: PolicyRepository
  /** allowed_signers of the policy in force: one of them must have signed the candidate's commit. */
  readonly signers: () => string
  /** OPA capabilities: what the host implements. */
  readonly capabilities: unknown
  /** ms since the Unix epoch */
  readonly now: () => number
  /** Monotonic, ms. */
  readonly clock: () => number
  readonly compare: (base: Decision, head: Decision) => readonly ShadowFlip[]
  /** Rejects when it cannot be recorded: it is only counted then. */
  readonly onDifference: (difference: ShadowDifference) => Promise<void>
}

export interface Shadow {
  /** A call that was settled; nothing waits for this. */
  see(call: DecidedCall, frame: string): void
  /** Looks at the ref, and compiles what is new there. Never rejects. */
  poll(): Promise<void>
  /** Polls now, and again until `signal` aborts. */
  follow(pollMs: number, signal: AbortSignal): Promise<void>
  status(): ShadowStatus
  close(): void
}

interface Candidate { readonly revision: string; readonly commit: PolicyCommit; readonly policy: Policy }
/** What of a call is kept until it is compared: not its body. */
type Seen = Pick<DecidedCall, 'input' | 'inputText' | 'decision' | 'canonicalDecision'> & { readonly frame: string }

export function createShadow(options: ShadowOptions): Shadow {
  let candidate: Candidate | undefined
  let looked: { readonly head: string; readonly signers: string } | undefined
  let refused: ShadowStatus['refused']
  /** Why nobody could look; the candidate goes on meanwhile. */
  let unseen: ShadowStatus['refused']
  let queue: Seen[] = []
  let queuedChars = 0
  let isTurning = false
  let isClosed = false
  let overruns = 0
  const readDecision = createDecisionReader()
  let compared = 0, differed = 0, skipped = 0
  const kinds = new Map<string, { readonly flips: readonly ShadowFlip[]; count: number }>()

  /** @throws PolicyError `ERR_POLICY_SOURCE` */
  function checkSigner({ signature, signed, time }: PolicyCommit, signers: string): void {
    const key = signature === undefined ? undefined : verifySshSignature(signature, signed, 'git')
    if (key === undefined || findSigner(parseAllowedSigners(signers), key, 'git', time, options.now()) === undefined) throw new PolicyError('ERR_POLICY_SOURCE', 'the candidate is not signed by anybody whom the policy in force allows')
  }

  async function load(revision: string, signers: string): Promise<Candidate> {
    const commit = await options.repository.readCommit(revision)
    checkSigner(commit, signers)
    const { source } = await options.repository.readTree(commit)
    const { policy } = await makePolicy({ files: source, revision, serial: 0, capabilities: options.capabilities, isTested: false }, { readDecision, evaluationFuel })
    return { revision, commit, policy }
  }

  function replace(next: Candidate | undefined): void {
    candidate?.policy.close()
    candidate = next
    queue = []
    queuedChars = compared = differed = skipped = overruns = 0
    kinds.clear()
  }

  function turn(): void {
    const from = options.clock()
    let taken = 0
    while (taken < callsPerTurn && taken < queue.length && options.clock() - from < maxTurnMs) {
      const seen = queue[taken++]
      if (seen === undefined || candidate === undefined) break
      queuedChars -= seen.inputText.length
      look(seen, candidate)
    }
    queue.splice(0, taken)
    isTurning = queue.length > 0
    if (isTurning) setImmediate(turn)
  }

  function look({ frame, ...call }: Seen, { revision, policy }: Candidate): void {
    compared++
    let answer: ReturnType<typeof denialOf>
    try {
      answer = policy.decide(call.input, call.inputText)
    } catch (cause) {
      // In force it might have had its answer: that is no difference, but nothing to go on with beside calls either.
      if (cause instanceof PolicyError && cause.code === 'ERR_POLICY_TIMEOUT') { overrun(); return }
      answer = denialOf(cause)
    }
    const { decision, canonical } = answer
    if (Buffer.compare(canonical, call.canonicalDecision) === 0) return
    const flips = options.compare(call.decision, decision).map(({ kind, rules }) => ({ kind, rules }))
    if (flips.length === 0) return
    differed++
    const key = JSON.stringify(flips)
    const known = kinds.get(key)
    if (known === undefined && kinds.size >= maxKinds) return
    const entry = known ?? { flips, count: 0 }
    if (known === undefined) kinds.set(key, entry)
    if (++entry.count <= maxRecorded) options.onDifference({ frame, revision, flips, decision: canonical, bundle: policy.digest }).catch(() => undefined)
  }

  function overrun(): void {
    skipped++
    if (++overruns < maxOverruns) return
    replace(undefined)
    refused = { code: 'ERR_POLICY_TIMEOUT', message: 'the candidate takes more steps for a decision than it may beside live calls' }
  }

  async function poll(): Promise<void> {
    try {
      await options.repository.refresh([])
      unseen = undefined
    } catch (cause) {
      unseen = faultOf(cause)
      return
    }
    try {
      const head = await options.repository.head()
      const signers = options.signers()
      const isLooked = head === looked?.head && signers === looked.signers
      looked = { head, signers }
      // Keys expire, and are taken from the list; a commit that nobody stood behind yesterday may have a signer today.
      if (candidate !== undefined && candidate.revision === head) { checkSigner(candidate.commit, signers); return }
      if (isLooked) return
      const next = await load(head, signers)
      if (isClosed) next.policy.close()
      else { replace(next); refused = undefined }
    } catch (cause) {
      refused = faultOf(cause)
      replace(undefined)
      // The compiler ran out of time on a busy machine, or the ref is not to be read: the next look tries again.
      if (!(cause instanceof PolicyError) || cause.code === 'ERR_TOOLCHAIN_DEADLINE' || cause.code === 'ERR_TOOLCHAIN_FAULT') looked = undefined
    }
  }

  return {
    see(call, frame) {
      if (candidate === undefined) return
      const { input, inputText, decision, canonicalDecision } = call
      if (queue.length >= maxQueued || queuedChars + inputText.length > maxQueuedChars) { skipped++; return }
      queuedChars += inputText.length
      queue.push({ input, inputText, decision, canonicalDecision, frame })
      if (isTurning) return
      isTurning = true
      setImmediate(turn)
    },
    poll,
    async follow(pollMs, signal) {
      while (!signal.aborted) {
        await poll()
        await sleep(pollMs, undefined, { signal, ref: false }).catch(() => undefined)
      }
    },
    status: () => ({
      ...candidate === undefined ? {} : { candidate: candidate.revision }, ...refused === undefined && unseen === undefined ? {} : { refused: refused ?? unseen }, compared, differed, skipped,
      differences: [...kinds.values()].toSorted((a, b) => b.count - a.count),
    }),
    close() {
      isClosed = true
      replace(undefined)
    },
  }
}

function faultOf(cause: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = cause as { code?: unknown; message?: unknown }
  return { code: typeof code === 'string' ? code : 'ERR_POLICY_CHECK', message: String(message) }
}
