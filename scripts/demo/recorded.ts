// What the record says of the tour's own calls, read back from the sealed batches: a protocol without receipts in its answers has its decisions and frames there.
import path from 'node:path'
import { Recording } from '../../evidence/audit/recording.ts'
import { listSessions } from '../../evidence/audit/sessions.ts'
import { frameAsData } from '../../evidence/audit/show.ts'
import { exportSessionKeys } from '../../evidence/keys/store.ts'
import { parseSessionKeys } from '../../evidence/verify/session-keys.ts'
import type { Home } from './home.ts'
import { StartError } from './start-error.ts'

const sealTimeoutMs = 20_000

/** A decided call: what it was, who asked, and what came of the policy. */
export interface RecordedCall { readonly subject: string; readonly statement: string; readonly effect: string; readonly rules: readonly string[]; readonly decision: string; readonly frame: string }

interface FrameData {
  readonly session: string
  readonly seq: number
  readonly decision_id?: string
  readonly request?: { readonly json?: { readonly statement?: string } }
  readonly decision?: { readonly effect: string; readonly reasons: readonly { readonly id: string }[] }
}

/** Waits until `count` sessions of a target that opened at `sinceMs` or later are closed and sealed. @returns their calls, in order */
export async function recordedCalls(home: Home, target: string, sinceMs: number, count: number): Promise<RecordedCall[]> {
  for (const deadline = performance.now() + sealTimeoutMs; performance.now() < deadline;) {
    using recording = new Recording(path.join(home.gateway, 'evidence'), parseSessionKeys([...exportSessionKeys(path.join(home.gateway, 'keys'))].join('')))
    const ours = listSessions(recording).filter(({ who, opened, state }) => who?.target === target && Date.parse(opened) >= sinceMs && state === 'ended')
    if (ours.length >= count) return ours.flatMap(({ session, who }) => callsOf([...recording.frames(session)].map((frame) => frameAsData(frame) as FrameData), who?.subject ?? ''))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new StartError(`the sessions with ${target} were not sealed within ${sealTimeoutMs / 1000} s`)
}

function callsOf(frames: readonly FrameData[], subject: string): RecordedCall[] {
  return frames.flatMap(({ session, seq, decision_id: decision, request, decision: made }) => decision === undefined || made === undefined ? [] : [{
    subject: subject.slice(subject.indexOf('|') + 1), statement: request?.json?.statement ?? '', effect: made.effect, rules: made.reasons.map(({ id }) => id), decision, frame: `${session}/${seq}`,
  }])
}
