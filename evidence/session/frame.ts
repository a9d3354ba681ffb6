// One recorded step: its kinds, and the leaf that goes into the tree. FORMAT.md §3 and §4.
import { hashBytes, leafHash, sha256Text } from '../tlog/hash.ts'
import { EvidenceError } from '../errors.ts'
import { decode, encode, type CborValue } from './cbor.ts'
import { major, putBytes, putHead } from './put.ts'

export const frameKind = { epoch: 0, open: 1, intent: 2, requestChunk: 3, resultChunk: 4, outcome: 5, refusal: 6, approval: 7, policy: 8, config: 9, admin: 10, unauthenticated: 11, recovery: 12, close: 13, shadow: 14 } as const
export type FrameKind = (typeof frameKind)[keyof typeof frameKind]

/** Structure of an outcome frame, member 1. */
export const outcomeStatus = { delivered: 0, failed: 1, ambiguous: 2, cancelled: 3 } as const
/** Structure of a close frame, member 3. */
export const closeReason = { ended: 0, idle: 1, age: 2, stop: 3, abandoned: 4, revoked: 5 } as const
export type CloseReason = (typeof closeReason)[keyof typeof closeReason]

export const sessionIdBytes = 16
export const decisionIdBytes = 16
export const maxLeafBytes = 4096
/** More than a leaf without its structure takes, and the byte before it. */
const fixedLeafBytes = 320
/** What must be free where a leaf is written. */
export const leafRoom = fixedLeafBytes + maxLeafBytes
/** A structure of so few whole numbers is written as it is. */
const maxPlainMembers = 8
/** All contents of one frame together. */
export const maxContentBytes = 1024 * 1024

/** Bytes, or text that is recorded as UTF-8. */
export type Content = Uint8Array | string

/** Digests as latin1 text (tlog/hash.ts). */
export interface Commitments { readonly request?: string | undefined, readonly decision?: string | undefined, readonly result?: string | undefined }

/** What a caller says of a frame; the session adds its id, the seq and the chain. Contents are the projected and masked forms. */
export interface FrameContent {
  readonly kind: FrameKind
  /** ms since the Unix epoch, as the gateway's clock said it */
  readonly time: number
  readonly request?: Content
  readonly decision?: Content
  readonly result?: Content
  /** 16 bytes */
  readonly decisionId?: Uint8Array
  /** 32 bytes: H(bundle.tar.gz) */
  readonly bundle?: Uint8Array
  /** seq of the intent that this frame belongs to */
  readonly ref?: number
  /** By kind, FORMAT.md §4; never personal data. */
  readonly structure?: ReadonlyMap<number, CborValue>
}

/** Writes a leaf into `target`, which has `leafRoom` free, from `offset` + 1 on, and returns where it ends.
 * @param previous digest as latin1 text (tlog/hash.ts)
 * @throws EvidenceError `ERR_EVIDENCE_FRAME` when a member has a size it may not have */
export function putLeaf(target: Buffer, offset: number, session: Uint8Array, seq: number, previous: string, frame: FrameContent, commitments: Commitments): number {
  const { decisionId, bundle, ref, time, structure } = frame
  if (decisionId !== undefined && decisionId.length !== decisionIdBytes) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a decision id must have 16 bytes')
  if (bundle !== undefined && bundle.length !== hashBytes) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a bundle digest must have 32 bytes')
  if (!isUint(time) || !(ref === undefined || isUint(ref))) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a time and a ref must be whole numbers')
  const { request, decision, result } = commitments
  const { uint } = major
  const start = offset + 1
  const members = 6 + count(request) + count(decision) + count(result) + count(decisionId) + count(bundle) + count(ref) + count(structure)
  let at = putHead(target, start, major.map, members)
  at = putHead(target, putHead(target, at, uint, 1), uint, 1)
  at = putBytes(target, putHead(target, at, uint, 2), session)
  at = putHead(target, putHead(target, at, uint, 3), uint, seq)
  at = putHead(target, putHead(target, at, uint, 4), uint, time)
  at = putHead(target, putHead(target, at, uint, 5), uint, frame.kind)
  at = putDigest(target, at, 6, previous)
  if (request !== undefined) at = putDigest(target, at, 7, request)
  if (decision !== undefined) at = putDigest(target, at, 8, decision)
  if (result !== undefined) at = putDigest(target, at, 9, result)
  if (decisionId !== undefined) at = putBytes(target, putHead(target, at, uint, 10), decisionId)
  if (bundle !== undefined) at = putBytes(target, putHead(target, at, uint, 11), bundle)
  if (ref !== undefined) at = putHead(target, putHead(target, at, uint, 12), uint, ref)
  if (structure !== undefined) at = putStructure(target, putHead(target, at, uint, 13), structure)
  if (at - start > maxLeafBytes) throw leafTooLong(at - start)
  return at
}

/** The hash of the leaf that `putLeaf` wrote, as latin1 text: RFC 6962 §2.1, whose 0x00 has the place before the leaf. */
export function hashLeaf(target: Buffer, offset: number, end: number): string {
  target[offset] = 0x00
  return sha256Text(target.subarray(offset, end))
}

function count(member: unknown): number {
  return member === undefined ? 0 : 1
}

function putDigest(target: Buffer, at: number, label: number, digest: string): number {
  const start = putHead(target, putHead(target, at, major.uint, label), major.bytes, hashBytes)
  target.write(digest, start, hashBytes, 'latin1')
  return start + hashBytes
}

// Most are one or two small numbers, for which the encoder's own work would be the most of a leaf's.
function putStructure(target: Buffer, at: number, structure: ReadonlyMap<number, CborValue>): number {
  if (!isPlain(structure)) {
    const encoded = encode(structure)
    if (encoded.length > maxLeafBytes) throw leafTooLong(encoded.length)
    target.set(encoded, at)
    return at + encoded.length
  }
  let end = putHead(target, at, major.map, structure.size)
  for (const [key, value] of structure) end = putHead(target, putHead(target, end, major.uint, key), major.uint, Number(value))
  return end
}

/** A few whole numbers, keys rising. */
function isPlain(structure: ReadonlyMap<number, CborValue>): boolean {
  let previous = -1
  for (const [key, value] of structure) {
    if (key <= previous || !isUint(key) || typeof value !== 'number' || !isUint(value)) return false
    previous = key
  }
  return structure.size <= maxPlainMembers
}

function leafTooLong(bytes: number): EvidenceError {
  return new EvidenceError('ERR_EVIDENCE_FRAME', `a leaf of ${bytes} bytes is longer than ${maxLeafBytes}`)
}

/** What this side needs of a leaf it wrote itself. */
export interface Leaf {
  readonly session: Uint8Array
  readonly seq: number
  readonly time: number
  readonly kind: FrameKind
  readonly previous: Uint8Array
  readonly ref?: number
  readonly structure?: ReadonlyMap<number, CborValue>
  readonly hash: Uint8Array
}

/** Reads a leaf of our own journal; the verifier has a strict reader of its own. @throws EvidenceError `ERR_EVIDENCE_CORRUPT` */
export function parseLeaf(bytes: Uint8Array): Leaf {
  const map = decode(bytes)
  if (!(map instanceof Map)) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'a leaf of the journal is not a map')
  const [session, seq, time, kind, previous, ref, structure] = [2, 3, 4, 5, 6, 12, 13].map((key): unknown => map.get(key))
  if (!(session instanceof Uint8Array) || !(previous instanceof Uint8Array) || typeof seq !== 'number' || typeof time !== 'number' || !isKind(kind)) {
    throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'a leaf of the journal lacks a member')
  }
  return {
    session, seq, time, kind, previous, hash: leafHash(bytes),
    ...(typeof ref === 'number' ? { ref } : {}),
    ...(structure instanceof Map ? { structure } : {}),
  }
}

function isKind(value: unknown): value is FrameKind {
  return typeof value === 'number' && Object.values(frameKind).some((kind) => kind === value)
}

function isUint(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)
}
