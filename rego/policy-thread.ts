// Makes a policy in a thread of its own, while calls go on in this one: it is tested and compiled, its bundle read, its module compiled and
// started and its data loaded there. What is left for here is an instance, and a copy of memory in small pieces.
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { PolicyError, type PolicyErrorCode } from './errors.ts'
import { openPolicy } from './policy.ts'
import type { Policy, PolicyOptions, PreparedPolicy } from './policy.ts'
import type { PolicySource } from './source.ts'
import type { TestOutcome } from './tested.ts'

/** For all of it: the compiler's own deadlines are within, and loading has fuel. One that nobody hears of by then hangs. */
const defaultDeadlineMs = 120_000
/** Of the thread's JavaScript heap. A bundle of 16 MiB with the most members that fit into it takes half. */
const maxHeapMb = 1_024
// `.ts` in a checkout, `.js` in the npm package.
const workerPath = new URL(`policy-worker${path.extname(import.meta.url)}`, import.meta.url)

/** A bundle that is there already, or a source that one is made of. */
export type PolicyJob =
  | { readonly bytes: Uint8Array; readonly minimumSerial: number }
  | { readonly files: PolicySource; readonly revision: string; readonly serial: number; readonly capabilities: unknown; /** Every test must hold. */ readonly isTested: boolean }

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
export async function makePolicy(job: PolicyJob, options: PolicyOptions, deadlineMs: number = defaultDeadlineMs): Promise<MadePolicy> {
  const answer = await ask(job, deadlineMs)
  if ('fault' in answer) throw new PolicyError(answer.fault.code, answer.fault.message, answer.fault)
  return { policy: await openPolicy(answer.prepared, options), bytes: answer.bytes, tests: answer.tests }
}

async function ask(job: PolicyJob, deadlineMs: number): Promise<Answer> {
  const worker = new Worker(workerPath, { workerData: job, resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } })
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve, reject) => {
      const fail = (code: PolicyErrorCode, message: string, cause?: unknown) => reject(new PolicyError(code, message, { cause }))
      timer = setTimeout(() => fail('ERR_TOOLCHAIN_DEADLINE', `the policy was not loaded within ${deadlineMs} ms`), deadlineMs)
      worker.on('message', resolve)
      worker.on('messageerror', cause => fail('ERR_TOOLCHAIN_FAULT', 'the thread that loads the policy gave no answer that can be read', cause))
      worker.on('error', cause => {
        if ((cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') fail('ERR_TOOLCHAIN_MEMORY', `the policy needs more memory than the thread that loads it may use (${maxHeapMb} MiB)`, cause)
        else fail('ERR_TOOLCHAIN_FAULT', 'the thread that loads the policy failed', cause)
      })
      worker.on('exit', () => fail('ERR_TOOLCHAIN_FAULT', 'the thread that loads the policy ended without an answer'))
    })
  } finally {
    clearTimeout(timer)
    void worker.terminate()
  }
}
