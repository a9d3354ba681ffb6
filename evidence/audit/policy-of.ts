// From a recorded decision to what brought its policy into force: the commit, and the people who signed (FORMAT §4, kind 8).
import { kind } from '../verify/leaf.ts'
import { cameIntoForce } from './last-activation.ts'
import { contentsOf, type RecordedFrame, type Recording } from './recording.ts'

export interface PolicyInForce {
  /** hex */
  readonly bundle: string
  /** `SESSION/SEQ` of the activation. */
  readonly frame: string
  /** The commit; undefined where no key opened the activation. */
  readonly revision: string | undefined
  readonly signers: readonly string[]
}

/** The last activation of the bundle before the frame; undefined where none is on record, or nothing was decided. */
export function policyOf(recording: Recording, { bundle, batch, position, kind: of }: RecordedFrame): PolicyInForce | undefined {
  if (bundle === undefined || of === kind.policy) return undefined
  let found: RecordedFrame | undefined
  for (const frame of recording.frames()) {
    if (frame.batch > batch || (frame.batch === batch && frame.position > position)) break
    if (frame.kind === kind.policy && frame.bundle === bundle && cameIntoForce.includes(frame.structure.get(1))) found = frame
  }
  if (found === undefined) return undefined
  const { revision, signers } = eventOf(found)
  return { bundle, frame: `${found.session}/${found.seq}`, revision, signers }
}

function eventOf(frame: RecordedFrame): { readonly revision: string | undefined; readonly signers: readonly string[] } {
  const { request } = contentsOf(frame)
  try {
    const { revision, signers } = JSON.parse(Buffer.from(request ?? []).toString('utf8')) as Record<string, unknown>
    return { revision: typeof revision === 'string' ? revision : undefined, signers: Array.isArray(signers) ? signers.filter((name) => typeof name === 'string') : [] }
  } catch {
    return { revision: undefined, signers: [] }
  }
}
