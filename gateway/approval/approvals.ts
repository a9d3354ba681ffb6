// The approval stage: a call that policy wants approved meets its approval, waits for one, or is refused. See SECURITY.md, "Approvals".
// Every edge is on record before it takes effect; `onEdge` is where record/ writes it.
import { randomBytes } from 'node:crypto'
import type { DecidedCall, Operation, Pending, Principal } from '../call.ts'
import type { ApproverTemplate } from '../config.ts'
import { refusal, type Refusal } from '../refusal.ts'
import { statementOf, type Approval, type ApprovalEdge, type ApprovalEdgeName, type Verdict } from './approval.ts'
import { createDesk, type Desk } from './desk.ts'
import { decisionDigest, newSalt, operationDigest } from './operation-digest.ts'
import { createWaiters, type Waited } from './waiters.ts'
import type { ApprovalStore } from './store.ts'

/** Requests of one caller that may wait at once: people must not be flooded into a yes. */
export const maxPendingPerCaller = 16
/** Characters of the projected request that are kept for the approver's eyes. */
const maxRequestChars = 256 * 1024

export interface ApprovalsOptions {
  readonly store: ApprovalStore
  /** Where a person decides it. */
  readonly url: (id: string) => string
  /** Approver templates of the governed config in force. */
  readonly templates: () => Readonly<Record<string, ApproverTemplate>>
  readonly now: () => number
  /** Resolves once the edge's frame is durable. A rejection keeps the edge from happening. */
  readonly onEdge: (edge: ApprovalEdge) => Promise<void>
}

/** Who asks. */
export interface Requester { readonly principal: Principal; readonly target: string; readonly session: string }

export type Settlement =
  | { readonly outcome: 'proceed'; readonly approval: Approval }
  | { readonly outcome: 'pending'; readonly pending: Pending; readonly approval: Approval }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }

export interface Approvals extends Desk {
  /**
   * For a call whose decision is `require`: consumes its approval, names the one it waits for, or opens one.
   * Idempotent while pending: the same operation meets the same approval.
   * @throws what `onEdge` rejects with: the call is not on record, so it does not go on
   */
  settle(call: DecidedCall, requester: Requester): Promise<Settlement>
  /** Resolves when the approval is decided or ends, or the caller goes away. Then re-decide and settle again. */
  wait(id: string, signal: AbortSignal): Promise<Waited>
  /** Ends what is past its time and tells who waits. Call it every few seconds. */
  sweep(): Promise<void>
}

export function createApprovals({ store, url, templates, now, onEdge }: ApprovalsOptions): Approvals {
  const waiters = createWaiters(store, now)
  /** Openings under way, by what they are for: two identical calls at once meet one approval. Owned here, emptied as each ends. */
  const opening = new Map<string, Promise<Approval | Refusal>>()

  async function edge(approval: Approval, name: ApprovalEdgeName, by?: Verdict): Promise<void> {
    await onEdge({ approval, edge: name, statement: statementOf(approval, name, by) })
  }

  async function end(approval: Approval, state: 'expired' | 'superseded'): Promise<void> {
    const claim = approval.state === 'pending' || approval.state === 'approved' ? store.claim(approval.id, approval.state, now()) : undefined
    if (claim === undefined) return                       // someone is at it; by its digest or its time it can let nothing through
    await edge(approval, state)
    if (store.release(claim, state)) waiters.tell(approval.id)
  }

  async function open(call: DecidedCall, { principal, target, session }: Requester, canonical: Uint8Array): Promise<Approval | Refusal> {
    const requirement = requirementOf(call, templates())
    if (requirement === undefined) return refusal('policy.error', 'Policy requires an approval that nobody could give', { reasons: call.decision.reasons })
    if (store.countPending(principal.id, now()) >= maxPendingPerCaller) return refusal('policy.limit', 'Too many requests of this caller are waiting for approval')
    const salt = newSalt()
    const request = JSON.stringify(call.input.request)
    const approval: Approval = {
      id: randomBytes(16).toString('hex'), state: 'pending',
      requester: { subject: principal.id, client: principal.clientId, sponsor: principal.sponsor ?? '' },
      target, action: call.operation.action.name, resource: call.operation.resource.id, session, salt,
      operation: operationDigest(salt, canonical), decision: decisionDigest(call.canonicalDecision),
      groups: requirement.groups, quorum: requirement.quorum, isJustificationRequired: call.decision.approval?.justification === 'required',
      reasons: call.decision.reasons.map(({ id, msg }) => ({ id, msg })),
      request: request.length <= maxRequestChars ? call.input.request : { omitted: `${request.length} characters: see the recorded frame` },
      createdAt: now(), expiresAt: now() + requirement.ttlS * 1000, verdicts: [],
    }
    const claim = store.insert(approval, approval.createdAt)
    try {
      await edge(approval, 'pending')
    } catch (cause) {
      store.withdraw(claim)
      throw cause
    }
    store.release(claim, 'pending')
    return approval
  }

  async function settle(call: DecidedCall, requester: Requester): Promise<Settlement> {
    const { principal, target } = requester
    const canonical = call.operation.canonical()
    const decision = decisionDigest(call.canonicalDecision)
    const seeker = { subject: principal.id, client: principal.clientId, target, action: call.operation.action.name, resource: call.operation.resource.id }
    for (const approval of store.of(seeker, now())) {
      if (!isSame(operationDigest(approval.salt, canonical), approval.operation)) continue
      if (!isSame(decision, approval.decision)) {
        if (approval.state === 'rejected') continue       // another policy, another question
        await end(approval, 'superseded')
        if (approval.state === 'approved') return { outcome: 'refused', refusal: refusal('approval.superseded', undefined, { reasons: call.decision.reasons }) }
        continue
      }
      if (approval.state === 'rejected') return { outcome: 'refused', refusal: refusal('approval.rejected', rejectionOf(approval), { reasons: approval.reasons }) }
      if (approval.state === 'pending') return { outcome: 'pending', pending: pendingOf(approval, url), approval }
      if (store.consume(approval.id, now())) {
        await edge(approval, 'consumed')                  // spent even if this fails: an approval is never used twice
        return { outcome: 'proceed', approval: { ...approval, state: 'consumed' } }
      }
    }
    const key = [principal.id, principal.clientId, target, Buffer.from(operationDigest(decision, canonical)).toString('base64')].join('\0')
    let opened = opening.get(key)
    if (opened === undefined) {
      opened = open(call, requester, canonical).finally(() => opening.delete(key))
      opening.set(key, opened)
    }
    const approval = await opened
    return 'refused' in approval ? { outcome: 'refused', refusal: approval } : { outcome: 'pending', pending: pendingOf(approval, url), approval }
  }

  return {
    ...createDesk({ store, now, edge, tell: waiters.tell }),
    settle,
    wait: waiters.wait,
    async sweep() {
      for (const approval of store.due(now())) await end(approval, 'expired')
      store.forget(now())
    },
  }
}

/** The decision's own groups, else the template's it names. undefined when neither asks anyone: fail closed. */
function requirementOf(call: DecidedCall<Operation>, templates: Readonly<Record<string, ApproverTemplate>>): { groups: Approval['groups']; quorum: number; ttlS: number } | undefined {
  const asked = call.decision.approval
  if (asked === null) return undefined
  const template = Object.hasOwn(templates, asked.template) ? templates[asked.template] : undefined
  const groups = asked.groups.length > 0 ? asked.groups.map((group) => ({ anyOf: group.any_of, min: group.min })) : template?.groups ?? []
  const ttlS = asked.ttl_s > 0 ? asked.ttl_s : template?.ttlS ?? 0
  if (groups.length === 0 || ttlS <= 0 || groups.some(({ anyOf, min }) => anyOf.length === 0 || min < 1)) return undefined
  return { groups, quorum: Math.max(asked.quorum, 1), ttlS }
}

function pendingOf(approval: Approval, url: (id: string) => string): Pending {
  return { id: approval.id, url: url(approval.id), expiresAt: approval.expiresAt, reasons: approval.reasons }
}

/** The requester is told why, in the approver's words. */
function rejectionOf({ verdicts }: Approval): string {
  const comment = verdicts.find(({ verdict }) => verdict === 'reject')?.comment ?? ''
  return comment === '' ? 'The approval was rejected' : `The approval was rejected: ${comment}`
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
