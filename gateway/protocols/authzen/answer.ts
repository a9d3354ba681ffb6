// What policy said, in the words of AuthZEN 1.0 (§6.2) and its drafts on obligations and access requests, and as OPA's data API says it.
import type { DecidedCall, Json } from '../../call.ts'
import type { Refusal } from '../../refusal.ts'

type Decision = DecidedCall['decision']

export interface Answer { readonly decision: boolean; readonly context: { readonly [name: string]: Json } }

/** Masks and limits are the enforcement point's to keep: one that does not know these obligations has to deny. */
export function permitted(decision: Decision, decisionId: string, frame: string): Answer {
  return { decision: true, context: { evaluation_id: decisionId, frame, ...reasonsOf(decision.reasons), ...obligationsOf(decision) } }
}

/** A deny, or a yes that needs a human first: then it says where to ask, and the same evaluation asked again gives the answer. */
export function denied(refused: Refusal): Answer {
  const { code, message, reasons, decisionId, frame, approval, retryAfterS } = refused
  return {
    decision: false,
    context: {
      ...decisionId === undefined ? {} : { evaluation_id: decisionId }, ...frame === undefined ? {} : { frame }, ...reasonsOf(refused.decision?.reasons ?? reasons),
      code, message,
      ...approval === undefined ? {} : { access_request: { id: approval.id, form_url: approval.url, expires_at: new Date(approval.expiresAt).toISOString(), next_action: 'retry' } },
      ...retryAfterS === undefined ? {} : { retry_after_s: retryAfterS },
    },
  }
}

/** One evaluation of several that no decision was made for (§7.2). */
export function unread(status: number, message: string, frame: string | undefined): Answer {
  return { decision: false, context: { ...frame === undefined ? {} : { frame }, error: { status, message } } }
}

/** OPA's `POST /v1/data/…`: the document itself. */
export function dataOf(decision: Decision, decisionId: string): Json {
  return { decision_id: decisionId, result: decision as unknown as Json }
}

function reasonsOf(reasons: readonly { readonly id: string; readonly msg: string; readonly mode?: string; readonly controls?: readonly string[] }[]): { readonly [name: string]: Json } {
  return reasons.length === 0 ? {} : { reasons: reasons.map(({ id, msg, mode, controls }) => ({ id, msg, ...mode === undefined ? {} : { mode }, ...controls === undefined ? {} : { controls: [...controls] } })) }
}

function obligationsOf({ mask, limits, obligations }: Decision): { readonly [name: string]: Json } {
  const custom = (id: string, properties: object) => ({ id, type: 'custom', properties: properties as Json })
  const all = [
    ...mask.map((rule) => custom(`mask:${rule.id}`, { kind: 'mask', ...rule })),
    ...Object.keys(limits).length === 0 ? [] : [custom('limits', { kind: 'limits', ...limits })],
    ...obligations as unknown as Json[],
  ]
  return all.length === 0 ? {} : { obligations: all }
}
