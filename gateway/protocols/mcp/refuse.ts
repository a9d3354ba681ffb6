// Refusals in MCP's words: a tool result a model can act on, a JSON-RPC error, or an HTTP status where the transport asks for one.
import type { Json } from '../../call.ts'
import type { TargetConfig } from '../../config.ts'
import { refusalWords, type Refusal, type RefusalCode } from '../../refusal.ts'
import { modernVersion, type Era } from './era.ts'
import { writeError, writeResult, type RpcId } from './messages.ts'
import type { McpOperation } from './operation.ts'

/** What is known about the message when it is refused. */
export interface Refused {
  readonly refusal: Refusal
  readonly id: RpcId | null
  readonly era: Era | undefined
  readonly operation: McpOperation | undefined
}

/** Decisions about a known tool: the model reads them as the tool's result and can correct itself. */
const toolResults = new Set<RefusalCode>(['policy.denied', 'policy.error', 'policy.unenforceable', 'approval.pending', 'approval.rejected', 'approval.superseded', 'mask.unenforceable', 'mask.failed', 'record.ambiguous', 'upstream.too_large'])
/** Said with their own HTTP status; everything else is an answer to the message, status 200. */
const httpStatuses = /^(?:identity\.|connection\.|request\.|policy\.limit$|policy\.unavailable$|gateway\.draining$|evidence_lag$|record\.unavailable$)/
/** The library's reason for a resource the caller may not even know of. */
const hiddenReason = 'countersign.access'

/** @returns the HTTP status and the JSON-RPC text */
export function sayRefusal(refused: Refused): { readonly status: number; readonly text: string } {
  const { refusal, id, operation } = refused
  const isCall = operation?.action.name === 'tools/call' && id !== null
  // A tool the caller may not know of answers like one that does not exist: the refusal is on record, the difference is not on the wire.
  if (isHidden(refusal, operation) && id !== null && operation !== undefined) return { status: 200, text: writeError(id, -32602, unknownItem(operation), undefined) }
  if (isCall && toolResults.has(refusal.code)) return { status: 200, text: writeResult(id, toolResult(refused)) }
  const words = refusalWords[refusal.code]
  return { status: statusOf(refused), text: writeError(id, words.jsonRpc, refusal.message, errorData(refused)) }
}

function isHidden(refused: Refusal, operation: McpOperation | undefined): boolean {
  return refused.code === 'policy.denied' && operation !== undefined && operation.resource.type !== 'server' && refused.reasons.some(({ id }) => id === hiddenReason)
}

function unknownItem(operation: McpOperation): string {
  return `Unknown ${operation.resource.type}: ${operation.catalogueKey}`
}

function statusOf({ refusal, era, id }: Refused): number {
  if (!httpStatuses.test(refusal.code)) return id === null ? refusalWords[refusal.code].http : 200   // without an id there is no message to answer
  // To a legacy client 404 means that its session is gone (2025-11-25, transports, "Session Management"); it would start over.
  if (refusal.code === 'request.unknown_method' && era?.name !== 'modern') return id === null ? 400 : 200
  return refusalWords[refusal.code].http
}

function errorData({ refusal, era }: Refused): Json | undefined {
  // What `server/discover` would say: the older versions are reached by `initialize`, which this client did not ask for.
  if (refusal.code === 'request.unsupported_version') return { supported: [modernVersion], requested: era?.version ?? '' }
  return facts(refusal)
}

/** Text first: many clients show the model nothing else. Says why, by which rule, and what can be done about it. */
function toolResult({ refusal, era }: Refused): Json {
  const result: { [name: string]: Json } = {
    content: [{ type: 'text', text: advice(refusal) }],
    isError: true,
    _meta: { 'countersign/refusal': facts(refusal) },
  }
  if (era?.name === 'modern') result['resultType'] = 'complete'
  return result
}

function advice(refused: Refusal): string {
  const rules = refused.reasons.map(({ id }) => id).join(', ')
  const source = `${rules === '' ? '' : ` Rule: ${rules}.`}${refused.decisionId === undefined ? '' : ` Decision: ${refused.decisionId}.`}`
  const said = /[.!?]$/.test(refused.message) ? refused.message : `${refused.message}.`
  switch (refused.code) {
    case 'approval.pending':
      if (refused.approval === undefined) return `${said} Nothing was run. Call again with exactly the same arguments to ask anew.${source}`   // nobody decided in time
      return `Approval ${refused.approval.id} is pending: ${said} A person decides at ${refused.approval.url}. Nothing was run. Call again with exactly the same arguments after approval; changed arguments need a new approval.${source}`
    case 'approval.rejected':
      return `Refused: ${said} Nothing was run. Do not repeat this call; ask the person you work for.${source}`
    case 'record.ambiguous':
      return `${said} Do not repeat this call before a person has looked.${source}`
    case 'mask.unenforceable':
      return `Refused by policy: ${said} There is no result, and repeating the same call will be refused again; ask for the same as text.${source}`
    case 'mask.failed':
    case 'upstream.too_large':
      return `The tool was run, but its result is withheld: ${said} Do not repeat this call; ask for less.${source}`
    default:
      return `Refused by policy: ${said} Nothing was run. Repeating the same call will be refused again; change what the reason names, or use another tool.${source}`
  }
}

function facts(refused: Refusal): Json {
  const said: { [name: string]: Json } = { code: refused.code, retryable: refusalWords[refused.code].isRetryable, reasons: refused.reasons.map(({ id, msg }) => ({ id, msg })) }
  if (refused.decisionId !== undefined) said['decision_id'] = refused.decisionId
  if (refused.frame !== undefined) said['frame'] = refused.frame
  if (refused.approval !== undefined) said['approval'] = { id: refused.approval.id, url: refused.approval.url, expires_at: refused.approval.expiresAt, status: 'pending' }
  return said
}

/** Headers beside the body: RFC 9728 §5.1 on 401, Retry-After where the same call may succeed later. */
export function refusalHeaders(refused: Refusal, status: number, target: TargetConfig, publicUrl: string): Record<string, string | number> {
  const headers: Record<string, string | number> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (status === 401) headers['www-authenticate'] = challenge(refused, target, publicUrl)
  if (status === 405) headers['allow'] = 'POST, GET, DELETE'
  if (status === 413 || refused.code === 'connection.limit') headers['connection'] = 'close'
  if (status >= 400 && refusalWords[refused.code].isRetryable) headers['retry-after'] = refused.retryAfterS ?? 1
  return headers
}

/** A token that was sent and refused is `invalid_token`; a missing one is no error (RFC 6750 §3.1). */
function challenge(refused: Refusal, target: TargetConfig, publicUrl: string): string {
  const base = new URL(publicUrl)
  const metadata = `${base.origin}/.well-known/oauth-protected-resource${base.pathname.replace(/\/+$/, '')}${target.prefix}`
  return `Bearer resource_metadata="${metadata}"${refused.code === 'identity.token_missing' ? '' : ', error="invalid_token"'}`
}
