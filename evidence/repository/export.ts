// The log and its proofs in forms that outsiders' tools read: a C2SP tlog-tiles directory, `.tlog-proof` texts, and the proof of one frame (FORMAT.md §8).
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { EvidenceError } from '../errors.ts'
import { decodeSequence } from '../session/cbor.ts'
import { parseLeaf } from '../session/frame.ts'
import { ItemReader } from '../seal/items.ts'
import { leafHash } from '../tlog/hash.ts'
import { proveInclusion } from '../tlog/inclusion.ts'
import { parseBatchLeaf } from '../tlog/leaf.ts'
import { writeTlogProof } from '../tlog/proof.ts'
import { entryBundles, hashTiles } from '../tlog/tiles.ts'
import { LogReader, type Head } from './read.ts'
import { Store } from './store.ts'

/** Writes `checkpoint`, `tile/**`, `tile/entries/**` and `log.vkey`; the folder must be empty or new. @throws EvidenceError ERR_EVIDENCE_EXPORT, and what reading throws */
export async function exportTlog(evidence: string, out: string): Promise<{ size: number; origin: string }> {
  if (existsSync(out) && readdirSync(out).length > 0) throw new EvidenceError('ERR_EVIDENCE_EXPORT', 'the folder to export to is not empty')
  const reader = new LogReader(evidence)
  const head = await headOf(reader)
  const entries = await leavesOf(reader, head)
  const put = (name: string, bytes: Uint8Array | string): void => {
    const file = path.join(out, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
  for (const tile of entryBundles(entries)) put(tile.path, tile.bytes)
  for (const tile of hashTiles(entries.map(leafHash))) put(tile.path, tile.bytes)
  put('log.vkey', await reader.file(head.tree, 'keys/log.vkey'))
  // Last: what it names is there.
  put('checkpoint', head.note)
  return { size: head.checkpoint.size, origin: head.checkpoint.origin }
}

/** The `.tlog-proof` of batch `index` under the newest checkpoint. @throws EvidenceError ERR_EVIDENCE_NOT_FOUND */
export async function proveBatch(evidence: string, index: number): Promise<string> {
  const reader = new LogReader(evidence)
  const head = await headOf(reader)
  return proofOf(head, (await leavesOf(reader, head)).map(leafHash), index)
}

/** From a frame to the checkpoint, in one text (FORMAT.md §8, frame proof). */
export interface FrameProof {
  readonly v: 1
  /** The frame's leaf, base64. */
  readonly leaf: string
  /** Its place in the batch, and the batch's size. */
  readonly index: number
  readonly frames: number
  /** RFC 6962 inclusion path to the batch leaf's frame root, base64. */
  readonly hashes: readonly string[]
  /** The batch leaf, base64. */
  readonly batch: string
  /** The batch leaf's `.tlog-proof`. */
  readonly proof: string
}

/** @param session 16 bytes. @throws EvidenceError ERR_EVIDENCE_NOT_FOUND, and what reading throws */
export async function proveFrame(evidence: string, session: Uint8Array, seq: number): Promise<FrameProof> {
  const reader = new LogReader(evidence)
  const head = await headOf(reader)
  const entries = await leavesOf(reader, head)
  const store = new Store(evidence)
  // Newest first: what is asked for is mostly recent.
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i] as Uint8Array
    const batch = parseBatchLeaf(entry)
    if (!hasFrame(store.get('index', batch.index), session, seq)) continue
    const leaves = splitLeaves(store.get('leaves', batch.leaves))
    const index = leaves.findIndex((leaf) => isFrame(leaf, session, seq))
    if (index < 0) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `batch ${i} lacks a frame that its index names`)
    return {
      v: 1, leaf: base64(leaves[index] as Uint8Array), index, frames: leaves.length, hashes: proveInclusion(leaves.map(leafHash), index).map(base64),
      batch: base64(entry), proof: proofOf(head, entries.map(leafHash), i),
    }
  }
  throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `frame ${seq} of session ${Buffer.from(session).toString('hex')} is not in a sealed batch`)
}

function proofOf(head: Head, leafHashes: readonly Uint8Array[], index: number): string {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leafHashes.length) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `the log of ${leafHashes.length} batches has no batch ${index}`)
  return writeTlogProof({ index, hashes: proveInclusion(leafHashes, index), checkpoint: head.note })
}

async function headOf(reader: LogReader): Promise<Head> {
  const head = await reader.head()
  if (head === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', 'the evidence log is empty')
  return head
}

async function leavesOf(reader: LogReader, head: Head): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = []
  for await (const leaf of reader.leaves(head)) leaves.push(leaf)
  return leaves
}

// FORMAT.md §7, row: 1 session, 3 first seq, 4 last seq.
function hasFrame(index: Uint8Array, session: Uint8Array, seq: number): boolean {
  return decodeSequence(index).some((row) => {
    if (!(row instanceof Map)) return false
    const [id, first, last] = [row.get(1), row.get(3), row.get(4)] as unknown[]
    return id instanceof Uint8Array && Buffer.compare(id, session) === 0 && typeof first === 'number' && typeof last === 'number' && first <= seq && seq <= last
  })
}

/** The leaves of a leaves object as they stand. */
function splitLeaves(bytes: Uint8Array): Uint8Array[] {
  const items = new ItemReader(bytes)
  const leaves: Uint8Array[] = []
  while (items.next() === 'map') leaves.push(bytes.subarray(items.start, items.end))
  return leaves
}

function isFrame(bytes: Uint8Array, session: Uint8Array, seq: number): boolean {
  const leaf = parseLeaf(bytes)
  return leaf.seq === seq && Buffer.compare(leaf.session, session) === 0
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
