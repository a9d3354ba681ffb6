// One call on record as `policy explain` asks for it: its input, the decision and the bundle. No verdict: `verify` gives that.
import { EvidenceError } from '../errors.ts'
import { contentsOf } from './recording.ts'
import type { Recording } from './recording.ts'

export interface RecordedDecision { readonly input: object; readonly decision: Uint8Array; readonly bundle: string }

/**
 * @param session its whole id, hex
 * @throws EvidenceError `ERR_EVIDENCE_NOT_FOUND` if the frame is not there, is none of a decision, or no key opens it
 */
export function recordedDecision(recording: Recording, session: string, seq: number): RecordedDecision {
  const frame = [...recording.frames(session)].find(one => one.seq === seq)
  if (frame === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `there is no frame ${session}/${seq}`)
  const { request, decision } = contentsOf(frame)
  if (frame.bundle === undefined || frame.decisionId === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `frame ${session}/${seq} is not of a decision: an intent or a refusal is`)
  if (request === undefined || decision === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `no key opened frame ${session}/${seq}`)
  const input: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(request))
  if (typeof input !== 'object' || input === null) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `the recorded input of frame ${session}/${seq} is not an object`)
  return { input, decision, bundle: frame.bundle }
}
