// What the gateway tells of its policy: the readiness check, the console's data, and the frame of an activation. No secret and no value of the config.
import type { Bootstrap } from './config.ts'
import type { ActivationEvent, PolicyStatus, ShadowStatus } from './policy/index.ts'
import type { PolicyEvent } from './record/events.ts'

type Source = Pick<Bootstrap['policy'], 'repository' | 'ref'>

/** Looks that failed for longer than this are said in the reason; the policy in force stays, and calls go on. */
const staleAfterS = 60

/** Ready as soon as a policy is in force; everything else that is amiss is told, and stops no call. */
export function policyCheck(status: PolicyStatus, source: Source): { readonly name: string; readonly isOk: boolean; readonly reason: string; readonly detail: object } {
  const { active, refused, pending, fault, staleS, reviews } = status
  const overdue = reviews.filter(({ state }) => state === 'overdue')
  const said = [
    active === undefined ? 'no policy is in force' : `serial ${active.serial}, revision ${active.revision}`,
    ...pending !== undefined ? [`the head ${waitWords(pending)}`] : refused === undefined ? [] : [`the head is refused: ${refused.code}`],
    ...fault !== undefined && staleS >= staleAfterS ? [`the repository was last seen ${Math.floor(staleS)} s ago`] : [],
    ...overdue.length > 0 ? [`${overdue.length} after-reviews are overdue`] : reviews.length > 0 ? [`${reviews.length} after-reviews are open`] : [],
  ]
  // Names of people are for those who sign in (`/api/policy`).
  const { signers: _, ...detail } = policyDocument(status, source)
  return { name: 'policy', isOk: active !== undefined, reason: said.join('; '), detail }
}

/** `GET /api/policy`, and without the signers the detail of readiness. */
export function policyDocument({ active, head, refused, pending, fault, staleS, reviews }: PolicyStatus, { repository, ref }: Source, shadow?: ShadowStatus): Record<string, unknown> {
  return {
    source: repository, ref,
    ...active === undefined ? {} : { revision: active.revision, serial: active.serial, bundle: active.digest, signers: active.signers },
    // Why signatures do not count stands in the message of what is, until enough do, a verdict.
    ...head === undefined ? {} : { head }, ...refused === undefined || pending !== undefined ? {} : { refused },
    ...pending === undefined ? {} : { pending: { signatures: pending.signed, of: pending.needed, ...refused === undefined ? {} : { message: refused.message } } },
    ...fault === undefined ? {} : { fault }, stale_s: Math.floor(staleS),
    reviews: reviews.map(({ serial, revision, dueAt, state }) => ({ serial, revision, due: new Date(dueAt).toISOString(), state })),
    ...shadow === undefined ? {} : { shadow },
  }
}

/** What an operator must not overlook is a warning; what nobody may leave is an error. */
const logLevels = { activated: 'info', reviewed: 'info', rolled_back: 'warn', refused: 'warn', emergency: 'error', review_overdue: 'error' } as const

/**
 * For the operator's log and the counter of events. The record has a commit that too few people have signed for as refused, and why; whoever operates
 * the gateway need do nothing.
 */
export function policyLogLine({ event, reason }: ActivationEvent, { pending }: PolicyStatus): { readonly level: 'info' | 'warn' | 'error'; readonly message: string; readonly event: string } {
  if (event === 'refused' && reason?.code === 'ERR_POLICY_QUORUM' && pending !== undefined) return { level: 'info', message: `policy ${waitWords(pending)}`, event: 'waiting' }
  return { level: logLevels[event], message: `policy ${event}`, event }
}

function waitWords({ signed, needed }: NonNullable<PolicyStatus['pending']>): string {
  const more = needed - signed
  return `waits for ${more} more signature${more === 1 ? '' : 's'}: it has ${signed} of ${needed}`
}

/** FORMAT.md §6. */
export function policyEventFrame({ rollsBackTo, reviewDue, isResumed, ...event }: ActivationEvent): PolicyEvent {
  return {
    ...event,
    ...rollsBackTo === undefined ? {} : { rolls_back_to: rollsBackTo }, ...reviewDue === undefined ? {} : { review_due: reviewDue }, ...isResumed === undefined ? {} : { resumed: true },
  }
}
