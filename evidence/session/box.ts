// Encrypts the body items of one session and one journal write: FORMAT.md §5. Nothing of the ciphertext is ever hashed into a leaf.
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { EvidenceError } from '../errors.ts'
import { sha256 } from '../tlog/hash.ts'
import { decode } from './cbor.ts'
import { major, putBytes, putHead } from './put.ts'

const nonceBytes = 12
const tagBytes = 16
/** What a box adds to its plaintext, at most. */
export const boxOverheadBytes = 128

export interface SessionKey { readonly id: Uint8Array, readonly key: KeyObject }

/** A body item, somewhere in a buffer. */
export interface BodyItem { readonly block: Buffer, readonly itemStart: number, readonly itemEnd: number }

/** Writes the box of these body items into `target` and returns where it ends.
 * @param number how many boxes were begun under this key before: a number is used once, also when its write fails */
export function putBox(target: Buffer, offset: number, session: Uint8Array, key: SessionKey, number: number, firstSeq: number, lastSeq: number, items: readonly BodyItem[]): number {
  const nonce = writeNonce(number)
  let length = 0
  for (const { itemStart, itemEnd } of items) length += itemEnd - itemStart
  const { uint, bytes, map } = major
  let at = putHead(target, offset, map, 7)
  at = putHead(target, putHead(target, at, uint, 1), uint, 1)
  at = putBytes(target, putHead(target, at, uint, 2), session)
  at = putBytes(target, putHead(target, at, uint, 3), key.id)
  at = putHead(target, putHead(target, at, uint, 4), uint, firstSeq)
  at = putHead(target, putHead(target, at, uint, 5), uint, lastSeq)
  at = putBytes(target, putHead(target, at, uint, 6), nonce)
  at = putHead(target, putHead(target, at, uint, 7), bytes, length + tagBytes)
  // The items are gathered where their ciphertext goes, and encrypted in one call: each call costs more than copying them together.
  let end = at
  for (const { block, itemStart, itemEnd } of items) end += block.copy(target, end, itemStart, itemEnd)
  const cipher = createCipheriv('aes-256-gcm', key.key, nonce)
  cipher.setAAD(additionalData(session, key.id, firstSeq, lastSeq))
  target.set(cipher.update(target.subarray(at, end)), at)
  cipher.final()
  target.set(cipher.getAuthTag(), end)
  return end + tagBytes
}

/** The plaintext of a stored box. @throws EvidenceError `ERR_EVIDENCE_CORRUPT` when the bytes or the key are not the right ones */
export function openBox(box: Uint8Array, key: KeyObject): Uint8Array {
  const map = decode(box)
  const [session, keyId, first, last, nonce, sealed] = [2, 3, 4, 5, 6, 7].map((label): unknown => (map instanceof Map ? map.get(label) : undefined))
  if (!(session instanceof Uint8Array) || !(keyId instanceof Uint8Array) || !(nonce instanceof Uint8Array) || !(sealed instanceof Uint8Array)
    || typeof first !== 'number' || typeof last !== 'number' || nonce.length !== nonceBytes || sealed.length < tagBytes) {
    throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'a stored box is malformed')
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce)
    decipher.setAAD(additionalData(session, keyId, first, last))
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()])
  } catch (cause) {
    throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'a stored box does not open under its key', { cause })
  }
}

function additionalData(session: Uint8Array, keyId: Uint8Array, firstSeq: number, lastSeq: number): Uint8Array {
  const { uint, array } = major
  const bytes = Buffer.allocUnsafe(80)
  let at = putBytes(bytes, putHead(bytes, 0, array, 4), session)
  at = putBytes(bytes, at, keyId)
  at = putHead(bytes, putHead(bytes, at, uint, firstSeq), uint, lastSeq)
  return sha256(bytes.subarray(0, at))
}

function writeNonce(number: number): Uint8Array {
  const nonce = Buffer.alloc(nonceBytes)
  nonce.writeUInt32BE(Math.floor(number / 0x100000000), 4)
  nonce.writeUInt32BE(number % 0x100000000, 8)
  return nonce
}
