// A proof of one entry that needs nothing but the log's key (C2SP tlog-proof@v1): index, inclusion hashes, checkpoint.
import { EvidenceError } from '../errors.ts'
import { openCheckpoint, parseDecimal, type Checkpoint } from './checkpoint.ts'
import { hashBytes, leafHash } from './hash.ts'
import { verifyInclusion } from './inclusion.ts'
import { decodeBase64, maxNoteBytes, type NoteVerifier } from './note.ts'

const firstLine = 'c2sp.org/tlog-proof@v1'
/** A tree of 2^53 leaves is 53 levels high. */
const maxHashes = 53
const maxExtraBytes = 4_096

/** `checkpoint` is the signed note, verbatim. `extra` is not authenticated by anything. */
export interface TlogProof { readonly index: number; readonly hashes: readonly Uint8Array[]; readonly checkpoint: string; readonly extra?: Uint8Array }

export function writeTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  return [
    firstLine,
    ...(extra === undefined ? [] : [`extra ${Buffer.from(extra).toString('base64')}`]),
    `index ${index}`,
    ...hashes.map((hash) => Buffer.from(hash).toString('base64')),
    '',
    checkpoint,
  ].join('\n')
}

/** @throws EvidenceError ERR_TLOG_PROOF */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > maxNoteBytes + maxExtraBytes * 2) throw malformed('is too long')
  const split = text.indexOf('\n\n')
  if (split < 0) throw malformed('has no checkpoint')
  const lines = text.slice(0, split).split('\n')
  if (lines.shift() !== firstLine) throw malformed('does not begin with its version')
  let extra: Uint8Array | undefined
  if (lines[0]?.startsWith('extra ')) {
    extra = decodeBase64((lines.shift() ?? '').slice('extra '.length))
    if (extra === undefined || extra.length > maxExtraBytes) throw malformed('has malformed extra data')
  }
  const indexLine = lines.shift() ?? ''
  const index = indexLine.startsWith('index ') ? parseDecimal(indexLine.slice('index '.length)) : undefined
  if (index === undefined) throw malformed('has a malformed index')
  if (lines.length > maxHashes) throw malformed('has too many hashes')
  const hashes = lines.map((line) => {
    const hash = decodeBase64(line)
    if (hash?.length !== hashBytes) throw malformed('has a malformed hash')
    return hash
  })
  const checkpoint = text.slice(split + 2)
  return extra === undefined ? { index, hashes, checkpoint } : { index, hashes, checkpoint, extra }
}

/** The checkpoint that the entry is proven to be under. @throws EvidenceError ERR_TLOG_PROOF, ERR_TLOG_NOTE, ERR_TLOG_SIGNATURE, ERR_TLOG_CHECKPOINT */
export function verifyTlogProof(text: string, entry: Uint8Array, log: NoteVerifier): Checkpoint {
  const proof = parseTlogProof(text)
  const checkpoint = openCheckpoint(proof.checkpoint, log)
  if (!verifyInclusion(proof.hashes, proof.index, checkpoint.size, leafHash(entry), checkpoint.root)) throw new EvidenceError('ERR_TLOG_PROOF', `entry ${proof.index} is not under this checkpoint`)
  return checkpoint
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_TLOG_PROOF', `the proof ${what}`)
}
