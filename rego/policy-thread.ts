// Makes a policy in a thread of its own, while calls go on in this one: it is tested and compiled, its bundle read, its module compiled and
// started and its data loaded there. What is left for here is an instance, and a copy of memory in small pieces.
import path from 'node:path'
import { PolicyError, type PolicyErrorCode } from './errors.ts'
import { openPolicy } from './policy.ts'
import type { Policy, PolicyOptions, PreparedPolicy } from './policy.ts'
import type { PolicySource } from './source.ts'
import type { TestOutcome } from './tested.ts'
import { runInThread, type ThreadLimits } from './thread.ts'

/** For all of it: the compiler's own deadlines are within, and loading has fuel. A bundle of 16 MiB with the most members that fit into it takes half the heap. */
export const policyThreadLimits: ThreadLimits = { deadlineMs: 120_000, maxHeapMb: 1_024 }
// `.ts` in a checkout, `.js` in the npm package.
const workerPath = new URL(`policy-worker${path.extname(import.meta.url)}`, import.meta.url)

/** A bundle that is there already, or a source that one is made of. */
export type PolicyJob = (
  | { readonly bytes: Uint8Array; readonly minimumSerial: number }
  | { readonly files: PolicySource; readonly revision: string; readonly serial: number; readonly capabilities: unknown; /** Every test must hold. */ readonly isTested: boolean }
) & {
  /** Nobody calls yet: a process that starts is ready 0.4 s of CPU sooner, and its first calls warm the code up. */
  readonly isCold?: boolean
}

export interface MadePolicy {
  readonly policy: Policy
  /** The bundle. */
  readonly bytes: Uint8Array
  /** Empty where none were asked for. */
  readonly tests: readonly TestOutcome[]
}

/** @internal what the worker posts */
export type Answer =
  | { readonly prepared: PreparedPolicy; readonly bytes: Uint8Array; readonly tests: readonly TestOutcome[] }
  | { readonly fault: { readonly code: PolicyErrorCode; readonly message: string; readonly findings: PolicyError['findings'] } }

/**
 * @throws PolicyError as readBundle, loadPolicy, compileBundle and testPolicies; ERR_POLICY_TEST where a test fails; ERR_TOOLCHAIN_DEADLINE, _MEMORY or _FAULT
 * for a thread that hangs, takes too much or ends without an answer
 */
export async function makePolicy(job: PolicyJob, options: PolicyOptions, limits: ThreadLimits = policyThreadLimits): Promise<MadePolicy> {
  const answer = await runInThread<Answer>(workerPath, job, 'the thread that loads the policy', limits)
  if ('fault' in answer) throw new PolicyError(answer.fault.code, answer.fault.message, answer.fault)
  return { policy: await openPolicy(answer.prepared, options), bytes: answer.bytes, tests: answer.tests }
}
