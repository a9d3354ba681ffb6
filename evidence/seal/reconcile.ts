// At start: does the repository say what this sealer last signed, and does the store hold it? Each way they can differ has a name here; what has none is refused.
import { EvidenceError } from '../errors.ts'
import type { Head, LogReader } from '../repository/read.ts'
import type { Store } from '../repository/store.ts'
import { encode } from '../session/cbor.ts'
import type { CutReason } from '../session/record.ts'
import { openCheckpoint } from '../tlog/checkpoint.ts'
import { CompactTree } from '../tlog/compact.ts'
import { leafHash } from '../tlog/hash.ts'
import { parseBatchLeaf } from '../tlog/leaf.ts'
import type { NoteVerifier } from '../tlog/note.ts'
import { BatchBuilder } from './batch.ts'
import { ItemReader } from './items.ts'
import { SessionTable } from './sessions.ts'
import type { SealerState, SignedHead } from './state.ts'

/**
 * `in step`: both at one head, or both empty. `unpublished`: a head was signed and its commit never came to pass; the caller makes it now.
 * `adopted`: the repository holds more of this very log than the state, which was lost or restored from a copy; the log and all open sessions
 * were taken over from repository and store, every batch made again and compared.
 */
export type Standing = 'in step' | 'unpublished' | 'adopted'

/** @throws EvidenceError ERR_EVIDENCE_BEHIND, ERR_EVIDENCE_FORK, and what reading throws */
export async function reconcile(node: string, state: SealerState, reader: LogReader, store: Store, verifier: NoteVerifier): Promise<Standing> {
  const signed = state.head()
  const published = await reader.head()
  const size = published?.checkpoint.size ?? 0
  if (published !== undefined) openCheckpoint(published.note, verifier)
  if (size > signed.size && published !== undefined) {
    await adopt(node, state, reader, store, published)
    return 'adopted'
  }
  if (size < signed.size - 1) throw new EvidenceError('ERR_EVIDENCE_BEHIND', `the repository holds ${size} batches, but ${signed.size} were signed: an older copy would fork the log`)
  if (signed.size === 0) return 'in step'
  const leaf = parseBatchLeaf(signed.leaf)
  if (!store.has('leaves', leaf.leaves) || !store.has('index', leaf.index)) throw new EvidenceError('ERR_EVIDENCE_BEHIND', `the store lacks the leaves or the index of batch ${signed.size - 1}, which was signed`)
  if (size === signed.size) {
    if (published?.note !== signed.note) throw new EvidenceError('ERR_EVIDENCE_FORK', `the repository's checkpoint of size ${size} is not the one that was signed`)
    return 'in step'
  }
  const last = published === undefined ? new Uint8Array(32) : leafHash(await reader.leaf(published.tree, size - 1))
  if (Buffer.compare(last, leaf.previous) !== 0) throw new EvidenceError('ERR_EVIDENCE_FORK', `batch ${size - 1} of the repository is not the one that batch ${size} was signed upon`)
  return 'unpublished'
}

async function adopt(node: string, state: SealerState, reader: LogReader, store: Store, published: Head): Promise<void> {
  const signed = state.head()
  const log = new CompactTree()
  const sessions = new SessionTable()
  const builder = new BatchBuilder(node, sessions)
  let head: SignedHead = signed
  let previous: Uint8Array = new Uint8Array(32)
  for await (const leaf of reader.leaves(published)) {
    remake(builder, store, leaf, previous)
    sessions.settle()
    previous = leafHash(leaf)
    log.append(previous)
    head = { size: log.size, note: published.note, leaf, leafHash: previous, frontier: log.frontier, place: undefined }
    if (log.size === signed.size && Buffer.compare(previous, signed.leafHash) !== 0) throw new EvidenceError('ERR_EVIDENCE_FORK', `batch ${log.size - 1} of the repository is not the one that was signed`)
  }
  if (Buffer.compare(log.root(), published.checkpoint.root) !== 0) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'the batch leaves of the repository do not make the root of its checkpoint')
  state.adopt(head, sessions.all)
}

// The same frames must make the same batch leaf, byte for byte.
function remake(builder: BatchBuilder, store: Store, bytes: Uint8Array, previous: Uint8Array): void {
  const leaf = parseBatchLeaf(bytes)
  const leaves = store.get('leaves', leaf.leaves)
  const items = new ItemReader(leaves)
  // In the store leaves stand as they are; in a journal each is a byte string.
  while (items.next() === 'map') builder.write(encode(leaves.subarray(items.start, items.end)))
  const cut = { number: leaf.number, time: leaf.time, ordinalsBefore: leaf.ordinalsBefore, ordinalsAfter: leaf.ordinalsAfter, largestWindowUs: leaf.largestWindowUs, reason: leaf.why as CutReason }
  if (Buffer.compare(builder.close(leaf.epoch, cut, previous).leaf, bytes) !== 0) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `batch ${leaf.epoch}/${leaf.number} cannot be made again from the store`)
}
