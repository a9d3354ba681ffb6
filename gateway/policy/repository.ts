// The policy repository: which commit is policy, who signed it, and what is in it. Read-only; refs are read through isomorphic-git, objects
// here (pack.ts; a mirror's by Git, cat-file.ts) and hashed: a pack's index is taken at its word, so whoever may write the repository could put
// other bytes under a signed name. Commits and trees are parsed here, too (isomorphic-git's `payload` is wrong for SSH signatures).
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import git from 'isomorphic-git'
import { isHiddenPolicyFile, sourceDigest } from '../../rego/index.ts'
import { GatewayError } from '../errors.ts'
import { readPacked } from './pack.ts'
import { maxEndorsementBytes } from './statement.ts'
import { activationRefs, maxOthers, namesToRead } from './statement-refs.ts'

const maxCommitBytes = 64 * 1024
/** Of an object in a file of its own: its header, and what deflate adds to what it cannot compress. */
const maxLooseOverhead = 4 * 1024
const maxTreeObjectBytes = 1024 * 1024
const maxFiles = 4_096
const maxFileBytes = 4 * 1024 * 1024
const maxTreeBytes = 16 * 1024 * 1024
const maxDepth = 16
/** First-parent commits that are counted for the serial. */
const maxHistory = 200_000

export interface PolicyCommit {
  readonly revision: string
  readonly tree: string
  readonly parents: readonly string[]
  /** ms, the committer's claim */
  readonly time: number
  /** Armoured; undefined: unsigned */
  readonly signature: string | undefined
  /** What was signed: the commit without its gpgsig header. */
  readonly signed: Uint8Array
}

/** What a commit says, by path. */
export interface PolicyTree {
  /** `policy/**`, `data/**`, `schema/**` */
  readonly source: ReadonlyMap<string, Uint8Array>
  readonly config: string
  /** The signers of what comes after it; undefined: as before. */
  readonly allowedSigners: string | undefined
  /** hex SHA-256 of all of it, as a statement names it. */
  readonly digest: string
}

export type ObjectType = 'commit' | 'tree' | 'blob'
/** Type and content of an object; rejects where it is absent or larger than `maxBytes`. The caller hashes it. */
export type ReadObject = (oid: string, maxBytes: number) => Promise<{ readonly type: string; readonly bytes: Uint8Array }>

/** Of a repository elsewhere: how its mirror on this machine is kept. */
export interface Outside {
  /** @throws GatewayError ERR_POLICY_REMOTE: what the mirror has, it keeps */
  readonly refresh: (mayNeed: readonly string[], keys: readonly string[]) => Promise<void>
  readonly read: ReadObject
}

export interface PolicyRepository {
  readonly isRemote: boolean
  /**
   * Fetches, where it lies elsewhere.
   * @param endorsed commits whose new signatures are wanted, besides the head's
   * @param keys of all who may sign: their statements are taken first
   * @throws GatewayError ERR_POLICY_REMOTE
   */
  refresh(endorsed: readonly string[], keys?: readonly string[]): Promise<void>
  /** @throws GatewayError ERR_POLICY_REPOSITORY */
  head(): Promise<string>
  readCommit(revision: string): Promise<PolicyCommit>
  readTree(commit: PolicyCommit): Promise<PolicyTree>
  /** Commits on the first-parent line, itself included, and whether `known` is among them; `known` counts as its serial and ends the walk. */
  countCommits(commit: PolicyCommit, known?: { readonly revision: string; readonly serial: number }): Promise<{ readonly count: number; readonly isAfterKnown: boolean }>
  /** Files below `refs/countersign/activations/<revision>/`, those under the names of `keys` first, and what could not be taken for one. */
  endorsements(revision: string, keys?: readonly string[]): Promise<{ readonly files: readonly Uint8Array[]; readonly notes: readonly string[] }>
}

const sourceFolders = ['policy', 'data', 'schema'] as const

/**
 * @param path a bare repository, or a checkout
 * @param outside where `path` is the mirror of a repository elsewhere
 */
export function createPolicyRepository(path: string, ref: string, outside?: Outside): PolicyRepository {
  const gitdirOf = (): string => fs.existsSync(join(path, '.git')) ? join(path, '.git') : path
  const wrong = (what: string, cause?: unknown): GatewayError => new GatewayError('ERR_POLICY_REPOSITORY', `policy repository ${path}: ${what}`, { cause })

  const read: ReadObject = outside?.read ?? (async (oid, maxBytes) => {
    const loose = readLoose(gitdirOf(), oid, maxBytes)
    if (loose !== undefined) return loose
    return await readPacked(gitdirOf(), oid, maxBytes) ?? fail(wrong(`there is no ${oid}`))
  })

  async function readObject(oid: string, type: ObjectType, maxBytes: number): Promise<Uint8Array> {
    if (!/^[0-9a-f]{40}$/.test(oid)) throw wrong(`a ${type} is named by something that is no id`)   // Git would take an expression
    const found = await read(oid, maxBytes).catch((cause: unknown) => { throw wrong(`${type} ${oid} cannot be read`, cause) })
    if (found.type !== type) throw wrong(`${oid} is no ${type}`)
    if (found.bytes.length > maxBytes) throw wrong(`${type} ${oid} is larger than ${maxBytes} bytes`)
    if (createHash('sha1').update(`${type} ${found.bytes.length}\0`).update(found.bytes).digest('hex') !== oid) throw wrong(`${type} ${oid} does not match its id`)
    return found.bytes
  }

  async function readCommit(revision: string): Promise<PolicyCommit> {
    const bytes = await readObject(revision, 'commit', maxCommitBytes)
    return parseCommit(revision, bytes) ?? fail(wrong(`commit ${revision} is malformed`))
  }

  return {
    isRemote: outside !== undefined,
    refresh: async (endorsed, keys = []) => { await outside?.refresh(endorsed, keys) },
    async head() {
      return await git.resolveRef({ fs, gitdir: gitdirOf(), ref }).catch((cause: unknown) => { throw wrong(`${ref} does not exist`, cause) })
    },
    readCommit,
    async readTree({ tree }) {
      const files = new Map<string, Uint8Array>()
      let bytes = 0
      const take = async (path: string, oid: string): Promise<void> => {
        const content = await readObject(oid, 'blob', maxFileBytes)
        bytes += content.length
        if (bytes > maxTreeBytes || files.size >= maxFiles) throw wrong('the policy source is larger than allowed')
        files.set(path, content)
      }
      const walk = async (oid: string, prefix: string, depth: number): Promise<void> => {
        if (depth > maxDepth) throw wrong(`${prefix} is nested too deep`)
        const entries = parseTree(await readObject(oid, 'tree', maxTreeObjectBytes)) ?? fail(wrong(`tree ${oid} is malformed`))
        for (const { name, mode, oid: child } of entries) {
          const at = prefix === '' ? name : `${prefix}/${name}`
          const isWanted = prefix !== '' || (sourceFolders as readonly string[]).includes(name) || name === 'config.yaml' || name === 'allowed_signers'
          if (!isWanted) continue
          if (mode !== '40000' && prefix !== '' && isHiddenPolicyFile(at)) throw wrong(`${JSON.stringify(at)} is policy where no review looks for any`)
          const isFolder = mode === '40000', isFile = mode === '100644' || mode === '100755'
          // Rego in a folder called config.yaml would be policy where nobody looks for it.
          if ((isFolder || isFile) && prefix === '' && isFolder !== (sourceFolders as readonly string[]).includes(name)) throw wrong(`${at} is ${isFolder ? 'a folder' : 'a file'}`)
          if (isFolder) await walk(child, at, depth + 1)
          else if (isFile) await take(at, child)
          else throw wrong(`${at} is neither file nor folder: links and submodules are not policy`)
        }
      }
      await walk(tree, '', 0)
      const config = files.get('config.yaml')
      const signers = files.get('allowed_signers')
      if (config === undefined) throw wrong('the commit has no config.yaml')
      return {
        source: new Map([...files].filter(([name]) => name.includes('/'))),
        config: utf8(config, 'config.yaml'), allowedSigners: signers === undefined ? undefined : utf8(signers, 'allowed_signers'),
        digest: sourceDigest(files),
      }
    },
    async countCommits(commit, known) {
      let at = commit
      for (let count = 1; count <= maxHistory; count++) {
        if (known !== undefined && at.revision === known.revision) return { count: known.serial + count - 1, isAfterKnown: true }
        const [parent] = at.parents
        if (parent === undefined) return { count, isAfterKnown: false }
        at = await readCommit(parent)
      }
      throw wrong(`more than ${maxHistory} commits`)
    },
    async endorsements(revision, keys = []) {
      const gitdir = gitdirOf()
      const filepath = `${activationRefs}/${revision}`
      const { names, left } = namesToRead(await git.listRefs({ fs, gitdir, filepath }), keys)
      const files: Uint8Array[] = [], notes: string[] = []
      if (left > 0) notes.push(`only ${maxOthers} of ${maxOthers + left} statements that are under no signer's name were read`)
      for (const name of names) {
        try {
          files.push(await readObject(await git.resolveRef({ fs, gitdir, ref: `${filepath}/${name}` }), 'blob', maxEndorsementBytes))
        } catch {
          notes.push(`a statement is no file of at most ${maxEndorsementBytes} bytes`)   // anybody who may push can leave one; those who signed still count
        }
      }
      return { files, notes }
    },
  }

  function utf8(bytes: Uint8Array, name: string): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch (cause) {
      throw wrong(`${name} is not UTF-8`, cause)
    }
  }
}

/**
 * An object in a file of its own, as a small push leaves it: a megabyte there can unpack to a gigabyte.
 * @returns undefined: it is in a pack, or nowhere
 */
function readLoose(gitdir: string, oid: string, maxBytes: number): { readonly type: string; readonly bytes: Uint8Array } | undefined {
  const path = join(gitdir, 'objects', oid.slice(0, 2), oid.slice(2))
  const size = fs.statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) return undefined
  if (size > maxBytes + maxLooseOverhead) throw new Error(`it is larger than ${maxBytes} bytes`)
  const raw = inflateSync(fs.readFileSync(path), { maxOutputLength: maxBytes + maxLooseOverhead })   // throws past that
  const end = raw.indexOf(0)
  const [, type] = /^([a-z]+) \d{1,15}$/.exec(raw.toString('latin1', 0, Math.max(end, 0))) ?? []
  if (type === undefined) throw new Error('it is malformed')
  return { type, bytes: new Uint8Array(raw.subarray(end + 1)) }  // hashed by the caller, with its length
}

/** gitformat-commit: headers, a blank line, the message; a header goes on in lines that start with a space. */
export function parseCommit(revision: string, bytes: Uint8Array): PolicyCommit | undefined {
  const text = Buffer.from(bytes).toString('latin1')          // one character a byte: offsets stay true
  const end = text.indexOf('\n\n')
  if (end < 0) return undefined
  const headers = text.slice(0, end).split(/\n(?! )/)
  const values = (name: string): string[] => headers.filter((header) => header.startsWith(`${name} `)).map((header) => header.slice(name.length + 1))
  const [tree, ...moreTrees] = values('tree')
  const [committer, ...moreCommitters] = values('committer')
  const [signature, ...moreSignatures] = values('gpgsig')
  const seconds = committer === undefined ? undefined : /> (\d{1,12}) [+-]\d{4}$/.exec(committer)?.[1]
  // Two of a header: a reader could be shown one tree and check the other.
  if (tree === undefined || !/^[0-9a-f]{40}$/.test(tree) || seconds === undefined || moreTrees.length + moreCommitters.length + moreSignatures.length > 0) return undefined
  const unsigned = headers.filter((header) => !header.startsWith('gpgsig ')).join('\n') + text.slice(end)
  return {
    revision, tree, parents: values('parent'), time: Number(seconds) * 1000,
    signature: signature?.replaceAll('\n ', '\n'), signed: new Uint8Array(Buffer.from(unsigned, 'latin1')),
  }
}

interface TreeEntry { readonly mode: string; readonly name: string; readonly oid: string }

/** `<mode> <name>\0<20 bytes>` each; undefined for anything else, for names that mean another place, and where Git's order does not hold: its own tools show one of two then. */
function parseTree(bytes: Uint8Array): readonly TreeEntry[] | undefined {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries: TreeEntry[] = []
  const names = new Set<string>()
  let before = ''
  for (let at = 0; at < raw.length;) {
    const space = raw.indexOf(0x20, at)
    const end = raw.indexOf(0, at)
    if (space < at || end < space || end + 21 > raw.length) return undefined
    const name = raw.toString('utf8', space + 1, end)
    if (name === '' || name === '.' || name === '..' || /[/\\\ufffd]/.test(name)) return undefined
    const mode = raw.toString('latin1', at, space)
    const place = raw.toString('latin1', space + 1, end) + (mode === '40000' ? '/' : '')   // where Git sorts it, a character a byte
    if (place <= before || names.has(name)) return undefined
    before = place
    names.add(name)
    entries.push({ mode, name, oid: raw.toString('hex', end + 1, end + 21) })
    at = end + 21
  }
  return entries
}

function fail(error: GatewayError): never {
  throw error
}
