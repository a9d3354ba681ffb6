// A bare Git repository read without Git: one ref, loose objects, packs. Every object is hashed against its id before use.
// Ids only find bytes; no verdict rests on them (FORMAT §8).
import { readdirSync } from 'node:fs'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { FalseClaim } from './finding.ts'
import { GitPack, maxGitObjectBytes } from './git-pack.ts'
import type { GitObject, GitType } from './git-pack.ts'
import { readRegularFile } from './regular-file.ts'

export interface TreeEntry { readonly mode: string; readonly name: string; readonly id: string }

const objectId = /^[0-9a-f]{40}$/
/** `commit 262144` and a zero byte, with room. */
const maxHeaderBytes = 32
const maxRefBytes = 4096
const maxPackedRefsBytes = 1024 * 1024
/** Far more than `git gc` ever leaves; each takes a file handle and its index's memory. */
const maxPacks = 512

export class GitRepository {
  readonly #path: string
  readonly #packs = new Map<string, GitPack>()

  /** @param path of the bare repository, e.g. `DIR/log.git` */
  constructor(path: string) {
    this.#path = path
    this.#scanPacks()
  }

  /** The commit a branch names, from its loose file or from packed-refs; undefined when there is none. Read once: it pins what is verified. */
  branch(name: string): string | undefined {
    const loose = readRegularFile(join(this.#path, 'refs', 'heads', name), maxRefBytes, 'git.ref')
    if (loose !== undefined) {
      const id = loose.toString('latin1').replace(/\n$/, '')
      if (!objectId.test(id)) throw new FalseClaim('git.ref', `refs/heads/${name} does not hold a commit id`)
      return id
    }
    const packed = readRegularFile(join(this.#path, 'packed-refs'), maxPackedRefsBytes, 'git.ref')
    for (const line of packed?.toString('utf8').split('\n') ?? []) {
      if (line.slice(41) === `refs/heads/${name}` && objectId.test(line.slice(0, 40))) return line.slice(0, 40)
    }
    return undefined
  }

  /** @param limit of its bytes: a delta of a few bytes may ask for any number. @throws FalseClaim `git.object`, `git.pack` when it is missing, damaged, larger or of another type */
  read(id: string, type: GitType, limit = maxGitObjectBytes): Uint8Array {
    const object = this.#find(Buffer.from(id, 'hex'), limit)
    if (object.type !== type) throw new FalseClaim('git.object', `${id} is a ${object.type}, not a ${type}`)
    const header = Buffer.from(`${object.type} ${object.bytes.length}\0`, 'latin1')
    if (hash('sha1', Buffer.concat([header, object.bytes]), 'hex') !== id) throw new FalseClaim('git.object', `${type} ${id} does not match its id`)
    return object.bytes
  }

  /** @throws FalseClaim `git.object` also when it has more entries */
  tree(id: string, maxEntries = Infinity): TreeEntry[] { return parseTree(this.read(id, 'tree'), id, maxEntries) }

  close(): void {
    for (const pack of this.#packs.values()) pack.close()
    this.#packs.clear()
  }

  #find(id: Uint8Array, limit: number): GitObject {
    const found = this.#packed(id, limit) ?? this.#loose(id, limit)
    if (found !== undefined) return found
    // A repack between our look and now moves loose objects into a new pack: look again once.
    this.#scanPacks()
    const moved = this.#packed(id, limit)
    if (moved === undefined) throw new FalseClaim('git.object', `${Buffer.from(id).toString('hex')} is missing`)
    return moved
  }

  #packed(id: Uint8Array, limit: number): GitObject | undefined {
    for (const pack of this.#packs.values()) {
      const found = pack.find(id, limit, (base) => this.#loose(base, limit) ?? fail(base))
      if (found !== undefined) return found
    }
    return undefined
  }

  #loose(id: Uint8Array, limit: number): GitObject | undefined {
    const name = Buffer.from(id).toString('hex')
    const deflated = readRegularFile(join(this.#path, 'objects', name.slice(0, 2), name.slice(2)), maxGitObjectBytes, 'git.object')
    if (deflated === undefined) return undefined
    let raw: Buffer
    let read: number
    try {
      const { buffer, engine } = inflateSync(deflated, { maxOutputLength: limit + maxHeaderBytes, info: true }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
      raw = buffer
      read = engine.bytesWritten
    } catch (cause) {
      const isLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE'
      throw new FalseClaim('git.object', isLarge ? `${name} is larger than allowed` : `${name} does not decompress`)
    }
    const end = raw.indexOf(0)
    const [type, size] = raw.toString('latin1', 0, Math.max(end, 0)).split(' ')
    const bytes = raw.subarray(end + 1)
    if (end < 0 || (type !== 'commit' && type !== 'tree' && type !== 'blob' && type !== 'tag') || size !== String(bytes.length)) throw new FalseClaim('git.object', `${name} has no Git header`)
    if (read !== deflated.length) throw new FalseClaim('git.object', `${name} has bytes after its end`)
    return { type, bytes }
  }

  #scanPacks(): void {
    const folder = join(this.#path, 'objects', 'pack')
    for (const file of listIfThere(folder)) {
      // As Git does: a pack is there once its index is, which a repack writes last and takes away first.
      if (!file.endsWith('.idx') || this.#packs.has(file)) continue
      if (this.#packs.size === maxPacks) throw new FalseClaim('git.pack', `there are more than ${maxPacks} packs: git gc makes them one`)
      const pack = GitPack.openIfThere(join(folder, file))
      if (pack !== undefined) this.#packs.set(file, pack)
    }
  }
}

function parseTree(bytes: Uint8Array, id: string, maxEntries: number): TreeEntry[] {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: TreeEntry[] = []
  let at = 0
  while (at < raw.length) {
    const space = raw.indexOf(0x20, at)
    const end = raw.indexOf(0, space)
    if (space < 0 || end < 0 || end + 21 > raw.length) throw new FalseClaim('git.object', `tree ${id} is malformed`)
    if (entries.length === maxEntries) throw new FalseClaim('git.object', `tree ${id} has more than ${maxEntries} entries`)
    entries.push({ mode: raw.toString('latin1', at, space), name: raw.toString('latin1', space + 1, end), id: raw.toString('hex', end + 1, end + 21) })
    at = end + 21
  }
  return entries
}

function fail(id: Uint8Array): never { throw new FalseClaim('git.object', `${Buffer.from(id).toString('hex')}, base of a delta, is missing`) }

function listIfThere(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (cause) {
    if (isAbsent(cause)) return []
    throw cause
  }
}

function isAbsent(cause: unknown): boolean { return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') }
