// What a protocol is lent to dial one target with: connections, and headers that carry the gateway's own credential.
import type { Pool } from 'undici'
import type { TargetConfig } from '../config.ts'
import { GatewayError } from '../errors.ts'
import type { Answer, UpstreamAccess, UpstreamRequest } from '../protocol.ts'
import type { RefusalError } from '../refusal.ts'
import { credentialHeaders } from './credential.ts'
import { Exchange } from './exchange.ts'
import { isLoopback } from './loopback.ts'
import { openAgent, openPool } from './pool.ts'

/** Owned by `gateway.ts`, one per target; lent to every session of it. */
export interface OwnedAccess extends UpstreamAccess {
  /** Closes idle connections and cuts the rest. */
  close(): Promise<void>
}

/** @throws GatewayError `ERR_CONFIG_INVALID` for an upstream in plaintext off loopback that config does not allow by name */
export function openUpstream(target: TargetConfig, secret: (name: string) => string): OwnedAccess {
  const url = new URL(target.upstream.url)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && (target.upstream.insecureAllowPlaintext || isLoopback(url.hostname)))) {
    throw new GatewayError('ERR_CONFIG_INVALID', `target ${target.name}: the upstream must be https, or say insecure_allow_plaintext`)
  }
  const origin = new URL(url.origin)
  const basePath = url.pathname.replace(/\/+$/, '')
  const pool = openPool(origin)
  const agent = openAgent(origin)
  const credential = credentialHeaders(target.upstream.credential, secret)
  const added = ['accept-encoding', 'identity', ...Object.entries(credential).flat()]
  return {
    target, origin, basePath, agent,
    credentialHeaders: () => credential,
    send: (request) => send(pool, basePath, added, request),
    async close() {
      agent.destroy()
      await pool.destroy()
    },
  }
}

function send(pool: Pool, basePath: string, added: readonly string[], request: UpstreamRequest): Promise<Answer> {
  return new Promise<Answer>((resolve, reject: (fault: RefusalError) => void) => {
    const { method, headers, body, timeoutMs } = request
    for (const text of added) headers.push(text)
    const path = basePath + request.path
    pool.dispatch({ method, path: path.charCodeAt(0) === 0x2f ? path : `/${path}`, headers, body, headersTimeout: timeoutMs }, new Exchange(request, resolve, reject))
  })
}
