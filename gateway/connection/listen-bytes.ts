// One listener of byte streams, all of them one target's. What the bytes mean, when TLS starts and how long a sign-in may take is its protocol's.
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { PeerAddress, TargetName } from '../call.ts'
import type { ListenConfig } from '../config.ts'
import type { ByteConnection } from '../protocol.ts'
import { refusal, type Refusal } from '../refusal.ts'
import { bind, certified, type Listener } from './bind.ts'
import * as limits from './limits.ts'
import { Seats } from './seats.ts'

export interface ListenBytesOptions {
  readonly config: ListenConfig & { readonly target: TargetName }
  /** Must not throw: it owns the connection from here on. */
  accept(client: ByteConnection): void
  /** A connection that was dropped before anybody knew whose it was, for the aggregated record of the unauthenticated. */
  refused(refused: Refusal, peer: PeerAddress): void
}

/** @throws GatewayError `ERR_LISTEN` when the port is taken, the certificate cannot be used, or plaintext is asked for off loopback */
export async function listenBytes({ config, accept, refused }: ListenBytesOptions): Promise<Listener> {
  // 1.2, unlike HTTP's listener: JDBC on Java 8 and old libpq know no 1.3, and the way out is no TLS at all.
  const secureContext = certified(config, (files) => createSecureContext({ ...files, minVersion: 'TLSv1.2' }))
  const open = new Set<Socket>()
  const seats = new Seats((peer) => refused(refusal('identity.token_missing', 'Too many connections wait to sign in'), peer))
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: limits.probeAfterMs }, (socket) => {
    const { peer, admit } = seats.take(socket)
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())                // a reset may come before the protocol listens
    accept({ framing: 'bytes', target: config.target, peer, socket, ...secureContext === undefined ? {} : { secureContext }, admit })
  })
  server.maxConnections = limits.maxConnections
  const address = await bind(server, config)

  return {
    address,
    close: (graceMs) => new Promise((resolve) => {
      const deadline = setTimeout(() => { for (const socket of open) socket.destroy() }, graceMs)
      server.close(() => {
        clearTimeout(deadline)
        resolve()
      })
      // Nobody stands behind these yet; those who sign in have been told by their session.
      for (const socket of seats.strangers) socket.destroy()
    }),
  }
}
