// Tokens already verified, by their exact text. A hit costs a map lookup; a miss costs a signature (150 µs and more).
// Bounded, and emptied of expired tokens by time; whoever changes who is trusted makes a new cache.
import type { Principal } from '../call.ts'

/** Two per person of a large bank's busy hour; ≈ 2 KB each. */
const maxTokens = 10_000
/** Between two sweeps for expired tokens. */
const sweepMs = 60_000

export class TokenCache {
  readonly #principals = new Map<string, Principal>()
  #sweptAt = 0

  get size(): number { return this.#principals.size }

  get(token: string, now: number): Principal | undefined {
    const principal = this.#principals.get(token)
    if (principal === undefined) return undefined
    if (principal.expiresAt > now) return principal
    this.#principals.delete(token)
    return undefined
  }

  set(token: string, principal: Principal, now: number): void {
    if (principal.expiresAt <= now) return                // inside the clock's tolerance: verified each time
    if (now - this.#sweptAt > sweepMs) this.#sweep(now)
    if (this.#principals.size >= maxTokens) {
      const oldest = this.#principals.keys().next()
      if (oldest.done !== true) this.#principals.delete(oldest.value)
    }
    this.#principals.set(token, principal)
  }

  #sweep(now: number): void {
    this.#sweptAt = now
    for (const [token, { expiresAt }] of this.#principals) if (expiresAt <= now) this.#principals.delete(token)
  }
}
