// TLS in the middle of a connection, both ways (PostgreSQL 18 §54.2.10): the server's end for clients, the client's end for databases.
import type { Socket } from 'node:net'
import { connect, TLSSocket, type ConnectionOptions, type SecureContext } from 'node:tls'
import { IntakeError } from './intake.ts'

/** PostgreSQL's name in ALPN: a connection made for another protocol cannot be turned on this one (ALPACA). */
const alpnName = 'postgresql'

/**
 * What is already buffered on `socket` is read as TLS, so the caller checks first that it may be.
 * @param mustName a client that speaks TLS at once has to name the protocol; older ones that asked first do not know how
 * @throws IntakeError when no handshake comes about; the socket is destroyed
 */
export async function acceptTls(socket: Socket, secureContext: SecureContext, mustName: boolean, signal: AbortSignal): Promise<TLSSocket> {
  const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: [alpnName] })
  secure.disableRenegotiation()                              // libpq has none either: it is a way to make a server work
  // What is wrong behind the handshake Node tells a tls.Server and nobody else: the socket would stay as it is, deaf, and renegotiate all the same.
  secure.on('_tlsError', (error: Error) => secure.destroy(error))
  await handshake(secure, 'secure', signal)
  if (mustName && secure.alpnProtocol !== alpnName) {
    secure.destroy()
    throw new IntakeError('ERR_PG_TLS', `TLS without the ALPN name ${alpnName}`)
  }
  return secure
}

/** @param options whom to trust and who must answer, always verified; a host that is a name is sent as SNI. @throws IntakeError */
export async function beginTls(socket: Socket, options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  let secure: TLSSocket
  try {
    secure = connect({ ...options, socket, ALPNProtocols: [alpnName], rejectUnauthorized: true })
  } catch (cause) {
    throw new IntakeError('ERR_PG_TLS', `TLS cannot begin (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
  await handshake(secure, 'secureConnect', signal)
  return secure
}

function handshake(secure: TLSSocket, event: 'secure' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      secure.off(event, onSecure)
      secure.off('close', onEnd)
      secure.off('error', onError)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: IntakeError): void => {
      settle()
      secure.on('error', () => undefined)              // the socket's last words, which say the same again
      secure.destroy()
      reject(error)
    }
    const onSecure = (): void => { settle(); resolve() }
    const onEnd = (): void => fail(new IntakeError('ERR_PG_CLOSED', 'the connection ended in the TLS handshake'))
    const onError = (cause: NodeJS.ErrnoException): void => fail(new IntakeError('ERR_PG_TLS', `the TLS handshake failed (${cause.code ?? 'unknown'})`))
    const onAbort = (): void => fail(new IntakeError('ERR_PG_TIMEOUT', 'there was no more time for the TLS handshake'))
    if (signal.aborted) { onAbort(); return }
    secure.on(event, onSecure)
    secure.on('close', onEnd)
    secure.on('error', onError)
    signal.addEventListener('abort', onAbort)
  })
}
