// Who may decide, and when enough have. Distinct people, not groups: one person in three groups is still one yes.
import type { Principal } from '../call.ts'
import type { Approval, Verdict } from './approval.ts'

export type Bar = 'machine' | 'requester' | 'sponsor' | 'group' | 'provider' | 'decided'

/**
 * Why this person may not decide, or undefined. Nobody is exempt, administrators included.
 * @param isApart whether governed config says that nobody whom this issuer knows is known to another
 */
export function barFor(approval: Approval, person: Principal, isApart: (issuer: string) => boolean): Bar | undefined {
  // Whoever asked in somebody else's name asked all the same.
  if (person.id === approval.requester.subject || approval.requester.actors.includes(person.id)) return 'requester'
  // An agent with its user's groups, or a workload, is not a second person.
  if (person.type !== 'user') return 'machine'
  if (approval.requester.sponsor !== '' && person.id === approval.requester.sponsor) return 'sponsor'
  if (groupsAsked(approval, person.groups).length === 0) return 'group'
  if (approval.verdicts.some(({ subject }) => subject === person.id)) return 'decided'
  return othersOf(approval).every((other) => areTwo(other, person.id, isApart)) ? undefined : 'provider'
}

/** The people that an approver must not be. */
function othersOf({ requester, verdicts }: Approval): string[] {
  const asking = [...requester.isWorkload ? [] : [requester.subject], ...requester.sponsor === '' ? [] : [requester.sponsor]]
  return [...asking, ...verdicts.map(({ subject }) => subject)]
}

/** One provider has one subject for a person; of two providers nobody knows, unless one keeps its people apart. */
function areTwo(one: string, other: string, isApart: (issuer: string) => boolean): boolean {
  const [a, b] = [issuerOf(one), issuerOf(other)]
  return a === b || isApart(a) || isApart(b)
}

/** No issuer holds the sign (governed.ts). */
function issuerOf(id: string): string {
  return id.slice(0, id.indexOf('|'))
}

/** Those of the person's groups that the requirement asks for. */
export function groupsAsked(approval: Pick<Approval, 'groups'>, groups: readonly string[]): string[] {
  const asked = new Set(approval.groups.flatMap(({ anyOf }) => anyOf))
  return groups.filter((group) => asked.has(group))
}

/**
 * True when every group has its `min` people, each person counted for one group only, and `quorum` distinct people said yes.
 * The assignment is a bipartite matching (Kuhn's augmenting paths); both sides are bounded by the schema (16 × 16).
 */
export function isQuorumMet(approval: Pick<Approval, 'groups' | 'quorum'>, verdicts: readonly Verdict[]): boolean {
  const people = new Map(verdicts.filter(({ verdict }) => verdict === 'approve').map((v) => [v.subject, v.groups]))
  const seats = approval.groups.flatMap(({ anyOf, min }) => Array.from({ length: min }, () => new Set(anyOf)))
  if (seats.length === 0 || people.size < Math.max(approval.quorum, 1)) return false
  const seatOf = new Map<string, number>()
  const personIn = new Map<number, string>()
  const seat = (index: number, tried: Set<string>): boolean => {
    for (const [person, groups] of people) {
      if (tried.has(person) || !groups.some((group) => seats[index]?.has(group))) continue
      tried.add(person)
      const current = seatOf.get(person)
      if (current === undefined || seat(current, tried)) {
        seatOf.set(person, index)
        personIn.set(index, person)
        return true
      }
    }
    return false
  }
  return seats.every((_, index) => seat(index, new Set()))
}
