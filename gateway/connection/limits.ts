// Every maximum of a listener, by name. A peer that passes one is cut off before anything is decided about it.

/** Bytes of a request's line and headers together. */
export const maxHeaderBytes = 32 * 1024
/** Header fields of one request; Node drops fields past its own maximum silently, so ours is checked below it. */
export const maxHeaderFields = 100
/** Characters of a request's path and query. */
export const maxPathLength = 8 * 1024
/** Time for a TLS handshake, and for a request's headers: a slow header is an attack, not a slow client. */
export const headersTimeoutMs = 20_000
/** Time for a whole request, uploads included. */
export const requestTimeoutMs = 15 * 60_000
/** An idle connection is kept this long. */
export const keepAliveTimeoutMs = 65_000
/** Connections open at once on one listener; past it new ones are dropped by the kernel's hand, unread. */
export const maxConnections = 10_000
/** How often Node looks for connections past their timeouts. */
export const timeoutCheckMs = 5_000
/** Time for the peer of a socket that has its last words to read them and close its side. */
export const lingerMs = 2_000
/** While draining, how often connections that have become idle are closed. */
export const drainCheckMs = 50
/** Connections of one listener whose caller is not known yet: enough for a fleet that reconnects at once, few beside all. */
export const maxStrangers = 1_000
/** Connections of one listener that one caller may hold, whatever their clients and addresses: room for a fleet, a fifth of all. */
export const maxOfCaller = 2_000
/** A byte stream that says nothing is probed after this long, so that one whose other end is gone is noticed. */
export const probeAfterMs = 60_000
