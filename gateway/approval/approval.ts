// One approval: authority for one exact operation, by its requester, once, until it expires. States and edges: evidence/FORMAT.md §4, kind 7.
import type { Json } from '../call.ts'
import type { ApproverTemplate } from '../config.ts'

export type ApprovalState = 'pending' | 'approved' | 'rejected' | 'expired' | 'superseded' | 'consumed'

/** Numbers are the record's (FORMAT §4, kind 7). A yes that leaves the quorum unmet is a `pending` edge with `by`. */
export const approvalEdges = { pending: 0, approved: 1, rejected: 2, expired: 3, superseded: 4, cancelled: 5, consumed: 6, revoked: 7 } as const
export type ApprovalEdgeName = keyof typeof approvalEdges

export interface Verdict {
  /** The person: `issuer|subject` */
  readonly subject: string
  /** Groups of theirs, as the identity provider said at that moment, that the requirement asks for. */
  readonly groups: readonly string[]
  readonly verdict: 'approve' | 'reject'
  readonly comment: string
  readonly at: number
}

export interface Approval {
  /** 32 hex digits: the record's 16 bytes */
  readonly id: string
  readonly state: ApprovalState
  /** `actors`: who asked in the subject's name (RFC 8693 `act`), as `issuer|subject`. */
  readonly requester: { readonly subject: string; readonly client: string; readonly sponsor: string; readonly actors: readonly string[]; readonly isWorkload: boolean }
  readonly target: string
  readonly action: string
  readonly resource: string
  readonly session: string
  readonly salt: Uint8Array
  /** SHA-256(salt ‖ canonical operation) */
  readonly operation: Uint8Array
  /** SHA-256 of the canonical decision */
  readonly decision: Uint8Array
  readonly groups: ApproverTemplate['groups']
  readonly quorum: number
  readonly isJustificationRequired: boolean
  readonly reasons: readonly { readonly id: string; readonly msg: string }[]
  /** The projected request: what an approver sees is what policy saw and the record keeps. */
  readonly request: { readonly [name: string]: Json }
  readonly createdAt: number
  readonly expiresAt: number
  readonly verdicts: readonly Verdict[]
}

/** What the record is told before an edge takes effect; `statement` is FORMAT §10. */
export interface ApprovalEdge {
  readonly approval: Approval
  readonly edge: ApprovalEdgeName
  readonly statement: ApprovalStatement
}

export interface ApprovalStatement {
  readonly v: 1
  readonly approval: string
  readonly edge: ApprovalEdgeName
  readonly operation: string
  readonly requester: { readonly subject: string; readonly client: string }
  readonly target: string
  readonly action: string
  readonly resource: string
  readonly session: string
  readonly decision: string
  readonly expires: number
  readonly by?: { readonly subject: string; readonly at: number; readonly comment: string }
}

export function statementOf(approval: Approval, edge: ApprovalEdgeName, by?: Verdict): ApprovalStatement {
  return {
    v: 1, approval: approval.id, edge, operation: Buffer.from(approval.operation).toString('base64url'),
    requester: { subject: approval.requester.subject, client: approval.requester.client },
    target: approval.target, action: approval.action, resource: approval.resource, session: approval.session,
    decision: Buffer.from(approval.decision).toString('base64url'), expires: approval.expiresAt,
    ...by === undefined ? {} : { by: { subject: by.subject, at: by.at, comment: by.comment } },
  }
}
