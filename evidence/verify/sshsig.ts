// SSHSIG signatures of Git commits and OpenSSH allowed_signers (PROTOCOL.sshsig; ssh-keygen(1), "ALLOWED SIGNERS"), Ed25519 only.
import { hash, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { FalseClaim } from './finding.ts'
import { decodeBase64, ed25519 } from './note.ts'

export interface AllowedSigner {
  readonly principal: string
  /** The key's wire form, to find it by. */
  readonly blob: Uint8Array
  readonly key: KeyObject
  /** ms since the Unix epoch */
  readonly validAfter: number
  readonly validBefore: number
}

const keyName = 'ssh-ed25519'
const gitNamespace = 'git'
const begin = '-----BEGIN SSH SIGNATURE-----'
const end = '-----END SSH SIGNATURE-----'
const maxSigners = 64

/** Keys that may sign in a namespace, `git` where none is said. Lines with other key types or other namespaces sign nothing here. @throws RangeError naming the line */
export function parseAllowedSigners(text: string, namespace = gitNamespace): AllowedSigner[] {
  const signers: AllowedSigner[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const signer = parseSigner(trimmed, `allowed_signers line ${index + 1}`, namespace)
    if (signer !== undefined && signers.push(signer) > maxSigners) throw new RangeError(`allowed_signers has more than ${maxSigners} keys`)
  }
  return signers
}

function parseSigner(line: string, where: string, namespace: string): AllowedSigner | undefined {
  const fields = splitQuoted(line)
  const at = fields.indexOf(keyName)
  if (at < 0) return undefined
  const [principal, blobText] = [fields[0], fields[at + 1]]
  const options = at === 2 ? splitOptions(fields[1] ?? '') : at === 1 ? [] : undefined
  const blob = decodeBase64(blobText ?? '')
  if (principal === undefined || options === undefined || blob === undefined) throw new RangeError(`${where} is malformed`)
  const reader = new WireReader(blob, () => new RangeError(`${where}: the key is malformed`))
  const type = reader.string().toString('latin1')
  const raw = reader.string()
  if (type !== keyName || raw.length !== 32 || !reader.isAtEnd) throw new RangeError(`${where}: the key is malformed`)
  let validAfter = -Infinity
  let validBefore = Infinity
  let isForNamespace = true
  for (const [name, value] of options) {
    if (name === 'namespaces') isForNamespace = value.split(',').includes(namespace)
    else if (name === 'valid-after') validAfter = parseTime(value, where)
    else if (name === 'valid-before') validBefore = parseTime(value, where)
    else throw new RangeError(`${where}: unknown option ${name}`)
  }
  return isForNamespace ? { principal, blob, key: ed25519(raw), validAfter, validBefore } : undefined
}

/** Checks one commit's signature over its bytes without `gpgsig`. `time` (ms) is the committer's own claim, as for `git verify-commit`. @throws FalseClaim `commit.signature` */
export function checkCommitSignature(payload: Uint8Array, armored: string, time: number, signers: readonly AllowedSigner[]): void {
  checkSshSignature(payload, armored, time, signers, gitNamespace)
}

/** Who of `signers` signed `payload` in `namespace`. @throws FalseClaim `commit.signature` */
export function checkSshSignature(payload: Uint8Array, armored: string, time: number, signers: readonly AllowedSigner[], namespace: string): AllowedSigner {
  const lie = (what: string): FalseClaim => new FalseClaim('commit.signature', what)
  const lines = armored.replace(/\n$/, '').split('\n')
  if (lines[0] !== begin || lines.at(-1) !== end) throw lie('the signature is not an SSH signature')
  const blob = decodeBase64(lines.slice(1, -1).join(''))
  if (blob === undefined || blob.toString('latin1', 0, 6) !== 'SSHSIG' || blob.length < 10 || blob.readUInt32BE(6) !== 1) throw lie('the signature is not an SSH signature')
  const reader = new WireReader(blob.subarray(10), () => lie('the signature is malformed'))
  const publicKey = reader.string()
  const [space, reserved, algorithm] = [reader.string().toString('latin1'), reader.string(), reader.string().toString('latin1')]
  const signature = new WireReader(reader.string(), () => lie('the signature is malformed'))
  const [type, bytes] = [signature.string().toString('latin1'), signature.string()]
  if (!reader.isAtEnd || !signature.isAtEnd || type !== keyName) throw lie('the signature is malformed')
  if (space !== namespace) throw lie('the signature was made for another namespace')
  if (algorithm !== 'sha512' && algorithm !== 'sha256') throw lie('the signature uses an unknown hash')
  const known = signers.filter(({ blob }) => publicKey.equals(blob))
  if (known.length === 0) throw lie('the signing key is not among the allowed signers')
  const signer = known.find(({ validAfter, validBefore }) => time >= validAfter && time < validBefore)
  if (signer === undefined) throw lie('the signing key was not valid at the time of the commit')
  const signed = Buffer.concat([Buffer.from('SSHSIG'), wire(space), wire(reserved), wire(algorithm), wire(hash(algorithm, payload, 'buffer'))])
  if (!verify(null, signed, signer.key, bytes)) throw lie('the signature is false')
  return signer
}

function wire(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** SSH wire strings: u32 length, bytes (RFC 4251 §5). */
class WireReader {
  readonly #bytes: Buffer
  readonly #malformed: () => Error
  #at = 0

  constructor(bytes: Buffer, malformed: () => Error) {
    this.#bytes = bytes
    this.#malformed = malformed
  }

  get isAtEnd(): boolean { return this.#at === this.#bytes.length }

  string(): Buffer {
    if (this.#at + 4 > this.#bytes.length) throw this.#malformed()
    const start = this.#at + 4
    const stop = start + this.#bytes.readUInt32BE(this.#at)
    if (stop > this.#bytes.length) throw this.#malformed()
    this.#at = stop
    return this.#bytes.subarray(start, stop)
  }
}

/** Fields at spaces that are outside double quotes; quotes stay. */
function splitQuoted(line: string): string[] { return splitAt(line, ' ').filter((field) => field !== '') }

function splitOptions(text: string): [string, string][] {
  return splitAt(text, ',').map((option) => {
    const equals = option.indexOf('=')
    const value = equals < 0 ? '' : option.slice(equals + 1).replace(/^"(.*)"$/, '$1')
    return [(equals < 0 ? option : option.slice(0, equals)).toLowerCase(), value]
  })
}

function splitAt(text: string, separator: string): string[] {
  const parts: string[] = []
  let isQuoted = false
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') isQuoted = !isQuoted
    else if (text[i] === separator && !isQuoted) { parts.push(text.slice(start, i)); start = i + 1 }
  }
  parts.push(text.slice(start))
  return parts
}

/** YYYYMMDD[HHMM[SS]][Z]; always read as UTC, since an offline verdict may not depend on the reader's time zone. */
function parseTime(text: string, where: string): number {
  const parts = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?Z?$/.exec(text)
  if (parts === null) throw new RangeError(`${where}: a time is YYYYMMDD[HHMM[SS]]Z`)
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0))
  return Date.UTC(year, month - 1, day, hours, minutes, seconds)
}
