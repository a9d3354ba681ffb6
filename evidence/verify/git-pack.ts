// One Git pack with its version 2 index, read without Git (gitformat-pack). Offsets and sizes come from a file that may lie: all are checked.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { createHash, hash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { FalseClaim } from './finding.ts'
import { applyDelta } from './git-delta.ts'
import { readRegularFile } from './regular-file.ts'

/** Trees of a leaf folder grow with the log (36 B an entry, a 256th of all batches); nothing else is near this. */
export const maxGitObjectBytes = 64 * 1024 * 1024
/** Thirty million objects. */
const maxIndexBytes = 1024 * 1024 * 1024
const maxDeltaDepth = 4096
/** Bytes of resolved objects kept as bases of later deltas. */
const maxCachedBytes = 32 * 1024 * 1024
/** Of one object and all that it is a delta of. */
const maxChainBytes = 256 * 1024 * 1024

export type GitType = 'commit' | 'tree' | 'blob' | 'tag'
export interface GitObject { readonly type: GitType; readonly bytes: Uint8Array }

const types: Readonly<Record<number, GitType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' }
const offsetDelta = 6
const refDelta = 7
const trailerBytes = 20
const chunkBytes = 1024 * 1024

export class GitPack {
  readonly #path: string
  readonly #index: Buffer
  readonly #count: number
  readonly #fd: number
  /** Where objects begin, rising, and at last the trailer: each object's bytes end where the next one's begin. */
  readonly #starts: Float64Array
  readonly #cache = new Map<number, GitObject>()
  #cachedBytes = 0

  /** @param indexPath of the `.idx`; its `.pack` lies beside it. undefined: a repack has taken either away. @throws FalseClaim `git.pack` */
  static openIfThere(indexPath: string): GitPack | undefined {
    const index = readRegularFile(indexPath, maxIndexBytes, 'git.pack')
    if (index === undefined) return undefined
    const path = indexPath.replace(/\.idx$/, '.pack')
    let fd: number
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)   // a FIFO is not waited for
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
      throw cause
    }
    try {
      return new GitPack(path, index, fd)
    } catch (cause) {
      closeSync(fd)
      throw cause
    }
  }

  private constructor(path: string, index: Buffer, fd: number) {
    this.#path = path
    this.#index = index
    this.#fd = fd
    this.#count = this.#checkIndex()
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw this.#lie('it is not a file')
    const { size } = stat
    const header = this.#read(0, 12)
    const trailer = this.#read(size - trailerBytes, trailerBytes)
    if (!this.#checksum(size - trailerBytes).equals(trailer)) throw this.#lie('it does not match its own checksum')
    if (header.toString('latin1', 0, 4) !== 'PACK' || header.readUInt32BE(4) !== 2 || header.readUInt32BE(8) !== this.#count) throw this.#lie('its header is not that of its index')
    if (!trailer.equals(this.#index.subarray(this.#index.length - 2 * trailerBytes, this.#index.length - trailerBytes))) throw this.#lie('its checksum is not that of its index')
    this.#starts = new Float64Array(this.#count + 1)
    for (let i = 0; i < this.#count; i++) this.#starts[i] = this.#offset(i)
    this.#starts[this.#count] = size - trailerBytes
    if (this.#starts.sort()[this.#count] !== size - trailerBytes) throw this.#lie('its index points outside')
  }

  /** The object with this id (20 bytes), or undefined when the pack has none. `base` finds bases that lie elsewhere. @throws FalseClaim `git.pack` also when it is larger than `limit` */
  find(id: Uint8Array, limit: number, base: (id: Uint8Array) => GitObject): GitObject | undefined {
    const position = this.#position(id)
    return position < 0 ? undefined : this.#resolve(this.#offset(position), limit, base)
  }

  close(): void { closeSync(this.#fd) }

  /** Follows deltas down to a whole object, then applies them upwards: no recursion, so no depth a file could choose. */
  #resolve(start: number, limit: number, elsewhere: (id: Uint8Array) => GitObject): GitObject {
    const deltas: { readonly offset: number; readonly bytes: Uint8Array }[] = []
    let offset = start
    let found = this.#cache.get(offset)
    while (found === undefined) {
      const entry = this.#entry(offset, limit)
      if (entry.type !== undefined) { found = { type: entry.type, bytes: entry.bytes }; this.#keep(offset, found); break }
      if (deltas.push({ offset, bytes: entry.bytes }) > maxDeltaDepth) throw this.#lie('a chain of deltas is too long')
      if (entry.baseOffset !== undefined) offset = entry.baseOffset
      else {
        const position = this.#position(entry.baseId)
        if (position < 0) { found = elsewhere(entry.baseId); break }
        offset = this.#offset(position)
      }
      found = this.#cache.get(offset)
    }
    let made = 0
    for (const delta of deltas.reverse()) {
      found = { type: found.type, bytes: applyDelta(found.bytes, delta.bytes, limit) }
      made += found.bytes.length
      if (made > maxChainBytes) throw this.#lie('a chain of deltas is larger than allowed')
      this.#keep(delta.offset, found)
    }
    if (found.bytes.length > limit) throw this.#lie(`the object at ${start} is larger than allowed`)
    return found
  }

  #entry(offset: number, limit: number): { readonly type: GitType; readonly bytes: Uint8Array } | { readonly type?: undefined; readonly bytes: Uint8Array } & ({ readonly baseOffset: number } | { readonly baseOffset?: undefined; readonly baseId: Uint8Array }) {
    const raw = this.#read(offset, this.#endOf(offset) - offset)
    let at = 0
    const next = (): number => {
      const byte = raw[at++]
      if (byte === undefined) throw this.#lie(`the object at ${offset} is cut short`)
      return byte
    }
    let byte = next()
    const kind = (byte >> 4) & 7
    let size = byte & 15
    for (let scale = 16; byte & 0x80; scale *= 128) {
      byte = next()
      size += (byte & 0x7f) * scale
      if (size > limit) throw this.#lie(`the object at ${offset} is larger than allowed`)
    }
    if (kind === offsetDelta) {
      byte = next()
      let distance = byte & 0x7f
      while (byte & 0x80) { byte = next(); distance = (distance + 1) * 128 + (byte & 0x7f) }
      if (distance <= 0 || distance > offset) throw this.#lie(`the delta at ${offset} points outside`)
      return { bytes: this.#inflate(raw.subarray(at), size, offset), baseOffset: offset - distance }
    }
    if (kind === refDelta) {
      const baseId = raw.subarray(at, at + 20)
      return { bytes: this.#inflate(raw.subarray(at + 20), size, offset), baseId }
    }
    const type = types[kind]
    if (type === undefined) throw this.#lie(`the object at ${offset} is of no known type`)
    return { type, bytes: this.#inflate(raw.subarray(at), size, offset) }
  }

  #inflate(deflated: Uint8Array, size: number, offset: number): Uint8Array {
    let bytes: Uint8Array
    try {
      bytes = inflateSync(deflated, { maxOutputLength: Math.max(size, 1) })
    } catch {
      throw this.#lie(`the object at ${offset} does not decompress`)
    }
    if (bytes.length !== size) throw this.#lie(`the object at ${offset} is not as long as it says`)
    return bytes
  }

  #keep(offset: number, object: GitObject): void {
    this.#cache.set(offset, object)
    this.#cachedBytes += object.bytes.length
    for (const [oldest, { bytes }] of this.#cache) {
      if (this.#cachedBytes <= maxCachedBytes) break
      this.#cache.delete(oldest)
      this.#cachedBytes -= bytes.length
    }
  }

  #read(offset: number, length: number): Buffer {
    if (offset < 0 || length < 0 || length > maxGitObjectBytes) throw this.#lie('it is cut short or its index points outside')
    const bytes = Buffer.allocUnsafe(length)
    if (readSync(this.#fd, bytes, 0, length, offset) !== length) throw this.#lie('it is cut short')
    return bytes
  }

  #checksum(end: number): Buffer {
    const sum = createHash('sha1')
    for (let at = 0; at < end; at += chunkBytes) sum.update(this.#read(at, Math.min(chunkBytes, end - at)))
    return sum.digest()
  }

  /** Index v2: magic, fan-out of 256, ids, CRCs, 31-bit offsets, 63-bit offsets, pack checksum, own checksum. */
  #checkIndex(): number {
    const index = this.#index
    const body = index.subarray(0, Math.max(0, index.length - trailerBytes))
    if (index.length < 8 + 1024 + 2 * trailerBytes || index.readUInt32BE(0) !== 0xff744f63 || index.readUInt32BE(4) !== 2) throw this.#lie('its index is not of version 2')
    if (!hash('sha1', body, 'buffer').equals(index.subarray(body.length))) throw this.#lie('its index does not match its own checksum')
    const count = index.readUInt32BE(8 + 255 * 4)
    if (index.length < 8 + 1024 + count * 28 + 2 * trailerBytes) throw this.#lie('its index is cut short')
    for (let i = 1; i < 256; i++) if (index.readUInt32BE(8 + i * 4) < index.readUInt32BE(8 + (i - 1) * 4)) throw this.#lie('its index has a fan-out that falls')
    return count
  }

  /** Where the object ends that begins at `offset`. */
  #endOf(offset: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#starts[middle] ?? 0) < offset) low = middle + 1
      else high = middle
    }
    if (low === this.#count || this.#starts[low] !== offset) throw this.#lie(`no object starts at ${offset}`)
    return this.#starts[low + 1] ?? 0
  }

  #position(id: Uint8Array): number {
    const first = id[0] ?? 0
    let low = first === 0 ? 0 : this.#index.readUInt32BE(8 + (first - 1) * 4)
    let high = this.#index.readUInt32BE(8 + first * 4)
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = 8 + 1024 + middle * 20
      const order = this.#index.compare(id, 0, 20, at, at + 20)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return -1
  }

  #offset(position: number): number {
    const small = this.#index.readUInt32BE(8 + 1024 + this.#count * 24 + position * 4)
    if (small < 0x8000_0000) return small
    const at = 8 + 1024 + this.#count * 28 + (small - 0x8000_0000) * 8
    if (at + 8 > this.#index.length - 2 * trailerBytes) throw this.#lie('its index points outside')
    return Number(this.#index.readBigUInt64BE(at))
  }

  #lie(what: string): FalseClaim { return new FalseClaim('git.pack', `${this.#path}: ${what}`) }
}
