// What a client without a token is told: protected resource metadata (RFC 9728) and the WWW-Authenticate challenge (RFC 6750 §3).
import type { RefusalCode } from '../refusal.ts'

/** Where RFC 9728 §3.1 looks: the well-known part goes between host and path. */
const metadataPrefix = '/.well-known/oauth-protected-resource'

export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
}

/**
 * The document for one target.
 * @param publicUrl what callers use, without a trailing slash
 * @param prefix the target's path, `/bank`
 */
export function resourceMetadata(publicUrl: string, prefix: string, issuers: readonly string[]): ResourceMetadata {
  return { resource: `${publicUrl}${prefix}`, authorization_servers: issuers, bearer_methods_supported: ['header'] }
}

/** `https://gw.example/bank` → `https://gw.example/.well-known/oauth-protected-resource/bank`. */
export function metadataUrl(publicUrl: string, prefix: string): string {
  const url = new URL(`${publicUrl}${prefix}`)
  return `${url.origin}${metadataPrefix}${url.pathname}`
}

/** The header's value for a 401; undefined for refusals that a token cannot cure. RFC 6750 §3.1: no `error` when none was sent. */
export function challenge(code: RefusalCode, metadata: string): string | undefined {
  switch (code) {
    case 'identity.token_missing': return `Bearer resource_metadata="${metadata}"`
    case 'identity.token_invalid':
    case 'identity.token_expired':
    case 'identity.audience': return `Bearer error="invalid_token", resource_metadata="${metadata}"`
    default: return undefined
  }
}
