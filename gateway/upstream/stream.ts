// An upstream that is a byte stream: where it is, who the gateway is there, and how it is known to be the right one. One connection per session, no pool.
import { connect as connectTo, isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { TargetConfig } from '../config.ts'
import type { StreamAccess } from '../protocol.ts'
import { refusal, RefusalError } from '../refusal.ts'
import { isLoopback } from './loopback.ts'

const defaultPort = 5432
/** Time for a TCP connection; what follows on it is the protocol's to time. */
const connectTimeoutMs = 5_000
/** A connection of an idle session is probed after this long, so that one whose other end is gone is noticed. */
const keepAliveMs = 60_000

/** Its URL, role and secrets are as governed config checked them. Connections belong to the sessions that made them. */
export function openStream(target: TargetConfig, secret: (name: string) => string): StreamAccess & { close(): Promise<void> } {
  const { upstream } = target
  const url = new URL(upstream.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? defaultPort : Number(url.port)
  const database = decodeURIComponent(url.pathname.slice(1))
  return {
    target, host, port,
    user: upstream.user,
    database: database === '' ? undefined : database,
    password: () => upstream.credential === undefined ? undefined : secret(upstream.credential.secret),
    tls: tlsOf(target, host, secret),
    connect: (signal) => connect(host, port, signal),
    close: () => Promise.resolve(),
  }
}

/** Plaintext is for loopback, or for whom config says so by name. Whoever answers is always verified: there is no word for anything less. */
function tlsOf({ upstream }: TargetConfig, host: string, secret: (name: string) => string): ConnectionOptions | undefined {
  const { tls } = upstream
  if (tls === undefined && (upstream.insecureAllowPlaintext || isLoopback(host))) return undefined
  const name = tls?.serverName ?? host
  return {
    host: name,                                               // what the certificate must be for; an address cannot be a server name (RFC 6066 §3)
    ...isIP(name) === 0 ? { servername: name } : {},
    ...tls?.ca === undefined ? {} : { ca: secret(tls.ca) },
    ...tls?.cert === undefined ? {} : { cert: secret(tls.cert) },
    ...tls?.key === undefined ? {} : { key: secret(tls.key) },
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
  }
}

function connect(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject: (fault: RefusalError) => void) => {
    const socket = connectTo({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs })
    const fail = (cause: unknown): void => {
      settle()
      socket.on('error', () => undefined)                     // one more may come of the end
      socket.destroy()
      reject(new RefusalError(refusal('upstream.unavailable'), cause))
    }
    const aborted = (): void => fail(signal.reason)
    const timer = setTimeout(() => fail(new Error('no connection in time')), connectTimeoutMs)
    const settle = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      socket.off('error', fail)
      socket.off('connect', connected)
    }
    const connected = (): void => {
      settle()
      resolve(socket)
    }
    socket.once('error', fail)
    socket.once('connect', connected)
    signal.addEventListener('abort', aborted, { once: true })
    if (signal.aborted) aborted()
  })
}
