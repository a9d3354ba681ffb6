// Faults of the asking, not of what is asked about: AuthZEN 1.0 §10.1 (a deny is 200), with RFC 9457 problem+json and RFC 6750 challenges.
import type { ServerResponse } from 'node:http'
import type { TargetConfig } from '../../config.ts'
import { refusalReceipt, refusalWords, type Refusal, type RefusalCode } from '../../refusal.ts'

/** An answer about the operation: these leave as a decision. Everything else says that no decision was made for this caller. */
const answers: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['policy.denied', 'policy.error', 'policy.limit', 'policy.unenforceable', 'approval.pending', 'approval.rejected', 'approval.superseded', 'identity.off_boarded'])

export function isAnswer({ code, decisionId }: Refusal): boolean {
  return answers.has(code) && decisionId !== undefined
}

/** @returns false when an answer is already on its way */
export function refuseResponse(response: ServerResponse, refused: Refusal, target: TargetConfig, publicUrl: string): boolean {
  if (response.headersSent) { response.destroy(); return false }
  const { http, title } = refusalWords[refused.code]
  const body = Buffer.from(JSON.stringify({ type: `urn:countersign:${refused.code}`, title, status: http, detail: refused.message, code: refused.code, frame: refused.frame }))
  const base = new URL(publicUrl)
  const metadata = `${base.origin}/.well-known/oauth-protected-resource${base.pathname.replace(/\/+$/, '')}${target.prefix}`
  const headers: Record<string, string | number> = {
    'content-type': 'application/problem+json', 'content-length': body.length, 'cache-control': 'no-store', ...refusalReceipt(refused),
  }
  if (http === 401) headers['www-authenticate'] = `Bearer resource_metadata="${metadata}"${refused.code === 'identity.token_missing' ? '' : ', error="invalid_token"'}`
  if (http === 405) headers['allow'] = 'POST'
  if (refused.retryAfterS !== undefined) headers['retry-after'] = refused.retryAfterS
  response.writeHead(http, headers)
  response.end(body)
  return true
}
