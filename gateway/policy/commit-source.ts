// A commit's policy for `policy verify --commit`: read from the repository's objects, each hashed, and never from a work tree.
import { createPolicyRepository } from './repository.ts'

/**
 * @param path a bare repository, or a checkout
 * @param commit its full id, a branch or a tag that names a commit
 * @throws GatewayError ERR_POLICY_REPOSITORY
 */
export async function readCommitSource(path: string, commit: string): Promise<{ readonly revision: string; readonly files: ReadonlyMap<string, Uint8Array> }> {
  const repository = createPolicyRepository(path, commit)
  const revision = await repository.head()
  const { source } = await repository.readTree(await repository.readCommit(revision))
  return { revision, files: source }
}
