// Reads start-up messages off a socket that stays paused: what is not taken stays in the socket, so nothing is lost or read early
// when the socket becomes TLS, or when the session's own framer takes over.
import type { Duplex } from 'node:stream'

/** Tag and length. */
const headerBytes = 5

/** The peer is gone, was too slow, or sent what no peer sends; the socket is of no more use. Says why, never what was sent. */
export class IntakeError extends Error {
  readonly code: 'ERR_PG_CLOSED' | 'ERR_PG_TIMEOUT' | 'ERR_PG_MALFORMED' | 'ERR_PG_TLS'
  constructor(code: IntakeError['code'], message: string) {
    super(message)
    this.name = 'IntakeError'
    this.code = code
  }
}

/** @throws IntakeError when fewer than `length` bytes come before the end, or before `signal` */
export function take(socket: Duplex, length: number, signal: AbortSignal): Promise<Uint8Array> {
  if (length === 0) return Promise.resolve(new Uint8Array(0))
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      for (const event of ['end', 'close', 'error']) socket.off(event, onEnd)
      socket.off('readable', onReadable)
      signal.removeEventListener('abort', onAbort)
    }
    const onReadable = (): void => {
      const bytes = socket.read(length) as Uint8Array | null
      if (bytes === null) return
      settle()
      // At the end of a stream `read(n)` gives what there is.
      if (bytes.length < length) reject(new IntakeError('ERR_PG_CLOSED', 'the connection ended inside a message'))
      else resolve(bytes)
    }
    const onEnd = (): void => { settle(); reject(new IntakeError('ERR_PG_CLOSED', 'the connection ended')) }
    const onAbort = (): void => { settle(); reject(new IntakeError('ERR_PG_TIMEOUT', 'there was no more time')) }
    if (signal.aborted) { onAbort(); return }
    if (socket.destroyed || socket.readableEnded) { onEnd(); return }
    for (const event of ['end', 'close', 'error']) socket.on(event, onEnd)
    socket.on('readable', onReadable)
    signal.addEventListener('abort', onAbort)
    onReadable()
  })
}

/**
 * One message with a tag, whole: Byte1 tag, Int32 length that counts itself (§54.7).
 * @param maxBytes with tag and length; what is longer is refused before it is read
 * @throws IntakeError
 */
export async function takeMessage(socket: Duplex, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const head = await take(socket, headerBytes, signal)
  const length = lengthAt(head, 1) - 4
  if (length < 0 || length > maxBytes - headerBytes) throw new IntakeError('ERR_PG_MALFORMED', `a message is not ${headerBytes} to ${maxBytes} bytes long`)
  return Buffer.concat([head, await take(socket, length, signal)])
}

/** Signed, so that what is too long for anybody is below zero. */
function lengthAt(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(offset)
}
