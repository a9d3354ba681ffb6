// The gateway's own credential for an upstream. The caller never sees it, and the caller's never goes there.
import type { TargetConfig } from '../config.ts'
import { GatewayError } from '../errors.ts'

/** The headers that carry the credential; none when the target has none. @throws GatewayError `ERR_CONFIG_INVALID` for one without a header, which governed config does not let through */
export function credentialHeaders(credential: TargetConfig['upstream']['credential'], secret: (name: string) => string): Readonly<Record<string, string>> {
  if (credential === undefined) return Object.freeze({})
  const value = secret(credential.secret)
  if (credential.header === undefined) throw new GatewayError('ERR_CONFIG_INVALID', `secret ${credential.secret} cannot be sent without a header`)
  return Object.freeze({ [credential.header.toLowerCase()]: credential.scheme === undefined ? value : `${credential.scheme} ${value}` })
}
