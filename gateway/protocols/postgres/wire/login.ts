// The gateway's own start-up with a database (PostgreSQL 18 §54.2.1, §54.3): TLS, then whichever proof the server asks for,
// then everything up to the first ReadyForQuery. Speaks 3.0: a client's 3.2 is between it and the gateway.
import type { Socket } from 'node:net'
import type { StreamAccess } from '../../../protocol.ts'
import {
  backendTag, encodeCancel, encodeSslRequest, encodeStartup, Framer,
  parseAuthentication, parseBackendKeyData, parseDiagnostic, parseParameterStatus, parseReady, ProtocolViolation, type Diagnostic,
} from '../messages.ts'
import { IntakeError, take, takeMessage } from './intake.ts'
import { LoginError } from './login-error.ts'
import { Proof } from './proof.ts'
import { beginTls } from './tls.ts'

/** libpq's own cap on messages before ReadyForQuery. */
const maxLoginBytes = 30_000
/** Messages before ReadyForQuery; PostgreSQL 18 sends some 20, of 600 bytes together. */
const maxLoginMessages = 1_000
const maxLoginSumBytes = 256 * 1024

export interface LoginRequest {
  readonly access: StreamAccess
  readonly user: string
  readonly database: string
  readonly parameters: ReadonlyMap<string, string>
  /** Ends it early: the client went away, or the target's time-out. */
  readonly signal: AbortSignal
}

export interface LoggedIn {
  /** Paused; whatever came behind ReadyForQuery is still in it. */
  readonly socket: Socket
  /** For what comes from now on; nothing was pushed to it yet. */
  readonly framer: Framer
  /** As reported, in the server's spelling of the names. */
  readonly parameters: Map<string, string>
  readonly pid: number
  /** 4 bytes; empty from a server that takes no cancel requests. */
  readonly key: Uint8Array
  readonly status: 'I'
}

/** @throws LoginError; RefusalError `upstream.unavailable` when there is no connection. Nothing is left open. */
export async function login(request: LoginRequest): Promise<LoggedIn> {
  return await within(request.access, request.signal, async (socket, signal) => {
    socket.write(encodeStartup({ major: 3, minor: 0, parameters: new Map([...request.parameters, ['user', request.user], ['database', request.database]]) }))
    return await signIn(socket, request, signal)
  })
}

/**
 * Asks the server to end what the session with this key is doing (§54.2.7). Resolves once the server has closed, which it does when the signal is sent.
 * @throws as `login`
 */
export async function sendCancel(access: StreamAccess, pid: number, key: Uint8Array): Promise<void> {
  await within(access, undefined, async (socket, signal) => {
    socket.write(encodeCancel(pid, key))
    await take(socket, 1, signal).catch((error: unknown) => { if (!(error instanceof IntakeError) || error.code !== 'ERR_PG_CLOSED') throw error })
    socket.destroy()
  })
}

/** A connection under TLS where it is asked for, for as long as the target's time-out allows. */
async function within<T>(access: StreamAccess, outer: AbortSignal | undefined, use: (socket: Socket, signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), access.target.upstream.timeoutMs)
  const signal = outer === undefined ? deadline.signal : AbortSignal.any([outer, deadline.signal])
  let socket: Socket | undefined
  try {
    socket = await access.connect(signal)
    socket.on('error', () => undefined)                      // `take` says so; without a listener the process would end
    socket = await secured(socket, access, signal)
    return await use(socket, signal)
  } catch (error) {
    socket?.destroy()
    throw loginErrorOf(error)
  } finally {
    clearTimeout(timer)
  }
}

async function secured(socket: Socket, { tls, target }: StreamAccess, signal: AbortSignal): Promise<Socket> {
  if (tls === undefined) return socket
  if (target.upstream.tls?.isDirect !== true) {
    socket.write(encodeSslRequest())
    const [answer] = await take(socket, 1, signal)
    if (answer === 0x4e) throw new LoginError('upstream.unavailable', 'The database does not offer TLS')
    // What comes in the clear behind the answer would be read as the server's (CVE-2021-23222).
    if (answer !== 0x53 || socket.readableLength > 0) throw new LoginError('upstream.broken', 'The database did not answer the request for TLS')
  }
  const secure = await beginTls(socket, tls, signal)
  secure.on('error', () => undefined)
  return secure
}

async function signIn(socket: Socket, request: LoginRequest, signal: AbortSignal): Promise<LoggedIn> {
  const proof = new Proof(socket, request.user, () => request.access.password())
  const parameters = new Map<string, string>()
  let backend: { readonly pid: number; readonly key: Uint8Array } = { pid: 0, key: new Uint8Array(0) }
  let left = maxLoginSumBytes
  for (let count = 0; count < maxLoginMessages && left > 0; count++) {
    const message = await takeMessage(socket, maxLoginBytes, signal)
    left -= message.length
    const tag = message[0]
    if (tag === backendTag.error) throw refusedBy(parseDiagnostic(message), proof.isAccepted)
    if (tag === backendTag.notice) continue
    if (tag === backendTag.authentication && !proof.isAccepted) {
      const answer = await proof.answer(parseAuthentication(message))
      if (answer !== undefined) socket.write(answer)
      continue
    }
    if (!proof.isAccepted) break
    if (tag === backendTag.parameterStatus) {
      const { name, value } = parseParameterStatus(message)
      parameters.set(name, value)
    } else if (tag === backendTag.backendKeyData) {
      backend = parseBackendKeyData(message)
    } else if (tag === backendTag.ready) {
      const status = parseReady(message)
      if (status !== 'I') break                              // a session is taken to begin outside of transactions
      return { socket, framer: new Framer('backend'), parameters: readable(parameters), ...backend, status }
    } else break
  }
  throw new LoginError('upstream.broken', 'The database sent a message that has no place at the start of a connection')
}

/** Texts are analysed as UTF-8 in which a backslash is a character: a server that would read them otherwise is of no use. */
function readable(parameters: Map<string, string>): Map<string, string> {
  if (parameters.get('standard_conforming_strings') === 'off') throw new LoginError('upstream.unavailable', 'The database has standard_conforming_strings off')
  if ((parameters.get('client_encoding') ?? 'UTF8') !== 'UTF8') throw new LoginError('upstream.unavailable', 'The database does not speak UTF8')
  return parameters
}

/** What people can do something about (PostgreSQL Appendix A). */
const words: Readonly<Record<string, string>> = {
  '28P01': 'The database does not accept the gateway\'s password', '28000': 'The database does not accept the gateway\'s user',
  '3D000': 'The database does not exist', '42501': 'The database does not let the gateway\'s user connect', '53300': 'The database has too many connections',
  '57P03': 'The database is starting up or shutting down', '22023': 'The database does not take a start-up parameter', '42704': 'The database does not know a start-up parameter',
}

/**
 * Some servers send no SQLSTATE, or one that is none.
 * @param isAccepted the server knows who the gateway is: before, it speaks of credentials and addresses that are no client's to know
 */
function refusedBy(said: Diagnostic, isAccepted: boolean): LoginError {
  const code = said.get('C')
  const sqlState = code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
  return new LoginError('upstream.unavailable', `${words[sqlState ?? ''] ?? 'The database refused the connection'} (${sqlState ?? 'no SQLSTATE'})`, { sqlState, ...isAccepted ? { said } : {} })
}

function loginErrorOf(error: unknown): unknown {
  if (error instanceof ProtocolViolation) return new LoginError('upstream.broken', 'The database does not speak the protocol', { cause: error })
  if (!(error instanceof IntakeError)) return error
  if (error.code === 'ERR_PG_TIMEOUT') return new LoginError('upstream.unavailable', 'The database did not let the gateway in in time', { cause: error })
  return new LoginError('upstream.unavailable', `The connection to the database failed: ${error.message}`, { cause: error })
}
