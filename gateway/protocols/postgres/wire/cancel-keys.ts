// The gateway's own cancel keys: a client never learns the upstream's, and a key ends with its session.
// A cancel request carries no identity and often no TLS (protocol §54.2.7), so a guess must be hopeless and a flood of guesses cheap.
import { randomBytes, timingSafeEqual } from 'node:crypto'

/** Protocol 3.0 clients must get exactly 4 bytes; 3.2 clients get what PostgreSQL 18 gives. */
const keyBytes = { 0: 4, 2: 32 } as const
/** So long that no number of guesses finds one. */
const longKeyBytes = 16
/** Keys remembered of sessions that have ended: a driver that gives up cancels and hangs up at once, and is no guesser. */
export const maxEnded = 1_024
/** Unknown cancels that one address may send in a window; after them its cancels with short keys go unread until the window ends. */
export const maxUnknownCancels = 20
export const cancelWindowMs = 60_000
/** Addresses remembered at once; past it every unknown cancel counts against one budget they all share. */
const maxAddresses = 10_000
const sharedAddress = ''

export interface CancelKey { readonly pid: number; readonly key: Uint8Array; /** Ends with the session; a second call does nothing. */ release(): void }

export type CancelMatch<S> = { readonly kind: 'session'; readonly session: S } | { readonly kind: 'unknown' } | { readonly kind: 'limited' }

/** One for all listeners: a request may come by another than its session did. `S` is whatever the owner cancels. */
export class CancelKeys<S> {
  readonly #now: () => number
  readonly #sessions = new Map<number, readonly { readonly key: Uint8Array; readonly session: S }[]>()
  /** Oldest first. */
  readonly #ended: { readonly pid: number; readonly key: Uint8Array }[] = []
  readonly #unknown = new Map<string, number>()
  #windowEndsAt = 0

  /** @param now ms since the Unix epoch */
  constructor(now: () => number) { this.#now = now }

  /** @param pid the server's own: clients ask it about themselves by it. Two servers may give the same; the key tells them apart. */
  issue(session: S, minor: 0 | 2, pid: number): CancelKey {
    const key = new Uint8Array(randomBytes(keyBytes[minor]))
    const entry = { key, session }
    this.#sessions.set(pid, [...this.#sessions.get(pid) ?? [], entry])
    const release = () => {
      const open = this.#sessions.get(pid) ?? []
      const left = open.filter((other) => other !== entry)
      if (left.length === open.length) return
      this.#ended.push({ pid, key })
      if (this.#ended.length > maxEnded) this.#ended.shift()
      if (left.length === 0) this.#sessions.delete(pid)
      else this.#sessions.set(pid, left)
    }
    return { pid, key, release }
  }

  /** @param ip of the socket that the request came on */
  find(pid: number, key: Uint8Array, ip: string): CancelMatch<S> {
    const now = this.#now()
    if (now >= this.#windowEndsAt) {
      this.#unknown.clear()
      this.#windowEndsAt = now + cancelWindowMs
    }
    const address = this.#unknown.has(ip) || this.#unknown.size < maxAddresses ? ip : sharedAddress
    const unknown = this.#unknown.get(address) ?? 0
    const isLimited = unknown >= maxUnknownCancels
    if (isLimited && key.length < longKeyBytes) return { kind: 'limited' }
    const isIt = (entry: { readonly key: Uint8Array }) => entry.key.length === key.length && timingSafeEqual(entry.key, key)
    const found = this.#sessions.get(pid)?.find(isIt)
    if (found !== undefined) return { kind: 'session', session: found.session }
    if (isLimited) return { kind: 'limited' }
    if (!this.#ended.some((entry) => entry.pid === pid && isIt(entry))) this.#unknown.set(address, unknown + 1)
    return { kind: 'unknown' }
  }

  get size(): number { return this.#sessions.size }
}
