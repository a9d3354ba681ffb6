// The approver's side: look, say yes, say no. Decisions on one approval follow one another; a no beats an unspent yes.
import type { Principal } from '../call.ts'
import type { Approval, ApprovalEdgeName, ApprovalState, Verdict } from './approval.ts'
import { barFor, groupsAsked, isQuorumMet, type Bar } from './quorum.ts'
import type { ApprovalStore, Listed } from './store.ts'

/** A comment is kept in the record. */
export const maxCommentChars = 2_000

export type DeskFault = Bar | 'unknown' | 'ended' | 'comment' | 'conflict'
/** Why a verdict was not taken, in words for the person. */
export const deskFaults: Readonly<Record<DeskFault, string>> = {
  unknown: 'There is no such approval',
  ended: 'This request is no longer waiting',
  requester: 'You cannot approve your own request',
  machine: 'Only a person can decide; this is an agent or a workload',
  sponsor: 'You answer for this workload, so you cannot approve its request',
  group: 'You are in none of the groups that may decide this',
  provider: 'You and somebody who asked or approved come from two identity providers, and could be one person',
  decided: 'You have already decided this',
  comment: `A comment is required here, and at most ${maxCommentChars} characters long`,
  conflict: 'Somebody else is deciding this at the same moment; look again',
}

export type Taken = { readonly approval: Approval } | { readonly fault: DeskFault }

export interface Desk {
  /** undefined: unknown */
  get(id: string): Approval | undefined
  /** What this person may see, newest first. */
  list(state: ApprovalState | 'all', person: Principal): Approval[]
  /** The requester, who answers for it, and who may decide it; to anyone else it does not exist. */
  isVisible(approval: Listed, person: Principal): boolean
  /** Why this person may not decide it now; undefined: they may. */
  faultFor(approval: Approval, person: Principal): DeskFault | undefined
  approve(id: string, person: Principal, comment: string): Promise<Taken>
  reject(id: string, person: Principal, comment: string): Promise<Taken>
}

interface DeskOptions {
  readonly store: ApprovalStore
  readonly isApart: (issuer: string) => boolean
  readonly now: () => number
  readonly edge: (approval: Approval, name: ApprovalEdgeName, by?: Verdict) => Promise<void>
  readonly tell: (id: string) => void
}

export function createDesk({ store, isApart, now, edge, tell }: DeskOptions): Desk {
  /** The verdict under way on each approval; owned here, emptied as each ends. */
  const underWay = new Map<string, Promise<unknown>>()

  function faultFor(approval: Approval, person: Principal): DeskFault | undefined {
    if (approval.expiresAt <= now() || (approval.state !== 'pending' && approval.state !== 'approved')) return 'ended'
    return barFor(approval, person, isApart)
  }

  async function take(id: string, person: Principal, verdict: Verdict['verdict'], comment: string): Promise<Taken> {
    const approval = store.get(id)
    if (approval === undefined) return { fault: 'unknown' }
    const fault = faultFor(approval, person)
    // Who said yes may still take it back while nobody has used it.
    const isSecondThought = fault === 'decided' && verdict === 'reject' && approval.verdicts.every((v) => v.subject !== person.id || v.verdict === 'approve')
    if (fault !== undefined && !isSecondThought) return { fault }
    if (verdict === 'approve' && approval.state !== 'pending') return { fault: 'ended' }
    if (comment.length > maxCommentChars || (approval.isJustificationRequired && comment.trim() === '')) return { fault: 'comment' }

    const by: Verdict = { subject: person.id, groups: groupsAsked(approval, person.groups), verdict, comment: comment.trim(), at: now() }
    const claim = store.claim(id, approval.state, now())
    if (claim === undefined) return { fault: 'conflict' }
    const isApproved = verdict === 'approve' && isQuorumMet(approval, [...approval.verdicts, by])
    const name = verdict === 'reject' ? (approval.state === 'approved' ? 'revoked' : 'rejected') : isApproved ? 'approved' : 'pending'
    try {
      await edge(approval, name, by)
    } catch (cause) {
      store.release(claim, approval.state)                // not on record, so it did not happen
      throw cause
    }
    if (!store.release(claim, verdict === 'reject' ? 'rejected' : isApproved ? 'approved' : 'pending', by)) return { fault: 'conflict' }
    tell(id)
    return { approval: store.get(id) ?? approval }
  }

  async function inTurn(id: string, work: () => Promise<Taken>): Promise<Taken> {
    const before = underWay.get(id) ?? Promise.resolve()
    const mine = before.then(work, work)
    underWay.set(id, mine)
    try {
      return await mine
    } finally {
      if (underWay.get(id) === mine) underWay.delete(id)
    }
  }

  const isVisible: Desk['isVisible'] = ({ requester, groups }, person) => person.id === requester.subject || person.id === requester.sponsor || groupsAsked({ groups }, person.groups).length > 0

  return {
    get: (id) => store.get(id),
    list: (state, person) => store.list(state, now(), (approval) => isVisible(approval, person)),
    isVisible,
    faultFor,
    approve: (id, person, comment) => inTurn(id, () => take(id, person, 'approve', comment)),
    reject: (id, person, comment) => inTurn(id, () => take(id, person, 'reject', comment)),
  }
}
