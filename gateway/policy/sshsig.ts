// SSH signatures (OpenSSH PROTOCOL.sshsig), Ed25519 only, in software or in a security key: what `git commit -S` makes with gpg.format=ssh, and `ssh-keygen -Y sign` of a statement.
// A verifier of our own: it never starts a process, and takes no algorithm from the signature but the one it knows.
import { createHash, createPublicKey, verify } from 'node:crypto'

/** What a signature was made for; one made for another use is none. `git commit` signs under `git`. */
export type SshNamespace = 'git' | 'countersign-activation'
/** Ed25519 blobs take about 180 bytes. */
const maxBlobBytes = 4_096
/** A key in a file or an agent, and one in a security key that wants to be touched (PROTOCOL.u2f). */
export const keyTypes = ['ssh-ed25519', 'sk-ssh-ed25519@openssh.com'] as const
/** Bit of a security key's flags: somebody touched it. */
const userPresent = 1
/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4). */
const spkiPrefix = Uint8Array.from(Buffer.from('302a300506032b6570032100', 'hex'))

/**
 * @param armored the `-----BEGIN SSH SIGNATURE-----` block
 * @returns the signer's public key blob in base64 as in allowed_signers, or undefined when the signature is not a valid one of `message`
 */
export function verifySshSignature(armored: string, message: Uint8Array, namespace: SshNamespace): string | undefined {
  const match = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]{1,8000})\n-----END SSH SIGNATURE-----\n?$/.exec(armored)
  if (match?.[1] === undefined) return undefined
  const blob = Buffer.from(match[1].replaceAll('\n', ''), 'base64')
  if (blob.length > maxBlobBytes || blob.subarray(0, 6).toString('latin1') !== 'SSHSIG') return undefined
  const fields = new Reader(blob, 6)
  if (fields.uint32() !== 1) return undefined
  const key = fields.string(), space = fields.string(), reserved = fields.string(), hash = fields.string(), signature = fields.string()
  if (key === undefined || space === undefined || reserved === undefined || hash === undefined || signature === undefined || !fields.isAtEnd) return undefined
  if (space.toString('latin1') !== namespace) return undefined
  const algorithm = hash.toString('latin1')
  if (algorithm !== 'sha512' && algorithm !== 'sha256') return undefined

  // PROTOCOL.sshsig: what is signed is the magic, namespace, reserved, hash name and the message's hash.
  const signed = Buffer.concat([Buffer.from('SSHSIG', 'latin1'), ...[space, reserved, hash, createHash(algorithm).update(message).digest()].map(withLength)])
  return isSignedBy(key, signature, signed) ? key.toString('base64') : undefined
}

/**
 * A public key blob, read to its last byte.
 * @returns its type, and the point on the curve in hex: one private key may stand behind several blobs. undefined: no key that we can judge
 */
export function readPublicKey(blob: Uint8Array): { readonly type: (typeof keyTypes)[number]; readonly point: string } | undefined {
  const fields = new Reader(Buffer.from(blob), 0)
  const name = fields.string()?.toString('latin1'), point = fields.string()
  const type = keyTypes.find((known) => known === name)
  if (type === undefined || point?.length !== 32) return undefined
  if (type === 'sk-ssh-ed25519@openssh.com' && fields.string()?.toString('latin1').startsWith('ssh:') !== true) return undefined
  return fields.isAtEnd ? { type, point: point.toString('hex') } : undefined
}

function isSignedBy(key: Buffer, signature: Buffer, signed: Buffer): boolean {
  const keyFields = new Reader(key, 0), fields = new Reader(signature, 0)
  const type = keyFields.string()?.toString('latin1'), point = keyFields.string()
  if (!keyTypes.some((known) => known === type) || fields.string()?.toString('latin1') !== type || point?.length !== 32) return false
  const raw = fields.string()
  if (raw?.length !== 64) return false
  const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, point]), format: 'der', type: 'spki' })
  if (type === 'ssh-ed25519') return keyFields.isAtEnd && fields.isAtEnd && verify(null, signed, publicKey, raw)
  // PROTOCOL.u2f: a security key signs the application's hash, its flags and counter, and the hash of what it was given.
  const application = keyFields.string(), flags = fields.bytes(1), counter = fields.bytes(4)
  if (application === undefined || flags === undefined || counter === undefined || !keyFields.isAtEnd || !fields.isAtEnd) return false
  if (!application.toString('latin1').startsWith('ssh:') || ((flags[0] ?? 0) & userPresent) === 0) return false
  return verify(null, Buffer.concat([sha256(application), flags, counter, sha256(signed)]), publicKey, raw)
}

/** RFC 4251 §5 fields; past the end each is undefined. */
class Reader {
  readonly #bytes: Buffer
  #at: number
  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  get isAtEnd(): boolean { return this.#at === this.#bytes.length }

  uint32(): number | undefined {
    if (this.#at + 4 > this.#bytes.length) return undefined
    const value = this.#bytes.readUInt32BE(this.#at)
    this.#at += 4
    return value
  }

  string(): Buffer | undefined {
    const length = this.uint32()
    return length === undefined ? undefined : this.bytes(length)
  }

  bytes(length: number): Buffer | undefined {
    if (this.#at + length > this.#bytes.length) return undefined
    const value = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return value
  }
}

function withLength(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
