// Trees of a repository or a mirror on this machine's disk, read in a thread of their own: unpacking and hashing up to 16 MiB is nothing that calls wait for.
import path from 'node:path'
import { runInThread, type ThreadLimits } from '../../rego/index.ts'
import { GatewayError, type GatewayErrorCode } from '../errors.ts'
import type { Environment } from './git-process.ts'
import type { PolicyCommit, PolicyRepository, PolicyTree } from './repository.ts'

const limits: ThreadLimits = { deadlineMs: 60_000, maxHeapMb: 512 }
// `.ts` in a checkout, `.js` in the npm package.
const workerPath = new URL(`tree-worker${path.extname(import.meta.url)}`, import.meta.url)

export interface TreePlace {
  readonly path: string
  readonly ref: string
  /** Of a mirror, whose objects Git reads. */
  readonly environment?: Environment
}

/** @internal what the worker is asked, and what it posts */
export interface TreeJob extends TreePlace { readonly commit: PolicyCommit }
export type TreeAnswer = { readonly tree: PolicyTree } | { readonly fault: { readonly code: GatewayErrorCode; readonly message: string } }

/**
 * The same repository; `readTree` may also throw a PolicyError ERR_TOOLCHAIN_*, which is the machine's fault and not the commit's.
 * @param isAnswering whether there are calls that would wait
 */
export function withTreeThread(repository: PolicyRepository, { environment, ...place }: TreePlace, isAnswering: () => boolean): PolicyRepository {
  return {
    ...repository,
    async readTree(commit) {
      if (!isAnswering()) return await repository.readTree(commit)
      // A process's own environment is no plain object, and cannot be posted.
      const job: TreeJob = { ...place, ...environment === undefined ? {} : { environment: { ...environment } }, commit }
      const answer = await runInThread<TreeAnswer>(workerPath, job, 'the thread that reads the policy source', limits)
      if ('fault' in answer) throw new GatewayError(answer.fault.code, answer.fault.message)
      return answer.tree
    },
  }
}
