// SCRAM-SHA-256 and -PLUS, client side (RFC 5802, RFC 7677, RFC 5929 tls-server-end-point): the gateway logs in to a database,
// and the database proves that it knows the password too.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { saslprep } from './saslprep.ts'

/** A hostile server could keep a thread busy for minutes with the work it asks for; PostgreSQL's own default is 4,096. */
export const maxScramIterations = 1_000_000
/** Characters of a server's message, and of the nonce in it. */
const maxMessageChars = 4_096
const maxSaltBytes = 1_024
const nonceBytes = 18

/** What is proved to be the server's TLS end point, when the exchange is bound to it. */
export interface ChannelBinding { readonly mechanism: 'SCRAM-SHA-256-PLUS' | 'SCRAM-SHA-256'; readonly header: string; readonly data: Uint8Array }

const plain: ChannelBinding = { mechanism: 'SCRAM-SHA-256', header: 'n,,', data: new Uint8Array(0) }

/**
 * The strongest mechanism that both sides know, or undefined.
 * @param certificate DER of the server's, when the connection is TLS
 */
export function chooseMechanism(offered: readonly string[], certificate: Uint8Array | undefined): ChannelBinding | undefined {
  const hash = certificate === undefined ? undefined : endPointHash(certificate)
  if (hash !== undefined && offered.includes('SCRAM-SHA-256-PLUS')) return { mechanism: 'SCRAM-SHA-256-PLUS', header: 'p=tls-server-end-point,,', data: hash }
  if (!offered.includes('SCRAM-SHA-256')) return undefined
  // `y` tells a server that could bind that somebody took its offer out on the way (RFC 5802 §6).
  return hash === undefined ? plain : { ...plain, header: 'y,,' }
}

/** RFC 5929 §4.1: hashed as the certificate's signature is, MD5 and SHA-1 as SHA-256; undefined where that names no one hash. */
function endPointHash(certificate: Uint8Array): Uint8Array | undefined {
  const algorithm = new X509Certificate(certificate).signatureAlgorithm ?? ''
  const [, name] = /(md5|sha1|sha224|sha256|sha384|sha512)/i.exec(algorithm) ?? []
  if (name === undefined) return undefined
  const hash = name.toLowerCase()
  return createHash(hash === 'md5' || hash === 'sha1' ? 'sha256' : hash).update(certificate).digest()
}

export interface ScramClient {
  readonly first: string
  /** @returns undefined when the server's message is not what RFC 5802 §7 allows, or asks for more work than the maximum */
  final(serverFirst: string): Promise<string | undefined>
  /** Whether the server proved that it knows the password; false before `final`. */
  isServer(serverFinal: string): boolean
}

export function scramClient(password: string, { header, data }: ChannelBinding, nonce: string = randomBytes(nonceBytes).toString('base64')): ScramClient {
  const bare = `n=,r=${nonce}`                               // PostgreSQL takes the name from the start-up packet
  let expected: Uint8Array | undefined
  return {
    first: header + bare,
    async final(serverFirst) {
      const parsed = parseServerFirst(serverFirst)
      // The server's half must not be empty, or a replayed exchange would fit.
      if (parsed === undefined || !parsed.nonce.startsWith(nonce) || parsed.nonce.length === nonce.length) return undefined
      const salted = await promisify(pbkdf2)(saslprep(password), parsed.salt, parsed.iterations, 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const withoutProof = `c=${Buffer.concat([Buffer.from(header), data]).toString('base64')},r=${parsed.nonce}`
      const signed = `${bare},${serverFirst},${withoutProof}`
      const signature = hmac(createHash('sha256').update(clientKey).digest(), signed)
      expected = hmac(hmac(salted, 'Server Key'), signed)
      return `${withoutProof},p=${Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64')}`
    },
    isServer(serverFinal) {
      const [, text] = /^v=([A-Za-z0-9+/=]{44})(?:,.*)?$/s.exec(serverFinal.slice(0, maxMessageChars)) ?? []
      const given = Buffer.from(text ?? '', 'base64')
      return expected !== undefined && given.length === expected.length && timingSafeEqual(given, expected)
    },
  }
}

function parseServerFirst(message: string): { readonly nonce: string; readonly salt: Uint8Array; readonly iterations: number } | undefined {
  if (message.length > maxMessageChars) return undefined
  const [, nonce, salt, digits] = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})(?:,.*)?$/s.exec(message) ?? []
  const iterations = Number(digits)
  if (nonce === undefined || salt === undefined || !(iterations <= maxScramIterations)) return undefined
  const bytes = Buffer.from(salt, 'base64')
  if (bytes.length === 0 || bytes.length > maxSaltBytes || bytes.toString('base64') !== salt) return undefined
  return { nonce, salt: bytes, iterations }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
