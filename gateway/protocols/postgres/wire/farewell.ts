// The last words on a client's connection: written, then closed so that they arrive.
import type { Socket } from 'node:net'
import { encodeError } from '../messages.ts'

/** Why a connection cannot go on: SQLSTATE and words that name the thing, never a value. */
export interface Fatal { readonly sqlState: string; readonly message: string; readonly hint?: string }

/** Time for the peer to close its side; a socket closed with unread bytes would be reset, and the words lost with it. */
const lingerMs = 2_000

/** Severity FATAL tells every driver that nothing follows. */
export function encodeFatal({ sqlState, message, hint }: Fatal): Uint8Array {
  return encodeError(new Map([['S', 'FATAL'], ['V', 'FATAL'], ['C', sqlState], ['M', message], ...hint === undefined ? [] : [['H', hint] as const]]))
}

export function farewell(socket: Socket, words: Uint8Array): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
  socket.once('end', () => socket.destroySoon())
  socket.on('error', () => socket.destroy())
  socket.end(words)
  socket.resume()                                            // whatever still comes is read and dropped
}
