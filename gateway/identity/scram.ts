// SCRAM-SHA-256, server side (RFC 5802, RFC 7677): a machine user proves its password; what is stored here cannot be used to log in.
// A name nobody has is answered with the same messages after the same work; only the proof fails.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Characters of one client message: libpq sends some 90. Longer is refused unread. */
export const maxScramChars = 2_048
const maxNonceChars = 256
/** RFC 7677 §4 asks for 4,096 at least. The work is the client's; above the maximum it would be made to work for nothing. */
export const minIterations = 4_096
export const maxIterations = 1_000_000
const minSaltBytes = 8
const maxSaltBytes = 64
const keyBytes = 32
const nonceBytes = 18

/** What a verifier text says: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as in PostgreSQL's pg_authid.rolpassword. */
export interface ScramVerifier { readonly iterations: number; readonly salt: Uint8Array; readonly storedKey: Uint8Array; readonly serverKey: Uint8Array }

/** @returns undefined for anything but the canonical form */
export function parseVerifier(text: string): ScramVerifier | undefined {
  if (text.length > maxScramChars) return undefined
  const [, digits, salt, stored, server] = /^SCRAM-SHA-256\$([1-9][0-9]{0,6}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/.exec(text) ?? []
  const iterations = Number(digits)
  const [saltBytes, storedKey, serverKey] = [salt, stored, server].map(fromBase64)
  if (saltBytes === undefined || storedKey === undefined || serverKey === undefined) return undefined
  if (!(iterations >= minIterations && iterations <= maxIterations) || saltBytes.length < minSaltBytes || saltBytes.length > maxSaltBytes) return undefined
  return storedKey.length === keyBytes && serverKey.length === keyBytes ? { iterations, salt: saltBytes, storedKey, serverKey } : undefined
}

/**
 * The verifier of a name nobody has: the same each time it is asked for, and no key fits it.
 * @param secret of this node; a guess at it would tell mock salts from real ones
 * @param like a real verifier, whose iteration count and salt length the mock takes over
 */
export function mockVerifier(name: string, secret: Uint8Array, like: ScramVerifier | undefined): ScramVerifier {
  const derive = (use: string): Uint8Array => createHmac('sha256', secret).update(`scram mock ${use}\n${name}`).digest()
  const salt = Buffer.concat([derive('salt'), derive('long salt')]).subarray(0, like?.salt.length ?? 16)
  return { iterations: like?.iterations ?? minIterations, salt, storedKey: derive('stored key'), serverKey: derive('server key') }
}

/** One exchange, used once. Both steps answer undefined when the client's message is not what RFC 5802 §7 allows here. */
export interface ScramExchange {
  first(clientFirst: string): string | undefined
  final(clientFinal: string): { readonly serverFinal: string; readonly isProven: boolean } | undefined
}

/** @param verifier of the name in the start-up packet: the name inside the SASL message is ignored, as PostgreSQL does (libpq sends it empty) */
export function scramExchange(verifier: ScramVerifier, nonce: string = randomBytes(nonceBytes).toString('base64')): ScramExchange {
  let begun: { readonly header: string; readonly nonce: string; readonly messages: string } | undefined
  let isOver = false

  return {
    first(message) {
      if (begun !== undefined || isOver) return undefined
      const parsed = parseFirst(message)
      if (parsed === undefined) { isOver = true; return undefined }
      const both = parsed.nonce + nonce
      const serverFirst = `r=${both},s=${toBase64(verifier.salt)},i=${verifier.iterations}`
      begun = { header: parsed.header, nonce: both, messages: `${parsed.bare},${serverFirst}` }
      return serverFirst
    },
    final(message) {
      if (begun === undefined || isOver) return undefined
      isOver = true
      const parsed = parseFinal(message)
      if (parsed === undefined || parsed.binding !== toBase64(Buffer.from(begun.header)) || !isSame(parsed.nonce, begun.nonce)) return undefined
      const signed = `${begun.messages},${parsed.withoutProof}`
      // RFC 5802 §3: ClientKey := ClientProof XOR HMAC(StoredKey, AuthMessage), and H(ClientKey) must be StoredKey.
      const signature = hmac(verifier.storedKey, signed)
      const clientKey = parsed.proof.map((byte, at) => byte ^ (signature[at] ?? 0))
      const isProven = timingSafeEqual(createHash('sha256').update(clientKey).digest(), verifier.storedKey)
      return { serverFinal: `v=${toBase64(hmac(verifier.serverKey, signed))}`, isProven }
    },
  }
}

/** RFC 5802 §7 client-first-message. `p=` (channel binding) is refused, since no -PLUS is offered; so are authzid and `m=`. */
function parseFirst(message: string): { readonly header: string; readonly bare: string; readonly nonce: string } | undefined {
  if (message.length > maxScramChars) return undefined
  const [, header, bare, nonce] = /^([ny],,)(n=[^,\0]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(message) ?? []
  if (header === undefined || bare === undefined || nonce === undefined || nonce.length > maxNonceChars) return undefined
  return { header, bare, nonce }
}

/** RFC 5802 §7 client-final-message. */
function parseFinal(message: string): { readonly binding: string; readonly nonce: string; readonly proof: Uint8Array; readonly withoutProof: string } | undefined {
  if (message.length > maxScramChars) return undefined
  const [, withoutProof, binding, nonce, proof] = /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^,]*)*),p=([A-Za-z0-9+/=]+)$/s.exec(message) ?? []
  const bytes = fromBase64(proof)
  if (withoutProof === undefined || binding === undefined || nonce === undefined || bytes?.length !== keyBytes) return undefined
  return { binding, nonce, proof: bytes, withoutProof }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac('sha256', key).update(text).digest()
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** Canonical base64 only: two texts for one value would be two verifiers. */
function fromBase64(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
