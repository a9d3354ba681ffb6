// One signed commit per batch, written object by object (FORMAT.md §8). No index, no work tree: a commit costs the same however long the log is.
import { existsSync } from 'node:fs'
import path from 'node:path'
import git, { type TreeEntry } from 'isomorphic-git'
import { gitFs, type Disk } from './durable-fs.ts'
import { branch, checkpointPath, leafFolder, repositoryFiles } from './layout.ts'
import type { Head, LogReader } from './read.ts'

/** What one commit says. All of it is fixed by the batch, so a commit made again is the same commit. */
export interface LogCommit {
  /** Index of the batch leaf in the log. */
  readonly index: number
  readonly leaf: Uint8Array
  /** The signed note of size `index` + 1. */
  readonly checkpoint: string
  /** `batch <epoch>/<number>` */
  readonly subject: string
  /** ms; the cut's */
  readonly time: number
  readonly identity: string
  /** Files beside checkpoint and leaf, with the first commit only: path → text. */
  readonly founding: ReadonlyMap<string, string>
  sign(commit: Uint8Array): string
}

/** Makes an empty bare repository, or finishes one that a crash left half made. */
export function createRepository(gitdir: string, disk: Disk): void {
  if (existsSync(path.join(gitdir, 'HEAD'))) return
  for (const folder of ['objects/pack', 'objects/info', 'refs/heads', 'refs/tags', 'info']) disk.mkdir(path.join(gitdir, folder))
  for (const [name, text] of Object.entries(repositoryFiles)) disk.write(path.join(gitdir, name), text)
}

/** Durable on return: blobs, trees, commit, and at last the branch. `head` is the commit before it. */
export async function commitToLog(gitdir: string, disk: Disk, reader: LogReader, head: Head | undefined, commit: LogCommit): Promise<void> {
  const target = { fs: gitFs(disk), gitdir }
  const blob = async (bytes: Uint8Array): Promise<string> => git.writeBlob({ ...target, blob: bytes })
  const folder = leafFolder(commit.index)
  const leafTree = await git.writeTree({ ...target, tree: withEntry(await entriesOf(`leaf/${folder}`), { mode: '100644', path: String(commit.index), type: 'blob', oid: await blob(commit.leaf) }) })
  const leavesTree = await git.writeTree({ ...target, tree: withEntry(await entriesOf('leaf'), { mode: '040000', path: folder, type: 'tree', oid: leafTree }) })
  let root = withEntry(await entriesOf(), { mode: '040000', path: 'leaf', type: 'tree', oid: leavesTree })
  root = withEntry(root, { mode: '100644', path: checkpointPath, type: 'blob', oid: await blob(Buffer.from(commit.checkpoint)) })
  for (const [name, entries] of await foundingEntries()) root = withEntry(root, entries.length === 1 && entries[0]?.path === name ? entries[0] : { mode: '040000', path: name, type: 'tree', oid: await git.writeTree({ ...target, tree: entries }) })
  const tree = await git.writeTree({ ...target, tree: root })
  const oid = await git.writeObject({ ...target, type: 'commit', format: 'content', object: assembleCommit(tree, head?.commit, commit) })
  await git.writeRef({ ...target, ref: branch, value: oid, force: true })

  async function entriesOf(filepath?: string): Promise<TreeEntry[]> {
    return head === undefined ? [] : reader.folder(head.tree, filepath)
  }

  // Top-level names of the founding files, each with its blob, or with the blobs below it.
  async function foundingEntries(): Promise<Map<string, TreeEntry[]>> {
    const entries = new Map<string, TreeEntry[]>()
    for (const [file, text] of commit.founding) {
      const [top = file, name = top] = file.split('/')
      entries.set(top, [...(entries.get(top) ?? []), { mode: '100644', path: name, type: 'blob', oid: await blob(Buffer.from(text)) }])
    }
    return entries
  }
}

function withEntry(entries: readonly TreeEntry[], entry: TreeEntry): TreeEntry[] {
  return [...entries.filter(({ path: name }) => name !== entry.path), entry]
}

// git-commit-tree's form; the signature covers the commit without `gpgsig`, whose lines go on with a leading space.
function assembleCommit(tree: string, parent: string | undefined, { checkpoint, subject, time, identity, sign }: LogCommit): Uint8Array {
  const who = `countersign <${identity}> ${Math.floor(time / 1000)} +0000`
  const header = [`tree ${tree}`, ...(parent === undefined ? [] : [`parent ${parent}`]), `author ${who}`, `committer ${who}`, ''].join('\n')
  const message = `\n${subject}\n\n${checkpoint}`
  const signature = sign(Buffer.from(header + message)).trimEnd().replaceAll('\n', '\n ')
  return Buffer.from(`${header}gpgsig ${signature}\n${message}`)
}
