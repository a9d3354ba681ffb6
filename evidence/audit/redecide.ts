// Makes recorded decisions again, from the recorded input and the bundle of the recorded digest alone: the same bytes must come out.
// This is what ties a decision on record to the policy that was in force, whoever ran the gateway.
import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadPolicy, PolicyError, readBundle } from '../../rego/index.ts'
import type { Policy } from '../../rego/index.ts'
import { kind } from '../verify/leaf.ts'
import { isActivation } from './policy-of.ts'
import { contentsOf } from './recording.ts'
import type { RecordedFrame, Recording } from './recording.ts'

export type RedecideOutcome =
  /** The same canonical bytes. */
  | 'same'
  | 'different'
  /** No activation of the bundle is on record before it: whatever it decides, it was not in force. */
  | 'not_in_force'
  /** The bundle is not among those given. */
  | 'no_bundle'
  /** The frame commits to content that no key opened. */
  | 'not_opened'
  /** The input cannot be decided on at all; the recorded decision claims it was. */
  | 'failed'

export interface Redecided { readonly session: string; readonly seq: number; readonly bundle: string; readonly outcome: RedecideOutcome; readonly message: string }

/** By digest, hex. */
export type Bundles = ReadonlyMap<string, Uint8Array>

/** Every file of a folder, by the SHA-256 of its bytes: names do not matter, since a name could lie. */
export function readBundles(folder: string): Bundles {
  return new Map(readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => {
    const bytes = readFileSync(join(folder, name))
    return [hash('sha256', bytes, 'hex'), bytes]
  }))
}

/** One answer for each call that was decided, also where its frame does not say by what: a call that is passed over would be one that nobody looked at. */
export function* redecide(recording: Recording, bundles: Bundles): Generator<Redecided> {
  const policies = new Map<string, Policy>()
  const activated = new Set<string>()
  try {
    for (const frame of recording.frames()) {
      if (isActivation(frame)) activated.add(frame.bundle ?? '')
      else if (frame.bundle !== undefined && isCall(frame) && !activated.has(frame.bundle)) yield { session: frame.session, seq: frame.seq, bundle: frame.bundle, outcome: 'not_in_force', message: 'no activation of the bundle that decided is on record before it' }
      else if (frame.bundle !== undefined && isCall(frame)) yield redecideFrame(frame, frame.bundle, bundles, policies)
      else if (frame.kind === kind.intent || (isCall(frame) && contentsOf(frame).decision !== undefined)) yield { session: frame.session, seq: frame.seq, bundle: '', outcome: 'no_bundle', message: 'its frame does not name the bundle that decided' }
    }
  } finally {
    for (const policy of policies.values()) policy.close()
  }
}

function isCall(frame: RecordedFrame): boolean { return frame.kind === kind.intent || frame.kind === kind.refusal }

function redecideFrame(frame: RecordedFrame, bundle: string, bundles: Bundles, policies: Map<string, Policy>): Redecided {
  const say = (outcome: RedecideOutcome, message: string): Redecided => ({ session: frame.session, seq: frame.seq, bundle, outcome, message })
  const { request, decision } = contentsOf(frame)
  if (request === undefined || decision === undefined) return say('not_opened', 'no key opened its content')
  const bytes = bundles.get(bundle)
  if (bytes === undefined) return say('no_bundle', 'the bundle that decided is not among those given')
  try {
    let policy = policies.get(bundle)
    // Each decision is made, never looked up: a cache would only compare the record with itself.
    if (policy === undefined) policies.set(bundle, policy = loadPolicy(readBundle(bytes), { cacheEntries: 0 }))
    const inputText = new TextDecoder('utf-8', { fatal: true }).decode(request)
    const input: unknown = JSON.parse(inputText)
    if (typeof input !== 'object' || input === null) return say('failed', 'the recorded input is not an object')
    const { canonical } = policy.decide(input, inputText)
    return Buffer.compare(canonical, decision) === 0 ? say('same', 'the same bytes') : say('different', 'the bundle decides otherwise on the recorded input')
  } catch (cause) {
    if (cause instanceof PolicyError && isDenialBy(cause.code, decision)) return say('same', 'the policy fails on this input now as it did then, which is a deny')
    return say('failed', cause instanceof Error ? cause.message : 'the input could not be decided on')
  }
}

/** An engine that cannot decide is a deny on record, with its code in the one reason (`policy.error`). */
function isDenialBy(code: string, decision: Uint8Array): boolean {
  const { effect, reasons } = JSON.parse(Buffer.from(decision).toString('utf8')) as { effect?: unknown; reasons?: readonly { id?: unknown; msg?: unknown }[] }
  const [reason] = reasons ?? []
  return effect === 'deny' && reason?.id === 'policy.error' && typeof reason.msg === 'string' && reason.msg.endsWith(`(${code})`)
}
