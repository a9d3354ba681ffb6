// One recorded step: its kinds, and the leaf that goes into the tree. FORMAT.md §3 and §4.
import { hashBytes, leafHash, sha256 } from '../tlog/hash.ts'
import { EvidenceError } from '../errors.ts'
import { decode, encode, type CborValue } from './cbor.ts'
import { major, putBytes, putHead } from './put.ts'

export const frameKind = { epoch: 0, open: 1, intent: 2, requestChunk: 3, resultChunk: 4, outcome: 5, refusal: 6, approval: 7, policy: 8, config: 9, admin: 10, unauthenticated: 11, recovery: 12, close: 13 } as const
export type FrameKind = (typeof frameKind)[keyof typeof frameKind]

/** Structure of an outcome frame, member 1. */
export const outcomeStatus = { delivered: 0, failed: 1, ambiguous: 2, cancelled: 3 } as const
/** Structure of a close frame, member 3. */
export const closeReason = { ended: 0, idle: 1, age: 2, stop: 3, abandoned: 4, revoked: 5 } as const
export type CloseReason = (typeof closeReason)[keyof typeof closeReason]

export const sessionIdBytes = 16
export const decisionIdBytes = 16
export const maxLeafBytes = 4096
/** More than all members but the structure can take. */
const fixedLeafBytes = 320
/** All contents of one frame together. */
export const maxContentBytes = 1024 * 1024

/** What a caller says of a frame; the session adds its id, the seq and the chain. Contents are the projected and masked forms. */
export interface FrameContent {
  readonly kind: FrameKind
  /** ms since the Unix epoch, as the gateway's clock said it */
  readonly time: number
  readonly request?: Uint8Array
  readonly decision?: Uint8Array
  readonly result?: Uint8Array
  /** 16 bytes */
  readonly decisionId?: Uint8Array
  /** 32 bytes: H(bundle.tar.gz) */
  readonly bundle?: Uint8Array
  /** seq of the intent that this frame belongs to */
  readonly ref?: number
  /** By kind, FORMAT.md §4; never personal data. */
  readonly structure?: ReadonlyMap<number, CborValue>
}

export interface Commitments { readonly request?: Uint8Array, readonly decision?: Uint8Array, readonly result?: Uint8Array }

export interface EncodedLeaf { readonly leaf: Uint8Array, readonly hash: Uint8Array }

/** @throws EvidenceError `ERR_EVIDENCE_FRAME` when a member has a size it may not have */
export function encodeLeaf(session: Uint8Array, seq: number, previous: Uint8Array, frame: FrameContent, commitments: Commitments): EncodedLeaf {
  const { decisionId, bundle, ref, time } = frame
  if (decisionId !== undefined && decisionId.length !== decisionIdBytes) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a decision id must have 16 bytes')
  if (bundle !== undefined && bundle.length !== hashBytes) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a bundle digest must have 32 bytes')
  if (!isUint(time) || !(ref === undefined || isUint(ref))) throw new EvidenceError('ERR_EVIDENCE_FRAME', 'a time and a ref must be whole numbers')
  const structure = frame.structure === undefined ? undefined : encode(frame.structure)
  const { uint } = major
  // RFC 6962 §2.1: the leaf is written behind the 0x00 that its hash begins with.
  const bytes = Buffer.allocUnsafe(fixedLeafBytes + (structure?.length ?? 0))
  bytes[0] = 0x00
  let at = putHead(bytes, 1, major.map, 6)
  at = putHead(bytes, putHead(bytes, at, uint, 1), uint, 1)
  at = putBytes(bytes, putHead(bytes, at, uint, 2), session)
  at = putHead(bytes, putHead(bytes, at, uint, 3), uint, seq)
  at = putHead(bytes, putHead(bytes, at, uint, 4), uint, time)
  at = putHead(bytes, putHead(bytes, at, uint, 5), uint, frame.kind)
  at = putBytes(bytes, putHead(bytes, at, uint, 6), previous)
  let members = 6
  const put = (label: number, member: Uint8Array | undefined): void => {
    if (member === undefined) return
    members += 1
    at = putBytes(bytes, putHead(bytes, at, uint, label), member)
  }
  put(7, commitments.request)
  put(8, commitments.decision)
  put(9, commitments.result)
  put(10, decisionId)
  put(11, bundle)
  if (ref !== undefined) {
    members += 1
    at = putHead(bytes, putHead(bytes, at, uint, 12), uint, ref)
  }
  if (structure !== undefined) {
    members += 1
    at = putHead(bytes, at, uint, 13)
    bytes.set(structure, at)
    at += structure.length
  }
  putHead(bytes, 1, major.map, members)
  const leaf = bytes.subarray(1, at)
  if (leaf.length > maxLeafBytes) throw new EvidenceError('ERR_EVIDENCE_FRAME', `a leaf of ${leaf.length} bytes is longer than ${maxLeafBytes}`)
  return { leaf, hash: sha256(bytes.subarray(0, at)) }
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
  return Number.isSafeInteger(value) && value >= 0
}
