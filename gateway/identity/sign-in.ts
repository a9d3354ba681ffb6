// A person signs in to the console: OpenID Connect authorization code flow with PKCE (RFC 7636), as a public client.
// Rights are those the identity provider states at this moment; the session that follows is short.
import { createHash, randomBytes } from 'node:crypto'
import { jwtVerify } from 'jose'
import type { Principal } from '../call.ts'
import type { IdentityProviderConfig } from '../config.ts'
import { refusal, type Refusal } from '../refusal.ts'
import { KeySet } from './key-set.ts'
import { principalOf } from './principal.ts'

/** Registered at each identity provider, with PKCE and without a secret. */
export const signInClientId = 'countersign-console'
/** What a person may take at the identity provider. */
const startMs = 600_000
/** Afterwards the provider is asked again: groups change, people leave. */
const sessionMs = 900_000
const requestMs = 5_000
const maxAnswerChars = 256 * 1024
const discoveryMs = 600_000

export interface SignInStart {
  /** Where to send the browser. */
  readonly url: string
  /** Kept by us for this browser alone; `finish` wants it back. */
  readonly issuer: string
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly expiresAt: number
}

export interface SignIn {
  issuers(): readonly string[]
  start(issuer: string): Promise<SignInStart | Refusal>
  /** @param answer the callback's query */
  finish(start: SignInStart, answer: URLSearchParams): Promise<Principal | Refusal>
}

export interface SignInOptions {
  readonly providers: () => readonly IdentityProviderConfig[]
  /** Registered at the provider: `<console>/sign-in/callback`. */
  readonly redirectUri: () => string
  readonly now: () => number
  /** For tests and proxies; default: global fetch. */
  readonly fetch?: typeof globalThis.fetch
}

interface Discovery { readonly authorization: string; readonly token: string; readonly userinfo: string | undefined; readonly scopes: readonly string[]; readonly at: number }

export function createSignIn({ providers, redirectUri, now, fetch = globalThis.fetch }: SignInOptions): SignIn {
  const discovered = new Map<string, Discovery>()         // owned here; one entry per configured issuer
  const keySets = new Map<string, KeySet>()
  const providerOf = (issuer: string): IdentityProviderConfig | undefined => providers().find((provider) => provider.issuer === issuer)

  async function getJson(url: string, init: { method?: string; body?: string; headers?: Record<string, string> } = {}): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(url, { method: init.method ?? 'GET', headers: { accept: 'application/json', ...init.headers }, redirect: 'error', signal: AbortSignal.timeout(requestMs), ...init.body === undefined ? {} : { body: init.body } })
    const text = await response.text()
    if (response.status !== 200 || text.length > maxAnswerChars) throw new Error(`the identity provider answered ${response.status}`)
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) throw new Error('the identity provider answered no object')
    return value as Readonly<Record<string, unknown>>
  }

  /** OpenID Connect Discovery 1.0 §4.3: the document must name the very issuer it was asked for. */
  async function discover(issuer: string): Promise<Discovery> {
    const known = discovered.get(issuer)
    if (known !== undefined && now() - known.at < discoveryMs) return known
    const document = await getJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const { authorization_endpoint: authorization, token_endpoint: token, userinfo_endpoint: userinfo, scopes_supported: scopes } = document
    if (document['issuer'] !== issuer || typeof authorization !== 'string' || typeof token !== 'string') throw new Error('the discovery document is not this issuer\'s')
    const found = { authorization, token, userinfo: typeof userinfo === 'string' ? userinfo : undefined, scopes: Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [], at: now() }
    discovered.set(issuer, found)
    return found
  }

  function keysOf({ jwksUri }: IdentityProviderConfig): KeySet {
    const known = keySets.get(jwksUri) ?? new KeySet(jwksUri, now, fetch)
    keySets.set(jwksUri, known)
    return known
  }

  return {
    issuers: () => providers().map(({ issuer }) => issuer),
    async start(issuer) {
      const provider = providerOf(issuer)
      if (provider === undefined) return refusal('identity.token_invalid')
      const discovery = await discover(issuer).catch(() => undefined)
      if (discovery === undefined) return refusal('identity.unavailable')
      const state = secret(), nonce = secret(), verifier = secret()
      const url = new URL(discovery.authorization)
      const scope = ['openid', ...discovery.scopes.includes(provider.groupsClaim) ? [provider.groupsClaim] : []].join(' ')
      for (const [name, value] of Object.entries({ response_type: 'code', client_id: signInClientId, redirect_uri: redirectUri(), scope, state, nonce, code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' })) url.searchParams.set(name, value)
      return { url: url.href, issuer, state, nonce, verifier, expiresAt: now() + startMs }
    },
    async finish(start, answer) {
      const provider = providerOf(start.issuer)
      const code = answer.get('code')
      const answeredBy = answer.get('iss')               // RFC 9207: an answer of another server is a mix-up
      if (provider === undefined || code === null || start.expiresAt <= now() || answer.get('state') !== start.state || (answeredBy !== null && answeredBy !== start.issuer)) return refusal('identity.token_invalid')
      try {
        const discovery = await discover(start.issuer)
        const tokens = await getJson(discovery.token, {
          method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ grant_type: 'authorization_code', client_id: signInClientId, code, redirect_uri: redirectUri(), code_verifier: start.verifier }).toString(),
        })
        const { id_token: idToken, access_token: accessToken } = tokens
        if (typeof idToken !== 'string') return refusal('identity.token_invalid')
        const keys = keysOf(provider)
        const { payload } = await jwtVerify(idToken, (header, input) => keys.keyFor(header, input), {
          issuer: provider.issuer, audience: signInClientId, algorithms: [...provider.algorithms], requiredClaims: ['sub', 'exp', 'nonce'], clockTolerance: provider.clockSkewS, currentDate: new Date(now()),
        })
        if (payload['nonce'] !== start.nonce) return refusal('identity.token_invalid')
        // Many providers state groups only at the userinfo endpoint (OpenID Connect Core §5.3.2: its sub must be the same).
        const isComplete = payload[provider.groupsClaim] !== undefined || discovery.userinfo === undefined || typeof accessToken !== 'string'
        const info = isComplete ? {} : await getJson(discovery.userinfo, { headers: { authorization: `Bearer ${accessToken}` } })
        if (!isComplete && info['sub'] !== payload.sub) return refusal('identity.token_invalid')
        const claims = { ...info, ...payload, client_id: signInClientId, exp: Math.floor((now() + sessionMs) / 1000) }
        return principalOf(claims, provider, {}) ?? refusal('identity.token_invalid')
      } catch {
        return refusal('identity.token_invalid', 'The sign-in could not be completed')
      }
    },
  }
}

function secret(): string {
  return randomBytes(32).toString('base64url')
}
