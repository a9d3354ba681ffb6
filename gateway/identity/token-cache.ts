// Tokens already verified, by their exact text. A hit costs a map lookup; a miss costs a signature (150 µs and more).
// Bounded, and emptied of expired tokens by time; whoever changes who is trusted makes a new cache.
import type { Principal } from '../call.ts'

/** Two per person of a large bank's busy hour; ≈ 2 KB each. */
const maxTokens = 10_000
/** Between two sweeps for expired tokens. */
const sweepMs = 60_000

/** Who a token speaks for, and to whom. */
export interface Verified { readonly principal: Principal; readonly audiences: readonly string[] }

export class TokenCache {
  readonly #tokens = new Map<string, Verified>()
  #sweptAt = 0

  get size(): number { return this.#tokens.size }

  get(token: string, now: number): Verified | undefined {
    const verified = this.#tokens.get(token)
    if (verified === undefined) return undefined
    if (verified.principal.expiresAt > now) return verified
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
    this.#tokens.set(token, verified)
  }

  #sweep(now: number): void {
    this.#sweptAt = now
    for (const [token, { principal }] of this.#tokens) if (principal.expiresAt <= now) this.#tokens.delete(token)
  }
}
