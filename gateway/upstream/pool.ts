// Keep-alive connections to one upstream: undici's pool for what is parsed, a node:http agent for what is passed through.
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { Pool } from 'undici'

/** Connections to one upstream; more calls than that wait for one. */
const maxConnections = 256
const connectTimeoutMs = 5_000
/** Shorter than the usual server's 5 s, so that we rarely write into a connection that is closing: nothing is retried. */
const keepAliveMs = 4_000
const maxHeaderBytes = 64 * 1024

export function openPool(origin: URL): Pool {
  return new Pool(origin, {
    connections: maxConnections,
    pipelining: 1,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: 10 * keepAliveMs,
    maxHeaderSize: maxHeaderBytes,
    bodyTimeout: 0,
  })
}

export function openAgent(origin: URL): Agent {
  const shape = { keepAlive: true, maxSockets: maxConnections, maxFreeSockets: 32, timeout: 0 }
  return origin.protocol === 'https:' ? new SecureAgent(shape) : new Agent(shape)
}
