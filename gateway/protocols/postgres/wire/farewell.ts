// The last words on a client's connection: written, then closed so that they arrive.
import type { Socket } from 'node:net'
import type { RefusalCode } from '../../../refusal.ts'
import { encodeError, type ProtocolViolation } from '../messages.ts'
import type { IntakeError } from './intake.ts'

/** Why a connection cannot go on: SQLSTATE and words that name the thing, never a value. */
export interface Fatal { readonly sqlState: string; readonly message: string; readonly hint?: string }

/** Nobody came in, and the socket is ended or destroyed. `reason` says why, never what was sent; `code` is absent where nobody was refused, or it is on record already. */
export interface TurnedAway { readonly kind: 'ended'; readonly reason: string; readonly code?: RefusalCode }

/** Time for the peer to close its side; a socket closed with unread bytes would be reset, and the words lost with it. */
const lingerMs = 2_000

/** Severity FATAL tells every driver that nothing follows. */
export function encodeFatal({ sqlState, message, hint }: Fatal): Uint8Array {
  return encodeError(new Map([['S', 'FATAL'], ['V', 'FATAL'], ['C', sqlState], ['M', message], ...hint === undefined ? [] : [['H', hint] as const]]))
}

const refusedAs: Readonly<Record<IntakeError['code'], RefusalCode | undefined>> = { ERR_PG_MALFORMED: 'request.malformed', ERR_PG_TLS: 'connection.tls', ERR_PG_CLOSED: undefined, ERR_PG_TIMEOUT: undefined }

/** Who hangs up, or says nothing, is refused nothing. */
export function turnedAway(error: IntakeError | ProtocolViolation): TurnedAway {
  const code = 'code' in error ? refusedAs[error.code] : 'request.malformed'
  return { kind: 'ended', reason: error.message, ...code === undefined ? {} : { code } }
}

export function farewell(socket: Socket, words: Uint8Array): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
  socket.once('end', () => socket.destroySoon())
  socket.on('error', () => socket.destroy())
  socket.end(words)
  socket.resume()                                            // whatever still comes is read and dropped
}
