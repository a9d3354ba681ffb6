// `io.jwt.*`, as OPA's topdown answers them, over node:crypto.
import { decodeBase64Url } from '../crypto/base64.ts'
import { readUtf8 } from '../json/read.ts'
import type { Family } from '../operand.ts'
import type { Builtin, Value } from '../value.ts'
import { compareDecimals } from '../decimal.ts'
import { readKeys, signatureAlgorithms } from './keys.ts'
import type { NamedKey } from './keys.ts'
import { encodeSign, encodeSignRaw } from './sign.ts'
import { decodeHeader, decodeObject, member, readHeader, splitToken } from './token.ts'
import type { Header, JsonObject, Token } from './token.ts'
import { verifyHmac, verifySignature } from './verify.ts'

/** Tokens inside one another (RFC 7519 §5.2); each is a third larger than what is in it, so a longer chain does not fit. */
const maxNesting = 32

export const jwt: Family = [
  ['io.jwt.decode', decode],
  ['io.jwt.decode_verify', decodeVerify],
  ['io.jwt.encode_sign', encodeSign],
  ['io.jwt.encode_sign_raw', encodeSignRaw],
  ...signatureAlgorithms.map(alg => [`io.jwt.verify_${alg.toLowerCase()}`, alg.startsWith('HS') ? verifyWithSecret(alg) : verifyWithKeys(alg)] as const),
]

function decode(text: Value): Value | undefined {
  let inner: Value | undefined = text
  for (let depth = 0; depth < maxNesting; depth++) {
    const token = splitToken(inner)
    const header = token && decodeHeader(token)
    const payload = token && decodeBase64Url(token.payload)
    if (!token || !header || !payload) return undefined
    const cty = member(header, 'cty')
    if (cty !== undefined && typeof cty !== 'string') return undefined
    if (cty === 'JWT') {
      inner = readUtf8(payload).replace(/^["']+/, '').replace(/["']+$/, '')
      continue
    }
    const claims = decodeObject(token.payload)
    const signature = decodeBase64Url(token.signature)
    return claims && signature && { array: [header, claims, Buffer.from(signature).toString('hex')] }
  }
  return undefined
}

function verifyWithSecret(alg: string): Builtin {
  return (text, secret) => {
    const token = splitToken(text)
    const signature = token && decodeBase64Url(token.signature)
    if (!token || !signature || typeof secret !== 'string') return undefined
    return verifyHmac(`sha${alg.slice(2)}`, Buffer.from(secret), signedText(token), signature)
  }
}

function verifyWithKeys(alg: string): Builtin {
  return (text, keyText) => {
    const token = splitToken(text)
    const keys = readKeys(keyText)
    const signature = token && decodeBase64Url(token.signature)
    const decoded = token && decodeHeader(token)
    const header = decoded && readHeader(decoded)
    if (!token || !keys || !signature || !header) return undefined
    // The function's name says how to verify; what the header says of it only chooses among the keys of a set.
    return choose(keys, header).some(({ key }) => verifySignature(alg, key, signedText(token), signature, false))
  }
}

/** The first key that the header names, and no other; else all that do not name another algorithm. */
function choose(keys: readonly NamedKey[], { alg, kid }: Header): readonly NamedKey[] {
  const named = kid === '' ? undefined : keys.find(key => key.kid === kid)
  return named ? [named] : keys.filter(key => key.alg === '' || key.alg === alg)
}

function signedText({ header, payload }: Token): string {
  return `${header}.${payload}`
}

interface Constraints {
  readonly keys: readonly NamedKey[] | undefined
  readonly secret: string
  readonly alg: string
  readonly iss: string
  readonly aud: string
  /** Seconds as a decimal text; `undefined` if no time was given. */
  readonly time: string | undefined
}

const unverified: Value = { array: [false, { object: [] }, { object: [] }] }

/**
 * OPA falls back on the clock where `time` is not among the constraints. There is none here, so what would depend on it (a token that
 * has `exp` or `nbf`) is undefined then: an answer is OPA's at any time, or none.
 */
function decodeVerify(text: Value, given: Value): Value | undefined {
  const constraints = readConstraints(given)
  if (constraints === undefined) return undefined
  let inner: Value | undefined = text
  for (let depth = 0; depth < maxNesting; depth++) {
    const token = splitToken(inner)
    const decoded = token && decodeHeader(token)
    const header = decoded && readHeader(decoded)
    if (!token || !header) return undefined
    if (!header.isValid || (constraints.alg !== '' && constraints.alg !== header.alg)) return unverified
    const signature = decodeBase64Url(token.signature)
    if (!signature) return undefined
    if (!isSigned(constraints, header, signedText(token), signature)) return unverified
    const payload = decodeBase64Url(token.payload)
    if (!payload) return undefined
    if (header.cty.toUpperCase() === 'JWT') { inner = readUtf8(payload); continue }
    const claims = decodeObject(token.payload)
    const isMet = claims && meets(claims, constraints)
    if (isMet === undefined) return undefined
    return isMet ? { array: [true, decoded, claims] } : unverified
  }
  return undefined
}

function isSigned(constraints: Constraints, header: Header, text: string, signature: Uint8Array): boolean {
  // Ed25519 is EdDSA under its own name (RFC 9864).
  if (!signatureAlgorithms.includes(header.alg) && header.alg !== 'Ed25519') return false
  if (constraints.keys) return choose(constraints.keys, header).some(({ key }) => verifySignature(header.alg, key, text, signature, true))
  return header.alg.startsWith('HS') && verifyHmac(`sha${header.alg.slice(2)}`, Buffer.from(constraints.secret), text, signature)
}

/** Registered claims against the constraints (RFC 7519 §4.1); `undefined` for one of the wrong type, or without a time to compare with. */
function meets(claims: JsonObject, { iss, aud, time }: Constraints): boolean | undefined {
  if (iss !== '') {
    const issuer = member(claims, 'iss')
    if (issuer === undefined) return false
    if (typeof issuer !== 'string') return undefined
    if (issuer !== iss) return false
  }
  const audience = member(claims, 'aud')
  if (audience === undefined ? aud !== '' : !isAudience(audience, aud)) return false
  for (const name of ['exp', 'nbf']) {
    const claim = member(claims, name)
    if (claim === undefined) continue
    if (claim === null || typeof claim !== 'object' || !('number' in claim) || time === undefined) return undefined
    const order = compareDecimals(time, claim.number)
    if (order === undefined) return undefined
    if (name === 'exp' ? order >= 0 : order < 0) return false
  }
  return true
}

function isAudience(claim: Value, aud: string): boolean {
  if (typeof claim === 'string') return claim === aud
  return claim !== null && typeof claim === 'object' && 'array' in claim && claim.array.includes(aud)
}

function readConstraints(given: Value): Constraints | undefined {
  if (given === null || typeof given !== 'object' || !('object' in given)) return undefined
  const texts = { secret: '', alg: '', iss: '', aud: '' }
  let keys: readonly NamedKey[] | undefined
  let time: string | undefined
  for (const [name, value] of given.object) {
    if (name === 'cert') {
      keys = readKeys(value)
      if (keys === undefined) return undefined
    } else if (name === 'time') {
      if (value === null || typeof value !== 'object' || !('number' in value)) return undefined
      const nanoseconds = Number(value.number)
      if (!Number.isFinite(nanoseconds) || nanoseconds < 0) return undefined
      time = String(nanoseconds / 1e9)
    } else if ((name === 'secret' || name === 'alg' || name === 'iss' || name === 'aud') && typeof value === 'string') texts[name] = value
    // A constraint that nobody checks would be one that holds.
    else return undefined
  }
  // One of the two, and only one, says what to verify with.
  if ((keys === undefined) === (texts.secret === '')) return undefined
  return { keys, ...texts, time }
}
