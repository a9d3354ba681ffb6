// The public keys of one identity provider (RFC 7517), fetched from the configured address only, never from one named in a token.
// Fresh keys are sought in the background; while the provider is down the known ones go on, for a bounded time.
import { createRemoteJWKSet, customFetch, type FetchImplementation, type FlattenedJWSInput, type JWSHeaderParameters } from 'jose'

/** One request to the provider. */
const fetchTimeoutMs = 5_000
/** Between two refetches that unknown key ids cause: junk tokens must not become a flood at the provider. */
const cooldownMs = 30_000
/** Between two tries while the provider is down and no key may be trusted. */
const retryMs = 1_000
/** A withdrawn key is noticed with the first token verified after this; tokens already known are verified anew (token-cache.ts). */
const refreshMs = 300_000
/** How long keys are trusted without the provider confirming them. */
export const maxStaleMs = 3_600_000

export type KeyGetter = ReturnType<typeof createRemoteJWKSet>

export class KeySet {
  readonly #remote: KeyGetter
  readonly #now: () => number
  #confirmedAt = -Infinity
  #triedAt = -Infinity
  /** The fetch under way: a burst of first calls shares it. */
  #pending: Promise<void> | undefined

  constructor(jwksUri: string, now: () => number, fetch?: FetchImplementation) {
    this.#now = now
    this.#remote = createRemoteJWKSet(new URL(jwksUri), {
      timeoutDuration: fetchTimeoutMs, cooldownDuration: cooldownMs, cacheMaxAge: Infinity,
      ...fetch === undefined ? {} : { [customFetch]: fetch },
    })
  }

  /** When the provider last confirmed the keys, ms; -Infinity if never. */
  get confirmedAt(): number { return this.#confirmedAt }

  /** Fetches now. @throws what the fetch or the parser threw */
  refresh(): Promise<void> {
    this.#pending ??= this.#fetch().finally(() => { this.#pending = undefined })
    return this.#pending
  }

  async #fetch(): Promise<void> {
    this.#triedAt = this.#now()
    await this.#remote.reload()
    this.#confirmedAt = this.#now()
  }

  /** The key of a token. @throws KeysUnavailable when there are none that may be trusted; jose's errors when none fits */
  async keyFor(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<Awaited<ReturnType<KeyGetter>>> {
    const now = this.#now()
    if (now - this.#confirmedAt > maxStaleMs) {
      if (this.#pending === undefined && now - this.#triedAt < retryMs && this.#triedAt > this.#confirmedAt) throw new KeysUnavailable()
      await this.refresh().catch((cause: unknown) => { throw new KeysUnavailable(cause) })
    } else if (now - this.#confirmedAt > refreshMs && now - this.#triedAt > cooldownMs) {
      this.refresh().catch(() => undefined)               // known keys go on; staleness is what readiness reports
    }
    try {
      return await this.#remote(header, token)
    } catch (cause) {
      if (isKeyFault(cause)) throw cause
      throw new KeysUnavailable(cause)                    // jose refetched for an unknown key id and could not
    }
  }
}

/** The provider's keys cannot be had: a fault of ours or theirs, not of the token. */
export class KeysUnavailable extends Error {
  constructor(cause?: unknown) {
    super('the keys of the identity provider cannot be had', { cause })
    this.name = 'KeysUnavailable'
  }
}

const keyFaults: ReadonlySet<unknown> = new Set(['ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWKS_MULTIPLE_MATCHING_KEYS', 'ERR_JOSE_NOT_SUPPORTED'])

function isKeyFault(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && keyFaults.has(cause.code)
}
