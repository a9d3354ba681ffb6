// The gateway's own credential for an upstream. The caller never sees it, and the caller's never goes there.
import type { TargetConfig } from '../config.ts'

/** The headers that carry the credential; none when the target has none. */
export function credentialHeaders(credential: TargetConfig['upstream']['credential'], secret: (name: string) => string): Readonly<Record<string, string>> {
  if (credential === undefined) return Object.freeze({})
  const value = secret(credential.secret)
  return Object.freeze({ [credential.header.toLowerCase()]: credential.scheme === undefined ? value : `${credential.scheme} ${value}` })
}
