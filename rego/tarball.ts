// The one shape of tar.gz that OPA's bundle writer makes, and nothing else: one gzip member (RFC 1952) around plain ustar files
// (POSIX.1-1988). What two readers could take differently is refused: links, repeats, odd names, a second member, anything behind the end.
import { crc32, gzipSync, inflateRawSync } from 'node:zlib'
import { PolicyError } from './errors.ts'

/** Of the archive, packed and unpacked. */
export const maxBundleBytes = 16_777_216
const maxFiles = 1_024
const blockBytes = 512
const gzipHeaderBytes = 10
const gzipTrailerBytes = 8

/**
 * Files by name, without the leading slash that OPA writes.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`
 */
export function readTarball(bytes: Uint8Array): Map<string, Uint8Array> {
  const tar = unpackTarball(bytes)
  const files = new Map<string, Uint8Array>()
  const folded = new Set<string>()
  let at = 0
  while (!isZero(tar, at, at + blockBytes)) {
    const { name, size } = readHeader(tar, at)
    // Two names that one file system would merge are one name.
    if (folded.has(name.toLowerCase())) throw malformed(`${name} is in it twice`)
    folded.add(name.toLowerCase())
    if (files.size === maxFiles) throw malformed(`it has more than ${maxFiles} files`)
    const start = at + blockBytes
    const end = start + size
    at = start + Math.ceil(size / blockBytes) * blockBytes
    if (at > tar.length || !isZero(tar, end, at)) throw malformed(`${name} is cut short or padded with data`)
    files.set(name, tar.subarray(start, end))
  }
  if (tar.length !== at + 2 * blockBytes || !isZero(tar, at, tar.length)) throw malformed('it does not end with two empty blocks')
  return files
}

/**
 * The same shape, as OPA's writer has it: names with a slash before them, no times, no owners. Of the same files one Node makes the
 * same bytes; another Node's zlib may pack them differently.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED` where it would not be read again
 */
export function writeTarball(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const blocks: Uint8Array[] = []
  for (const [name, bytes] of files) blocks.push(writeHeader(readName(name), bytes.length), bytes, new Uint8Array((blockBytes - bytes.length % blockBytes) % blockBytes))
  const packed = gzipSync(Buffer.concat([...blocks, new Uint8Array(2 * blockBytes)]))
  // RFC 1952 §2.3.1: the system it was made on, which is nobody's concern.
  packed[9] = 255
  readTarball(packed)
  return packed
}

function writeHeader(name: string, size: number): Uint8Array {
  const header = Buffer.alloc(blockBytes)
  header.write(`/${name}`, 0, 100, 'latin1')
  header.write('0000600\0' + '0000000\0' + '0000000\0', 100)
  header.write(`${size.toString(8).padStart(11, '0')}\0` + '00000000000\0', 124)
  header.write('        0', 148)
  header.write('ustar\u000000', 257)
  header.write('0000000\0' + '0000000\0', 329)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** The tar in it. @throws PolicyError `ERR_BUNDLE_MALFORMED` */
export function unpackTarball(bytes: Uint8Array): Uint8Array {
  if (bytes.length > maxBundleBytes) throw malformed(`it is larger than ${maxBundleBytes} bytes`)
  // RFC 1952 §2.3: magic, deflate, and no flag, so no name, comment, extra field or header checksum.
  if (bytes.length < gzipHeaderBytes + gzipTrailerBytes || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8 || bytes[3] !== 0) throw malformed('it is not plain gzip')
  const body = bytes.subarray(gzipHeaderBytes)
  let tar: Uint8Array
  let used: number
  try {
    // With `info`, which Node's types leave out, the engine says how much of its input it took.
    const inflated = inflateRawSync(body, { maxOutputLength: maxBundleBytes, info: true }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } }
    tar = inflated.buffer
    used = inflated.engine.bytesWritten
  } catch (cause) {
    throw malformed(`it cannot be unpacked, or not into ${maxBundleBytes} bytes`, cause)
  }
  if (body.length !== used + gzipTrailerBytes) throw malformed('there is data behind its end')
  const trailer = new DataView(body.buffer, body.byteOffset + used, gzipTrailerBytes)
  if (trailer.getUint32(0, true) !== crc32(tar) || trailer.getUint32(4, true) !== tar.length) throw malformed('its checksum is wrong')
  return tar
}

function readHeader(tar: Uint8Array, at: number): { name: string; size: number } {
  if (at + blockBytes > tar.length) throw malformed('it is cut short')
  const header = tar.subarray(at, at + blockBytes)
  let sum = 0
  for (let i = 0; i < blockBytes; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i] ?? 0
  if (readOctal(header, 148, 8) !== sum) throw malformed('a header has a wrong checksum')
  if (readText(header, 257, 8) !== 'ustar\u000000') throw malformed('a header is not ustar')
  const prefix = readText(header, 345, 155)
  const name = readName(prefix === '' ? readText(header, 0, 100) : `${prefix}/${readText(header, 0, 100)}`)
  // '0': a regular file. Links, devices, folders and the pax and GNU extensions that rename files are all something else.
  if (header[156] !== 0x30) throw malformed(`${name} is not a plain file`)
  return { name, size: readOctal(header, 124, 12) }
}

function readName(text: string): string {
  const name = text.startsWith('/') ? text.slice(1) : text
  if (!/^[A-Za-z0-9._/-]+$/.test(name)) throw malformed('a file has an odd name')
  if (name.split('/').some(segment => segment === '' || segment === '.' || segment === '..')) throw malformed('a file has a name that walks')
  return name
}

function readText(header: Uint8Array, from: number, size: number): string {
  return Buffer.from(header.subarray(from, from + size)).toString('latin1').replace(/\0+$/, '')
}

function readOctal(header: Uint8Array, from: number, size: number): number {
  // Digits, then the space or NUL that ends them.
  const digits = /^([0-7]{1,11})[ \0]*$/.exec(readText(header, from, size))?.[1]
  if (digits === undefined) throw malformed('a header has a number that is not octal')
  return Number.parseInt(digits, 8)
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  if (to > bytes.length) return false
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}

function malformed(why: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_MALFORMED', `the bundle is malformed: ${why}`, { cause })
}
