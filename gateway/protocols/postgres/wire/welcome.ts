// The client's first packets: GSSENCRequest, SSLRequest, direct TLS, CancelRequest, StartupMessage (PostgreSQL 18 §54.2.1, §54.2.8 to 10).
// Nobody is known yet: each packet is capped and timed, and nothing of it reaches the upstream but what is parsed here.
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { ByteConnection } from '../../../protocol.ts'
import { encodeNegotiate, parseStartup, ProtocolViolation, startupLength, type StartupMessage, type StartupPacket } from '../messages.ts'
import { encodeFatal, farewell, turnedAway, type Fatal, type TurnedAway } from './farewell.ts'
import { IntakeError, take } from './intake.ts'
import { sessionParameters, type ParameterRules } from './parameters.ts'
import { acceptTls } from './tls.ts'

/** From the first byte to AuthenticationOk, people who sign in with a browser included: PostgreSQL's authentication_timeout. */
export const authenticationTimeoutMs = 60_000
/** The newest minor of protocol 3 that is spoken here. */
const newestMinor = 2
/** Content type `handshake` of a TLS record (RFC 8446 §5.1). No start-up packet of less than 369 MB begins with it. */
const tlsHandshake = 0x16

export type Welcome =
  | {
    readonly kind: 'startup'
    /** The TLS socket where there is TLS. Paused; the session reads it from where the start-up packet ended. */
    readonly socket: Socket
    readonly user: string
    readonly database: string
    /** Names in lower case; `client_encoding` is always UTF8, `options` is taken apart. */
    readonly parameters: ReadonlyMap<string, string>
    readonly minor: 0 | 2
    readonly isSecure: boolean
  }
  | { readonly kind: 'cancel'; readonly pid: number; readonly key: Uint8Array }
  | TurnedAway

/** @param signal aborts after `authenticationTimeoutMs`, or when the gateway stops. Never throws but for a fault of the gateway's own. */
export async function welcome(client: ByteConnection, rules: ParameterRules, signal: AbortSignal): Promise<Welcome> {
  client.socket.on('error', () => client.socket.destroy())
  try {
    return await greet(client, rules, signal)
  } catch (error) {
    client.socket.destroy()
    if (error instanceof IntakeError || error instanceof ProtocolViolation) return turnedAway(error)
    throw error
  }
}

async function greet({ socket: raw, secureContext }: ByteConnection, rules: ParameterRules, signal: AbortSignal): Promise<Welcome> {
  let socket = raw
  let isSecure = false
  const asked = new Set<'ssl' | 'gss'>()
  for (;;) {
    const head = await take(socket, 4, signal)
    if (head[0] === tlsHandshake && secureContext !== undefined && asked.size === 0 && !isSecure) {
      socket.unshift(head)
      socket = await secured(socket, secureContext, true, signal)
      isSecure = true
      continue
    }
    const packet = await takePacket(socket, head, signal)
    switch (packet.kind) {
      case 'cancel':
        return packet
      case 'gss':
      case 'ssl': {
        if (asked.has(packet.kind) || isSecure) throw new IntakeError('ERR_PG_MALFORMED', 'encryption was asked for twice')
        asked.add(packet.kind)
        // Whoever sends more before the answer is not the one who will finish the handshake (CVE-2021-23214): none of it may be read as theirs.
        if (socket.readableLength > 0) throw new IntakeError('ERR_PG_MALFORMED', 'plaintext came behind a request for encryption')
        if (packet.kind === 'gss' || secureContext === undefined) { socket.write('N'); break }
        socket.write('S')
        socket = await secured(socket, secureContext, false, signal)
        isSecure = true
        break
      }
      case 'startup': {
        if (secureContext !== undefined && !isSecure) return refuse(socket, { sqlState: '28000', message: 'this listener takes TLS connections only', hint: 'Set sslmode=require or stricter.' })
        const session = sessionOf(packet, rules)
        if ('sqlState' in session) return refuse(socket, session)
        const unknown = [...packet.parameters.keys()].filter(isProtocolOption)
        const minor = packet.minor >= newestMinor ? newestMinor : 0    // 3.1 was never released: whoever says it gets what 3.0 does
        if (packet.minor > newestMinor || unknown.length > 0) socket.write(encodeNegotiate(Math.min(packet.minor, newestMinor), unknown))
        return { kind: 'startup', socket, isSecure, minor, ...session }
      }
    }
  }
}

/** Reserved for options of the protocol itself; none exists yet (§54.2.1). */
function isProtocolOption(name: string): boolean {
  return name.startsWith('_pq_.')
}

function sessionOf({ major, minor, parameters: written }: StartupMessage, rules: ParameterRules): { readonly user: string; readonly database: string; readonly parameters: ReadonlyMap<string, string> } | Fatal {
  if (major !== 3) return { sqlState: '0A000', message: `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${newestMinor}` }
  const user = written.get('user') ?? ''
  if (user === '') return { sqlState: '28000', message: 'no PostgreSQL user name specified in startup packet' }
  // A walsender copies whole clusters; nothing it says can be decided or masked.
  if (!/^(off|false|0|no)$/i.test(written.get('replication') ?? 'off')) return { sqlState: '42501', message: 'replication connections are not allowed through the gateway' }
  const parameters = sessionParameters(new Map([...written].filter(([name]) => !isProtocolOption(name) && !['user', 'database', 'replication'].includes(name))), rules)
  if ('sqlState' in parameters) return parameters
  return { user, database: written.get('database') || user, parameters }
}

function refuse(socket: Socket, fatal: Fatal): Welcome {
  farewell(socket, encodeFatal(fatal))
  return { kind: 'ended', reason: fatal.message, code: 'request.not_allowed' }
}

async function secured(socket: Socket, secureContext: SecureContext, mustName: boolean, signal: AbortSignal): Promise<Socket> {
  const secure = await acceptTls(socket, secureContext, mustName, signal)
  secure.on('error', () => secure.destroy())
  return secure
}

async function takePacket(socket: Socket, head: Uint8Array, signal: AbortSignal): Promise<StartupPacket> {
  const length = startupLength(head) ?? 0
  return parseStartup(Buffer.concat([head, await take(socket, length - head.length, signal)]))
}
