// Verified claims → Principal. Everything here comes from a token whose signature, issuer, audience and times have been checked.
// RFC 9068 (client_id, acr, amr), RFC 8693 §4.1 (act), RFC 7800 (cnf).
import type { JWTPayload } from 'jose'
import type { Json, Principal } from '../call.ts'
import type { Governed, IdentityProviderConfig } from '../config.ts'

/** Delegation steps in one token; deeper chains are refused rather than cut. */
const maxActors = 8
const maxGroups = 1_000
/** `issuer|subject` and client ids are kept in every frame. */
const maxIdChars = 1_024

/** @returns the principal, or undefined when a claim has a form we do not know: unknown is refused, never guessed */
export function principalOf(payload: JWTPayload, provider: IdentityProviderConfig, sponsors: Governed['sponsors']): Principal | undefined {
  const { sub, exp } = payload
  const clientId = payload['client_id']
  if (!isId(sub) || !isId(clientId) || typeof exp !== 'number') return undefined
  const groups = stringsOf(payload[provider.groupsClaim])
  const amr = stringsOf(payload['amr'])
  const acr = payload['acr'] ?? ''
  const actors = actorsOf(payload['act'], provider.issuer)
  // Bound to a key of the sender's (RFC 7800, DPoP, mutual TLS), which nobody checks here: whoever stole it could use it.
  if (payload['cnf'] !== undefined) return undefined
  if (groups === undefined || amr === undefined || typeof acr !== 'string' || actors === undefined) return undefined

  // `join` makes one flat string. A template's is a pair of strings to V8, and writing JSON with it in every policy input takes twice as long.
  const id = [provider.issuer, sub].join('|')
  const isAgent = provider.agents?.includes(clientId) === true
  const isService = provider.services.includes(clientId)
  const [outermost, ...chain] = actors
  const actor: Principal['actor'] = outermost !== undefined ? { type: 'agent', id: outermost, chain }
    : isAgent ? { type: 'agent', id: clientId, chain: [] }
    : undefined
  const sponsor = Object.hasOwn(sponsors, id) ? sponsors[id] : undefined
  return {
    type: isService ? 'service' : actor === undefined ? 'user' : 'agent',
    id, clientId, groups, acr, amr,
    claims: claimsOf(payload, provider.claims ?? []),
    ...actor === undefined ? {} : { actor },
    ...sponsor === undefined ? {} : { sponsor },
    expiresAt: exp * 1000,
  }
}

/** Every identity that answers for a call: one of them off-boarded refuses it. */
export function identitiesOf(principal: Principal): readonly string[] {
  const { id, actor, sponsor } = principal
  return [id, ...actor === undefined ? [] : [actor.id, ...actor.chain], ...sponsor === undefined ? [] : [sponsor]]
}

/** Outermost first: the current actor, then the ones before it (RFC 8693 §4.1). */
function actorsOf(act: unknown, issuer: string): string[] | undefined {
  const actors: string[] = []
  for (let at = act; at !== undefined; at = at['act']) {
    if (!isRecord(at) || !isId(at['sub']) || actors.length === maxActors) return undefined
    const by = at['iss'] ?? issuer
    if (typeof by !== 'string' || by.length > maxIdChars) return undefined
    actors.push(`${by}|${at['sub']}`)
  }
  return actors
}

/** Only what governed config names: the record keeps every claim that policy can read. */
function claimsOf(payload: JWTPayload, names: readonly string[]): { readonly [name: string]: Json } {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(payload, name)).map((name) => [name, payload[name] as Json]))
}

function stringsOf(value: unknown): readonly string[] | undefined {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > maxGroups) return undefined
  return value.every((item): item is string => typeof item === 'string' && item.isWellFormed()) ? value : undefined
}

function isId(value: unknown): value is string {
  // Half of a surrogate pair has no UTF-8: on record two such names would be one. A `|` in it is fine: no issuer has one (governed.ts), so the first ends the issuer.
  return typeof value === 'string' && value !== '' && value.length <= maxIdChars && value.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(value)
}

function isRecord(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
