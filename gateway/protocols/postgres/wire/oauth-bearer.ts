// SASL OAUTHBEARER, server side (RFC 7628 §3; PostgreSQL 18 §54.3.3): the token in the client's first message, or a question where to get one.
import type { TokenSource } from '../../../protocol.ts'

/** PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH is 65,535 with the message's own words. */
const maxBearerMessageBytes = 65_535
/** RFC 7628 §3.1: kvsep. */
const separator = '\u0001'
/** What a client answers to an error before it is told FATAL (RFC 7628 §3.2.3). */
export const bearerDummy = Uint8Array.of(1)

/** `''`: the client asks where to get a token. Undefined: not a message that RFC 7628 allows here. */
export function parseBearerMessage(bytes: Uint8Array): string | undefined {
  if (bytes.length > maxBearerMessageBytes) return undefined
  const message = Buffer.from(bytes).toString('latin1')
  // RFC 5801 §4: `n` or `y`, since nothing is bound to the channel; acting for somebody else (authzid) is not for a client to say.
  if (!/^[ny],,\u0001/.test(message) || !message.endsWith(separator + separator)) return undefined
  let bearer: string | undefined
  for (const pair of message.slice(4, -2).split(separator)) {
    const [, key, value] = /^([A-Za-z]+)=([\t\n\r\x20-\x7e]*)$/.exec(pair) ?? []
    if (key === undefined || value === undefined) return undefined
    if (key.toLowerCase() !== 'auth') continue               // `host` and `port` say nothing that the connection does not
    if (bearer !== undefined) return undefined
    bearer = value
  }
  if (bearer === undefined || bearer === '') return bearer
  return /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(bearer)?.[1]
}

/** RFC 7628 §3.2.2. */
export function bearerError({ configuration, scope }: TokenSource): Uint8Array {
  return Buffer.from(JSON.stringify({ status: 'invalid_token', 'openid-configuration': configuration, scope }))
}
