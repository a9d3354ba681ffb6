// Session keys wrapped under the key-encryption key of a file: AES key wrap (RFC 3394). The file is the only thing that opens a body.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import path from 'node:path'
import { EvidenceError } from '../errors.ts'

export const keyBytes = 32
// RFC 3394 §2.2.3.1: the default initial value.
const initialValue = Buffer.from('a6a6a6a6a6a6a6a6', 'hex')

export function wrapKey(kek: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv('id-aes256-wrap', kek, initialValue)
  return Buffer.concat([cipher.update(key), cipher.final()])
}

/** @throws EvidenceError `ERR_EVIDENCE_KEY` */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Uint8Array {
  try {
    const decipher = createDecipheriv('id-aes256-wrap', kek, initialValue)
    return Buffer.concat([decipher.update(wrapped), decipher.final()])
  } catch (cause) {
    throw new EvidenceError('ERR_EVIDENCE_KEY', 'a session key does not unwrap under the key-encryption key', { cause })
  }
}

/** Reads `<directory>/kek`. @throws EvidenceError `ERR_EVIDENCE_KEY` */
export function loadKek(directory: string): Uint8Array {
  const file = path.join(directory, 'kek')
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new EvidenceError('ERR_EVIDENCE_KEY', `the key-encryption key ${file} cannot be read`, { cause })
  }
  if (bytes.length !== keyBytes) throw new EvidenceError('ERR_EVIDENCE_KEY', `the key-encryption key ${file} does not have ${keyBytes} bytes`)
  return bytes
}

/** Makes `<directory>/kek`, mode 0600, durable. Fails when there is one. */
export function createKek(directory: string): Uint8Array {
  const kek = randomBytes(keyBytes)
  const file = openSync(path.join(directory, 'kek'), 'wx', 0o600)
  try {
    writeSync(file, kek)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  const folder = openSync(directory, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
  return kek
}
