// After-reviews: an emergency change is in force at once, and stays an open question until the ordinary quorum has signed that it looked.
import type { ActivationEvent } from './event.ts'
import { judgeReview, type Judges } from './judge.ts'
import type { PolicyMemory } from './memory.ts'
import type { PolicyRepository } from './repository.ts'

export interface Reviews {
  /** Says once of each review that its time has passed. */
  overdue(): Promise<void>
  /** Closes those that enough people have signed. */
  close(judges: Judges): Promise<void>
}

export function createReviews({ memory, repository, now, onEvent }: {
  readonly memory: PolicyMemory
  readonly repository: Pick<PolicyRepository, 'endorsements'>
  readonly now: () => number
  readonly onEvent: (event: ActivationEvent) => Promise<void>
}): Reviews {
  return {
    async overdue() {
      for (const { serial, revision, dueAt, state } of memory.reviews()) {
        if (state === 'overdue' || now() < dueAt) continue
        await onEvent({ event: 'review_overdue', revision, serial, signers: [], reviewDue: new Date(dueAt).toISOString() })
        memory.setReview(serial, 'overdue')
      }
    },
    async close(judges) {
      for (const review of memory.reviews()) {
        const backing = judgeReview(review, await repository.endorsements(review.revision, judges.signers.map(({ key }) => key)), judges, now())
        if (!backing.isEnough) continue
        const { serial, revision, bundle, tree, tests } = review
        const { signers, endorsements, statement } = backing
        await onEvent({ event: 'reviewed', revision, serial, signers, bundle, tree, tests, endorsements, ...statement?.reason === undefined ? {} : { why: statement.reason } })
        memory.setReview(serial, 'closed')
      }
    },
  }
}
