// Which config is in force on a node, for commands that look on from beside it. Nothing is activated by looking.
import { GatewayError } from '../errors.ts'
import { findSigner, parseAllowedSigners } from './allowed-signers.ts'
import type { Remembered } from './memory.ts'
import type { PolicyRepository } from './repository.ts'
import { verifySshSignature } from './sshsig.ts'

export interface InForce {
  readonly revision: string
  readonly signer: string
  /** `config.yaml` of that commit. */
  readonly config: string
  /** The branch's head, where it is another commit: not tried yet, or refused. */
  readonly head: string
  /** False: no gateway has run on this node's state yet, and the head is what would be its first policy. */
  readonly isActive: boolean
}

/**
 * What the node activated last; before its first start, the head, if somebody signed it whom the bootstrap file pins.
 * @throws GatewayError `ERR_POLICY_REPOSITORY`; `ERR_POLICY_UNTRUSTED`: nobody is to act on what strangers wrote into a branch
 */
export async function readInForce(repository: PolicyRepository, active: Remembered | undefined, pinnedSigners: string): Promise<InForce> {
  const head = await repository.head()
  const commit = await repository.readCommit(active?.revision ?? head)
  const { config } = await repository.readTree(commit)
  if (active !== undefined) return { revision: active.revision, signer: active.signer, config, head, isActive: true }
  const key = commit.signature === undefined ? undefined : verifySshSignature(commit.signature, commit.signed)
  const signer = key === undefined ? undefined : findSigner(parseAllowedSigners(pinnedSigners), key, commit.time)
  if (signer === undefined) throw new GatewayError('ERR_POLICY_UNTRUSTED', `${head} is not signed by anybody whom the bootstrap file pins`)
  return { revision: head, signer: signer.name, config, head, isActive: false }
}
