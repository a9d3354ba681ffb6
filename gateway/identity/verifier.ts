// Identity: credential → Principal or refusal. OAuth 2.0 access tokens as JWT (RFC 9068), verified with jose against configured keys.
// Synchronous for a token seen before, so that the data path does not wait a turn of the event loop for each call.
import { decodeJwt, errors, jwtVerify, type FetchImplementation } from 'jose'
import type { Credential, Principal } from '../call.ts'
import type { Governed, IdentityProviderConfig } from '../config.ts'
import { refusal, refusalWords, type Refusal } from '../refusal.ts'
import { KeySet, KeysUnavailable } from './key-set.ts'
import { identitiesOf, principalOf } from './principal.ts'
import { TokenCache, type Verified } from './token-cache.ts'

/** An access token with a thousand groups fits; what is longer is refused unread. */
export const maxTokenChars = 16_384

export interface IdentityOptions extends Trust {
  readonly now: () => number
  /** For tests and proxies; default: global fetch. */
  readonly fetch?: FetchImplementation
}

/** Who is trusted: the part of governed config that identity reads. */
export interface Trust {
  readonly providers: readonly IdentityProviderConfig[]
  readonly offBoarded: readonly string[]
  readonly sponsors: Governed['sponsors']
}

export interface ProviderHealth { readonly issuer: string; readonly keysConfirmedAt: number }

export interface Identity {
  /**
   * ≈ 1 µs for a token verified before; else a Promise. Never throws, never rejects.
   * @param audience the one resource (RFC 8707) the token must be for; absent: whichever the provider's config lists
   */
  verify(credential: Credential, audience?: string): Principal | Refusal | Promise<Principal | Refusal>
  /** Asks again whether someone verified earlier (a console session) is still welcome. */
  admit(principal: Principal): Principal | Refusal
  /** New governed config: every token is verified anew. */
  trust(trust: Trust): void
  /** Fetches every provider's keys ahead of the first call; a provider that is down is in the answer, not an error. */
  warm(): Promise<readonly ProviderHealth[]>
  health(): readonly ProviderHealth[]
}

interface Known { readonly provider: IdentityProviderConfig; readonly keys: KeySet }
interface Trusted { readonly known: ReadonlyMap<string, Known>; readonly offBoarded: ReadonlySet<string>; readonly sponsors: Governed['sponsors']; readonly cache: TokenCache }

export function createIdentity({ now, fetch, ...first }: IdentityOptions): Identity {
  let trusted = trustedBy(first, undefined, now, fetch)   // swapped whole: one verification reads one snapshot

  const health = (): readonly ProviderHealth[] => [...trusted.known.values()].map(({ provider, keys }) => ({ issuer: provider.issuer, keysConfirmedAt: keys.confirmedAt }))
  return {
    verify(credential, audience) {
      if (credential.kind !== 'bearer') return refusal('identity.token_missing')
      const snapshot = trusted
      const verified = snapshot.cache.get(credential.token, now())
      return verified === undefined ? verifyToken(credential.token, audience, snapshot, now) : admitFor(audience, verified, snapshot)
    },
    admit: (principal) => admit(principal, trusted),
    trust(trust) { trusted = trustedBy(trust, trusted, now, fetch) },
    async warm() {
      await Promise.allSettled([...trusted.known.values()].map(({ keys }) => keys.refresh()))
      return health()
    },
    health,
  }
}

function trustedBy(trust: Trust, before: Trusted | undefined, now: () => number, fetch?: FetchImplementation): Trusted {
  const known = new Map(trust.providers.map((provider): [string, Known] => {
    const old = before?.known.get(provider.issuer)
    const keys = old?.provider.jwksUri === provider.jwksUri ? old.keys : new KeySet(provider.jwksUri, now, fetch)
    return [provider.issuer, { provider, keys }]
  }))
  return { known, offBoarded: new Set(trust.offBoarded), sponsors: trust.sponsors, cache: new TokenCache() }
}

/** Off-boarding is asked on every call, whatever is cached: it is the one fact that must not wait for a token to expire. */
function admit(principal: Principal, { offBoarded }: Trusted): Principal | Refusal {
  if (offBoarded.size > 0 && identitiesOf(principal).some((id) => offBoarded.has(id))) return refusal('identity.off_boarded', undefined, { subject: principal.id })
  return principal
}

/** One audience per resource: a token that an agent holds for its tool must not decide approvals. */
function admitFor(audience: string | undefined, { principal, audiences }: Verified, trusted: Trusted): Principal | Refusal {
  if (audience !== undefined && !audiences.includes(audience)) return notFor(audience)
  return admit(principal, trusted)
}

async function verifyToken(token: string, audience: string | undefined, trusted: Trusted, now: () => number): Promise<Principal | Refusal> {
  if (token.length > maxTokenChars) return invalid('it is too long')
  try {
    const { iss } = decodeJwt(token)                      // unverified: only chooses whose keys must fit
    const issuer = iss === undefined ? undefined : trusted.known.get(iss)
    if (issuer === undefined) return invalid('its iss is not, letter by letter, an issuer of identity in config.yaml')
    const { provider, keys } = issuer
    const { payload } = await jwtVerify(token, (header, input) => keys.keyFor(header, input), {
      issuer: provider.issuer, audience: [...provider.audiences], algorithms: [...provider.algorithms],
      typ: 'at+jwt',                                      // RFC 9068 §4: an ID token is no access token
      requiredClaims: ['sub', 'exp', 'client_id'], clockTolerance: provider.clockSkewS, currentDate: new Date(now()),
    })
    const principal = principalOf(payload, provider, trusted.sponsors)
    if (principal === undefined) return invalid('a claim has a form that is not taken: sub, client_id, groups, amr, acr or act, or it has a cnf')
    const verified = { principal, audiences: [payload.aud ?? []].flat() }
    trusted.cache.set(token, verified, now())
    return admitFor(audience, verified, trusted)
  } catch (cause) {
    return refusalOf(cause, audience)
  }
}

function refusalOf(cause: unknown, audience: string | undefined): Refusal {
  if (cause instanceof KeysUnavailable) return refusal('identity.unavailable')
  if (cause instanceof errors.JWTExpired) return refusal('identity.token_expired')
  if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === 'aud') return notFor(audience)
  return invalid(whyOf(cause))
}

/** Which audience it has to be is no secret: the target's own metadata says it (RFC 9728), to clients that read it. */
function notFor(audience: string | undefined): Refusal {
  return refusal('identity.audience', audience === undefined ? undefined : `${refusalWords['identity.audience'].title}: here it has to be ${audience}`)
}

function invalid(why: string): Refusal {
  return refusal('identity.token_invalid', undefined, { why })
}

/** Nothing of the token is in it: claims are named by jose, which was asked for them. */
function whyOf(cause: unknown): string {
  if (cause instanceof errors.JWTClaimValidationFailed) return cause.claim === 'typ' ? 'its typ is not at+jwt, as an access token\'s is (RFC 9068)' : `its claim ${cause.claim} is missing or not as it must be`
  if (cause instanceof errors.JOSEAlgNotAllowed) return 'its alg is not among the provider\'s algorithms in config.yaml'
  if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) return 'no one key of the provider\'s jwks_uri fits'
  if (cause instanceof errors.JWSSignatureVerificationFailed) return 'its signature does not hold'
  return 'it is no signed JWT'
}
