// Which commit a person means: what `git rev-parse --verify NAME^{commit}` takes (gitrevisions(7)), without a Git program, and nothing that
// could be two. Whoever may push can make a branch that is called as a tag or as the start of a commit: Git takes one of them, this takes none.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join, resolve } from 'node:path'
import git from 'isomorphic-git'
import { GatewayError } from '../errors.ts'
import { createPolicyRepository } from './repository.ts'

const maxNameChars = 256
const maxTagBytes = 64 * 1024
/** Tags of tags. */
const maxTags = 8
const maxStepsBack = 10_000
/** Objects that begin alike and are told apart by their types. */
const maxAlike = 64
const maxPointerBytes = 4_096
const wholeId = /^[0-9a-f]{40}$/

/** Where a repository's files are: a linked worktree has its own HEAD, and all else with the others. */
export interface GitFolders { readonly own: string; readonly common: string }

/**
 * @param path a bare repository, a checkout, or a linked worktree or submodule, whose `.git` is a file that says where
 * @throws GatewayError ERR_POLICY_REPOSITORY
 */
export function gitFolders(path: string): GitFolders {
  const dot = join(path, '.git')
  const found = fs.statSync(dot, { throwIfNoEntry: false })
  const own = found === undefined ? path : found.isFile() ? resolve(path, pointer(path, dot, 'gitdir: ')) : dot
  const shared = join(own, 'commondir')
  const common = fs.existsSync(shared) ? resolve(own, pointer(path, shared, '')) : own
  if (!fs.existsSync(join(common, 'objects'))) throw wrong(path, common === path ? 'it is no Git repository' : `there is no Git repository at ${common}`)
  return { own, common }
}

/**
 * @param named full id, start of one (4 digits or more), branch, tag, remote branch, `HEAD` or `@`; behind it any of `~`, `~n`, `^`, `^n`, `^{}`, `^{commit}`
 * @returns the id of a commit whose bytes match it
 * @throws GatewayError ERR_POLICY_REPOSITORY that says what the name stands for, if for anything
 */
export async function resolveCommit(path: string, folders: GitFolders, named: string): Promise<string> {
  const name = named.replace(/[~^].*$/s, '')
  const suffix = named.slice(name.length)
  if (named.length > maxNameChars || !isName(name) || !/^(?:[~^]\d{0,5}|\^\{\}|\^\{commit\})*$/.test(suffix)) throw wrong(path, `${JSON.stringify(named.slice(0, maxNameChars))} is not understood: name a commit, a branch or a tag, and ~n or ^n behind it`)
  const repository = createPolicyRepository(folders.common, 'HEAD')
  let at = await commitNamed(path, folders, name)
  let steps = 0
  for (const [, mark, digits = ''] of suffix.matchAll(/([~^])(\d*)(?!\{)/g)) {
    const count = digits === '' ? 1 : Number(digits)
    // `^2` is the second parent, `~2` the first one's first.
    const [times, parent] = mark === '~' ? [count, 1] : [count === 0 ? 0 : 1, count]
    for (let step = 0; step < times; step++) {
      if (++steps > maxStepsBack) throw wrong(path, `${JSON.stringify(named)} is more than ${maxStepsBack} commits back`)
      const before: string | undefined = (await repository.readCommit(at)).parents[parent - 1]
      if (before === undefined) throw wrong(path, `${JSON.stringify(named)}: commit ${at} has no parent ${parent}`)
      at = before
    }
  }
  await repository.readCommit(at)
  return at
}

async function commitNamed(path: string, { own, common }: GitFolders, name: string): Promise<string> {
  if (wholeId.test(name)) return await commitOf(path, common, name, name)
  if (name === 'HEAD' || name === '@') return await commitOf(path, common, name, await headOf(path, own, common))
  const found: { readonly what: string; readonly commit: string }[] = []
  for (const ref of [name, `refs/${name}`, `refs/tags/${name}`, `refs/heads/${name}`, `refs/remotes/${name}`, `refs/remotes/${name}/HEAD`]) {
    const id = ref.startsWith('refs/') ? await idOf(common, ref) : undefined
    if (id !== undefined) found.push({ what: ref, commit: await commitOf(path, common, ref, id) })
  }
  for (const id of /^[0-9a-f]{4,39}$/.test(name) ? await alike(path, common, name) : []) found.push({ what: `commit ${id}`, commit: await commitOf(path, common, name, id) })
  const [first] = found
  if (first === undefined) throw wrong(path, `${JSON.stringify(name)} is no commit, branch or tag of it`)
  if (found.some(({ commit }) => commit !== first.commit)) throw wrong(path, `${JSON.stringify(name)} is more than one commit: ${found.map(({ what }) => what).join(', ')}`)
  return first.commit
}

/** This ref and no other: isomorphic-git's own look-up would go on to a branch of the same name. */
async function idOf(common: string, ref: string): Promise<string | undefined> {
  const [, folder = '', name = ''] = /^(.*)\/([^/]+)$/.exec(ref) ?? []
  if (!(await git.listRefs({ fs, gitdir: common, filepath: folder })).includes(name)) return undefined
  return await git.resolveRef({ fs, gitdir: common, ref }).catch(() => undefined)
}

async function headOf(path: string, own: string, common: string): Promise<string> {
  const head = pointer(path, join(own, 'HEAD'), '')
  const ref = head.startsWith('ref: ') ? head.slice('ref: '.length) : undefined
  const id = ref === undefined ? head : isName(ref) ? await idOf(common, ref) : undefined
  if (id === undefined || !wholeId.test(id)) throw wrong(path, 'HEAD names no commit yet')
  return id
}

/** Commits and tags that begin so: what Git looks among, too, where a commit is asked for. */
async function alike(path: string, common: string, start: string): Promise<readonly string[]> {
  const ids = await git.expandOid({ fs, gitdir: common, oid: start }).then((id) => [id], (cause: unknown) => cause instanceof git.Errors.AmbiguousError ? cause.data.matches : [])
  if (ids.length > maxAlike) throw wrong(path, `${JSON.stringify(start)} is the start of more than ${maxAlike} objects: say more of it`)
  const found: string[] = []
  for (const id of ids) if (['commit', 'tag'].includes((await objectOf(path, common, id)).type)) found.push(id)
  return found
}

/** The commit itself, or the one that an annotated tag names. */
async function commitOf(path: string, common: string, name: string, id: string): Promise<string> {
  let at = id
  for (let tags = 0; tags <= maxTags; tags++) {
    const { type, bytes } = await objectOf(path, common, at)
    if (type === 'commit') return at
    if (type !== 'tag') throw wrong(path, `${JSON.stringify(name)} is a ${type}, not a commit`)
    // Of a tag nobody has looked at the bytes yet; the commit's are hashed where it is read.
    if (bytes.length > maxTagBytes || createHash('sha1').update(`tag ${bytes.length}\0`).update(bytes).digest('hex') !== at) throw wrong(path, `tag ${at} does not match its id`)
    const [, object] = /^object ([0-9a-f]{40})\n/.exec(Buffer.from(bytes).toString('latin1')) ?? []
    if (object === undefined) throw wrong(path, `tag ${at} is malformed`)
    at = object
  }
  throw wrong(path, `${JSON.stringify(name)} is a tag of more than ${maxTags} tags`)
}

async function objectOf(path: string, common: string, oid: string): Promise<{ readonly type: string; readonly bytes: Uint8Array }> {
  const { type, object } = await git.readObject({ fs, gitdir: common, oid, format: 'content' }).catch((cause: unknown) => { throw wrong(path, `${oid} is not in it; a shallow clone may lack it`, cause) })
  return { type, bytes: object instanceof Uint8Array ? object : new Uint8Array(0) }
}

/** A line that says where something is. */
function pointer(path: string, file: string, prefix: string): string {
  const text = (fs.statSync(file, { throwIfNoEntry: false })?.size ?? Infinity) > maxPointerBytes ? '' : fs.readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  if (!text.startsWith(prefix) || text.length === prefix.length || /[\0\n]/.test(text)) throw wrong(path, `${file} does not say where its repository is`)
  return text.slice(prefix.length)
}

/** git-check-ref-format(1), as far as a name could mean another file or another thing. */
function isName(name: string): boolean {
  return name !== '' && !/\.\.|@\{|[\0- \x7f~^:?*[\\]|^[-/]|\/\/|\/$|\.lock$/.test(name)
}

function wrong(path: string, what: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_POLICY_REPOSITORY', `policy repository ${path}: ${what}`, { cause })
}
