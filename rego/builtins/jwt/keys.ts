// What a token may be verified with: one PEM certificate or public key, or a JSON Web Key (Set) (RFC 7517). A set with one key that
// is malformed is no set, as in OPA.
import { createPublicKey } from 'node:crypto'
import { decodeBase64 } from '../crypto/base64.ts'
import { certificateKey } from '../crypto/certificate.ts'
import { decodePem, toBytesText } from '../crypto/pem.ts'
import { readPublicKey } from '../crypto/public-key.ts'
import type { VerificationKey } from '../crypto/public-key.ts'
import { readJson } from '../json/read.ts'
import type { Value } from '../value.ts'
import { member } from './token.ts'
import type { JsonObject } from './token.ts'

/** Characters of certificates and keys. */
const maxKeyTextLength = 1_048_576
/** Keys of one set; each may cost a verification. */
const maxKeys = 256

/** Certificates of one key. */
const maxChainLength = 10

export interface NamedKey {
  /** Empty where the key does not say. */
  readonly alg: string
  readonly kid: string
  readonly key: VerificationKey
}

/** The algorithms of RFC 7518 §3.1 and RFC 8037 that a token can be verified with. */
export const signatureAlgorithms: readonly string[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'EdDSA']
/** Known names; a key with one of the others is passed over, and one with a name that is not here makes the set malformed. */
const otherAlgorithms: readonly string[] = ['none', 'ES256K', 'Ed25519', 'A128CBC-HS256', 'A192CBC-HS384', 'A256CBC-HS512', 'A128GCM', 'A192GCM', 'A256GCM', 'A128GCMKW', 'A192GCMKW', 'A256GCMKW', 'A128KW', 'A192KW', 'A256KW',
  'dir', 'ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW', 'PBES2-HS256+A128KW', 'PBES2-HS384+A192KW', 'PBES2-HS512+A256KW', 'RSA-OAEP', 'RSA-OAEP-256', 'RSA-OAEP-384', 'RSA-OAEP-512', 'RSA1_5']
/** Bytes of a coordinate. */
const curves: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }

/** `undefined` if it is neither, or malformed. */
export function readKeys(text: Value | undefined): readonly NamedKey[] | undefined {
  if (typeof text !== 'string' || text.length > maxKeyTextLength) return undefined
  const pem = decodePem(toBytesText(text))
  if (pem !== undefined) {
    if (pem.rest !== '') return undefined
    const { type, bytes } = pem.block
    const key = type === 'CERTIFICATE' ? certificateKey(bytes) : type === 'PUBLIC KEY' ? readPublicKey(bytes) : undefined
    return key && [{ alg: '', kid: '', key }]
  }
  // A key for something else than signatures is passed over.
  return readJwks(text)?.filter(({ alg }) => alg === '' || signatureAlgorithms.includes(alg))
}

/** Every key of a set, or the only one. */
export function readJwks(text: string): readonly (NamedKey & { readonly jwk: JsonObject })[] | undefined {
  const value = text.length > maxKeyTextLength ? undefined : readJson(text)
  if (value === undefined || value === null || typeof value !== 'object' || !('object' in value)) return undefined
  const set = value.object.some(([name]) => name === 'keys') ? member(value, 'keys') : { array: [value] }
  if (set === undefined || set === null || typeof set !== 'object' || !('array' in set) || set.array.length > maxKeys) return undefined
  const keys: (NamedKey & { jwk: JsonObject })[] = []
  for (const item of set.array) {
    if (item === null || typeof item !== 'object' || !('object' in item)) return undefined
    const named = readJwk(item)
    if (named === undefined) return undefined
    keys.push({ ...named, jwk: item })
  }
  return keys
}

function readJwk(jwk: JsonObject): NamedKey | undefined {
  const [alg, kid, ...rest] = ['alg', 'kid', 'use', 'x5u', 'x5t', 'x5t#S256'].map(name => member(jwk, name) ?? '')
  if (typeof alg !== 'string' || typeof kid !== 'string' || !rest.every(text => typeof text === 'string')) return undefined
  if (jwk.object.some(([name]) => name === 'alg') && !signatureAlgorithms.includes(alg) && !otherAlgorithms.includes(alg)) return undefined
  const operations = member(jwk, 'key_ops') ?? { array: [] }
  if (typeof operations !== 'object' || !('array' in operations) || !operations.array.every(name => name === null || typeof name === 'string')) return undefined
  if (jwk.object.some(([name]) => name === 'x5c') && !isChain(member(jwk, 'x5c'))) return undefined
  const key = readKeyMaterial(jwk)
  return key && { alg, kid, key }
}

/** RFC 7517 §4.7: certificates, which nobody here looks at but to see that they are some. */
function isChain(value: Value | undefined): boolean {
  if (value === undefined || value === null || typeof value !== 'object' || !('array' in value) || value.array.length > maxChainLength) return false
  return value.array.every(text => {
    const der = typeof text === 'string' ? decodeBase64(text.replace(/[ \t\r\n]/g, ''), 'standard', 'padded') : undefined
    return der !== undefined && certificateKey(der) !== undefined
  })
}

function readKeyMaterial(jwk: JsonObject): VerificationKey | undefined {
  const isPrivate = member(jwk, 'd') !== undefined
  const bytes = (name: string) => {
    const text = member(jwk, name)
    return typeof text === 'string' ? decodeAnyBase64(text) : undefined
  }
  switch (member(jwk, 'kty')) {
    case 'oct': {
      const key = bytes('k')
      return key && key.length > 0 ? { kind: 'secret', key } : undefined
    }
    case 'RSA': {
      const [n, e] = [trim(bytes('n')), trim(bytes('e'))]
      if (n === undefined || e === undefined || n.length === 0 || e.length === 0 || e.length > 8) return undefined
      if ((e.at(-1) ?? 0) % 2 === 0 || (e.length === 8 && (e[0] ?? 0) >= 0x80)) return undefined
      if (isPrivate && (!bytes('d')?.length || bytes('p') === undefined || bytes('q') === undefined)) return undefined
      return importJwk({ kty: 'RSA', n: url(n), e: url(e) }, 'rsa', isPrivate) ?? { kind: 'other' }
    }
    case 'EC': {
      const crv = member(jwk, 'crv')
      const size = typeof crv === 'string' ? curves[crv] : undefined
      const [x, y, d] = [bytes('x'), bytes('y'), bytes('d')]
      if (typeof crv !== 'string' || size === undefined || x?.length !== size || y?.length !== size || (isPrivate && d?.length !== size)) return undefined
      return importJwk({ kty: 'EC', crv, x: url(x), y: url(y) }, 'ec', isPrivate)
    }
    case 'OKP': {
      const crv = member(jwk, 'crv')
      const x = bytes('x')
      if ((crv !== 'Ed25519' && crv !== 'X25519') || x?.length !== 32 || (isPrivate && bytes('d')?.length !== 32)) return undefined
      return crv === 'X25519' ? { kind: 'other' } : importJwk({ kty: 'OKP', crv, x: url(x) }, 'ed25519', isPrivate) ?? { kind: 'other' }
    }
    default: return undefined
  }
}

function importJwk(jwk: Record<string, string>, kind: 'rsa' | 'ec' | 'ed25519', isPrivate: boolean): VerificationKey | undefined {
  try {
    return { kind, key: createPublicKey({ key: jwk, format: 'jwk' }), isPrivate }
  } catch {
    // A point that is not on its curve, or a size that OpenSSL refuses.
    return undefined
  }
}

/** Key sets in the wild have all four ways of writing base64. */
export function decodeAnyBase64(text: string): Uint8Array | undefined {
  return decodeBase64(text, /[+/]/.test(text) ? 'standard' : 'url', text.endsWith('=') ? 'padded' : 'raw')
}

function trim(bytes: Uint8Array | undefined): Uint8Array | undefined {
  const first = bytes?.findIndex(byte => byte !== 0)
  return first === undefined || first < 0 ? bytes?.subarray(bytes.length) : bytes?.subarray(first)
}

function url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
