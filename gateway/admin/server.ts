// The admin listener: health, metrics, the approvals API, and the console's pages. Loopback only; a TLS proxy stands before it abroad.
import fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import type { Registry } from 'prom-client'
import { GatewayError } from '../errors.ts'

/** A comment and a CSRF token fit. */
const maxBodyBytes = 64 * 1024
const requestTimeoutMs = 30_000

/** What `/readyz` says: every check by name, a reason for each that fails. */
export interface Readiness { readonly isReady: boolean; readonly checks: readonly { readonly name: string; readonly isOk: boolean; readonly reason?: string; readonly detail?: object }[] }

export interface AdminOptions {
  readonly host: string
  readonly port: number
  /** Where approvers reach it; absent: the listener itself. */
  readonly publicUrl?: string
  readonly readiness: () => Readiness | Promise<Readiness>
  readonly metrics: Registry
  /** The approvals API and the console, in that order. */
  readonly routes: readonly FastifyPluginCallback[]
}

export interface Admin {
  /** `http://127.0.0.1:8081` or the public one, without a trailing slash. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** @throws GatewayError ERR_LISTEN */
export async function startAdmin({ host, port, publicUrl, readiness, metrics, routes }: AdminOptions): Promise<Admin> {
  const server = fastify({ logger: false, bodyLimit: maxBodyBytes, requestTimeout: requestTimeoutMs, trustProxy: false, return503OnClosing: true, forceCloseConnections: true })
  const hosts = new Set<string>()                         // filled once the port is known

  server.addHook('onRequest', async (request, reply) => {
    // A page elsewhere whose name resolves to loopback must not reach the console (DNS rebinding).
    if (!hosts.has(request.headers.host ?? '')) return await reply.code(421).type('application/problem+json').send({ title: 'This host is not served here', status: 421, code: 'request.origin' })
    const { origin } = request.headers
    if (origin !== undefined && request.method !== 'GET' && !isServed(origin, hosts)) return await reply.code(403).type('application/problem+json').send({ title: 'Host or Origin is not allowed', status: 403, code: 'request.origin' })
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' })   // no-referrer would make a browser's own form say `Origin: null`
  })
  server.setErrorHandler((error: { statusCode?: number }, _request, reply) => {
    const status = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : 500
    return reply.code(status).type('application/problem+json').send({ title: status === 500 ? 'An internal fault of the gateway' : 'The request is not valid', status, code: status === 500 ? 'gateway.fault' : 'request.invalid' })
  })
  server.setNotFoundHandler((_request, reply) => reply.code(404).type('application/problem+json').send({ title: 'Nothing is here', status: 404, code: 'request.unknown_target' }))

  server.get('/healthz', () => ({ alive: true }))
  server.get('/readyz', async (_request, reply) => {
    const { isReady, checks } = await readiness()
    return await reply.code(isReady ? 200 : 503).send({ ready: isReady, checks: checks.map(({ name, isOk, reason, detail }) => ({ name, ok: isOk, ...reason === undefined ? {} : { reason }, ...detail === undefined ? {} : { detail } })) })
  })
  server.get('/metrics', async (_request, reply) => await reply.type(metrics.contentType).send(await metrics.metrics()))
  for (const route of routes) server.register(route)

  const bound = await listen(server, host, port)
  for (const name of new Set([host, 'localhost', '127.0.0.1', '[::1]'])) hosts.add(`${name}:${bound}`)
  if (publicUrl !== undefined) hosts.add(new URL(publicUrl).host)
  return { url: publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, port: bound, close: () => server.close() }
}

async function listen(server: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await server.listen({ host, port })
  } catch (cause) {
    await server.close()
    throw new GatewayError('ERR_LISTEN', `the admin listener cannot have ${host}:${port}`, { cause })
  }
  const address = server.server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

function isServed(origin: string, hosts: ReadonlySet<string>): boolean {
  return URL.canParse(origin) && hosts.has(new URL(origin).host)
}
