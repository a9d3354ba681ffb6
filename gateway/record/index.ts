// The door of record/: stages → evidence frames. No recorder, no call.
import { EvidenceError } from '../../evidence/index.ts'
import type { Recorder } from '../../evidence/index.ts'
import type { MaskedPart, Operation, PeerAddress, Permit, Principal, RecordedPart, TargetName } from '../call.ts'
import type { Refusal, RefusalCode } from '../refusal.ts'
import { Events } from './events.ts'
import { Fence } from './fence.ts'
import { recordIntents, recordRefusal, unrecordable } from './intent.ts'
import type { Settled } from './intent.ts'
import { Outcomes } from './outcome.ts'
import { Sessions } from './sessions.ts'
import type { Session } from './sessions.ts'
import { Unauthenticated } from './unauthenticated.ts'

export type { Settled } from './intent.ts'
export type { Session } from './sessions.ts'

export interface Record {
  readonly sessions: Sessions
  readonly events: Events
  readonly fence: Fence
  /** Opens or finds the caller's session. Its open frame is on record with its first call. */
  enter(principal: Principal, target: TargetName, peer: PeerAddress): Session | Refusal
  /** Opens a session for one connection. Its open frame is on record before anybody is let in: a connection may be worth something without a call. */
  open(principal: Principal, target: TargetName, peer: PeerAddress): Promise<Session | Refusal>
  /** The connection of an own session has ended. */
  leave(session: Session): void
  intents<O extends Operation>(session: Session, settled: readonly Settled<O>[]): Promise<(Permit<O> | Refusal)[]>
  refusal(session: Session, code: RefusalCode, message: string): Promise<Refusal>
  unauthenticated(refused: Refusal, from: PeerAddress, target: TargetName): void
  upload(session: Session, permit: Permit, bytes: Uint8Array, isLast: boolean): Promise<RecordedPart>
  deliver(session: Session, parts: readonly (readonly [Permit, MaskedPart])[]): Promise<RecordedPart[]>
  /** As a refusal, when a stage could not put its own frame on record. @throws what is not the recorder's */
  unrecordable(error: unknown): Refusal
  /** Idle sessions, aggregated refusals, fenced targets: once a second. */
  tick(): Promise<void>
  /** Closes every session; the recorder's own stop follows. */
  close(): Promise<void>
}

export function createRecord(recorder: Recorder, now: () => number): Record {
  const sessions = new Sessions(recorder, now)
  const fence = new Fence(recorder, now)
  const outcomes = new Outcomes(recorder, now, (target, session, seq) => fence.add(target, session, seq))
  const junk = new Unauthenticated(recorder, now)
  const leave = (session: Session): void => {
    try {
      sessions.leave(session)
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error       // no close can be written now: the next start's recovery calls it abandoned
    }
  }
  return {
    sessions,
    fence,
    events: new Events(recorder, sessions, now),
    enter(principal, target, peer) {
      try {
        return sessions.enter(principal, target, peer)
      } catch (error) {
        return unrecordable(error)
      }
    },
    async open(principal, target, peer) {
      let session: Session | undefined
      try {
        session = sessions.open(principal, target, peer)
        await recorder.commit('bounded')
        return session
      } catch (error) {
        if (session !== undefined) leave(session)
        return unrecordable(error)
      }
    },
    leave,
    intents: (session, settled) => recordIntents(recorder, session, settled, now()),
    refusal: (session, code, message) => recordRefusal(recorder, session, code, message, now()),
    unauthenticated: (refused, from, target) => junk.count(refused, from, target),
    upload: (session, permit, bytes, isLast) => outcomes.upload(session, permit, bytes, isLast),
    deliver: (session, parts) => outcomes.deliver(session, parts),
    unrecordable,
    async tick() {
      try {
        sessions.sweep()
        await junk.flush()
      } catch (error) {
        if (!(error instanceof EvidenceError)) throw error     // full or fenced: kept, and tried again with the next tick
      }
      await fence.resolve()
    },
    async close() {
      await fence.resolve()
      try {
        await junk.flush()
        sessions.closeAll()
        await recorder.commit('strict')
      } catch (error) {
        if (!(error instanceof EvidenceError)) throw error
      }
    },
  }
}
