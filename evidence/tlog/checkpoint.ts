// The signed tree head of the evidence log (C2SP tlog-checkpoint v1.0.0): origin, size, root. Extension lines are refused: nobody could audit them.
import { EvidenceError } from '../errors.ts'
import { hashBytes } from './hash.ts'
import { decodeBase64, openNote, signNote, type NoteVerifier } from './note.ts'

const maxOriginBytes = 256

export interface Checkpoint { readonly origin: string; readonly size: number; readonly root: Uint8Array }

/** The note text, to be signed. */
export function writeCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`
}

/** The note text, unsigned. @throws EvidenceError ERR_TLOG_CHECKPOINT */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('does not end with a newline')
  const [origin = '', sizeLine = '', rootLine = '', ...more] = text.slice(0, -1).split('\n', 4)
  if (more.length > 0) throw malformed('has lines after its root')
  if (origin === '' || Buffer.byteLength(origin) > maxOriginBytes) throw malformed('has no origin, or too long a one')
  const size = parseDecimal(sizeLine)
  if (size === undefined) throw malformed('has a malformed size')
  const root = decodeBase64(rootLine)
  if (root?.length !== hashBytes) throw malformed('has a malformed root')
  return { origin, size, root }
}

export function signCheckpoint(checkpoint: Checkpoint, seed: Uint8Array): string {
  return signNote(writeCheckpoint(checkpoint), checkpoint.origin, seed)
}

/** The key's name is the origin: a log's key speaks for that log only. @throws EvidenceError ERR_TLOG_NOTE, ERR_TLOG_SIGNATURE, ERR_TLOG_CHECKPOINT */
export function openCheckpoint(note: string, log: NoteVerifier): Checkpoint {
  const checkpoint = parseCheckpoint(openNote(note, [log]).text)
  if (checkpoint.origin !== log.name) throw new EvidenceError('ERR_TLOG_CHECKPOINT', 'the checkpoint is of another log')
  return checkpoint
}

/** ASCII decimal without leading zeros, at most 2^53 − 1. */
export function parseDecimal(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_TLOG_CHECKPOINT', `the checkpoint ${what}`)
}
