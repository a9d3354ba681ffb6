// C2SP signed notes, checkpoints and cosignatures, read and checked with node:crypto (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature).
import { createPublicKey, hash, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { FalseClaim } from './finding.ts'

/** Checkpoint with many cosignatures, one of them post-quantum (3.3 KB). */
export const maxNoteBytes = 64 * 1024
const maxSignatures = 64
const maxOriginBytes = 256
const keyType = { ed25519: 0x01, cosignature: 0x04 } as const

/** A verifier key, `name+hash+base64(type ‖ key)`. */
export interface NoteKey { readonly name: string; readonly id: string; readonly type: number; readonly key: KeyObject }

/** One `— name base64` line: four bytes of key id, then the signature. Unverified. */
interface NoteSignature { readonly name: string; readonly id: string; readonly bytes: Uint8Array }

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  /** What the signatures cover, final newline included. */
  readonly body: string
  readonly signatures: readonly NoteSignature[]
}

/** @throws RangeError saying what is wrong with it */
export function parseVerifierKey(text: string): NoteKey {
  const first = text.indexOf('+')
  const second = text.indexOf('+', first + 1)
  if (first <= 0 || second !== first + 9) throw new RangeError('a verifier key is name+hash+key')
  const name = text.slice(0, first)
  const id = text.slice(first + 1, second)
  const material = decodeBase64(text.slice(second + 1))
  const type = material?.[0]
  if (material === undefined || type === undefined || /\s/.test(name)) throw new RangeError('a verifier key is name+hash+key')
  if (hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), material]), 'hex').slice(0, 8) !== id) throw new RangeError(`the key of ${name} does not match its own hash`)
  if ((type !== keyType.ed25519 && type !== keyType.cosignature) || material.length !== 33) throw new RangeError(`the key of ${name} is of a type this verifier does not know`)
  return { name, id, type, key: ed25519(material.subarray(1)) }
}

export function ed25519(raw: Uint8Array): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw).toString('base64url') } })
}

/** @throws FalseClaim `checkpoint.malformed` */
export function parseCheckpoint(text: string): Checkpoint {
  const malformed = (what: string): FalseClaim => new FalseClaim('checkpoint.malformed', what)
  if (text.length > maxNoteBytes) throw malformed('the checkpoint is larger than allowed')
  const split = text.lastIndexOf('\n\n')
  if (split < 0 || !text.endsWith('\n')) throw malformed('the checkpoint is not a signed note')
  const body = text.slice(0, split + 1)
  const lines = text.slice(split + 2, -1).split('\n')
  if (lines.length > maxSignatures) throw malformed('the checkpoint has too many signatures')
  const signatures = lines.map((line) => {
    const [dash, name, encoded, ...rest] = line.split(' ')
    const bytes = encoded === undefined ? undefined : decodeBase64(encoded)
    if (dash !== '—' || name === undefined || name === '' || bytes === undefined || bytes.length < 5 || rest.length > 0) throw malformed('a signature line of the checkpoint is malformed')
    return { name, id: Buffer.from(bytes.subarray(0, 4)).toString('hex'), bytes: bytes.subarray(4) }
  })
  const [origin, size, root, ...extensions] = body.slice(0, -1).split('\n')
  const rootBytes = root === undefined ? undefined : decodeBase64(root)
  if (origin === undefined || origin === '' || Buffer.byteLength(origin) > maxOriginBytes || size === undefined || !/^(0|[1-9][0-9]{0,14})$/.test(size) || rootBytes?.length !== 32) throw malformed('the checkpoint is not origin, size and root')
  if (extensions.length > 0) throw malformed('the checkpoint has extension lines')
  return { origin, size: Number(size), root: rootBytes, body, signatures }
}

/**
 * True when one of the keys signed it; an unknown key is ignored, a known key's bad signature is a lie (signed-note, "Verifying").
 * A key speaks for the log of its own name only: who trusts two logs must not take one's word for the other's.
 */
export function isSignedBy(checkpoint: Checkpoint, keys: readonly NoteKey[]): boolean {
  let isSigned = false
  for (const { name, id, bytes } of checkpoint.signatures) {
    const known = keys.find((key) => key.name === name && name === checkpoint.origin && key.id === id && key.type === keyType.ed25519)
    if (known === undefined) continue
    if (!verify(null, Buffer.from(checkpoint.body), known.key, bytes)) throw new FalseClaim('checkpoint.signature', `the signature of ${name} on the checkpoint of size ${checkpoint.size} is false`)
    isSigned = true
  }
  return isSigned
}

/** Witnesses whose cosignature holds: 8 bytes of seconds, then Ed25519 over `cosignature/v1\ntime T\n` and the body. Distinct keys only. */
export function witnessesOf(checkpoint: Checkpoint, witnesses: readonly NoteKey[]): { readonly name: string; readonly time: number }[] {
  const seen = new Map<NoteKey, number>()
  for (const { name, id, bytes } of checkpoint.signatures) {
    const known = witnesses.find((key) => key.name === name && key.id === id && key.type === keyType.cosignature)
    if (known === undefined) continue
    const time = bytes.length === 72 ? Number(Buffer.from(bytes).readBigUInt64BE(0)) : Number.NaN
    const signed = Buffer.from(`cosignature/v1\ntime ${time}\n${checkpoint.body}`)
    if (!Number.isSafeInteger(time) || !verify(null, signed, known.key, bytes.subarray(8))) throw new FalseClaim('checkpoint.signature', `the cosignature of ${name} on the checkpoint of size ${checkpoint.size} is false`)
    seen.set(known, time)
  }
  return [...seen].map(([{ name }, time]) => ({ name, time }))
}

/** Standard base64 in its one canonical spelling, or undefined. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
