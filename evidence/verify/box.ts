// Boxes of encrypted bodies (FORMAT §5): read, opened with a session key, and the commitments recomputed from what is inside.
import { createDecipheriv, hash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CborError, CborReader } from './cbor.ts'
import { FalseClaim } from './finding.ts'

/** FORMAT §2. */
const maxBoxBytes = 2 * 1024 * 1024
const maxContentBytes = 1024 * 1024
const idBytes = 16
const saltBytes = 16
const nonceBytes = 12
const tagBytes = 16
const boxMembers = 7

export interface Box {
  readonly session: Uint8Array
  readonly keyId: Uint8Array
  readonly first: number
  readonly last: number
  readonly nonce: Uint8Array
  /** Ciphertext and tag. */
  readonly sealed: Uint8Array
}

export interface Content { readonly label: number; readonly salt: Uint8Array; readonly content: Uint8Array }
export interface BodyItem { readonly seq: number; readonly contents: readonly Content[] }

/** The boxes of a body object, one after the other. @throws FalseClaim `body.malformed` */
export function* boxesOf(bytes: Uint8Array): Generator<Box> {
  const reader = new CborReader(bytes)
  const next = (member: number): void => { if (reader.uint() !== member) throw new CborError(`member ${member} of a box is missing`, reader.at) }
  const fixed = (member: number, size: number): Uint8Array => { next(member); const at = reader.bytesAt(size); return bytes.subarray(at, at + size) }
  const uint = (member: number): number => { next(member); return reader.uint() }
  const box = (): Box => {
    const start = reader.at
    if (reader.mapLength() !== boxMembers || uint(1) !== 1) throw new CborError('not a box of version 1', start)
    const [session, keyId, first, last, nonce] = [fixed(2, idBytes), fixed(3, idBytes), uint(4), uint(5), fixed(6, nonceBytes)]
    next(7)
    const sealed = reader.byteString(maxBoxBytes)
    if (reader.at - start > maxBoxBytes || sealed.length < tagBytes || last < first) throw new CborError('a box that cannot be one', start)
    return { session, keyId, first, last, nonce, sealed }
  }
  while (!reader.isAtEnd) yield readingBodies(box)
}

/** The body items of a box, seq rising within its range. @throws FalseClaim `body.box` when the key or the bytes are not the right ones, `body.malformed` */
export function openBox(box: Box, key: KeyObject): BodyItem[] {
  let plain: Uint8Array
  try {
    const end = box.sealed.length - tagBytes
    const decipher = createDecipheriv('aes-256-gcm', key, box.nonce, { authTagLength: tagBytes })
    decipher.setAAD(hash('sha256', Buffer.concat([head(4, 4), bstr(box.session), bstr(box.keyId), head(0, box.first), head(0, box.last)]), 'buffer'))
    decipher.setAuthTag(box.sealed.subarray(end))
    plain = Buffer.concat([decipher.update(box.sealed.subarray(0, end)), decipher.final()])
  } catch {
    throw new FalseClaim('body.box', 'the box does not open under its key')
  }
  return readingBodies(() => parseItems(plain, box))
}

function parseItems(plain: Uint8Array, box: Box): BodyItem[] {
  const items: BodyItem[] = []
  const reader = new CborReader(plain)
  let least = box.first
  while (!reader.isAtEnd) {
    const count = reader.mapLength()
    let label = reader.key(-1)
    const seq = label === 1 ? reader.uint() : -1
    if (seq < least || seq > box.last) throw new CborError('a body item out of its box\'s range', reader.at)
    least = seq + 1
    const contents: Content[] = []
    for (let i = 1; i < count; i++) {
      label = reader.key(label)
      if (label < 7 || label > 9 || reader.arrayLength() !== 2) throw new CborError('a body item with a member that is not its own', reader.at)
      const at = reader.bytesAt(saltBytes)
      contents.push({ label, salt: plain.subarray(at, at + saltBytes), content: reader.byteString(maxContentBytes) })
    }
    items.push({ seq, contents })
  }
  return items
}

/** H(CBOR [salt, label, content]). */
export function commitmentOf({ label, salt, content }: Content): Uint8Array {
  return hash('sha256', Buffer.concat([head(4, 3), bstr(salt), head(0, label), bstr(content)]), 'buffer')
}

function readingBodies<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof CborError) throw new FalseClaim('body.malformed', cause.message)
    throw cause
  }
}

/** The shortest head of a CBOR item (RFC 8949 §3): what commitments and additional data are hashed over. */
function head(major: number, value: number): Uint8Array {
  const initial = major << 5
  if (value < 24) return Uint8Array.of(initial | value)
  if (value < 0x100) return Uint8Array.of(initial | 24, value)
  if (value < 0x1_0000) return Uint8Array.of(initial | 25, value >> 8, value & 0xff)
  const size = value < 0x1_0000_0000 ? 4 : 8
  const bytes = Buffer.alloc(1 + size, initial | (size === 4 ? 26 : 27))
  if (size === 4) bytes.writeUInt32BE(value, 1)
  else bytes.writeBigUInt64BE(BigInt(value), 1)
  return bytes
}

function bstr(bytes: Uint8Array): Uint8Array { return Buffer.concat([head(2, bytes.length), bytes]) }
