// `crypto.md5`, `sha1`, `sha256` and `crypto.hmac.*`: lower-case hex over the UTF-8 bytes of the arguments.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Family } from '../operand.ts'
import type { Builtin, Value } from '../value.ts'

export const digests: Family = [
  ...['md5', 'sha1', 'sha256'].map(algorithm => [`crypto.${algorithm}`, digest(algorithm)] as const),
  ...['md5', 'sha1', 'sha256', 'sha512'].map(algorithm => [`crypto.hmac.${algorithm}`, hmac(algorithm)] as const),
  ['crypto.hmac.equal', equal],
]

// MD5 and SHA-1 are for names that somebody else gave in them; nothing of ours relies on either.
function digest(algorithm: string): Builtin {
  return text => (typeof text === 'string' ? createHash(algorithm).update(text).digest('hex') : undefined)
}

function hmac(algorithm: string): Builtin {
  return (message, key) => (typeof message === 'string' && typeof key === 'string' ? createHmac(algorithm, key).update(message).digest('hex') : undefined)
}

function equal(one: Value, other: Value): Value | undefined {
  if (typeof one !== 'string' || typeof other !== 'string') return undefined
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
