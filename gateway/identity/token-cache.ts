// Tokens already verified, by their exact text. A hit costs a map lookup; a miss costs a signature (150 µs and more).
// Bounded, and emptied by time: a token is verified anew every two minutes, because the key that signed it may be withdrawn, and whoever had
// that key may have written any expiry. Whoever changes who is trusted makes a new cache.
import type { Principal } from '../call.ts'

/** Two per person of a large bank's busy hour; ≈ 2 KB each. */
const maxTokens = 10_000
/** A token is taken for verified this long, and no longer than it is valid. */
const maxAgeMs = 120_000
/** Between two sweeps for what is too old. */
const sweepMs = 60_000

/** Who a token speaks for, and to whom. */
export interface Verified { readonly principal: Principal; readonly audiences: readonly string[] }

interface Kept extends Verified { readonly until: number }

export class TokenCache {
  readonly #tokens = new Map<string, Kept>()
  #sweptAt = 0

  get size(): number { return this.#tokens.size }

  get(token: string, now: number): Verified | undefined {
    const verified = this.#tokens.get(token)
    if (verified === undefined) return undefined
    if (verified.until > now) return verified
    this.#tokens.delete(token)
    return undefined
  }

  set(token: string, verified: Verified, now: number): void {
    if (verified.principal.expiresAt <= now) return       // inside the clock's tolerance: verified each time
    if (now - this.#sweptAt > sweepMs) this.#sweep(now)
    if (this.#tokens.size >= maxTokens) {
      const oldest = this.#tokens.keys().next()
      if (oldest.done !== true) this.#tokens.delete(oldest.value)
    }
    this.#tokens.delete(token)                            // last in the map: verified last
    this.#tokens.set(token, { ...verified, until: Math.min(verified.principal.expiresAt, now + maxAgeMs) })
  }

  #sweep(now: number): void {
    this.#sweptAt = now
    for (const [token, { until }] of this.#tokens) if (until <= now) this.#tokens.delete(token)
  }
}
