// What people do before an activation: make the statement of a commit, and leave a signed one where gateways look for it.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import git from 'isomorphic-git'
import { GatewayError } from '../errors.ts'
import { makeBundle, type Made } from './rebuild.ts'
import { createPolicyRepository } from './repository.ts'
import { gitFolders, resolveCommit } from './revision.ts'
import { findSigner, parseAllowedSigners } from './allowed-signers.ts'
import { verifySshSignature } from './sshsig.ts'
import { activationRefs, statementName } from './statement-refs.ts'
import { activationNamespace, isReason, parseEndorsement, writeStatement, type Statement, type StatementKind } from './statement.ts'

export interface Proposal {
  readonly statement: Statement
  readonly made: Made
  /** The commit's own `allowed_signers`; undefined where it has none. */
  readonly allowedSigners: string | undefined
}

/**
 * Tests and compiles a commit and says so in a statement, unsigned.
 * @param path a checkout or a bare repository
 * @param options `commit`: a full or short id, or a ref; `serial`: default, the commits on its first-parent line
 * @throws GatewayError ERR_POLICY_REPOSITORY, ERR_USAGE; PolicyError
 */
export async function proposeActivation(path: string, options: { readonly commit: string; readonly kind: StatementKind; readonly reason?: string; readonly serial?: number; readonly capabilities: unknown }): Promise<Proposal> {
  const { commit: named, kind, reason, capabilities } = options
  if (kind === 'emergency' ? reason === undefined : kind === 'activation' && reason !== undefined) throw new GatewayError('ERR_USAGE', kind === 'emergency' ? 'an emergency change gives a reason' : 'only an emergency change and its review give a reason')
  if (reason !== undefined && !isReason(reason)) throw new GatewayError('ERR_USAGE', 'a reason is one line of at most 500 printable characters')
  // A tag comes with a fetch, whoever pushed it: one that is called like a branch, or like the short id of a commit, must not be signed in its place.
  const folders = gitFolders(path)
  const revision = await resolveCommit(path, folders, named)
  const repository = createPolicyRepository(folders.common, revision)
  const commit = await repository.readCommit(revision)
  const tree = await repository.readTree(commit)
  const serial = options.serial ?? (await repository.countCommits(commit)).count
  const made = await makeBundle(tree.source, revision, serial, capabilities)
  return { made, allowedSigners: tree.allowedSigners, statement: { kind, revision, tree: tree.digest, bundle: createHash('sha256').update(made.bytes).digest('hex'), serial, tests: made.tests, ...reason === undefined ? {} : { reason } } }
}

/**
 * Who signed a statement, as far as its commit can tell: a gateway goes by the list of the commit in force.
 * @param allowedSigners of the commit; undefined where it has none
 * @param now ms
 * @returns a name of the list; undefined where the key is in no line of it that may sign now
 * @throws GatewayError ERR_USAGE for a signature that counts nowhere, ERR_POLICY_UNTRUSTED for a list that no gateway takes
 */
export function signerOf(statement: Statement, signature: string, allowedSigners: string | undefined, now: number): string | undefined {
  const key = verifySshSignature(signature, writeStatement(statement), activationNamespace)
  if (key === undefined) throw new GatewayError('ERR_USAGE', 'the key is of a type that no gateway counts: it takes ssh-ed25519, in software or in a security key')
  return findSigner(parseAllowedSigners(allowedSigners ?? ''), key, activationNamespace, now)?.name
}

/**
 * Stores a signed statement in the repository under its signer's ref for the commit, where one of the same kind is replaced; push it to where gateways look.
 * @returns the ref
 * @throws GatewayError ERR_USAGE for a file that no gateway would read
 */
export async function leaveEndorsement(path: string, file: Uint8Array): Promise<string> {
  const endorsement = parseEndorsement(file)
  if (typeof endorsement === 'string') throw new GatewayError('ERR_USAGE', endorsement)
  const gitdir = gitFolders(path).common
  const oid = await git.writeBlob({ fs, gitdir, blob: file })
  const { statement, signed, signature } = endorsement
  const key = verifySshSignature(signature, signed, activationNamespace)
  if (key === undefined) throw new GatewayError('ERR_USAGE', `the signature is not one of this statement, by an Ed25519 key, under the namespace ${activationNamespace}`)
  const ref = `${activationRefs}/${statement.revision}/${statementName(statement.kind, key)}`
  await git.writeRef({ fs, gitdir, ref, value: oid, force: true })
  return ref
}
