// Shadow mode: a candidate that is not in force decides live calls once more, after they were answered, and what it would have changed is on record.
// It changes nothing: it is asked behind the calls, from a queue that drops when it is full, and its answers go nowhere else.
import { setTimeout as sleep } from 'node:timers/promises'
import type { DecidedCall } from '../call.ts'
import { compileBundle, loadPolicy, PolicyError, readBundle, type Decision, type Policy } from '../../rego/index.ts'
import { findSigner, parseAllowedSigners } from './allowed-signers.ts'
import { ask } from './decide.ts'
import type { PolicyRepository } from './repository.ts'
import { verifySshSignature } from './sshsig.ts'

/** Calls that wait to be decided again; more than that are skipped and counted. */
const maxQueued = 4_096
/** Decisions of one turn of the event loop: what a call that comes meanwhile waits for. */
const callsPerTurn = 8
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

interface Candidate { readonly revision: string; readonly policy: Policy }

export function createShadow(options: ShadowOptions): Shadow {
  let candidate: Candidate | undefined
  let looked: string | undefined
  let refused: ShadowStatus['refused']
  let queue: { readonly call: DecidedCall; readonly frame: string }[] = []
  let isTurning = false
  let compared = 0, differed = 0, skipped = 0
  const kinds = new Map<string, { readonly flips: readonly ShadowFlip[]; count: number }>()

  async function load(revision: string): Promise<Policy> {
    const commit = await options.repository.readCommit(revision)
    const key = commit.signature === undefined ? undefined : verifySshSignature(commit.signature, commit.signed, 'git')
    if (key === undefined || findSigner(parseAllowedSigners(options.signers()), key, 'git', commit.time, options.now()) === undefined) throw new PolicyError('ERR_POLICY_SOURCE', 'the candidate is not signed by anybody whom the policy in force allows')
    const { source } = await options.repository.readTree(commit)
    return loadPolicy(readBundle(await compileBundle({ files: source, revision, serial: 0, capabilities: options.capabilities })))
  }

  function replace(next: Candidate | undefined): void {
    candidate?.policy.close()
    candidate = next
    queue = []
    compared = differed = skipped = 0
    kinds.clear()
  }

  function turn(): void {
    const { revision, policy } = candidate ?? {}
    for (const { call, frame } of queue.splice(0, callsPerTurn)) if (policy !== undefined && revision !== undefined) look(call, frame, policy, revision)
    isTurning = queue.length > 0
    if (isTurning) setImmediate(turn)
  }

  function look(call: DecidedCall, frame: string, policy: Policy, revision: string): void {
    compared++
    const { decision, canonical } = ask(policy, call)
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

  async function poll(): Promise<void> {
    let head: string | undefined
    try {
      await options.repository.refresh([])
      head = await options.repository.head()
      if (head === looked) return
      looked = head
      replace({ revision: head, policy: await load(head) })
      refused = undefined
    } catch (cause) {
      const { code, message } = cause as { code?: unknown; message?: unknown }
      refused = { code: typeof code === 'string' ? code : 'ERR_POLICY_CHECK', message: String(message) }
      if (candidate?.revision !== head) replace(undefined)
    }
  }

  return {
    see(call, frame) {
      if (candidate === undefined) return
      if (queue.length >= maxQueued) { skipped++; return }
      queue.push({ call, frame })
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
      ...candidate === undefined ? {} : { candidate: candidate.revision }, ...refused === undefined ? {} : { refused }, compared, differed, skipped,
      differences: [...kinds.values()].toSorted((a, b) => b.count - a.count),
    }),
    close: () => { replace(undefined) },
  }
}
