// What the examiner trusts: log keys, commit signers, witnesses and ages, from a trust file of his own (FORMAT §11). Without one, the record vouches for itself.
import { CannotRun } from './finding.ts'
import { parseVerifierKey } from './note.ts'
import type { NoteKey } from './note.ts'
import { parseAllowedSigners } from './sshsig.ts'
import type { AllowedSigner } from './sshsig.ts'

/** How long the newest epoch may be silent before it is a gap: three intervals of the default 10 s. */
export const defaultMaxAgeMs = 30_000
/** How long batches may wait to be seen outside. */
export const defaultMaxTailMs = 24 * 3_600_000
const maxTrustBytes = 1024 * 1024
const maxKeys = 32

export interface Trust {
  readonly logKeys: readonly NoteKey[]
  readonly signers: readonly AllowedSigner[]
  readonly witnesses: readonly NoteKey[]
  /** Cosignatures a checkpoint needs. Undefined: the trust file does not say. 0: it says that none is enough. */
  readonly quorum: number | undefined
  /** ms */
  readonly maxAge: number
  /** ms */
  readonly maxTail: number
  /** True where the log key or the commit signers come from the record itself. */
  readonly isOwnWord: boolean
}

/** Keys as the record has them: `keys/log.vkey` and `keys/allowed_signers` of the pinned commit. */
export interface OwnKeys { readonly vkey: string; readonly allowedSigners: string }

interface TrustFile {
  readonly log: readonly string[]
  readonly allowed_signers?: string
  readonly witnesses?: { readonly quorum: number; readonly keys: readonly string[] }
  readonly max_age_s?: number
  readonly max_tail_s?: number
}

/** @throws CannotRun with the path of the wrong member */
export function parseTrust(text: string, own: OwnKeys): Trust {
  const file = parseTrustFile(text)
  const read = <T>(where: string, parse: () => T): T => {
    try { return parse() } catch (cause) { throw new CannotRun(`trust file: ${where}: ${cause instanceof Error ? cause.message : 'malformed'}`, cause) }
  }
  const logKeys = file.log.map((key, i) => read(`log[${i}]`, () => parseVerifierKey(key)))
  const witnesses = (file.witnesses?.keys ?? []).map((key, i) => read(`witnesses.keys[${i}]`, () => parseVerifierKey(key)))
  logKeys.forEach(({ type }, i) => { if (type !== 0x01) throw new CannotRun(`trust file: log[${i}]: expected a key of type Ed25519 (0x01)`) })
  witnesses.forEach(({ type }, i) => { if (type !== 0x04) throw new CannotRun(`trust file: witnesses.keys[${i}]: expected a cosignature key (0x04)`) })
  // Under two names it would count as two witnesses.
  if (new Set(witnesses.map(({ key }) => key.export({ format: 'jwk' }).x)).size !== witnesses.length) throw new CannotRun('trust file: witnesses.keys: a key is there twice')
  const signerText = file.allowed_signers
  return {
    logKeys,
    witnesses,
    signers: signerText === undefined ? parseOwnSigners(own.allowedSigners) : read('allowed_signers', () => parseAllowedSigners(signerText)),
    quorum: file.witnesses?.quorum,
    maxAge: file.max_age_s === undefined ? defaultMaxAgeMs : file.max_age_s * 1000,
    maxTail: file.max_tail_s === undefined ? defaultMaxTailMs : file.max_tail_s * 1000,
    isOwnWord: signerText === undefined,
  }
}

/** The record's word for itself: enough to find damage, never to exclude its operator. */
export function ownTrust(own: OwnKeys): Trust {
  let logKeys: NoteKey[] = []
  try { logKeys = [parseVerifierKey(own.vkey.trim())] } catch { /* No key signs: every checkpoint is then a finding. */ }
  return { logKeys, signers: parseOwnSigners(own.allowedSigners), witnesses: [], quorum: undefined, maxAge: defaultMaxAgeMs, maxTail: defaultMaxTailMs, isOwnWord: true }
}

function parseOwnSigners(text: string): AllowedSigner[] {
  try { return parseAllowedSigners(text) } catch { return [] }
}

function parseTrustFile(text: string): TrustFile {
  if (text.length > maxTrustBytes) throw new CannotRun('trust file: larger than allowed')
  let value: unknown
  try { value = JSON.parse(text) } catch (cause) { throw new CannotRun('trust file: not JSON', cause) }
  const file = members(value, '', ['log', 'allowed_signers', 'witnesses', 'max_age_s', 'max_tail_s'])
  const witnesses = file['witnesses'] === undefined ? undefined : members(file['witnesses'], 'witnesses', ['quorum', 'keys'])
  const log = texts(file['log'], 'log')
  if (log.length === 0) throw new CannotRun('trust file: log: expected at least one verifier key')
  const keys = witnesses === undefined ? [] : texts(witnesses['keys'] ?? [], 'witnesses.keys')
  const quorum = witnesses === undefined ? 0 : natural(witnesses['quorum'], 'witnesses.quorum')
  if (quorum > keys.length) throw new CannotRun('trust file: witnesses.quorum: more than there are keys')
  const signers = file['allowed_signers']
  if (signers !== undefined && typeof signers !== 'string') throw new CannotRun('trust file: allowed_signers: expected a text')
  return {
    log,
    ...(signers === undefined ? {} : { allowed_signers: signers }),
    ...(witnesses === undefined ? {} : { witnesses: { quorum, keys } }),
    ...(file['max_age_s'] === undefined ? {} : { max_age_s: natural(file['max_age_s'], 'max_age_s') }),
    ...(file['max_tail_s'] === undefined ? {} : { max_tail_s: natural(file['max_tail_s'], 'max_tail_s') }),
  }
}

function members(value: unknown, path: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CannotRun(`trust file: ${path === '' ? 'expected an object' : `${path}: expected an object`}`)
  for (const name of Object.keys(value)) if (!known.includes(name)) throw new CannotRun(`trust file: ${path === '' ? '' : `${path}.`}${name.slice(0, 40)}: unknown member`)
  return { ...value }
}

function texts(value: unknown, path: string): string[] {
  if (!Array.isArray(value) || value.length > maxKeys) throw new CannotRun(`trust file: ${path}: expected a list of at most ${maxKeys} texts`)
  return value.map((text: unknown, i) => {
    if (typeof text !== 'string') throw new CannotRun(`trust file: ${path}[${i}]: expected a text`)
    return text
  })
}

function natural(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new CannotRun(`trust file: ${path}: expected a whole number, 0 or more`)
  return value
}
