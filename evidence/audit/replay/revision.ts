// A revision of a policy repository, read without a Git program: the commit, its policy source, and what else it holds.
import * as fs from 'node:fs'
import { join, resolve } from 'node:path'
import git from 'isomorphic-git'
import { isHiddenPolicyFile } from '../../../rego/index.ts'
import type { PolicySource } from '../../../rego/index.ts'
import { EvidenceError } from '../../errors.ts'
import { FalseClaim } from '../../verify/finding.ts'
import { GitRepository } from '../../verify/git.ts'

export interface RevisionSource { readonly revision: string; readonly files: PolicySource; readonly beside: ReadonlyMap<string, string>; readonly signers: string | undefined }

// What the folder reader takes from a checkout; the two must agree, or a commit and its checkout would be two policies.
const parts = ['policy', 'data', 'schema']
const extensions = ['.rego', '.json', '.yaml', '.yml']
const maxFiles = 8_192
const maxDepth = 32
const maxAncestors = 10_000

/**
 * Undefined where `path` is no repository or has no such revision.
 * @param named a branch, tag, commit or start of one, and `~n` or `^` after it
 * @throws EvidenceError `ERR_EVIDENCE_REPLAY` when it cannot be read
 */
export async function readRevision(path: string, named: string): Promise<RevisionSource | undefined> {
  const { own, gitdir } = foldersOf(path)
  const name = named.replace(/[~^].*$/, '')
  if (!fs.existsSync(join(gitdir, 'objects'))) return undefined
  const repository = new GitRepository(gitdir)
  try {
    const found = await idOf(repository, gitdir, name === 'HEAD' ? headOf(own) : name)
    if (found === undefined) return undefined
    const revision = ancestor(repository, found, steps(named))
    return { revision, ...sourceOf(repository, commitOf(repository, revision).tree) }
  } catch (cause) {
    if (cause instanceof FalseClaim) throw new EvidenceError('ERR_EVIDENCE_REPLAY', `${path}: ${named}: ${cause.message}; a shallow clone may lack it (fetch-depth: 0)`, { cause })
    throw cause
  } finally {
    repository.close()
  }
}

/** `.git` of a linked worktree is a file that says where its own HEAD is; objects and refs are those of all (gitrepository-layout(5)). */
function foldersOf(path: string): { readonly own: string; readonly gitdir: string } {
  const dot = join(path, '.git')
  const found = fs.statSync(dot, { throwIfNoEntry: false })
  const own = found === undefined ? path : found.isFile() ? resolve(path, lineOf(dot).replace(/^gitdir: /, '')) : dot
  const shared = join(own, 'commondir')
  return { own, gitdir: fs.existsSync(shared) ? resolve(own, lineOf(shared)) : own }
}

/** What HEAD names; `HEAD` itself where that cannot be read. */
function headOf(own: string): string {
  const file = join(own, 'HEAD')
  return fs.existsSync(file) ? lineOf(file).replace(/^ref: /, '') : 'HEAD'
}

const lineOf = (file: string): string => fs.readFileSync(file, 'utf8').split('\n', 1)[0] ?? ''

/**
 * Git would take one of two that are called the same. Whoever may push a tag could so call the pull request's commit as base's branch, and nothing
 * would differ: what is more than one commit is refused.
 */
async function idOf(repository: GitRepository, gitdir: string, name: string): Promise<string | undefined> {
  // A whole id is a commit, whether it is here or not: nothing else may come to stand for it.
  if (/^[0-9a-f]{40}$/.test(name)) return name
  const refs = name.startsWith('refs/') ? [name] : [`refs/${name}`, `refs/tags/${name}`, `refs/heads/${name}`, `refs/remotes/${name}`]
  const found: (readonly [what: string, id: string])[] = []
  for (const ref of refs) {
    const id = await exactly(gitdir, ref)
    if (id !== undefined) found.push([ref, id])
  }
  const started = /^[0-9a-f]{4,39}$/.test(name) ? await git.expandOid({ fs, gitdir, oid: name }).catch(() => undefined) : undefined
  if (started !== undefined) found.push([`commit ${started}`, started])
  // A checkout of a pull request has the others' branches only as origin's: without this, a tag would be all that is called so.
  const origins = `refs/remotes/origin/${name}`
  const theirs = found.some(([ref]) => ref === `refs/heads/${name}`) ? undefined : await exactly(gitdir, origins)
  if (theirs !== undefined) found.push([origins, theirs])
  const [first] = found
  if (first === undefined) return undefined
  const others = found.slice(1).filter(([, id]) => id !== first[1])
  if (others.length > 0 && new Set([first, ...others].map(([, id]) => commitOf(repository, id).revision)).size > 1) throw new EvidenceError('ERR_EVIDENCE_REPLAY', `${JSON.stringify(name)} is more than one commit: ${found.map(([what]) => what).join(', ')}`)
  return first[1]
}

/** This ref and no other of the same name. */
async function exactly(gitdir: string, ref: string): Promise<string | undefined> {
  const [, folder = '', name = ''] = /^(refs\/.*)\/([^/]+)$/.exec(ref) ?? []
  if (folder === '' || ref.includes('..') || !(await git.listRefs({ fs, gitdir, filepath: folder })).includes(name)) return undefined
  const id = await git.resolveRef({ fs, gitdir, ref }).catch(() => undefined)
  return id !== undefined && /^[0-9a-f]{40}$/.test(id) ? id : undefined
}

/** First-parent steps back: `~3`, `^^`, `~1^`. */
function steps(named: string): number {
  let count = 0
  for (const [, mark, digits] of named.matchAll(/([~^])(\d*)/g)) count += mark === '~' && digits !== '' ? Number(digits) : 1
  return count
}

function ancestor(repository: GitRepository, from: string, back: number): string {
  if (back > maxAncestors) throw new EvidenceError('ERR_EVIDENCE_REPLAY', `more than ${maxAncestors} commits back`)
  let { revision, parent } = commitOf(repository, from)
  for (let step = 0; step < back; step++) {
    if (parent === undefined) throw new EvidenceError('ERR_EVIDENCE_REPLAY', `${from} has no commit ${back} before it`)
    ;({ revision, parent } = commitOf(repository, parent))
  }
  return revision
}

/** The commit itself, or the one that an annotated tag names. */
function commitOf(repository: GitRepository, id: string): { readonly revision: string; readonly tree: string; readonly parent: string | undefined } {
  const header = (type: 'commit' | 'tag', field: 'tree' | 'parent' | 'object'): string | undefined => {
    const lines = Buffer.from(repository.read(id, type)).toString('latin1').split('\n\n', 1)[0]?.split('\n') ?? []
    return lines.find((line) => line.startsWith(`${field} `))?.slice(field.length + 1)
  }
  let tree: string | undefined
  try {
    tree = header('commit', 'tree')
  } catch (cause) {
    const tagged = cause instanceof FalseClaim && cause.message.includes('is a tag') ? header('tag', 'object') : undefined
    if (tagged === undefined) throw cause
    return commitOf(repository, tagged)
  }
  if (tree === undefined) throw new FalseClaim('git.object', `commit ${id} has no tree`)
  return { revision: id, tree, parent: header('commit', 'parent') }
}

function sourceOf(repository: GitRepository, root: string): Omit<RevisionSource, 'revision'> {
  const blobs = new Map<string, string>()
  const walk = (tree: string, prefix: string, depth: number): void => {
    if (depth > maxDepth) throw new FalseClaim('git.object', `folders deeper than ${maxDepth}`)
    for (const { mode, name, id } of repository.tree(tree)) {
      const path = `${prefix}${Buffer.from(name, 'latin1').toString('utf8')}`
      const isPart = parts.some((part) => path.startsWith(`${part}/`))
      if (isPart && mode !== '40000' && isHiddenPolicyFile(path)) throw new EvidenceError('ERR_EVIDENCE_REPLAY', `${JSON.stringify(path)} is policy where no review looks for any: a gateway refuses it`)
      if (mode === '40000') { if (isPart || (name !== 'node_modules' && name !== '.git')) walk(id, `${path}/`, depth + 1) }
      // Links and submodules are no policy: they count as what stands beside it.
      else blobs.set(path, mode.startsWith('100') ? id : `${mode} ${id}`)
      if (blobs.size > maxFiles) throw new FalseClaim('git.object', `more than ${maxFiles} files`)
    }
  }
  walk(root, '', 0)
  const hasParts = [...blobs.keys()].some((path) => path.startsWith('policy/'))
  const isPolicy = (path: string): boolean => extensions.some((extension) => path.endsWith(extension)) && (!hasParts || parts.some((part) => path.startsWith(`${part}/`)))
  const read = (id: string): Uint8Array => repository.read(id, 'blob')
  const files = new Map([...blobs].filter(([path, id]) => isPolicy(path) && !id.includes(' ')).map(([path, id]) => [path, read(id)]))
  if (![...files.keys()].some((path) => path.endsWith('.rego'))) throw new EvidenceError('ERR_EVIDENCE_REPLAY', 'the revision has no .rego file')
  const signers = blobs.get('allowed_signers')
  return { files, beside: new Map([...blobs].filter(([path]) => !files.has(path))), signers: signers === undefined ? undefined : Buffer.from(read(signers)).toString('utf8') }
}
