// Which policy a record says was in force last: what a node whose own state was lost, or restored from an older copy, must not fall behind.
import { parseBatchLeaf } from '../verify/batch.ts'
import { kind } from '../verify/leaf.ts'
import { Recording } from './recording.ts'

export interface LastActivation {
  readonly serial: number
  /** hex */
  readonly bundle: string | undefined
}

/** FORMAT §4, kind 8: activated, rolled back, emergency. */
export const cameIntoForce: readonly unknown[] = [0, 2, 3]

/**
 * Reads from the end, without keys, and no further back than it must.
 * @param directory `log.git/` and `store/`
 * @param afterEpoch only epochs after this one; −1: all
 * @param current hex: a bundle that the caller knows of; a call decided with it, and no activation since, ends the search
 * @throws EvidenceError `ERR_EVIDENCE_NOT_FOUND`, `ERR_EVIDENCE_CORRUPT`
 */
export function lastActivation(directory: string, afterEpoch: number, current?: string): LastActivation | undefined {
  using recording = new Recording(directory)
  for (let batch = recording.leaves.length - 1; batch >= 0; batch--) {
    const { epoch, frames } = parseBatchLeaf(recording.leaves[batch] ?? new Uint8Array(0))
    if (epoch <= afterEpoch) return undefined
    const recorded = frames === 0 ? [] : recording.framesOfBatch(batch)
    const found = recorded.findLast((frame) => frame.kind === kind.policy && cameIntoForce.includes(frame.structure.get(1)))
    if (found !== undefined) return { serial: Number(found.structure.get(2)), bundle: found.bundle }
    if (current !== undefined && recorded.some((frame) => frame.kind === kind.intent && frame.bundle === current)) return undefined
  }
  return undefined
}
