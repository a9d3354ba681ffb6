// X.509 certificates (RFC 5280 §4.1) with the strictness, and where it has it the leniency, of Go's `x509.ParseCertificate`.
import { contextTag, DerError, DerReader, readBitString, readInteger, readWhole, tag } from './der.ts'
import type { Element } from './der.ts'
import { readExtensions } from './extensions.ts'
import type { Extension, Extensions } from './extensions.ts'
import { parseName } from './name.ts'
import type { Attribute } from './name.ts'
import { alignRight, orUndefined, parsePublicKey, readAlgorithm, toVerificationKey } from './public-key.ts'
import type { PublicKey, VerificationKey } from './public-key.ts'
import { signatureAlgorithm } from './signature.ts'
import { readTime } from './time.ts'
import type { Instant } from './time.ts'

export interface Certificate {
  readonly raw: Uint8Array
  readonly tbs: Uint8Array
  readonly spki: Uint8Array
  readonly rawSubject: Uint8Array
  readonly rawIssuer: Uint8Array
  readonly signature: Uint8Array
  /** Go's number of it; 0 for one without a name there. */
  readonly signatureAlgorithm: number
  readonly key: PublicKey
  /** Counted from 1. */
  readonly version: number
  readonly serial: bigint
  readonly issuer: readonly Attribute[]
  readonly subject: readonly Attribute[]
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly extensions: readonly Extension[]
  readonly known: Extensions
}

/** One certificate and nothing behind it, as a key to verify with; `undefined` if Go would not read it. */
export function certificateKey(der: Uint8Array): VerificationKey | undefined {
  return orUndefined(() => toVerificationKey(readWhole(der, parseCertificate).key))
}

/** The next certificate. @throws DerError */
export function parseCertificate(reader: DerReader): Certificate {
  const outer = reader.element(tag.sequence)
  const input = new DerReader(outer.body)
  const tbsElement = input.element(tag.sequence)
  const tbs = new DerReader(tbsElement.body)
  const version = readVersion(tbs.optional(contextTag(0, true)))
  const serial = tbs.integer()
  if (serial < 0n) throw new DerError('a negative serial number')
  const inner = tbs.element(tag.sequence)
  // What was signed says how; the copy outside was not.
  if (Buffer.compare(inner.body, input.element(tag.sequence).body) !== 0) throw new DerError('two signature algorithms')
  const algorithm = readAlgorithm(new DerReader(inner.body))
  const issuer = tbs.element(tag.sequence)
  const issuerName = parseName(issuer)
  const validity = tbs.sequence()
  const [notBefore, notAfter] = [readTime(validity.any()), readTime(validity.any())]
  const subject = tbs.element(tag.sequence)
  const subjectName = parseName(subject)
  const spki = tbs.element(tag.sequence)
  const parsed = parsePublicKey(spki)
  const extensions = version > 1 ? readExtensionList(tbs, version) : []
  const known = readExtensions(extensions)
  const { bytes, unused } = readBitString(input.element(tag.bitString).body)
  return {
    raw: outer.raw, tbs: tbsElement.raw, spki: spki.raw, rawSubject: subject.raw, rawIssuer: issuer.raw,
    signature: alignRight(bytes, unused), signatureAlgorithm: signatureAlgorithm(algorithm),
    // Go has no name for it in certificates.
    key: parsed.kind === 'x25519' ? { kind: 'unknown' } : parsed,
    version, serial, issuer: issuerName, subject: subjectName, notBefore, notAfter, extensions, known,
  }
}

function readVersion(element: Element | undefined): number {
  if (element === undefined) return 1
  const version = readWhole(element.body, reader => readInteger(reader.element(tag.integer).body))
  if (version < 0n || version > 2n) throw new DerError('another version')
  return Number(version) + 1
}

function readExtensionList(tbs: DerReader, version: number): readonly Extension[] {
  // issuerUniqueID and subjectUniqueID, which nobody reads.
  tbs.optional(contextTag(1, false))
  tbs.optional(contextTag(2, false))
  const list = version === 3 ? tbs.optional(contextTag(3, true)) : undefined
  if (list === undefined) return []
  const extensions: Extension[] = []
  const seen = new Set<string>()
  for (const reader = new DerReader(list.body).sequence(); !reader.isEmpty;) {
    const extension = parseExtension(reader.sequence())
    if (seen.has(extension.id)) throw new DerError('an extension that comes twice')
    seen.add(extension.id)
    extensions.push(extension)
  }
  return extensions
}

/** @throws DerError */
export function parseExtension(reader: DerReader): Extension {
  const id = reader.oid()
  const isCritical = reader.peeked === tag.boolean && reader.boolean()
  return { id, isCritical, value: reader.element(tag.octetString).body }
}
