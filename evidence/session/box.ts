// Encrypts the body items of one session and one journal write: FORMAT.md §5. Nothing of the ciphertext is ever hashed into a leaf.
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { EvidenceError } from '../errors.ts'
import { sha256 } from '../tlog/hash.ts'
import { decode, encode } from './cbor.ts'

const nonceBytes = 12
const tagBytes = 16
/** What a box adds to its plaintext, at most. */
export const boxOverheadBytes = 128

export interface SessionKey { readonly id: Uint8Array, readonly key: KeyObject }

/** @param number how many boxes were begun under this key before: a number is used once, also when its write fails */
export function sealBox(session: Uint8Array, key: SessionKey, number: number, firstSeq: number, lastSeq: number, plaintext: readonly Uint8Array[]): Uint8Array {
  const nonce = writeNonce(number)
  const cipher = createCipheriv('aes-256-gcm', key.key, nonce)
  cipher.setAAD(additionalData(session, key.id, firstSeq, lastSeq))
  const parts: Uint8Array[] = []
  for (const part of plaintext) parts.push(cipher.update(part))
  parts.push(cipher.final(), cipher.getAuthTag())
  return encode(new Map<number, number | Uint8Array>([[1, 1], [2, session], [3, key.id], [4, firstSeq], [5, lastSeq], [6, nonce], [7, Buffer.concat(parts)]]))
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
  return sha256(encode([session, keyId, firstSeq, lastSeq]))
}

function writeNonce(number: number): Uint8Array {
  const nonce = Buffer.alloc(nonceBytes)
  nonce.writeUInt32BE(Math.floor(number / 0x100000000), 4)
  nonce.writeUInt32BE(number % 0x100000000, 8)
  return nonce
}
