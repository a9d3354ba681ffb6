// A JSON Web Token in compact form (RFC 7519 §7.2, RFC 7515 §5.2), taken apart the way OPA does it.
import { decodeBase64Url } from '../crypto/base64.ts'
import { readJson, readUtf8 } from '../json/read.ts'
import type { Value } from '../value.ts'

/** Characters of a token; a larger one is none. */
export const maxTokenLength = 131_072

export interface JsonObject { readonly object: readonly (readonly [Value, Value])[] }

export interface Token {
  readonly header: string
  readonly payload: string
  readonly signature: string
}

/** The header parameters that say how a token is verified (RFC 7515 §4.1). `alg` and `kid` are empty where they are not given. */
export interface Header {
  readonly alg: string
  readonly kid: string
  readonly cty: string
  /** False without `alg`, or where `crit` names a parameter that nobody here knows (RFC 7515 §4.1.11). */
  readonly isValid: boolean
}

export function splitToken(text: Value | undefined): Token | undefined {
  if (typeof text !== 'string' || text.length > maxTokenLength) return undefined
  const [header, payload, signature, ...more] = text.split('.', 4)
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) return undefined
  return { header, payload, signature }
}

/** The claims or the header: base64url of one JSON object. */
export function decodeObject(part: string): JsonObject | undefined {
  const bytes = decodeBase64Url(part)
  const value = bytes && readJson(readUtf8(bytes))
  return value !== null && typeof value === 'object' && 'object' in value ? value : undefined
}

/** The header, unless it is of an encrypted token (RFC 7516 §9). */
export function decodeHeader(token: Token): JsonObject | undefined {
  const header = decodeObject(token.header)
  return header && member(header, 'enc') === undefined ? header : undefined
}

export function member({ object }: JsonObject, name: string): Value | undefined {
  return object.find(([key]) => key === name)?.[1]
}

/** `undefined` if a parameter that is known has the wrong type. */
export function readHeader(header: JsonObject): Header | undefined {
  const texts = ['alg', 'kid', 'typ', 'cty'].map(name => (has(header, name) ? member(header, name) : ''))
  const [alg, kid, , cty] = texts
  if (!texts.every(text => typeof text === 'string') || typeof alg !== 'string' || typeof kid !== 'string' || typeof cty !== 'string') return undefined
  if (!has(header, 'crit')) return { alg, kid, cty, isValid: alg !== '' }
  const crit = member(header, 'crit')
  if (crit === null || typeof crit !== 'object' || !('array' in crit)) return undefined
  // OPA reads the list up to the first member that is no string.
  const wrong = crit.array.findIndex(name => typeof name !== 'string')
  const names = wrong < 0 ? crit.array : crit.array.slice(0, wrong)
  if (names.length === 0) return undefined
  const known = ['alg', 'kid', 'typ', 'cty', 'crit']
  const isUnderstood = !header.object.some(([name]) => typeof name === 'string' && !known.includes(name) && names.includes(name))
  return { alg, kid, cty, isValid: alg !== '' && isUnderstood }
}

function has({ object }: JsonObject, name: string): boolean {
  return object.some(([key]) => key === name)
}
