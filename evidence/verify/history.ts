// The commits of `main`, newest to oldest, then oldest to newest: linear, each signed, each adding one leaf and one checkpoint (FORMAT §8).
import { parseCommit } from './commit.ts'
import type { EvidenceCommit } from './commit.ts'
import { FalseClaim } from './finding.ts'
import type { Findings } from './finding.ts'
import type { GitRepository } from './git.ts'
import { isEqual, sha256 } from './merkle.ts'
import { isSignedBy, witnessesOf } from './note.ts'
import { checkCommitSignature } from './sshsig.ts'
import type { OwnKeys, Trust } from './trust.ts'

/** One commit after its own checks; what the later checks need and no more, since a log may have millions. */
export interface HistoryEntry {
  readonly id: string
  readonly tree: string
  /** s */
  readonly time: number
  readonly epoch: number
  readonly number: number
  /** Of its checkpoint. */
  readonly size: number
  readonly root: Uint8Array
  /** SHA-256 of the checkpoint in the message: the text may be 64 KiB, and there are as many as commits. */
  readonly noteDigest: Uint8Array
}

export interface History {
  /** Oldest first; empty from where the chain breaks. */
  readonly entries: readonly HistoryEntry[]
  /** Of all its checkpoints; empty where no commit could be read. */
  readonly origin: string
  /** Entries under the newest checkpoint with a quorum of cosignatures. */
  readonly witnessedSize: number
  /** On the newest checkpoint. */
  readonly witnesses: readonly string[]
}

const folderMode = '40000'
const fileMode = '100644'
/** A checkpoint of 64 KiB, a signature, and a margin. */
const maxCommitBytes = 256 * 1024
const maxFileBytes = 1024 * 1024
/** More than the format has anywhere but in a folder of leaves: what is wrong with a few more is said by name. */
const maxEntries = 1024
const topFiles = ['README.md', 'checkpoint', 'keys', 'leaf'] as const
const keyFiles = ['allowed_signers', 'log.vkey'] as const

/** The keys in the pinned commit's tree. @throws FalseClaim when the tree has another shape */
export function readOwnKeys(repository: GitRepository, head: string): OwnKeys {
  const { tree } = parseCommit(head, repository.read(head, 'commit', maxCommitBytes))
  const folder = new Map(repository.tree(tree, maxEntries).map(({ name, id }) => [name, id])).get('keys')
  const files = new Map(folder === undefined ? [] : repository.tree(folder, maxEntries).map(({ name, id }) => [name, id]))
  const text = (name: string): string => {
    const id = files.get(name)
    if (id === undefined) throw new FalseClaim('commit.files', `keys/${name} is missing`)
    return Buffer.from(repository.read(id, 'blob', maxFileBytes)).toString('utf8')
  }
  return { vkey: text('log.vkey'), allowedSigners: text('allowed_signers') }
}

/** Walks to the first commit, checking each commit by itself. */
export function walkHistory(repository: GitRepository, head: string, trust: Trust, findings: Findings): History {
  const entries: HistoryEntry[] = []
  const quorum = trust.quorum ?? 0
  let origin = ''
  let witnesses: readonly string[] = []
  let unwitnessed: number | undefined
  let id: string | undefined = head
  while (id !== undefined) {
    const current: string = id
    const commit: EvidenceCommit | undefined = findings.attempt(`commit ${current}`, () => parseCommit(current, repository.read(current, 'commit', maxCommitBytes)))
    if (commit === undefined) return { entries: [], origin, witnessedSize: 0, witnesses }
    checkCommit(commit, trust, findings)
    const { tree, time, epoch, number, checkpointText, checkpoint, parents } = commit
    const isNewest = entries.length === 0
    if (isNewest) origin = checkpoint.origin
    else if (checkpoint.origin !== origin) findings.fail('checkpoint.origin', `commit ${current}`, 'its checkpoint is of another log than the newest one')
    if (isNewest || (quorum > 0 && unwitnessed === undefined)) {
      const names = findings.attempt(`commit ${current}`, () => witnessesOf(checkpoint, trust.witnesses))?.map(({ name }) => name) ?? []
      if (isNewest) witnesses = names
      if (quorum > 0 && names.length >= quorum) unwitnessed = entries.length
    }
    entries.push({ id: current, tree, time, epoch, number, size: checkpoint.size, root: checkpoint.root, noteDigest: sha256(Buffer.from(checkpointText)) })
    if (parents.length > 1) findings.fail('commit.parents', `commit ${current}`, 'the commit has more than one parent')
    id = parents[0]
  }
  return { entries: entries.reverse(), origin, witnessedSize: unwitnessed === undefined ? 0 : entries.length - unwitnessed, witnesses }
}

function checkCommit(commit: EvidenceCommit, trust: Trust, findings: Findings): void {
  const item = `commit ${commit.id}`
  const { checkpoint } = commit
  findings.attempt(item, () => checkCommitSignature(commit.payload, commit.signature, commit.time * 1000, trust.signers))
  findings.attempt(item, () => {
    if (!isSignedBy(checkpoint, trust.logKeys)) throw new FalseClaim('checkpoint.signature', `the checkpoint of size ${checkpoint.size} is not signed by ${trust.isOwnWord ? 'the log key of the record' : 'a log key of the trust file'}`)
  })
  if (!trust.logKeys.some(({ name }) => name === checkpoint.origin)) findings.fail('checkpoint.origin', item, 'the checkpoint is of another log')
}

/** Follows the trees from commit to commit and answers each batch leaf: the one file a commit adds. Keeps the last trees only. */
export class LeafFiles {
  readonly #repository: GitRepository
  #fixed = ''
  #folderIds = new Map<string, string>()
  readonly #files = new Map<string, Map<string, string>>()

  constructor(repository: GitRepository) { this.#repository = repository }

  /** The bytes of batch leaf `index`, added by `entry`. @throws FalseClaim `commit.files`, `git.object` */
  next(entry: HistoryEntry, index: number): Uint8Array {
    const lie = (what: string): FalseClaim => new FalseClaim('commit.files', what)
    const top = this.#repository.tree(entry.tree, maxEntries)
    if (top.length !== topFiles.length || !top.every(({ name, mode }, i) => name === topFiles[i] && mode === (name === 'keys' || name === 'leaf' ? folderMode : fileMode))) throw lie('the tree does not hold exactly README.md, checkpoint, keys and leaf')
    const [readme, checkpoint, keys, leaf] = top.map(({ id }) => id)
    if (readme === undefined || checkpoint === undefined || keys === undefined || leaf === undefined) throw lie('the tree is malformed')
    if (!isEqual(sha256(this.#repository.read(checkpoint, 'blob', maxFileBytes)), entry.noteDigest)) throw new FalseClaim('commit.message', 'the message does not hold the checkpoint of its tree')
    if (index === 0) this.#checkKeys(keys, readme)
    else if (this.#fixed !== `${readme} ${keys}`) throw lie('the commit changes README.md or keys')
    this.#fixed = `${readme} ${keys}`
    return this.#repository.read(this.#added(leaf, index), 'blob', maxFileBytes)
  }

  #checkKeys(keys: string, readme: string): void {
    const files = this.#repository.tree(keys, maxEntries)
    if (files.length !== keyFiles.length || !files.every(({ name, mode }, i) => name === keyFiles[i] && mode === fileMode)) throw new FalseClaim('commit.files', 'keys does not hold exactly allowed_signers and log.vkey')
    for (const { id } of files) this.#repository.read(id, 'blob', maxFileBytes)
    this.#repository.read(readme, 'blob', maxFileBytes)
  }

  /** Finds the one file that the leaf folders have more than before; any other difference is a lie. */
  #added(tree: string, index: number): string {
    const folder = (index % 256).toString(16).padStart(2, '0')
    const path = `leaf/${folder}/${index}`
    const before = this.#folderIds
    const now = new Map<string, string>()
    for (const { name, mode, id } of this.#repository.tree(tree, maxEntries)) {
      if (mode !== folderMode || now.has(name)) throw new FalseClaim('commit.files', `leaf/${printable(name)} is not a folder of the format`)
      if (name !== folder && before.get(name) !== id) throw new FalseClaim('commit.files', `the commit changes leaf/${printable(name)}`)
      now.set(name, id)
    }
    for (const name of before.keys()) if (!now.has(name)) throw new FalseClaim('commit.files', `the commit removes leaf/${name}`)
    const folderId = now.get(folder)
    if (folderId === undefined) throw new FalseClaim('commit.files', `${path} is missing`)
    const known = this.#files.get(folder) ?? new Map<string, string>()
    const files = new Map<string, string>()
    for (const { name, mode, id } of this.#repository.tree(folderId, known.size + maxEntries)) {
      if (mode !== fileMode || files.has(name)) throw new FalseClaim('commit.files', `leaf/${folder}/${printable(name)} is not a file of the format`)
      if (name !== String(index) && known.get(name) !== id) throw new FalseClaim('commit.files', `the commit adds or changes leaf/${folder}/${printable(name)}`)
      files.set(name, id)
    }
    for (const name of known.keys()) if (!files.has(name)) throw new FalseClaim('commit.files', `the commit removes leaf/${folder}/${name}`)
    const added = files.get(String(index))
    if (added === undefined || known.has(String(index))) throw new FalseClaim('commit.files', `the commit does not add ${path}`)
    this.#files.set(folder, files)
    this.#folderIds = now
    return added
  }
}

function printable(name: string): string { return JSON.stringify(name.slice(0, 80)).slice(1, -1) }
