// Tokens: what stands in a projection or a masked result for a value that must not. HMAC-SHA-256 under a key of the target,
// so equal values stay equal within a target and say nothing outside it (RFC 2104).
import { createHmac, hkdfSync } from 'node:crypto'

/** 16 of 32 bytes, 22 characters: a collision among 2^32 values of one class is 1 in 2^65. */
const TOKEN_BYTES = 16

export interface Tokens {
  /** Same class and value, same token; another class or target, another token. */
  token(className: string, value: string): string
  /** The whole HMAC in hex, for the mask op `hash`; unrelated to `token`. */
  hash(className: string, value: string): string
}

/** Classes whose values people write with and without separators: `123-45-6789` is `123456789`. */
const digitClasses: ReadonlySet<string> = new Set(['US_SSN', 'PAN', 'US_ROUTING', 'US_ACCOUNT', 'IBAN', 'PHONE'])

/** @param key at least 32 bytes, secret, one per target */
export function createTokens(key: Uint8Array): Tokens {
  if (key.length < 32) throw new RangeError('a token key has at least 32 bytes')
  const mac = (label: string, className: string, value: string) => createHmac('sha256', key).update(`${label}\0${className}\0${normalise(className, value)}`, 'utf8').digest()
  return {
    token: (className, value) => mac('token', className, value).toString('base64url', 0, TOKEN_BYTES),
    hash: (className, value) => mac('hash', className, value).toString('hex'),
  }
}

/** One secret of the node, a key per target (RFC 5869). */
export function deriveTargetKey(secret: Uint8Array, target: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), `countersign/tokens/${target}`, 32))
}

function normalise(className: string, value: string): string {
  if (className === 'EMAIL') return value.toLowerCase()
  return digitClasses.has(className) ? value.replace(/[\s.()+-]/g, '').toUpperCase() : value
}
