// A frame's proof (FORMAT.md §8) held against keys that the examiner brings. Nothing else is read: no record, no gateway, no network.
import { parseTlogProof } from '../tlog/proof.ts'
import { leafHash } from '../tlog/hash.ts'
import { verifyInclusion } from '../tlog/inclusion.ts'
import { EvidenceError } from '../errors.ts'
import { parseBatchLeaf } from '../verify/batch.ts'
import { CborError, CborReader } from '../verify/cbor.ts'
import { FalseClaim } from '../verify/finding.ts'
import { Leaf } from '../verify/leaf.ts'
import { decodeBase64, isSignedBy, parseCheckpoint, type NoteKey } from '../verify/note.ts'
import { kindNames } from './recording.ts'

/** More than a leaf, a batch leaf and their paths ever need. */
const maxProofBytes = 256 * 1024
const maxHashes = 64

/** What the log's key vouches for. Contents are under commitments: what was asked and decided is in the record, not in the proof. */
export interface ProvenFrame {
  /** hex */
  readonly session: string
  readonly seq: number
  /** ms */
  readonly time: number
  readonly kind: string
  /** hex */
  readonly decisionId: string | undefined
  readonly bundle: string | undefined
  readonly origin: string
  /** Place of its batch in the log, and the checkpoint's size. */
  readonly batch: number
  readonly size: number
}

/** @param text as `evidence prove` writes it. @throws EvidenceError `ERR_TLOG_PROOF` naming the step that does not hold */
export function checkFrameProof(text: string, logKeys: readonly NoteKey[]): ProvenFrame {
  if (text.length > maxProofBytes) throw wrong('is too long')
  const { leaf, index, frames, hashes, batch, proof } = membersOf(text)
  const logProof = parseTlogProof(proof)
  return checking(() => {
    const checkpoint = parseCheckpoint(logProof.checkpoint)
    if (!isSignedBy(checkpoint, logKeys)) throw wrong('ends at a checkpoint that no log key of the trust file signed')
    if (!verifyInclusion(logProof.hashes, logProof.index, checkpoint.size, leafHash(batch), checkpoint.root)) throw wrong('does not lead from its batch to the checkpoint')
    const { root, frames: inBatch } = parseBatchLeaf(batch)
    if (frames !== inBatch || !verifyInclusion(hashes, index, inBatch, leafHash(leaf), root)) throw wrong('does not lead from its frame to the batch')
    const read = new Leaf()
    const reader = new CborReader(leaf)
    read.read(reader)
    if (!reader.isAtEnd) throw wrong('has something behind its frame')
    const hex = (at: number, length: number): string | undefined => at < 0 ? undefined : leaf.toString('hex', at, at + length)
    return {
      session: hex(read.session, 16) ?? '', seq: read.seq, time: read.time, kind: kindNames[read.kind] ?? String(read.kind),
      decisionId: hex(read.decisionId, 16), bundle: hex(read.bundle, 32), origin: checkpoint.origin, batch: logProof.index, size: checkpoint.size,
    }
  })
}

function membersOf(text: string): { leaf: Buffer; index: number; frames: number; hashes: Buffer[]; batch: Buffer; proof: string } {
  let value: unknown
  try { value = JSON.parse(text) } catch (cause) { throw new EvidenceError('ERR_TLOG_PROOF', 'the proof is not JSON, as evidence prove writes it', { cause }) }
  const { v, leaf, index, frames, hashes, batch, proof } = (value ?? {}) as Record<string, unknown>
  if (v !== 1 || typeof proof !== 'string' || !isCount(index) || !isCount(frames) || !Array.isArray(hashes) || hashes.length > maxHashes) throw wrong('is not as evidence prove writes it')
  return { leaf: bytes(leaf), index, frames, hashes: hashes.map(bytes), batch: bytes(batch), proof }
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

function bytes(text: unknown): Buffer {
  const found = typeof text === 'string' ? decodeBase64(text) : undefined
  if (found === undefined) throw wrong('is not as evidence prove writes it')
  return found
}

function checking<T>(check: () => T): T {
  try {
    return check()
  } catch (cause) {
    if (cause instanceof FalseClaim || cause instanceof CborError || cause instanceof RangeError) throw new EvidenceError('ERR_TLOG_PROOF', `the proof is false: ${cause.message}`, { cause })
    throw cause
  }
}

function wrong(what: string): EvidenceError {
  return new EvidenceError('ERR_TLOG_PROOF', `the proof ${what}`)
}
