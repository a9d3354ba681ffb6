// Faults of the gateway itself (not refusals of a call): bad configuration, a port in use, a key that cannot be read.
export type GatewayErrorCode =
  | 'ERR_CONFIG_INVALID'
  | 'ERR_CONFIG_UNREADABLE'
  | 'ERR_SECRET_UNRESOLVED'
  | 'ERR_LISTEN'
  | 'ERR_POLICY_REPOSITORY'
  | 'ERR_POLICY_REMOTE'
  | 'ERR_POLICY_REMOTE_UNTRUSTED'
  | 'ERR_POLICY_UNTRUSTED'
  | 'ERR_POLICY_QUORUM'
  | 'ERR_POLICY_HISTORY'
  | 'ERR_POLICY_SERIAL'
  | 'ERR_POLICY_STATEMENT'
  | 'ERR_POLICY_EMERGENCY'
  | 'ERR_POLICY_REVIEW'
  | 'ERR_STATE'
  | 'ERR_IDENTITY_PROVIDER'
  | 'ERR_USAGE'

export class GatewayError extends Error {
  readonly code: GatewayErrorCode
  constructor(code: GatewayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'GatewayError'
    this.code = code
  }
}
