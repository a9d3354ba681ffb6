// `io.jwt.encode_sign` and `encode_sign_raw` (RFC 7515 §5.1), for the algorithms that give the same signature every time: HMAC, RSA
// with PKCS #1 v1.5 and Ed25519. ECDSA and PSS draw a random number, of which there is none here: undefined.
import { createHmac, createPrivateKey, sign } from 'node:crypto'
import { checkRsa } from '../crypto/private-key.ts'
import { orUndefined } from '../crypto/public-key.ts'
import { readJson } from '../json/read.ts'
import { marshal } from '../marshal.ts'
import type { Value } from '../value.ts'
import { decodeAnyBase64, readJwks, signatureAlgorithms } from './keys.ts'
import { maxTokenLength, member } from './token.ts'
import type { JsonObject } from './token.ts'
import { verifySignature } from './verify.ts'

/** A signature takes a time that grows with the cube of it. */
const maxModulusBytes = 512

export function encodeSign(header: Value, payload: Value, key: Value): Value | undefined {
  return encodeSignRaw(...[header, payload, key].map(value => marshal[0]?.[1](value, { object: [] }) ?? null))
}

export function encodeSignRaw(header: Value = null, payload: Value = null, keyText: Value = null): Value | undefined {
  if (typeof header !== 'string' || typeof payload !== 'string' || typeof keyText !== 'string') return undefined
  const parameters = readJson(header)
  const alg = memberOf(parameters, 'alg')
  const typ = memberOf(parameters, 'typ')
  const key = readJwks(keyText)?.[0]
  if (typeof alg !== 'string' || !signatureAlgorithms.includes(alg) || key === undefined) return undefined
  // Claims are JSON; something else has to say so.
  if ((typeof typ !== 'string' || typ === 'JWT') && readJson(payload) === undefined) return undefined
  const text = `${encode(header)}.${encode(payload)}`
  if (text.length > maxTokenLength) return undefined
  if (alg.startsWith('HS')) return key.key.kind === 'secret' ? join(text, createHmac(`sha${alg.slice(2)}`, key.key.key).update(text).digest()) : undefined
  if (key.key.kind !== (alg === 'EdDSA' ? 'ed25519' : 'rsa') || !('isPrivate' in key.key) || !key.key.isPrivate || /^[PE]S/.test(alg)) return undefined
  const signature = signWith(alg, key.jwk, text)
  // A key whose parts do not belong together signs nothing.
  return signature !== undefined && verifySignature(alg, key.key, text, signature, true) ? join(text, signature) : undefined
}

function memberOf(value: Value | undefined, name: string): Value | undefined {
  return value !== null && typeof value === 'object' && 'object' in value ? member(value, name) : undefined
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

function join(text: string, signature: Uint8Array): string {
  return `${text}.${Buffer.from(signature).toString('base64url')}`
}

function signWith(alg: string, jwk: JsonObject, text: string): Uint8Array | undefined {
  const parts = privateParts(alg, jwk)
  if (parts === undefined) return undefined
  try {
    return sign(alg === 'EdDSA' ? null : `sha${alg.slice(2)}`, Buffer.from(text), createPrivateKey({ key: parts, format: 'jwk' }))
  } catch {
    // OpenSSL does not take every number for a key.
    return undefined
  }
}

function privateParts(alg: string, jwk: JsonObject): Record<string, string> | undefined {
  const number = (name: string) => {
    const text = member(jwk, name)
    return typeof text === 'string' ? BigInt(`0x0${Buffer.from(decodeAnyBase64(text) ?? []).toString('hex')}`) : 0n
  }
  const same = (name: string) => Buffer.from(decodeAnyBase64(String(member(jwk, name) ?? '')) ?? []).toString('base64url')
  if (alg === 'EdDSA') return { kty: 'OKP', crv: 'Ed25519', x: same('x'), d: same('d') }
  if (number('n') >> BigInt(8 * maxModulusBytes) > 0n) return undefined
  const key = orUndefined(() => checkRsa({ n: number('n'), e: number('e'), d: number('d'), p: number('p'), q: number('q'), dp: undefined, dq: undefined, qi: undefined }))
  return key && { kty: 'RSA', n: url(key.n), e: url(key.e), d: url(key.d), p: url(key.p), q: url(key.q), dp: url(key.dp), dq: url(key.dq), qi: url(key.qi) }
}

function url(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}
