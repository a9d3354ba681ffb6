// Who may ask for others, and as whom a call is decided then. The subject of a question was verified elsewhere, if at all: the record names who says so.
import type { Operation, Principal } from '../call.ts'
import type { Governed, TargetConfig } from '../config.ts'
import { refusal, type Refusal } from '../refusal.ts'

/** undefined: an enforcement point by governed config, or no question. */
export function mayAsk({ asks }: Operation, { id, groups }: Principal, { authzen }: TargetConfig): Refusal | undefined {
  if (asks === undefined || authzen?.enforcementPoints.some((point) => point === id || groups.includes(point)) === true) return undefined
  return refusal('identity.on_behalf')
}

/** Who policy judges, whose approval it is and whose rate: the subject of a question with the asker as its actor, else the caller. */
export function callerOf({ asks }: Operation, asker: Principal, sponsors: Governed['sponsors']): Principal {
  if (asks === undefined) return asker
  const { subject } = asks
  // Who answers for a workload is governed config's to say, whoever asks for it.
  const sponsor = Object.hasOwn(sponsors, subject.id) ? sponsors[subject.id] : undefined
  return {
    ...subject, clientId: subject.clientId === '' ? asker.clientId : subject.clientId,
    actor: { type: 'service', id: asker.id, chain: asker.actor === undefined ? [] : [asker.actor.id, ...asker.actor.chain] },
    ...sponsor === undefined ? {} : { sponsor }, expiresAt: asker.expiresAt,
  }
}

/** Who asks people for an approval: nobody gives one that a workload of theirs asked for, in whoever's name. */
export function requesterOf(operation: Operation, asker: Principal, sponsors: Governed['sponsors']): Principal {
  const caller = callerOf(operation, asker, sponsors)
  if (operation.asks === undefined || caller.actor === undefined || asker.sponsor === undefined) return caller
  return { ...caller, actor: { ...caller.actor, chain: [...caller.actor.chain, asker.sponsor] } }
}
