// Keys that sign bundles and keys that say whose a bundle is. The algorithm belongs to the key, never to what is verified
// (RFC 8725 §3.1). No shared secrets (HS256): whoever could check a bundle could make one, and an examiner could not tell who did.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { PolicyError } from '../errors.ts'

export const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const
const curves: Readonly<Record<string, SignatureAlgorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
export type SignatureAlgorithm = (typeof rsaAlgorithms)[number] | 'ES256' | 'ES384' | 'ES512' | 'EdDSA'

export interface BundleKey {
  /** `kid` of what it signs. */
  readonly id: string
  readonly algorithm: SignatureAlgorithm
  readonly key: KeyObject
}

const maxPemBytes = 16_384
const minRsaBits = 2_048
const maxRsaBits = 8_192

/**
 * @param pem PKCS#8, PKCS#1 or SEC 1, not encrypted
 * @param algorithm for RSA, where a key fits several; OPA's default is RS256
 * @throws PolicyError `ERR_BUNDLE_KEY`
 */
export function readSigningKey(pem: string, id: string, algorithm?: string): BundleKey {
  if (!/^-----BEGIN (RSA |EC )?PRIVATE KEY-----/m.test(pem)) throw wrong('it is not a private key in PEM, without a password')
  return keyOf(pem, createPrivateKey, id, algorithm)
}

/** As `readSigningKey`, of a public key. A private one is refused: whoever verifies has no need to hold it. */
export function readVerificationKey(pem: string, id: string, algorithm?: string): BundleKey {
  if (/PRIVATE KEY-----/.test(pem)) throw wrong('it is a private key: verify with the public one')
  if (!/^-----BEGIN (RSA )?PUBLIC KEY-----/m.test(pem)) throw wrong('it is not a public key in PEM')
  return keyOf(pem, createPublicKey, id, algorithm)
}

function keyOf(pem: string, parse: (pem: string) => KeyObject, id: string, algorithm: string | undefined): BundleKey {
  if (!/^[\w.:@/+=-]{1,256}$/.test(id)) throw wrong('its id is empty or has an odd character')
  if (pem.length > maxPemBytes) throw wrong(`it is larger than ${maxPemBytes} bytes`)
  let key: KeyObject
  try {
    key = parse(pem)
  } catch (cause) {
    throw wrong('it cannot be read', cause)
  }
  const [preferred, ...others] = algorithmsOf(key)
  const chosen = algorithm === undefined ? preferred : [preferred, ...others].find(name => name === algorithm)
  if (chosen === undefined) throw wrong(`its algorithm is not one of ${[preferred, ...others].join(', ')}`)
  return { id, algorithm: chosen, key }
}

function algorithmsOf(key: KeyObject): readonly [SignatureAlgorithm, ...SignatureAlgorithm[]] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ed25519') return ['EdDSA']
  const curve = type === 'ec' ? curves[details?.namedCurve ?? ''] : undefined
  if (curve !== undefined) return [curve]
  if (type !== 'rsa') throw wrong('it is neither Ed25519 nor ECDSA (P-256, P-384, P-521) nor RSA')
  const bits = details?.modulusLength ?? 0
  if (bits < minRsaBits || bits > maxRsaBits) throw wrong(`an RSA key has ${minRsaBits} to ${maxRsaBits} bits`)
  return rsaAlgorithms
}

function wrong(why: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_KEY', `the key for bundles cannot be used: ${why}`, { cause })
}
