// The activation statement: what people sign to bring a commit into force, and the file it travels in (gateway/DESIGN.md, "Activation").
// One canonical form: a statement that reads the same in other bytes is none, so what was signed is what is meant.
import { createHash } from 'node:crypto'
import type { SshNamespace } from './sshsig.ts'

export const statementFormat = 'countersign-activation/v1'
export const activationNamespace = 'countersign-activation' satisfies SshNamespace
/** Of a statement with its signature. */
export const maxEndorsementBytes = 8 * 1024
const maxReasonChars = 500
/** Serials are counted in JavaScript's and SQLite's integers. */
const maxSerial = 10 ** 15

/** `activation`: the ordinary way. `emergency`: by the few whom the config names, reviewed after. `after-review`: closes an emergency. */
export const statementKinds = ['activation', 'emergency', 'after-review'] as const
export type StatementKind = (typeof statementKinds)[number]

export interface Statement {
  readonly kind: StatementKind
  /** Git commit */
  readonly revision: string
  /** hex SHA-256 over the lines `<sha256>  <path>\n` of allowed_signers, config.yaml, policy/, data/ and schema/, in byte order of the paths */
  readonly tree: string
  /** hex SHA-256 of the bundle's bytes, compiled with this revision and serial */
  readonly bundle: string
  readonly serial: number
  /** hex SHA-256 of the test report: `<outcome>  <package>.<test>\n` of each test, in byte order */
  readonly tests: string
  /** Why: an emergency has one, a review may. */
  readonly reason?: string
}

/** A statement as a file: its exact bytes, and an SSH signature of them. */
export interface Endorsement {
  readonly statement: Statement
  readonly signed: Uint8Array
  /** Armoured, unverified */
  readonly signature: string
  /** The whole file, for the record. */
  readonly text: string
}

/** The bytes that are signed: RFC 8785 JSON on a line of its own. */
export function writeStatement({ kind, revision, tree, bundle, serial, tests, reason }: Statement): Uint8Array {
  // Members in byte order of their names; strings of ours and one integer, so JSON.stringify writes what RFC 8785 asks for.
  return Buffer.from(`${JSON.stringify({ bundle, format: statementFormat, kind, ...reason === undefined ? {} : { reason }, revision, serial, tests, tree })}\n`)
}

export function writeEndorsement(statement: Statement, signature: string): Uint8Array {
  return Buffer.concat([writeStatement(statement), Buffer.from(signature)])
}

/** @returns what is wrong with it as text: whoever may push can put anything there, and nothing of it may stand in the way of those who signed */
export function parseEndorsement(bytes: Uint8Array): Endorsement | string {
  if (bytes.length > maxEndorsementBytes) return `a statement is larger than ${maxEndorsementBytes} bytes`
  const end = bytes.indexOf(0x0a) + 1
  if (end === 0) return 'a statement has no signature'
  const signed = bytes.subarray(0, end)
  const statement = parseStatement(signed)
  if (typeof statement === 'string') return statement
  const text = Buffer.from(bytes).toString('utf8')
  return { statement, signed, signature: Buffer.from(bytes.subarray(end)).toString('latin1'), text }
}

function parseStatement(signed: Uint8Array): Statement | string {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(signed))
  } catch {
    return 'a statement is not JSON'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'a statement is not an object'
  const { format, kind, revision, tree, bundle, serial, tests, reason } = value as Record<string, unknown>
  if (format !== statementFormat) return `a statement is not of format ${statementFormat}`
  if (!isKind(kind)) return 'a statement has a kind that is not known'
  if (!isHex(revision, 40) || !isHex(tree, 64) || !isHex(bundle, 64) || !isHex(tests, 64)) return 'a statement has a digest that is not lower-case hex'
  if (typeof serial !== 'number' || !Number.isSafeInteger(serial) || serial < 1 || serial > maxSerial) return 'a statement has a serial that is not a number'
  if (reason !== undefined && !isReason(reason)) return `a statement has a reason that is not 1 to ${maxReasonChars} printable characters`
  if (kind === 'emergency' ? reason === undefined : kind === 'activation' && reason !== undefined) return kind === 'emergency' ? 'an emergency statement gives no reason' : 'a statement has a member that it cannot have'
  const statement: Statement = { kind, revision, tree, bundle, serial, tests, ...reason === undefined ? {} : { reason } }
  // Members twice, unknown ones, another order, spaces, escapes: all of that is other bytes.
  return Buffer.compare(writeStatement(statement), signed) === 0 ? statement : 'a statement is not in canonical form'
}

/** True for what a person may give as a reason: one line, nothing that steers a terminal. */
export function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxReasonChars && value.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value)
}

/** Names and outcomes, no times: the same tests give the same report on every machine. @returns hex */
export function testReportDigest(tests: readonly { readonly package: string; readonly name: string; readonly outcome: string }[]): string {
  const lines = tests.map((test) => Buffer.from(`${test.outcome}  ${test.package}.${test.name}\n`)).sort(Buffer.compare)
  return createHash('sha256').update(Buffer.concat(lines)).digest('hex')
}

function isKind(value: unknown): value is StatementKind {
  return statementKinds.some((kind) => kind === value)
}

function isHex(value: unknown, length: number): value is string {
  return typeof value === 'string' && value.length === length && /^[0-9a-f]+$/.test(value)
}
