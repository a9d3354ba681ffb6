// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) with the checks of Go's crypto/x509: what Go refuses to read, nobody here verifies with.
import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { DerError, DerReader, readBitString, readWhole, tag } from './der.ts'
import type { Element } from './der.ts'

export type PublicKey =
  | { readonly kind: 'rsa'; readonly n: bigint; readonly e: bigint; readonly spki: Uint8Array }
  | { readonly kind: 'ec'; readonly curve: string; readonly x: bigint; readonly y: bigint; readonly object: KeyObject }
  | { readonly kind: 'ed25519'; readonly bytes: Uint8Array; readonly spki: Uint8Array }
  | { readonly kind: 'dsa'; readonly p: bigint; readonly q: bigint; readonly g: bigint; readonly y: bigint }
  | { readonly kind: 'x25519'; readonly bytes: Uint8Array }
  /** A certificate may have a key that Go knows no name for. */
  | { readonly kind: 'unknown' }

/** What signatures are verified with. */
export type VerificationKey =
  | { readonly kind: 'rsa' | 'ec' | 'ed25519'; readonly key: KeyObject; readonly isPrivate: boolean }
  | { readonly kind: 'secret'; readonly key: Uint8Array }
  /** One that no algorithm here uses, such as X25519. */
  | { readonly kind: 'other' }

export const publicKeyOids = { rsa: '1.2.840.113549.1.1.1', dsa: '1.2.840.10040.4.1', ec: '1.2.840.10045.2.1', x25519: '1.3.101.110', ed25519: '1.3.101.112' } as const

/** Name and bytes of a coordinate, by object identifier. */
export const curves: Readonly<Record<string, readonly [string, number]>> = { '1.3.132.0.33': ['P-224', 28], '1.2.840.10045.3.1.7': ['P-256', 32], '1.3.132.0.34': ['P-384', 48], '1.3.132.0.35': ['P-521', 66] }

export interface AlgorithmIdentifier {
  readonly oid: string
  readonly parameters: Element | undefined
}

export function readAlgorithm(sequence: DerReader): AlgorithmIdentifier {
  const oid = sequence.oid()
  return { oid, parameters: sequence.isEmpty ? undefined : sequence.any() }
}

/** @param spki the element with its tag. @throws DerError */
export function parsePublicKey(spki: Element): PublicKey {
  const reader = new DerReader(spki.body)
  const { oid, parameters } = readAlgorithm(reader.sequence())
  const { bytes, unused } = readBitString(reader.element(tag.bitString).body)
  const data = alignRight(bytes, unused)
  switch (oid) {
    case publicKeyOids.rsa: {
      if (parameters?.tag !== tag.null || parameters.body.length !== 0) throw new DerError('an RSA key without its NULL')
      const key = new DerReader(data).sequence()
      const [n, e] = [key.integer(), key.integer()]
      if (n <= 0n || e <= 0n || e > 0x7fffffffffffffffn) throw new DerError('an RSA key that is not positive')
      return { kind: 'rsa', n, e, spki: spki.raw }
    }
    case publicKeyOids.ec: {
      if (parameters === undefined) throw new DerError('an elliptic curve key without its curve')
      const curve = curves[new DerReader(parameters.raw).oid()]
      if (curve === undefined || data.length !== 1 + 2 * curve[1] || data[0] !== 4) throw new DerError('a point or curve of another kind')
      return { kind: 'ec', curve: curve[0], x: toInteger(data.subarray(1, 1 + curve[1])), y: toInteger(data.subarray(1 + curve[1])), object: importSpki(spki.raw) }
    }
    case publicKeyOids.ed25519:
    case publicKeyOids.x25519:
      if (parameters !== undefined || data.length !== 32) throw new DerError('a key of another size, or with parameters')
      return oid === publicKeyOids.ed25519 ? { kind: 'ed25519', bytes: data, spki: spki.raw } : { kind: 'x25519', bytes: data }
    case publicKeyOids.dsa: {
      const y = new DerReader(data).integer()
      const group = new DerReader(parameters?.raw ?? new Uint8Array(0)).sequence()
      const [p, q, g] = [group.integer(), group.integer(), group.integer()]
      if ([y, p, q, g].some(number => number <= 0n)) throw new DerError('a DSA key that is not positive')
      return { kind: 'dsa', p, q, g, y }
    }
    default: return { kind: 'unknown' }
  }
}

/** `x509.ParsePKIXPublicKey`, for verification; `undefined` for what it refuses. */
export function readPublicKey(der: Uint8Array): VerificationKey | undefined {
  return orUndefined(() => {
    const key = parsePublicKey(readWhole(der, reader => reader.element(tag.sequence)))
    if (key.kind === 'unknown') throw new DerError('a key of another algorithm')
    return toVerificationKey(key)
  })
}

/** What tokens or other certificates may be verified with. @throws DerError */
export function toVerificationKey(key: PublicKey): VerificationKey {
  if (key.kind === 'ec') return { kind: 'ec', key: key.object, isPrivate: false }
  if (key.kind === 'rsa' || key.kind === 'ed25519') return { kind: key.kind, key: importSpki(key.spki), isPrivate: false }
  return { kind: 'other' }
}

/** As Go's crypto/rsa has it, shorter keys verify nothing; longer ones would take too long. */
const minModulusBits = 1_024
const maxModulusBits = 8_192
const maxExponent = 2n ** 31n - 1n

/** May it verify anything? */
export function isSoundRsa(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  return modulusLength >= minModulusBits && modulusLength <= maxModulusBits && publicExponent <= maxExponent
}

function importSpki(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch {
    // A point that is not on the curve.
    throw new DerError('a key that is none')
  }
}

/** `undefined` in place of a DerError. */
export function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof DerError) return undefined
    throw cause
  }
}

/** Go's `asn1.BitString.RightAlign`. */
export function alignRight(bytes: Uint8Array, unused: number): Uint8Array {
  if (unused === 0) return bytes
  return bytes.map((byte, at) => (byte >> unused) | ((bytes[at - 1] ?? 0) << (8 - unused)))
}

export function toInteger(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}
