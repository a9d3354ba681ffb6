// Takes the caller's credential out of a request, so that nothing behind this line can forward, record or log it.
import type { IncomingMessage } from 'node:http'
import type { Credential, PeerAddress } from '../call.ts'

/** The bearer token (RFC 6750 §2.1), or none. Removes every header that could carry a credential. */
export function takeCredential(request: IncomingMessage, peer: PeerAddress): Credential {
  const { headers } = request
  const authorization = headers.authorization
  // Not `delete`: it turns the object into a hash table, and every later look at a header is slower.
  headers.authorization = undefined
  headers['proxy-authorization'] = undefined
  headers.cookie = undefined
  if (authorization === undefined || authorization.length < 8 || authorization.slice(0, 7).toLowerCase() !== 'bearer ') return { kind: 'none', from: peer }
  return { kind: 'bearer', token: authorization.slice(7).trim(), from: peer }
}

/** Headers of which Node silently keeps the first: another reader on the way might have kept the last. */
const single = new Set(['host', 'authorization', 'content-type', 'content-length', 'transfer-encoding', 'origin'])
const singleLengths = new Set([...single].map((name) => name.length))

/** The first of them that comes twice, or undefined. `rawHeaders` is Node's flat list of names and values. */
export function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  let seen = ''
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] ?? ''
    if (!singleLengths.has(raw.length)) continue
    const name = raw.toLowerCase()
    if (!single.has(name)) continue
    if (seen.includes(`|${name}`)) return name
    seen += `|${name}`
  }
  return undefined
}
