// From a recorded decision to what brought its policy into force: the commit, and the people who signed (FORMAT §4, kind 8).
import { kind } from '../verify/leaf.ts'
import { cameIntoForce } from './last-activation.ts'
import { contentsOf, type RecordedFrame, type Recording } from './recording.ts'

export interface PolicyInForce {
  /** hex */
  readonly bundle: string
  /** `SESSION/SEQ` of the activation; undefined: none is on record before the frame. */
  readonly frame: string | undefined
  /** `SESSION/SEQ`: another bundle came into force after that, and before the frame. */
  readonly replacedBy: string | undefined
  /** The commit; undefined where no key opened the activation. */
  readonly revision: string | undefined
  /** As the gateway named them: what they signed stands in the activation. */
  readonly signers: readonly string[]
}

/** The last activation of the bundle before the frame; undefined where nothing was decided. */
export function policyOf(recording: Recording, { bundle, batch, position, kind: of }: RecordedFrame): PolicyInForce | undefined {
  if (bundle === undefined || of === kind.policy) return undefined
  let found: RecordedFrame | undefined
  let last: RecordedFrame | undefined
  for (const frame of recording.frames()) {
    if (frame.batch > batch || (frame.batch === batch && frame.position > position)) break
    if (!isActivation(frame)) continue
    last = frame
    if (frame.bundle === bundle) found = frame
  }
  if (found === undefined || last === undefined) return { bundle, frame: undefined, replacedBy: undefined, revision: undefined, signers: [] }
  const { revision, signers } = eventOf(found)
  return { bundle, frame: `${found.session}/${found.seq}`, replacedBy: last === found ? undefined : `${last.session}/${last.seq}`, revision, signers }
}

/** A policy came into force. */
export function isActivation({ kind: of, structure }: RecordedFrame): boolean { return of === kind.policy && cameIntoForce.includes(structure.get(1)) }

function eventOf(frame: RecordedFrame): { readonly revision: string | undefined; readonly signers: readonly string[] } {
  const { request } = contentsOf(frame)
  try {
    const { revision, signers } = JSON.parse(Buffer.from(request ?? []).toString('utf8')) as Record<string, unknown>
    return { revision: typeof revision === 'string' ? revision : undefined, signers: Array.isArray(signers) ? signers.filter((name) => typeof name === 'string') : [] }
  } catch {
    return { revision: undefined, signers: [] }
  }
}
