// The batch leaf (FORMAT §7): parsed strictly, and held against the ones before it.
import { CborError, CborReader } from './cbor.ts'
import { FalseClaim } from './finding.ts'
import type { Findings } from './finding.ts'
import { emptyRoot, isEqual, zeroHash } from './merkle.ts'

export const maxBatchLeafBytes = 4096
const maxNodeBytes = 256

export interface BatchLeaf {
  readonly node: string
  readonly epoch: number
  readonly number: number
  /** ms */
  readonly time: number
  readonly previous: Uint8Array
  readonly root: Uint8Array
  readonly frames: number
  readonly ordinalsBefore: number
  readonly ordinalsAfter: number
  readonly leavesName: Uint8Array
  readonly indexName: Uint8Array
  /** µs */
  readonly window: number
  readonly why: number
}

/** @throws FalseClaim `batch.malformed` */
export function parseBatchLeaf(bytes: Uint8Array): BatchLeaf {
  try {
    if (bytes.length > maxBatchLeafBytes) throw new CborError('larger than a batch leaf may be', 0)
    const reader = new CborReader(bytes)
    if (reader.mapLength() !== 14) throw new CborError('not the 14 members of a batch leaf', 0)
    let last = 0
    const key = (): void => {
      last += 1
      if (reader.uint() !== last) throw new CborError(`member ${last} is missing`, reader.at)
    }
    const uint = (): number => { key(); return reader.uint() }
    const hash = (): Uint8Array => { key(); const at = reader.bytesAt(32); return bytes.subarray(at, at + 32) }
    if (uint() !== 1) throw new CborError('not version 1', 0)
    key()
    const node = reader.text(maxNodeBytes)
    const leaf = {
      node, epoch: uint(), number: uint(), time: uint(), previous: hash(), root: hash(), frames: uint(),
      ordinalsBefore: uint(), ordinalsAfter: uint(), leavesName: hash(), indexName: hash(), window: uint(), why: uint(),
    }
    if (!reader.isAtEnd) throw new CborError('bytes after the batch leaf', reader.at)
    if (leaf.why > 3) throw new CborError('an unknown reason of the cut', reader.at)
    return leaf
  } catch (cause) {
    if (cause instanceof CborError) throw new FalseClaim('batch.malformed', cause.message)
    throw cause
  }
}

/** What is known of one node between its batches. */
interface NodeState { epoch: number; number: number; time: number; ordinals: number; lastHash: Uint8Array }

/** Holds the chain of batch leaves: previous hash, numbers, epochs, times, ordinals. */
export class BatchChain {
  #previous: Uint8Array = zeroHash
  readonly #nodes = new Map<string, NodeState>()

  /** Hash of the last batch leaf of a node; zeros before its first. */
  lastHashOf(node: string): Uint8Array { return this.#nodes.get(node)?.lastHash ?? zeroHash }

  /** Of the last batch of a node, ms; 0 before its first. */
  lastTimeOf(node: string): number { return this.#nodes.get(node)?.time ?? 0 }

  check(leaf: BatchLeaf, leafHash: Uint8Array, item: string, findings: Findings): void {
    if (!isEqual(leaf.previous, this.#previous)) findings.fail('batch.previous', item, 'it does not name the batch leaf before it')
    this.#previous = leafHash
    const known = this.#nodes.get(leaf.node)
    const isNewEpoch = known === undefined || leaf.epoch !== known.epoch
    if (known !== undefined && leaf.epoch < known.epoch) findings.fail('batch.number', item, `epoch ${leaf.epoch} after epoch ${known.epoch}`)
    const due = isNewEpoch ? 0 : known.number + 1
    if (leaf.number !== due) findings.fail('batch.number', item, `number ${leaf.number} of epoch ${leaf.epoch} where ${due} is due`)
    if (known !== undefined && leaf.time < known.time) findings.fail('batch.time', item, 'its time is before that of the batch before it')
    const given = isNewEpoch ? 0 : known.ordinals
    if (leaf.ordinalsBefore !== given || leaf.ordinalsAfter < leaf.ordinalsBefore) findings.fail('batch.ordinals', item, `ordinals ${leaf.ordinalsBefore} to ${leaf.ordinalsAfter} where ${given} were given out before`)
    if (leaf.frames === 0 && !isEqual(leaf.root, emptyRoot)) findings.fail('leaves.root', item, 'no frames, yet a root')
    this.#nodes.set(leaf.node, { epoch: leaf.epoch, number: leaf.number, time: leaf.time, ordinals: leaf.ordinalsAfter, lastHash: leafHash })
  }
}
