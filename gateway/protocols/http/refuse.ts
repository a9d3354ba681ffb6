// Refusals in HTTP's words: RFC 9457 problem+json, RFC 6750 §3 and RFC 9728 §5.1 challenges.
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TargetConfig } from '../../config.ts'
import { refusalReceipt, refusalWords, type Refusal } from '../../refusal.ts'

/** The problem document of a refusal: says why and what to do, never what the request held. */
export function problem(refused: Refusal): Uint8Array {
  const { http, title, isRetryable } = refusalWords[refused.code]
  return Buffer.from(JSON.stringify({
    type: `urn:countersign:${refused.code}`, title, status: http, detail: refused.message,
    code: refused.code, retryable: isRetryable, reasons: refused.reasons,
    decision_id: refused.decisionId, frame: refused.frame,
    approval_id: refused.approval?.id, approval_url: refused.approval?.url,
  }))
}

/** Seconds a caller should wait while a person decides. */
const approvalRetryS = 10

export function refusalHeaders(refused: Refusal, length: number, target: TargetConfig, publicUrl: string): Record<string, string | number> {
  const headers: Record<string, string | number> = { 'content-type': 'application/problem+json', 'content-length': length, 'cache-control': 'no-store', ...refusalReceipt(refused) }
  const { http, isRetryable } = refusalWords[refused.code]
  if (http === 401) headers['www-authenticate'] = challenge(refused, target, publicUrl)
  if (refused.retryAfterS !== undefined) headers['retry-after'] = refused.retryAfterS
  else if (refused.code === 'approval.pending') headers['retry-after'] = approvalRetryS
  else if (isRetryable) headers['retry-after'] = 1
  if (http === 413 || refused.code === 'connection.limit') headers['connection'] = 'close'
  return headers
}

/** A token that was sent and refused is `invalid_token`; a missing one is no error (RFC 6750 §3.1). */
function challenge(refused: Refusal, target: TargetConfig, publicUrl: string): string {
  const base = new URL(publicUrl)
  const metadata = `${base.origin}/.well-known/oauth-protected-resource${base.pathname.replace(/\/+$/, '')}${target.prefix}`
  return `Bearer resource_metadata="${metadata}"${refused.code === 'identity.token_missing' ? '' : ', error="invalid_token"'}`
}

/** @returns false when an answer is already on its way, so that the connection can only be cut */
export function refuseResponse(response: ServerResponse, refused: Refusal, target: TargetConfig, publicUrl: string): boolean {
  if (response.headersSent) { response.destroy(); return false }
  const body = problem(refused)
  response.writeHead(refusalWords[refused.code].http, refusalHeaders(refused, body.length, target, publicUrl))
  response.end(body)
  return true
}

/** For an upgrade: there is a socket and no response object. */
export function refuseUpgrade(socket: Duplex, refused: Refusal, target: TargetConfig, publicUrl: string): void {
  const body = problem(refused)
  const headers = Object.entries(refusalHeaders(refused, body.length, target, publicUrl)).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${refusalWords[refused.code].http} Refused\r\n${headers.join('')}connection: close\r\n\r\n`), body]))
}
