// Who looks on at decisions once they are on record, and answers nobody: the decision log and a candidate in the shadow.
import type { DecidedCall } from './call.ts'
import type { Stages } from './pipeline.ts'
import { isRefusal } from './refusal.ts'
import type { Session } from './record/sessions.ts'

export interface Onlooker {
  /** Whether calls have to wait before more can be seen. */
  room?(): Promise<void> | undefined
  /** @param frame `session/seq`; @param outcome `permitted`, or a refusal's code */
  see(call: DecidedCall, frame: string, outcome: string, session: Session): void
}

/** The record, with onlookers behind it: what they see is already on record. */
export function withOnlookers(record: Stages['record'], onlookers: readonly Onlooker[]): Stages['record'] {
  if (onlookers.length === 0) return record
  return {
    ...record,
    async intents(session, settled) {
      for (const { room } of onlookers) await room?.()
      const answers = await record.intents(session, settled)
      settled.forEach(({ call }, index) => {
        const answer = answers[index]
        if (answer === undefined) return
        const [frame, outcome] = isRefusal(answer) ? [answer.frame, answer.code] : [`${session.writer.hex}/${answer.seq}`, 'permitted']
        if (frame !== undefined) for (const onlooker of onlookers) onlooker.see(call, frame, outcome, session)
      })
      return answers
    },
  }
}
