// Signed notes: text, a blank line, signature lines (C2SP signed-note v1.0.0). Text is worthless until `openNote` has returned it.
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { EvidenceError } from '../errors.ts'
import { sha256 } from './hash.ts'

/** C2SP asks for at least 16 signatures; ML-DSA-44 ones take 3.3 KB a line. */
export const maxNoteBytes = 131_072
export const maxNoteSignatures = 32
/** C2SP signed-note, signature types: Ed25519 over the note text. */
const ed25519Type = 0x01
const keyIdBytes = 4

export interface NoteSignature { readonly name: string; readonly keyId: Uint8Array; readonly signature: Uint8Array }
export interface SignedNote { readonly text: string; readonly signatures: readonly NoteSignature[] }
export interface NoteVerifier { readonly name: string; readonly keyId: Uint8Array; readonly publicKey: Uint8Array }

/** Splits a note without judging it. @throws EvidenceError ERR_TLOG_NOTE */
export function parseNote(note: string): SignedNote {
  if (Buffer.byteLength(note) > maxNoteBytes) throw malformed(`is longer than ${maxNoteBytes} bytes`)
  if (!note.isWellFormed()) throw malformed('is not valid UTF-8')
  for (let i = 0; i < note.length; i++) if (note.charCodeAt(i) < 0x20 && note.charCodeAt(i) !== 0x0a) throw malformed('has a control character')
  // The last empty line separates; the text keeps its own final newline.
  const split = note.lastIndexOf('\n\n')
  if (split < 1) throw malformed('has no text or no blank line before its signatures')
  const lines = note.slice(split + 2)
  if (!lines.endsWith('\n')) throw malformed('has no signature line or does not end with a newline')
  const signatures = lines.slice(0, -1).split('\n', maxNoteSignatures + 1).map(parseSignatureLine)
  if (signatures.length > maxNoteSignatures) throw malformed(`has more than ${maxNoteSignatures} signatures`)
  return { text: note.slice(0, split + 1), signatures }
}

function parseSignatureLine(line: string): NoteSignature {
  const [dash, name, encoded, ...more] = line.split(' ')
  if (dash !== '\u2014' || name === undefined || encoded === undefined || more.length > 0) throw malformed('has a malformed signature line')
  if (!isKeyName(name)) throw malformed('has a malformed key name')
  const bytes = decodeBase64(encoded)
  if (bytes === undefined || bytes.length <= keyIdBytes) throw malformed('has a malformed signature')
  return { name, keyId: bytes.subarray(0, keyIdBytes), signature: bytes.subarray(keyIdBytes) }
}

/**
 * Text of a note that at least one known key signed. Unknown keys are ignored, a repeated signature by one key is looked at once,
 * and one bad signature of a known key condemns the note (C2SP signed-note, Signatures).
 * @throws EvidenceError ERR_TLOG_NOTE, ERR_TLOG_SIGNATURE
 */
export function openNote(note: string, known: readonly NoteVerifier[]): { text: string; signers: readonly NoteVerifier[] } {
  const { text, signatures } = parseNote(note)
  const signers: NoteVerifier[] = []
  for (const { name, keyId, signature } of signatures) {
    const verifier = known.find((key) => key.name === name && Buffer.compare(key.keyId, keyId) === 0)
    if (verifier === undefined || signers.includes(verifier)) continue
    if (!verify(null, Buffer.from(text), ed25519PublicKey(verifier.publicKey), signature)) throw new EvidenceError('ERR_TLOG_SIGNATURE', `the signature of ${name} does not fit the note`)
    signers.push(verifier)
  }
  if (signers.length === 0) throw new EvidenceError('ERR_TLOG_SIGNATURE', 'the note is signed by no known key')
  return { text, signers }
}

/** One note, signed by one key. `seed` is the 32-byte Ed25519 private key (RFC 8032). */
export function signNote(text: string, name: string, seed: Uint8Array): string {
  if (!text.endsWith('\n')) throw malformed('text must end with a newline')
  const key = ed25519PrivateKey(seed)
  const { keyId } = verifierOf(name, seed)
  const signature = sign(null, Buffer.from(text), key)
  return `${text}\n\u2014 ${name} ${Buffer.concat([keyId, signature]).toString('base64')}\n`
}

export function verifierOf(name: string, seed: Uint8Array): NoteVerifier {
  if (!isKeyName(name)) throw malformed('key name must not be empty or hold spaces or +')
  const publicKey = ed25519PublicRaw(ed25519PrivateKey(seed))
  return { name, keyId: keyIdOf(name, publicKey), publicKey }
}

/** `name+hex(key id)+base64(type ‖ public key)`, the signed-note form of a verifier key. */
export function writeVerifierKey({ name, keyId, publicKey }: NoteVerifier): string {
  return `${name}+${Buffer.from(keyId).toString('hex')}+${Buffer.concat([Buffer.of(ed25519Type), publicKey]).toString('base64')}`
}

/** @throws EvidenceError ERR_TLOG_NOTE when it is malformed, of another type, or its id is not of its key */
export function parseVerifierKey(text: string): NoteVerifier {
  const parts = /^([^+\s]{1,256})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{44})$/.exec(text)
  const [, name = '', id = '', encoded = ''] = parts ?? []
  const key = decodeBase64(encoded)
  if (key?.length !== 33 || key[0] !== ed25519Type || !isKeyName(name)) throw malformed('verifier key is malformed')
  const keyId = keyIdOf(name, key.subarray(1))
  if (Buffer.from(keyId).toString('hex') !== id) throw malformed('verifier key has an id that is not its own')
  return { name, keyId, publicKey: key.subarray(1) }
}

// key id = SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]
function keyIdOf(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ed25519Type), publicKey])).subarray(0, keyIdBytes)
}

function isKeyName(name: string): boolean {
  return name.length > 0 && !/[\s+\u0085]/u.test(name)
}

/** Standard base64 with padding and nothing else (RFC 4648 §4): what does not come back byte for byte is refused. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

// RFC 8410: fixed DER prefixes before the 32 bytes of an Ed25519 key.
function ed25519PrivateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })
}

function ed25519PublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' })
}

/** The 32 bytes of the public half. */
export function ed25519PublicRaw(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_TLOG_NOTE', `the signed note ${what}`)
}
