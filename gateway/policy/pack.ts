// Objects of a repository's packs (gitformat-pack), with their size known before anything is unpacked: whoever may push to a policy repository on this
// machine could leave a pack that unpacks to gigabytes in the gateway. An index is taken at its word; the caller hashes what it gets.
import { closeSync, existsSync, fstatSync, openSync, readSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import { applyDelta, deltaSizes } from './delta.ts'

const inflated = promisify(inflate)

/** `git gc` keeps to 50; Git itself goes no deeper than this. */
const maxDeltas = 4_095
/** Of one object on the way to another: the version of a file that it was made smaller from. */
const maxPartBytes = 16 * 1024 * 1024
/** All that is unpacked and put together for one object: fifty versions of the longest file. */
const maxChainBytes = 256 * 1024 * 1024
/** An entry's type and size, and where its base is. */
const maxEntryHeaderBytes = 32
const types: Readonly<Record<number, string>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' }
const ofsDelta = 6, refDelta = 7

interface Place { readonly pack: string; readonly offset: number }
interface Entry { readonly kind: number; readonly size: number; readonly begin: number; readonly base?: Place }

/**
 * @returns undefined: no pack has it
 * @throws Error where it is larger than `maxBytes`, takes more than the limits to put together, or is malformed
 */
export async function readPacked(gitdir: string, oid: string, maxBytes: number): Promise<{ readonly type: string; readonly bytes: Uint8Array } | undefined> {
  const folder = join(gitdir, 'objects', 'pack')
  let at = find(folder, oid)
  if (at === undefined) return undefined
  const deltas: Uint8Array[] = []
  let spent = 0
  const spend = (bytes: number): void => {
    spent += bytes
    if (spent > maxChainBytes) throw new Error(`more than ${maxChainBytes} bytes have to be unpacked for it: repack the repository`)
  }
  for (;;) {
    const entry = readEntry(folder, at)
    const limit = deltas.length === 0 && entry.base === undefined ? maxBytes : maxPartBytes
    if (entry.size > limit) throw new Error(`it is larger than ${limit} bytes`)
    spend(entry.size)
    const content = await unpack(at, entry)
    if (entry.base === undefined) {
      const type = types[entry.kind] ?? malformed()
      const bytes = deltas.reduceRight((base, delta) => { spend(deltaSizes(delta).result); return applyDelta(base, delta) }, content)
      return { type, bytes }
    }
    const { result } = deltaSizes(content)
    const most = deltas.length === 0 ? maxBytes : maxPartBytes
    if (result > most) throw new Error(`it is larger than ${most} bytes`)
    deltas.push(content)
    if (deltas.length > maxDeltas) throw new Error(`it is more than ${maxDeltas} deltas away from a whole object`)
    at = entry.base
  }
}

/** The first pack whose index names it. */
function find(folder: string, oid: string): Place | undefined {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!/^pack-[0-9a-f]{40}\.idx$/.test(name)) continue
    const offset = opened(join(folder, name), (file, size) => offsetOf(file, size, Buffer.from(oid, 'hex')))
    if (offset !== undefined) return { pack: join(folder, `${name.slice(0, -4)}.pack`), offset }
  }
  return undefined
}

/** gitformat-pack, version 2: a fan-out of 256, the ids in order, a checksum each, an offset each, and 8-byte offsets for packs over 2 GiB. */
function offsetOf(file: number, size: number, oid: Buffer): number | undefined {
  const head = at(file, 0, 8)
  if (head.readUInt32BE(0) !== 0xff744f63 || head.readUInt32BE(4) !== 2) return undefined
  const first = oid[0] ?? 0
  const count = at(file, 8 + 255 * 4, 4).readUInt32BE()
  const ids = 8 + 256 * 4
  let low = first === 0 ? 0 : at(file, 8 + (first - 1) * 4, 4).readUInt32BE()
  let high = at(file, 8 + first * 4, 4).readUInt32BE()
  if (high > count || ids + count * 28 > size) return malformed()
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = oid.compare(at(file, ids + middle * 20, 20))
    if (order === 0) {
      const offset = at(file, ids + count * 24 + middle * 4, 4).readUInt32BE()
      return offset < 0x8000_0000 ? offset : Number(at(file, ids + count * 28 + (offset - 0x8000_0000) * 8, 8).readBigUInt64BE())
    }
    if (order < 0) high = middle
    else low = middle + 1
  }
  return undefined
}

function readEntry(folder: string, { pack, offset }: Place): Entry {
  const head = opened(pack, (file, size) => at(file, offset, Math.min(maxEntryHeaderBytes, size - offset)))
  let next = 0
  const byte = (): number => head[next++] ?? malformed()
  let one = byte()
  const kind = (one >> 4) & 7
  let size = one & 15
  for (let scale = 16; (one & 0x80) !== 0; scale *= 128) { one = byte(); size += (one & 0x7f) * scale }
  if (!Number.isSafeInteger(size)) malformed()
  if (kind === ofsDelta) {
    one = byte()
    let back = one & 0x7f
    while ((one & 0x80) !== 0) { one = byte(); back = (back + 1) * 128 + (one & 0x7f) }
    if (back === 0 || back > offset) malformed()
    return { kind, size, begin: offset + next, base: { pack, offset: offset - back } }
  }
  if (kind !== refDelta) return { kind, size, begin: offset + next }
  const base = find(folder, head.toString('hex', next, next + 20)) ?? malformed()
  return { kind, size, begin: offset + next + 20, base }
}

/** Reads no more than deflate can make of `size` bytes, and unpacks no more than those. */
async function unpack({ pack }: Place, { size, begin }: Entry): Promise<Uint8Array> {
  const most = size + Math.ceil(size / 1000) + 1024
  const raw = opened(pack, (file, end) => at(file, begin, Math.min(most, end - begin)))
  const content = await inflated(raw, { maxOutputLength: Math.max(size, 1) })
  return content.length === size ? new Uint8Array(content.buffer, content.byteOffset, size) : malformed()
}

function opened<T>(path: string, use: (file: number, size: number) => T): T {
  const file = openSync(path, 'r')
  try {
    return use(file, fstatSync(file).size)
  } finally {
    closeSync(file)
  }
}

function at(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(length, 0))
  if (length <= 0 || readSync(file, bytes, 0, length, offset) !== length) return malformed()
  return bytes
}

function malformed(): never {
  throw new Error('its pack is malformed')
}
