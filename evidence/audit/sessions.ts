// The population an examiner samples from: every session of the record with who, where, how many frames and how it ended.
import { kind } from '../verify/leaf.ts'
import { contentsOf } from './recording.ts'
import type { RecordedFrame, Recording } from './recording.ts'

export interface SessionSummary {
  /** hex */
  readonly session: string
  readonly epoch: number
  readonly ordinal: number
  /** ISO 8601 */
  readonly opened: string
  readonly frames: number
  readonly calls: number
  readonly refusals: number
  readonly state: 'open' | 'ended' | 'idle' | 'age' | 'stop' | 'abandoned' | 'revoked'
  /** The session of an epoch itself: starts, policies, configuration. */
  readonly is_node: boolean
  /** From the opening's content; null where no key opened it. */
  readonly who: { readonly subject: string; readonly client: string; readonly target: string } | null
}

/** By the number of a close (FORMAT §4). */
export const closeReasons = ['ended', 'idle', 'age', 'stop', 'abandoned', 'revoked'] as const

type Counting = { -readonly [K in keyof SessionSummary]: SessionSummary[K] }

/** In the order they opened. */
export function listSessions(recording: Recording): SessionSummary[] {
  const sessions = new Map<string, Counting>()
  for (const frame of recording.frames()) {
    const known = sessions.get(frame.session) ?? opened(frame)
    sessions.set(frame.session, known)
    known.frames += 1
    if (frame.kind === kind.intent) known.calls += 1
    else if (frame.kind === kind.refusal) known.refusals += 1
    else if (frame.kind === kind.close) known.state = closeReasons[numberOf(frame, 3)] ?? 'ended'
  }
  return [...sessions.values()]
}

function opened(frame: RecordedFrame): Counting {
  return {
    session: frame.session, epoch: numberOf(frame, 1), ordinal: numberOf(frame, 2), opened: new Date(frame.time).toISOString(),
    frames: 0, calls: 0, refusals: 0, state: 'open', is_node: frame.kind === kind.epoch, who: whoOf(frame),
  }
}

function whoOf(frame: RecordedFrame): SessionSummary['who'] {
  const { request } = contentsOf(frame)
  if (request === undefined) return null
  try {
    const { subject, client, target } = JSON.parse(Buffer.from(request).toString('utf8')) as Record<string, unknown>
    return { subject: String(subject), client: String(client), target: String(target) }
  } catch {
    return null
  }
}

function numberOf(frame: RecordedFrame, member: number): number {
  const value = frame.structure.get(member)
  return typeof value === 'number' ? value : -1
}
