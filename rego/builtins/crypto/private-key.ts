// Private keys in PKCS #1 (RFC 8017 A.1.2), PKCS #8 (RFC 5958) and SEC 1 (RFC 5915) with the checks of Go's crypto/x509.
import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto'
import { contextTag, DerError, DerReader, readBitString, readWhole, tag } from './der.ts'
import { curves, publicKeyOids, readAlgorithm, toInteger } from './public-key.ts'

export type PrivateKey =
  | { readonly kind: 'rsa'; readonly n: bigint; readonly e: bigint; readonly d: bigint; readonly p: bigint; readonly q: bigint; readonly dp: bigint; readonly dq: bigint; readonly qi: bigint }
  | { readonly kind: 'ec'; readonly curve: string; readonly size: number; readonly x: bigint; readonly y: bigint; readonly d: bigint }
  | { readonly kind: 'ed25519' | 'x25519'; readonly seed: Uint8Array; readonly point: Uint8Array }

/** Of a modulus: what is larger takes too long to check. */
const maxModulusBits = 16_384

/** @throws DerError */
export function parsePkcs1(der: Uint8Array): PrivateKey {
  const reader = readWhole(der, outer => outer.sequence())
  const version = reader.integer()
  const [n, e, d, p, q] = [reader.integer(), reader.integer(), reader.integer(), reader.integer(), reader.integer()]
  const [dp, dq, qi] = [0, 1, 2].map(() => (reader.peeked === tag.integer ? reader.integer() : undefined))
  // Keys of more than two primes are left out.
  if (version > 1n || reader.peeked === tag.sequence || n >> BigInt(maxModulusBits) > 0n || e > 0x7fffffffn) throw new DerError('a key of another kind')
  if ([n, d, p, q, dp ?? 1n, dq ?? 1n, qi ?? 1n].some(number => number <= 0n)) throw new DerError('a key that is not positive')
  return checkRsa({ n, e, d, p, q, dp, dq, qi })
}

/** The key, with what was not given of it. @throws DerError unless its parts belong together */
export function checkRsa({ n, e, d, p, q, ...given }: { n: bigint; e: bigint; d: bigint; p: bigint; q: bigint; dp: bigint | undefined; dq: bigint | undefined; qi: bigint | undefined }): PrivateKey & { readonly kind: 'rsa' } {
  const bits = n.toString(2).length
  const wrong = () => new DerError('an RSA key whose parts do not belong together')
  if (p < 3n || q < 3n || p * q !== n || n % 2n === 0n || e < 2n || e % 2n === 0n || d >= n) throw wrong()
  const [dp, dq] = [given.dp ?? d % (p - 1n), given.dq ?? d % (q - 1n)]
  if (dp !== d % (p - 1n) || dq !== d % (q - 1n) || (dp * e) % (p - 1n) !== 1n || (dq * e) % (q - 1n) !== 1n) throw wrong()
  const qi = given.qi ?? invert(q, p)
  if (qi >= p || (qi * q) % p !== 1n) throw wrong()
  // Primes too near each other, or a small exponent, give the key away.
  const distance = p > q ? p - q : q - p
  if (distance.toString(2).length <= Math.floor(bits / 2) - 100 || d.toString(2).length <= Math.floor(bits / 2)) throw wrong()
  return { kind: 'rsa', n, e, d, p, q, dp, dq, qi }
}

function invert(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n]
  while (b > 0n) {
    ;[x, y] = [y, x - (a / b) * y]
    ;[a, b] = [b, a % b]
  }
  if (a !== 1n) throw new DerError('a number that has no inverse')
  return ((x % modulus) + modulus) % modulus
}

/** What stands behind it is not looked at. @throws DerError */
export function parsePkcs8(der: Uint8Array): PrivateKey {
  const reader = new DerReader(der).sequence()
  reader.integer()
  const { oid, parameters } = readAlgorithm(reader.sequence())
  const inner = reader.element(tag.octetString).body
  switch (oid) {
    case publicKeyOids.rsa: return parsePkcs1(inner)
    case publicKeyOids.ec: return parseSec1(inner, parameters?.tag === tag.oid ? new DerReader(parameters.raw).oid() : undefined)
    case publicKeyOids.ed25519:
    case publicKeyOids.x25519: {
      const seed = new DerReader(inner).element(tag.octetString).body
      if (parameters !== undefined || seed.length !== 32) throw new DerError('a key of another size, or with parameters')
      const kind = oid === publicKeyOids.ed25519 ? 'ed25519' : 'x25519'
      return { kind, seed, point: pointOf(kind, seed) }
    }
    default: throw new DerError('a key of another algorithm')
  }
}

// RFC 8410 §7: all before the 32 bytes.
const prefixes = { ed25519: '302e020100300506032b657004220420', x25519: '302e020100300506032b656e04220420' } as const

function pointOf(kind: 'ed25519' | 'x25519', seed: Uint8Array): Uint8Array {
  const key = createPublicKey(createPrivateKey({ key: Buffer.concat([Buffer.from(prefixes[kind], 'hex'), seed]), format: 'der', type: 'pkcs8' }))
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
}

/** Names of node:crypto. */
const curveNames: Readonly<Record<string, string>> = { 'P-224': 'secp224r1', 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' }

/** @param named the curve, where what is around the key names it. @throws DerError */
export function parseSec1(der: Uint8Array, named?: string): PrivateKey {
  const reader = new DerReader(der).sequence()
  if (reader.integer() !== 1n) throw new DerError('a key of another version')
  const secret = reader.element(tag.octetString).body
  const own = reader.optional(contextTag(0, true))
  const point = reader.optional(contextTag(1, true))
  if (point) readBitString(new DerReader(point.body).element(tag.bitString).body)
  const [curve, size] = curves[named ?? (own ? new DerReader(own.body).oid() : '')] ?? []
  const d = toInteger(secret)
  if (curve === undefined || size === undefined || d >> BigInt(8 * size) > 0n) throw new DerError('a key of another curve')
  try {
    const ecdh = createECDH(curveNames[curve] ?? '')
    ecdh.setPrivateKey(d.toString(16).padStart(2 * size, '0'), 'hex')
    const bytes = ecdh.getPublicKey()
    return { kind: 'ec', curve, size, d, x: toInteger(bytes.subarray(1, 1 + size)), y: toInteger(bytes.subarray(1 + size)) }
  } catch {
    // Zero, or not below the order of the curve.
    throw new DerError('a number that is no key of the curve')
  }
}
