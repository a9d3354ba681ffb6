// A refusal: any call that did not go through, with the one table from its code to each protocol's own words.
// Add a code here, raise it in one place, and give it a test that asserts code and message.

import type { Decision } from '../rego/index.ts'

/** HTTP status (RFC 9110), JSON-RPC code (MCP; ours are positive: -32099…-32000 belongs to the protocol), SQLSTATE (PostgreSQL, Appendix A), and whether the same call may succeed later. */
interface Words { readonly http: number; readonly jsonRpc: number; readonly sqlState: string; readonly isRetryable: boolean; readonly title: string }

const table = {
  'connection.tls': { http: 400, jsonRpc: 4000, sqlState: '08P01', isRetryable: false, title: 'The TLS handshake failed' },
  'connection.limit': { http: 429, jsonRpc: 4291, sqlState: '53300', isRetryable: true, title: 'Too many connections of this caller are open' },
  'identity.token_missing': { http: 401, jsonRpc: 4010, sqlState: '28000', isRetryable: false, title: 'A bearer token is required' },
  'identity.token_invalid': { http: 401, jsonRpc: 4011, sqlState: '28P01', isRetryable: false, title: 'The token is not valid' },
  'identity.token_expired': { http: 401, jsonRpc: 4012, sqlState: '28P01', isRetryable: false, title: 'The token has expired' },
  'identity.audience': { http: 401, jsonRpc: 4013, sqlState: '28P01', isRetryable: false, title: 'The token was issued for another audience' },
  'identity.off_boarded': { http: 403, jsonRpc: 4014, sqlState: '28000', isRetryable: false, title: 'The caller has been off-boarded' },
  'identity.unavailable': { http: 503, jsonRpc: 5030, sqlState: '57P03', isRetryable: true, title: 'The identity provider cannot be reached' },
  'identity.on_behalf': { http: 403, jsonRpc: 4015, sqlState: '28000', isRetryable: false, title: 'The caller may not ask for others' },
  'request.malformed': { http: 400, jsonRpc: -32700, sqlState: '08P01', isRetryable: false, title: 'The request is malformed' },
  'request.invalid': { http: 400, jsonRpc: -32600, sqlState: '42601', isRetryable: false, title: 'The request is not valid' },
  'request.too_large': { http: 413, jsonRpc: 4130, sqlState: '54000', isRetryable: false, title: 'The request is too large' },
  'request.unknown_method': { http: 404, jsonRpc: -32601, sqlState: '0A000', isRetryable: false, title: 'Unknown method' },
  'request.unknown_target': { http: 404, jsonRpc: 4040, sqlState: '3D000', isRetryable: false, title: 'No such target' },
  'request.unknown_session': { http: 404, jsonRpc: 4041, sqlState: '08003', isRetryable: false, title: 'Unknown or expired session' },
  'request.unknown_item': { http: 200, jsonRpc: -32602, sqlState: '42704', isRetryable: false, title: 'Unknown tool, resource or prompt' },
  'request.params': { http: 400, jsonRpc: -32602, sqlState: '22023', isRetryable: false, title: 'The parameters are not valid' },
  'request.header_mismatch': { http: 400, jsonRpc: -32020, sqlState: '08P01', isRetryable: false, title: 'A header does not match the message' },
  'request.unsupported_version': { http: 400, jsonRpc: -32022, sqlState: '0A000', isRetryable: false, title: 'The protocol version is not supported' },
  'request.not_allowed': { http: 405, jsonRpc: -32600, sqlState: '0A000', isRetryable: false, title: 'The HTTP method is not allowed here' },
  'request.not_acceptable': { http: 406, jsonRpc: -32600, sqlState: '0A000', isRetryable: false, title: 'Accept must list application/json and text/event-stream' },
  'request.media_type': { http: 415, jsonRpc: -32600, sqlState: '0A000', isRetryable: false, title: 'The content type is not supported' },
  'request.origin': { http: 403, jsonRpc: 4032, sqlState: '28000', isRetryable: false, title: 'Host or Origin is not allowed' },
  'policy.denied': { http: 403, jsonRpc: 4030, sqlState: '42501', isRetryable: false, title: 'Denied by policy' },
  'policy.unavailable': { http: 503, jsonRpc: 5031, sqlState: '57P03', isRetryable: true, title: 'No policy is in force' },
  'policy.error': { http: 403, jsonRpc: 4031, sqlState: '42501', isRetryable: false, title: 'The policy could not decide' },
  'policy.limit': { http: 429, jsonRpc: 4290, sqlState: '54000', isRetryable: true, title: 'A limit set by policy was reached' },
  'policy.unenforceable': { http: 403, jsonRpc: 4037, sqlState: '42501', isRetryable: false, title: 'Policy asks for a limit that cannot be kept here' },
  'approval.pending': { http: 403, jsonRpc: 4033, sqlState: '42501', isRetryable: true, title: 'Waiting for approval' },
  'approval.rejected': { http: 403, jsonRpc: 4034, sqlState: '42501', isRetryable: false, title: 'The approval was rejected' },
  'approval.superseded': { http: 403, jsonRpc: 4035, sqlState: '42501', isRetryable: true, title: 'The approval no longer fits the policy in force' },
  'mask.unenforceable': { http: 403, jsonRpc: 4036, sqlState: '42501', isRetryable: false, title: 'A mask cannot be enforced on these bytes' },
  'mask.failed': { http: 502, jsonRpc: 5022, sqlState: '58000', isRetryable: false, title: 'The result could not be masked' },
  'upstream.unavailable': { http: 502, jsonRpc: 5020, sqlState: '08006', isRetryable: true, title: 'The upstream cannot be reached' },
  'upstream.timeout': { http: 504, jsonRpc: 5040, sqlState: '57014', isRetryable: false, title: 'The upstream did not answer in time' },
  'upstream.broken': { http: 502, jsonRpc: 5021, sqlState: '08006', isRetryable: false, title: 'The upstream broke off or answered garbage' },
  'upstream.too_large': { http: 502, jsonRpc: 5023, sqlState: '54000', isRetryable: false, title: 'The result is larger than allowed' },
  'upstream.fenced': { http: 503, jsonRpc: 5032, sqlState: '55000', isRetryable: true, title: 'The target is fenced after an ambiguous outcome' },
  'upstream.catalogue': { http: 503, jsonRpc: 5036, sqlState: '55P03', isRetryable: true, title: 'What names mean in the database cannot be read now' },
  'record.unavailable': { http: 503, jsonRpc: 5033, sqlState: '58030', isRetryable: true, title: 'The call cannot be recorded, so it was not made' },
  'record.ambiguous': { http: 502, jsonRpc: 5024, sqlState: '58030', isRetryable: false, title: 'The call was made but its result cannot be recorded; what became of it is ambiguous' },
  'evidence_lag': { http: 503, jsonRpc: 5034, sqlState: '53000', isRetryable: true, title: 'Too much evidence is waiting to be sealed' },
  'gateway.draining': { http: 503, jsonRpc: 5035, sqlState: '57P01', isRetryable: true, title: 'The gateway is stopping' },
  'gateway.fault': { http: 500, jsonRpc: -32603, sqlState: 'XX000', isRetryable: false, title: 'An internal fault of the gateway' },
} as const satisfies Record<string, Words>

export type RefusalCode = keyof typeof table
export const refusalWords: Readonly<Record<RefusalCode, Words>> = table
export const refusalCodes = Object.keys(table) as RefusalCode[]

/** Says why, never what: no value of the request or the result is in it. */
export interface Refusal {
  readonly refused: true
  readonly code: RefusalCode
  readonly message: string
  readonly reasons: readonly { readonly id: string; readonly msg: string }[]
  /** hex; absent where no decision was made */
  readonly decisionId?: string
  /** `session/seq` of its frame; absent before authentication, where refusals are aggregated */
  readonly frame?: string
  readonly approval?: { readonly id: string; readonly url: string; readonly expiresAt: number }
  readonly retryAfterS?: number
  /** What policy said, whole; there exactly where an enforcement point asked. */
  readonly decision?: Decision
  /** Who was refused, where the token was good but the caller is not let in; for the record, never for the wire. */
  readonly subject?: string
  /** What exactly is wrong with a token, in words of ours alone; for the operator's log, never for the wire. */
  readonly why?: string
}

export function refusal(code: RefusalCode, message: string = refusalWords[code].title, more: Partial<Omit<Refusal, 'refused' | 'code' | 'message'>> = {}): Refusal {
  return { refused: true, code, message, reasons: [], ...more }
}

/** The caller's receipt for a call that did not go through; empty before authentication. */
export function refusalReceipt({ frame, decisionId, code, reasons }: Refusal): Record<string, string> {
  if (frame === undefined) return {}
  const rules = reasons.length === 0 ? '' : `; rules=${reasons.map(({ id }) => id).join(',')}`
  return { 'countersign-frame': frame, 'countersign-decision': `${code}${decisionId === undefined ? '' : `; id=${decisionId}`}${rules}` }
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value
}

/** A refusal on its way up through code that throws. */
export class RefusalError extends Error {
  readonly refusal: Refusal
  constructor(refused: Refusal, cause?: unknown) {
    super(refused.message, { cause })
    this.name = 'RefusalError'
    this.refusal = refused
  }
}
