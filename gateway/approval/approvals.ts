// The approval stage: a call that policy wants approved meets its approval, waits for one, or is refused. See SECURITY.md, "Approvals".
// Every edge is on record before it takes effect; `onEdge` is where record/ writes it.
import { randomBytes } from 'node:crypto'
import type { DecidedCall, Operation, Pending, Principal } from '../call.ts'
import type { ApproverTemplate } from '../config.ts'
import { refusal, type Refusal } from '../refusal.ts'
import { statementOf, type Approval, type ApprovalEdge, type ApprovalEdgeName, type Verdict } from './approval.ts'
import { createDesk, type Desk } from './desk.ts'
import { decisionDigest, newSalt, operationDigest } from './operation-digest.ts'
import { createWaiters } from './waiters.ts'
import type { ApprovalStore } from './store.ts'

/** Requests of one caller that may wait at once: people must not be flooded into a yes. */
export const maxPendingPerCaller = 16
/** When a caller that was told "pending" may look again. */
const retryAfterS = 5
/** Characters of the projected request that are kept for the approver's eyes. */
const maxRequestChars = 256 * 1024

export interface ApprovalsOptions {
  readonly store: ApprovalStore
  /** Where a person decides it. */
  readonly url: (id: string) => string
  /** Approver templates of the governed config in force. */
  readonly templates: () => Readonly<Record<string, ApproverTemplate>>
  /** Issuers that governed config declares `people_apart`. */
  readonly isApart: (issuer: string) => boolean
  /** Whom governed config lists as off-boarded, as `issuer|subject`. */
  readonly hasLeft: (id: string) => boolean
  readonly now: () => number
  /** Resolves once the edge's frame is durable. A rejection keeps the edge from happening. */
  readonly onEdge: (edge: ApprovalEdge) => Promise<void>
}

/** Who asks. */
export interface Requester { readonly principal: Principal; readonly target: string; readonly session: string }

/** How the caller is told that it waits; see `Hold` in protocol.ts. */
export interface Holding {
  readonly signal: AbortSignal
  held(pending: Pending): 'wait' | 'return'
}

/** A yes, not yet used. `approval` goes into the policy input; after the policy has said the same again, `consume` spends it, once. */
export interface Approved {
  readonly approval: { readonly id: string; readonly approved_by: string[]; readonly expires_at: string }
  /**
   * @returns false when it was used, revoked or ended meanwhile
   * @throws what `onEdge` rejects with; the approval is spent all the same
   */
  consume(): Promise<boolean>
}

type Found = { readonly approved: Approval } | { readonly pending: Approval } | Refusal

export interface Approvals extends Desk {
  /**
   * For a call whose decision is `require`: finds its yes, waits for one as `holding` chooses, or says why there is none.
   * Idempotent while pending: the same operation by the same caller meets the same approval.
   * @throws what `onEdge` rejects with: the edge is not on record, so the call does not go on
   */
  obtain(call: DecidedCall, requester: Requester, holding: Holding): Promise<Approved | Refusal>
  /** Ends what is past its time and tells who waits. Call it every few seconds. */
  sweep(): Promise<void>
}

export function createApprovals({ store, url, templates, isApart, hasLeft, now, onEdge }: ApprovalsOptions): Approvals {
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
    const { ticket } = call.input.context
    const shown = ticket === '' ? call.input.request : { ...call.input.request, ticket }
    const request = JSON.stringify(shown)
    const approval: Approval = {
      id: randomBytes(16).toString('hex'), state: 'pending',
      requester: { subject: principal.id, client: principal.clientId, sponsor: principal.sponsor ?? '', actors: actorsOf(principal), isWorkload: principal.type === 'service' },
      target, action: call.operation.action.name, resource: call.input.resource.id, session, salt,
      operation: operationDigest(salt, canonical), decision: decisionDigest(call.canonicalDecision),
      groups: requirement.groups, quorum: requirement.quorum, isJustificationRequired: call.decision.approval?.justification === 'required',
      reasons: call.decision.reasons.map(({ id, msg }) => ({ id, msg })),
      request: request.length <= maxRequestChars ? shown : { omitted: `${request.length} characters: see the recorded frame` },
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

  /** The caller's own approval of exactly these bytes under exactly this decision, whatever its state; opened where there is none. */
  async function find(call: DecidedCall, requester: Requester, canonical: Uint8Array): Promise<Found> {
    const { principal, target } = requester
    const decision = decisionDigest(call.canonicalDecision)
    const seeker = { subject: principal.id, client: principal.clientId, target, action: call.operation.action.name, resource: call.input.resource.id }
    const actors = actorsOf(principal)
    for (const approval of store.of(seeker, now())) {
      // Asked for through somebody else, it is another's to spend.
      if (approval.requester.actors.join('\0') !== actors.join('\0')) continue
      if (!isSame(operationDigest(approval.salt, canonical), approval.operation)) continue
      if (!isSame(decision, approval.decision)) {
        if (approval.state === 'rejected') continue       // another policy, another question
        await end(approval, 'superseded')
        if (approval.state === 'approved') return refusal('approval.superseded', undefined, { reasons: call.decision.reasons })
        continue
      }
      if (approval.state === 'rejected') return refusal('approval.rejected', rejectionOf(approval), { reasons: approval.reasons })
      if (approval.verdicts.some(({ subject, verdict }) => verdict === 'approve' && hasLeft(subject))) {
        await end(approval, 'superseded')
        return refusal('approval.superseded', 'Somebody who approved this has been off-boarded', { reasons: approval.reasons })
      }
      return approval.state === 'approved' ? { approved: approval } : { pending: approval }
    }
    const key = [principal.id, principal.clientId, ...actors, target, Buffer.from(operationDigest(decision, canonical)).toString('base64')].join('\0')
    let opened = opening.get(key)
    if (opened === undefined) {
      opened = open(call, requester, canonical).finally(() => opening.delete(key))
      opening.set(key, opened)
    }
    const approval = await opened
    return 'refused' in approval ? approval : { pending: approval }
  }

  function approvedBy(approval: Approval): Approved {
    return {
      approval: { id: approval.id, approved_by: approval.verdicts.map(({ subject }) => subject), expires_at: new Date(approval.expiresAt).toISOString() },
      async consume() {
        if (!store.consume(approval.id, now())) return false
        await edge({ ...approval, state: 'consumed' }, 'consumed')   // spent even if this fails: an approval is never used twice
        return true
      },
    }
  }

  async function obtain(call: DecidedCall, requester: Requester, { signal, held }: Holding): Promise<Approved | Refusal> {
    const canonical = call.operation.canonical()
    for (;;) {
      const found = await find(call, requester, canonical)
      if ('refused' in found) return found
      if ('approved' in found) return approvedBy(found.approved)
      const pending = pendingOf(found.pending, url)
      const waiting = refusal('approval.pending', undefined, { reasons: pending.reasons, approval: { id: pending.id, url: pending.url, expiresAt: pending.expiresAt }, retryAfterS })
      if (held(pending) === 'return') return waiting
      const ended = await waiters.wait(pending.id, signal)
      if (ended === 'aborted') return waiting
      if (ended === 'expired') return refusal('approval.pending', 'Nobody decided in time; the same call asks again', { reasons: pending.reasons })
    }
  }

  return {
    ...createDesk({ store, isApart, now, edge, tell: waiters.tell }),
    obtain,
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

function actorsOf({ actor }: Principal): string[] {
  return actor === undefined ? [] : [actor.id, ...actor.chain]
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
