// One listener: bytes in, exchanges out. Nothing is decided here but where a request goes and whether it may be read at all.
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { PeerAddress } from '../call.ts'
import type { ListenConfig } from '../config.ts'
import type { Connection } from '../protocol.ts'
import { isRefusal, refusal, refusalWords, type Refusal } from '../refusal.ts'
import { bind, certified, type Listener } from './bind.ts'
import { readBody } from './body.ts'
import { repeatedHeader, takeCredential } from './credential.ts'
import * as limits from './limits.ts'
import { linger, refuseResponse, refuseSocket } from './refuse.ts'
import type { Router } from './route.ts'
import { Seats, type Seat } from './seats.ts'

/** Answers a path that is no target's: health, metrics, RFC 9728 metadata. It sees no credential check and must give nothing away. */
export type PlainHandler = (request: IncomingMessage, response: ServerResponse) => void

export interface ListenOptions {
  readonly config: ListenConfig
  /** Asked once the port is known, since the hosts it answers to may name it. */
  router(address: AddressInfo): Router
  /** Exact path → handler; they come before every target. */
  readonly plain: ReadonlyMap<string, PlainHandler>
  /** Must not throw: it owns the exchange from here on. */
  accept(client: Connection): void
  /** A request that reached no target, for the aggregated record of the unauthenticated. */
  refused(refused: Refusal, peer: PeerAddress): void
}

/** @throws GatewayError `ERR_LISTEN` when the port is taken, the certificate cannot be read, or plaintext is asked for off loopback */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { config } = options
  const server = open(config)
  server.maxConnections = limits.maxConnections
  server.maxHeadersCount = limits.maxHeaderFields + 1
  const address = await bind(server, config)
  const route = options.router(address)
  const sockets = new Set<Duplex>()

  const seats = new Seats((peer) => options.refused(refusal('identity.token_missing', 'Too many connections have sent no token'), peer))
  /** By the other end's address and port: what a request shows of its connection is under TLS, what is counted is not. */
  const seated = new Map<string, Seat>()
  server.on('connection', (socket: Socket) => {
    const seat = seats.take(socket)
    const place = placeOf(seat.peer)
    seated.set(place, seat)
    socket.once('close', () => { if (seated.get(place) === seat) seated.delete(place) })
  })
  /** A socket that is closed already has no address any more, and no seat to be counted. */
  const seatOf = (request: IncomingMessage): Seat => {
    const peer = peerOf(request)
    return seated.get(placeOf(peer)) ?? { peer, admit: () => true }
  }

  /** Answers that are due on a connection. */
  const due = new WeakMap<Duplex, Set<ServerResponse>>()
  server.on('request', (request, response) => {
    const { socket } = request
    const answers = due.get(socket) ?? new Set()
    if (answers.size === 0) due.set(socket, answers)
    answers.add(response)
    response.once('close', () => answers.delete(response))
    const plain = options.plain.get(request.url ?? '')
    if (plain !== undefined) { plain(request, response); return }
    const { peer, admit } = seatOf(request)
    const found = find(request, route)
    if (isRefusal(found)) {
      options.refused(found, peer)
      refuseResponse(response, found)
      return
    }
    options.accept({ framing: 'exchange', target: found.target, path: found.path, credential: takeCredential(request, peer), peer, admit, request, response, readBody: (maxBytes) => readBody(request, maxBytes) })
  })
  server.on('upgrade', (request, socket, head) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.once('finish', () => linger(socket))              // also where its protocol has refused it
    const { peer, admit } = seatOf(request)
    const found = find(request, route)
    if (isRefusal(found)) {
      options.refused(found, peer)
      refuseSocket(socket, refusalWords[found.code].http, found)
      return
    }
    options.accept({ framing: 'upgrade', target: found.target, path: found.path, credential: takeCredential(request, peer), peer, admit, request, socket, head })
  })
  // Node would close the one without a word, and answer the other in words of its own: nobody would have counted them.
  server.on('connect', (request, socket) => {
    socket.on('error', () => socket.destroy())
    const refused = refusal('request.not_allowed', 'This is no proxy')
    options.refused(refused, peerOf(request))
    refuseSocket(socket, refusalWords[refused.code].http, refused)
  })
  server.on('checkExpectation', (request, response) => {
    const refused = refusal('request.invalid', 'The expectation is not known')
    options.refused(refused, peerOf(request))
    refuseResponse(response, refused)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const { code = '' } = error
    const peer = { ip: 'remoteAddress' in socket ? String(socket.remoteAddress ?? '') : '', port: 0 }
    if (code.startsWith('ERR_SSL_')) options.refused(refusal('connection.tls'), peer)
    else if (code.startsWith('HPE_')) {
      // Smuggling (Content-Length with Transfer-Encoding, two lengths, bare LF) and oversize headers end here: llhttp is strict, nobody else read a byte.
      const isLarge = code === 'HPE_HEADER_OVERFLOW'
      const refused = isLarge ? refusal('request.too_large', 'The headers are too large') : refusal('request.malformed', 'This is not valid HTTP/1.1')
      options.refused(refused, peer)
      // Inside another answer the words would be read as part of it, before it as the answer itself.
      const [answer, ...more] = due.get(socket) ?? []
      if (answer?.headersSent !== true && more.length === 0) { refuseSocket(socket, isLarge ? 431 : 400, refused); return }
    }
    socket.destroy()                                          // who hangs up, or is too slow, is refused nothing
  })

  return { address, close: (graceMs) => drain(server, sockets, graceMs) }
}

function open(config: ListenConfig): Server {
  const shape: ServerOptions = {
    insecureHTTPParser: false,
    requireHostHeader: false,   // the router asks for it, in words of ours
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    noDelay: true,
    // An offer that need not be taken (RFC 9110 §7.8): Java's client makes it with every call in plaintext.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() !== 'h2c',
  }
  return certified(config, (files) => createSecureServer({ ...shape, ...files, handshakeTimeout: limits.headersTimeoutMs, minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] })) ?? createServer(shape)
}

function find(request: IncomingMessage, route: Router): ReturnType<Router> {
  if (request.rawHeaders.length > 2 * limits.maxHeaderFields) return refusal('request.too_large', 'There are too many header fields')
  const repeated = repeatedHeader(request.rawHeaders)
  if (repeated !== undefined) return refusal('request.malformed', `The ${repeated} header is given twice`)
  // llhttp takes 0.9 and 2.0 for versions of this protocol; a proxy of HTTP/1.0 does not know a chunked body from the next request.
  const version = request.httpVersion
  if (version !== '1.1' && (version !== '1.0' || request.headers['transfer-encoding'] !== undefined)) return refusal('request.malformed', 'This is not valid HTTP/1.1')
  // llhttp takes any coding that ends in chunked, and undoes only that one (RFC 9112 §6.1).
  const coding = request.headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return refusal('request.malformed', 'The transfer coding is not chunked alone')
  return route(request.url ?? '', request.headers.host, request.headers.origin)
}

function peerOf(request: IncomingMessage): PeerAddress {
  return { ip: request.socket.remoteAddress ?? '', port: request.socket.remotePort ?? 0 }
}

function placeOf({ ip, port }: PeerAddress): string {
  return `${ip} ${port}`
}

function drain(server: Server, sockets: ReadonlySet<Duplex>, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => {
      server.closeAllConnections()
      for (const socket of sockets) socket.destroy()
    }, graceMs)
    // A kept-alive connection whose call has just ended is idle from then on, and nothing else would close it before the deadline.
    const idle = setInterval(() => server.closeIdleConnections(), limits.drainCheckMs)
    server.close(() => {
      clearTimeout(deadline)
      clearInterval(idle)
      resolve()
    })
    server.closeIdleConnections()
  })
}
