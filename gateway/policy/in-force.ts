// Which config is in force on a node, for commands that look on from beside it. Nothing is activated by looking.
import { GatewayError } from '../errors.ts'
import { parseAllowedSigners } from './allowed-signers.ts'
import { judgeCommit } from './judge.ts'
import type { Remembered } from './memory.ts'
import type { PolicyRepository } from './repository.ts'

export interface InForce {
  readonly revision: string
  readonly signers: readonly string[]
  /** `config.yaml` of that commit. */
  readonly config: string
  /** The branch's head, where it is another commit: not tried yet, or refused. */
  readonly head: string
  /** False: no gateway has run on this node's state yet, and the head is what would be its first policy. */
  readonly isActive: boolean
}

/**
 * What the node activated last; before its first start, the head, if those whom the bootstrap file pins signed for it.
 * @throws GatewayError `ERR_POLICY_REPOSITORY`; `ERR_POLICY_QUORUM`: nobody is to act on what strangers wrote into a branch
 */
export async function readInForce(repository: PolicyRepository, active: Remembered | undefined, pinned: { readonly allowedSigners: string; readonly quorum: number }, now: number): Promise<InForce> {
  const head = await repository.head()
  const commit = await repository.readCommit(active?.revision ?? head)
  const { config } = await repository.readTree(commit)
  if (active !== undefined) return { revision: active.revision, signers: active.signers, config, head, isActive: true }
  const signers = parseAllowedSigners(pinned.allowedSigners)
  const backing = judgeCommit(commit, await repository.endorsements(head, signers.map(({ key }) => key)), { signers, rules: { quorum: pinned.quorum } }, now)
  if (!backing.isEnough) throw new GatewayError('ERR_POLICY_QUORUM', `${head}: ${backing.message}`)
  return { revision: head, signers: backing.signers, config, head, isActive: false }
}
