// Activation: a commit of the policy repository becomes the policy in force, or is refused and the last good one stays.
// Judged by the signers of the active commit; the first by the pinned ones. Each verdict is on record before it takes effect.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Governed } from '../config.ts'
import { GatewayError } from '../errors.ts'
import { compileBundle, loadPolicy, PolicyError, readBundle, testPolicies, type Policy } from '../../rego/index.ts'
import { findSigner, parseAllowedSigners } from './allowed-signers.ts'
import type { BundleStore } from './bundle-store.ts'
import type { PolicyMemory } from './memory.ts'
import type { PolicyCommit, PolicyRepository, PolicyTree } from './repository.ts'
import { verifySshSignature } from './sshsig.ts'

/** One policy in force: an immutable snapshot that a call reads once. */
export interface ActivePolicy {
  readonly policy: Policy
  readonly governed: Governed
  /** Git commit */
  readonly revision: string
  readonly serial: number
  /** SHA-256 of the bundle's bytes */
  readonly digest: Uint8Array
  readonly signer: string
}

export interface ActivationEvent {
  readonly event: 'activated' | 'refused'
  readonly revision: string
  /** 0 where it could not be counted */
  readonly serial: number
  readonly signer: string
  /** hex, of an activated one */
  readonly bundle?: string
  /** Why it was refused: a code, and what is wrong; never a value of the config. */
  readonly reason?: { readonly code: string; readonly message: string }
}

export interface ActivationOptions {
  readonly repository: PolicyRepository
  readonly memory: PolicyMemory
  readonly bundles: BundleStore
  /** Text of the allowed_signers that the bootstrap file pins. */
  readonly pinnedSigners: string
  /** OPA capabilities: what the host implements. */
  readonly capabilities: unknown
  readonly parseGoverned: (text: string) => Governed
  /** Resolves once the event is on record; a rejection keeps an activation from happening. */
  readonly onEvent: (event: ActivationEvent) => Promise<void>
  /** After each swap: who must follow (identity, connections). */
  readonly onActive: (active: ActivePolicy) => void
}

export interface Activation {
  /** undefined until the first activation: no policy, no call. */
  active(): ActivePolicy | undefined
  /** The policy that was in force before the restart, then whatever is newer. */
  start(): Promise<void>
  /** Looks once. A commit that was refused is not tried again until the ref moves. */
  poll(): Promise<ActivationEvent | undefined>
  /** Polls until `signal` aborts. */
  follow(pollMs: number, signal: AbortSignal): Promise<void>
}

interface Trusted { readonly commit: PolicyCommit; readonly tree: PolicyTree; readonly serial: number; readonly signer: string; readonly signers: string }

export function createActivation(options: ActivationOptions): Activation {
  const { repository, memory, bundles } = options
  let active: ActivePolicy | undefined                   // swapped whole
  let lastRefused: string | undefined
  let polling: Promise<ActivationEvent | undefined> | undefined

  /** Who signed, does the serial rise, is what it says whole. @throws GatewayError, with a reason that can be recorded */
  async function judge(revision: string, seen: { serial: number; signer: string }): Promise<Trusted> {
    const before = memory.active()
    const commit = await repository.readCommit(revision)
    const key = commit.signature === undefined ? undefined : verifySshSignature(commit.signature, commit.signed)
    if (commit.signature === undefined) throw new GatewayError('ERR_POLICY_UNTRUSTED', 'the commit is not signed')
    if (key === undefined) throw new GatewayError('ERR_POLICY_UNTRUSTED', 'the signature is not a valid SSH signature of this commit')
    const judges = before?.signers ?? options.pinnedSigners
    const signer = findSigner(parseAllowedSigners(judges), key, commit.time)
    if (signer === undefined) throw new GatewayError('ERR_POLICY_UNTRUSTED', 'the signer is not one that the policy in force allows')
    seen.signer = signer.name
    const serial = await repository.countCommits(commit, before)
    seen.serial = serial
    if (before !== undefined && serial <= before.serial) throw new GatewayError('ERR_POLICY_UNTRUSTED', `serial ${serial} does not rise above ${before.serial}, which is in force`)
    const tree = await repository.readTree(commit)
    const signers = tree.allowedSigners ?? judges
    if (parseAllowedSigners(signers).length === 0) throw new GatewayError('ERR_POLICY_UNTRUSTED', 'its allowed_signers names nobody, so nothing could ever follow it')
    return { commit, tree, serial, signer: signer.name, signers }
  }

  /** Tests and compiles, or takes what the same commit compiled to before. */
  async function compile({ commit, tree, serial }: Pick<Trusted, 'commit' | 'tree' | 'serial'>): Promise<{ readonly policy: Policy; readonly hex: string }> {
    const known = memory.bundleOf(commit.revision, serial)
    const kept = known === undefined ? undefined : await bundles.read(known)
    if (kept !== undefined && known !== undefined) {
      try {
        return { policy: loadPolicy(readBundle(kept)), hex: known }
      } catch (cause) {
        if (!(cause instanceof PolicyError)) throw cause   // a bundle of an older compiler that this host cannot load: compile again
      }
    }
    const files = tree.source
    const { tests } = await testPolicies({ files, capabilities: options.capabilities })
    const failed = tests.filter(({ outcome }) => outcome === 'fail' || outcome === 'error')
    if (failed.length > 0) throw new PolicyError('ERR_POLICY_TEST', `${failed.length} policy tests fail: ${failed.slice(0, 5).map((test) => `${test.package}.${test.name}`).join(', ')}`)
    const bytes = await compileBundle({ files, revision: commit.revision, serial, capabilities: options.capabilities })
    const policy = loadPolicy(readBundle(bytes))
    const hex = await bundles.write(bytes)
    memory.setBundle(commit.revision, serial, hex)
    return { policy, hex }
  }

  async function activate(trusted: Trusted): Promise<ActivationEvent> {
    const { commit: { revision }, tree, serial, signer, signers } = trusted
    const governed = options.parseGoverned(tree.config)
    const { policy, hex } = await compile(trusted)
    const event: ActivationEvent = { event: 'activated', revision, serial, signer, bundle: hex }
    await options.onEvent(event)
    memory.setActive({ revision, serial, signers, signer })
    active = Object.freeze({ policy, governed, revision, serial, digest: policy.digest, signer })
    options.onActive(active)
    return event
  }

  async function look(): Promise<ActivationEvent | undefined> {
    const seen = { serial: 0, signer: '' }
    let revision = ''
    try {
      revision = await repository.head()
      if (revision === active?.revision || revision === lastRefused) return undefined
      return await activate(await judge(revision, seen))
    } catch (cause) {
      if (!(cause instanceof GatewayError) && !(cause instanceof PolicyError)) throw cause
      if (lastRefused === revision) return undefined       // the repository itself cannot be read, as was recorded already
      lastRefused = revision
      const event: ActivationEvent = { event: 'refused', revision, ...seen, reason: { code: cause.code, message: cause.message } }
      await options.onEvent(event)
      return event
    }
  }

  const poll = (): Promise<ActivationEvent | undefined> => polling ??= look().finally(() => { polling = undefined })

  return {
    active: () => active,
    poll,
    async start() {
      const before = memory.active()
      if (before !== undefined) {
        try {
          // Judged when it was first activated; the state directory is as trusted as the bootstrap file.
          const commit = await repository.readCommit(before.revision)
          await activate({ commit, tree: await repository.readTree(commit), ...before })
        } catch (cause) {
          if (!(cause instanceof GatewayError) && !(cause instanceof PolicyError)) throw cause
          await options.onEvent({ event: 'refused', revision: before.revision, serial: before.serial, signer: before.signer, reason: { code: cause.code, message: cause.message } })
        }
      }
      await poll()
    },
    async follow(pollMs, signal) {
      while (!signal.aborted) {
        await sleep(pollMs, undefined, { signal, ref: false }).catch(() => undefined)
        if (!signal.aborted) await poll().catch(() => undefined)   // the recorder failed: nothing changed; the next look tries again
      }
    },
  }
}
