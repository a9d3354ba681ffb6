// A commit's policy for `policy verify --commit`: read from the repository's objects, each hashed, and never from a work tree.
import { createPolicyRepository } from './repository.ts'
import { gitFolders, resolveCommit } from './revision.ts'

/**
 * @param path a bare repository, a checkout or a linked worktree
 * @param commit its id or the start of one, a branch or a tag, `~n` or `^n` behind it (revision.ts)
 * @throws GatewayError ERR_POLICY_REPOSITORY
 */
export async function readCommitSource(path: string, commit: string): Promise<{ readonly revision: string; readonly files: ReadonlyMap<string, Uint8Array> }> {
  const folders = gitFolders(path)
  const revision = await resolveCommit(path, folders, commit)
  const repository = createPolicyRepository(folders.common, 'HEAD')
  const { source } = await repository.readTree(await repository.readCommit(revision))
  return { revision, files: source }
}
