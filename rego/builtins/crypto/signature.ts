// Signature algorithms of certificates (RFC 3279, RFC 4055, RFC 8410), by Go's numbers, and how a signature is checked.
import { constants, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { contextTag, DerReader, readInteger, tag } from './der.ts'
import type { AlgorithmIdentifier, VerificationKey } from './public-key.ts'
import { isSoundRsa, orUndefined, readAlgorithm } from './public-key.ts'

const rsaPss = '1.2.840.113549.1.1.10'
const ed25519 = '1.3.101.112'
const mgf1 = '1.2.840.113549.1.1.8'

const algorithms: Readonly<Record<string, number>> = {
  '1.2.840.113549.1.1.4': 2, '1.2.840.113549.1.1.5': 3, '1.3.14.3.2.29': 3, '1.2.840.113549.1.1.11': 4, '1.2.840.113549.1.1.12': 5, '1.2.840.113549.1.1.13': 6,
  '1.2.840.10040.4.3': 7, '2.16.840.1.101.3.4.3.2': 8, '1.2.840.10045.4.1': 9, '1.2.840.10045.4.3.2': 10, '1.2.840.10045.4.3.3': 11, '1.2.840.10045.4.3.4': 12, [ed25519]: 16,
}
/** By hash and length of the salt, which must be the same. */
const pssAlgorithms: Readonly<Record<string, number>> = { '2.16.840.1.101.3.4.2.1 32': 13, '2.16.840.1.101.3.4.2.2 48': 14, '2.16.840.1.101.3.4.2.3 64': 15 }

/** What can be verified: MD5, SHA-1 and DSA signatures prove nothing. */
const verifiable: Readonly<Record<number, { readonly kind: 'rsa' | 'ec' | 'ed25519'; readonly hash: string | null; readonly isPss?: boolean }>> = {
  4: { kind: 'rsa', hash: 'sha256' }, 5: { kind: 'rsa', hash: 'sha384' }, 6: { kind: 'rsa', hash: 'sha512' },
  10: { kind: 'ec', hash: 'sha256' }, 11: { kind: 'ec', hash: 'sha384' }, 12: { kind: 'ec', hash: 'sha512' },
  13: { kind: 'rsa', hash: 'sha256', isPss: true }, 14: { kind: 'rsa', hash: 'sha384', isPss: true }, 15: { kind: 'rsa', hash: 'sha512', isPss: true },
  16: { kind: 'ed25519', hash: null },
}

/** Go's `x509.SignatureAlgorithm`; 0 is one that it does not know. */
export function signatureAlgorithm({ oid, parameters }: AlgorithmIdentifier): number {
  if (oid === rsaPss) return parameters === undefined ? 0 : orUndefined(() => pssAlgorithm(new DerReader(parameters.raw).sequence())) ?? 0
  return oid === ed25519 && parameters !== undefined ? 0 : algorithms[oid] ?? 0
}

function pssAlgorithm(reader: DerReader): number {
  const hashElement = reader.optional(contextTag(0, true))
  const mgfElement = reader.optional(contextTag(1, true))
  const saltElement = reader.optional(contextTag(2, true))
  const trailerElement = reader.optional(contextTag(3, true))
  if (!hashElement || !mgfElement) return 0
  const hash = readAlgorithm(new DerReader(hashElement.body).sequence())
  const mgf = readAlgorithm(new DerReader(mgfElement.body).sequence())
  if (mgf.oid !== mgf1 || mgf.parameters === undefined) return 0
  const mgfHash = readAlgorithm(new DerReader(mgf.parameters.raw).sequence())
  const salt = saltElement ? readInteger(new DerReader(saltElement.body).element(tag.integer).body) : 20n
  const trailer = trailerElement ? readInteger(new DerReader(trailerElement.body).element(tag.integer).body) : 1n
  if (trailer !== 1n || mgfHash.oid !== hash.oid || !hasNoParameters(hash) || !hasNoParameters(mgfHash)) return 0
  return pssAlgorithms[`${hash.oid} ${salt}`] ?? 0
}

function hasNoParameters({ parameters }: AlgorithmIdentifier): boolean {
  return parameters === undefined || (parameters.tag === tag.null && parameters.body.length === 0)
}

/** True if `signature` on `signed` is by `key`. */
export function isSignedBy(algorithm: number, signed: Uint8Array, signature: Uint8Array, key: VerificationKey): boolean {
  const how = verifiable[algorithm]
  if (how === undefined || key.kind !== how.kind || (key.kind === 'rsa' && !isSoundRsa(key.key))) return false
  try {
    return verify(how.hash, Buffer.from(signed), how.kind === 'rsa' ? rsaOptions(key.key, how.isPss === true) : key.key, signature)
  } catch {
    // OpenSSL's way of saying that it is no signature.
    return false
  }
}

function rsaOptions(key: KeyObject, isPss: boolean): { key: KeyObject; padding: number; saltLength?: number } {
  return isPss ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : { key, padding: constants.RSA_PKCS1_PADDING }
}
