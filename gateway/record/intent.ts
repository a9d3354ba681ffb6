// Intents and refusals: what was decided, on record before the upstream sees a byte. The only maker of permits.
import { EvidenceError, frameKind } from '../../evidence/index.ts'
import type { Recorder } from '../../evidence/index.ts'
import { Permit } from '../call.ts'
import type { DecidedCall, Operation } from '../call.ts'
import { refusal } from '../refusal.ts'
import type { Refusal, RefusalCode } from '../refusal.ts'
import type { Session } from './sessions.ts'

const issue = Permit.takeIssuer()

/** A decided call with what became of it: `refused` says why it will not be forwarded, absent means it may. */
export interface Settled<O extends Operation> { readonly call: DecidedCall<O>; readonly refused?: Refusal }

/**
 * Appends one frame per call and waits once for all of them.
 * @returns permits and refusals in the order asked; when nothing can be recorded, a refusal for each
 */
export async function recordIntents<O extends Operation>(recorder: Recorder, session: Session, settled: readonly Settled<O>[], now: number): Promise<(Permit<O> | Refusal)[]> {
  const frames: number[] = []
  let durability: 'strict' | 'bounded' = 'bounded'
  try {
    for (const { call, refused } of settled) {
      if (call.durability === 'strict') durability = 'strict'
      const { inputText: request, canonicalDecision: decision, decisionId, bundle } = call
      if (refused === undefined) {
        frames.push(session.writer.append({ kind: frameKind.intent, time: now, request, decision, decisionId, bundle }).seq)
        session.begin()
      } else frames.push(session.writer.append({ kind: frameKind.refusal, time: now, request, decision, decisionId, bundle, structure: new Map([[1, refused.code]]) }).seq)
    }
    await recorder.commit(durability)
  } catch (error) {
    frames.forEach((seq, index) => { if (settled[index]?.refused === undefined) cancel(session, seq, now) })
    const refused = isTooLarge(error) ? await recordRefusal(recorder, session, 'request.too_large', 'The request is too large to be recorded', now) : unrecordable(error)
    return settled.map(() => refused)
  }
  return settled.map(({ call, refused }, index) => {
    const seq = frames[index] ?? 0
    return refused === undefined ? issue(call, seq) : { ...refused, frame: `${session.writer.hex}/${seq}` }
  })
}

/** A projection that no frame can hold; waiting would not mend it. */
function isTooLarge(error: unknown): boolean {
  return error instanceof EvidenceError && error.code === 'ERR_EVIDENCE_FRAME'
}

/** An intent whose neighbour could not be recorded: it will not be forwarded, and the record says so. One that was undone itself needs no end. */
function cancel(session: Session, seq: number, now: number): void {
  try {
    if (session.writer.hasOpenIntent(seq)) session.writer.append({ kind: frameKind.outcome, time: now, ref: seq, structure: new Map([[1, 3]]) })
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error   // the recorder is fenced: the intent was never durable, or recovery calls it ambiguous
  } finally {
    session.end()
  }
}

/** A message the protocol could not accept: no decision was made, so the frame says only what and who. */
export async function recordRefusal(recorder: Recorder, session: Session, code: RefusalCode, message: string, now: number): Promise<Refusal> {
  try {
    const { seq } = session.writer.append({ kind: frameKind.refusal, time: now, request: JSON.stringify({ event: 'refusal', code, message }), structure: new Map([[1, code]]) })
    await recorder.commit('bounded')
    return refusal(code, message, { frame: `${session.writer.hex}/${seq}` })
  } catch (error) {
    return unrecordable(error)
  }
}

/** No evidence, no access: says which of the three reasons keeps the recorder from taking the frame. */
export function unrecordable(error: unknown): Refusal {
  if (!(error instanceof EvidenceError)) throw error
  if (error.code === 'ERR_EVIDENCE_LAG') return refusal('evidence_lag', undefined, { retryAfterS: 5 })
  return refusal('record.unavailable', undefined, { retryAfterS: 5 })
}
