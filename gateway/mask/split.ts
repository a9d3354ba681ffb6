// A long masked result as chunks: FORMAT.md limits what one frame holds, and a chunk may leave once it is on record.
import type { MaskedPart } from '../call.ts'
import { rowsPart, streamed } from './part.ts'

/** Bytes of one chunk. */
const maxChunkBytes = 64 * 1024
const nothing = new Uint8Array(0)

/** A part that fits one frame comes back as it is; a longer one as chunks and an empty end that carries the counts. */
export function splitPart(part: MaskedPart): readonly MaskedPart[] {
  if (part.bytes.length <= maxChunkBytes) return [part]
  const chunks: MaskedPart[] = []
  const summary = { ...part.summary, isFinal: false }
  for (let at = 0; at < part.bytes.length;) {
    const end = characterEnd(part.bytes, Math.min(at + maxChunkBytes, part.bytes.length))
    chunks.push(streamed(part.bytes.subarray(at, end), part.form === 'opaque' ? 'opaque' : 'text', summary, new Map()))
    at = end
  }
  chunks.push(streamed(nothing, 'text', part.summary, part.masked))
  return chunks
}

/** The same for rows, whose bytes are not what the record keeps of them: all bytes go with the last piece, so that no row leaves before all of it is on record. */
export function splitRows(part: MaskedPart): readonly MaskedPart[] {
  const { content, form } = part
  if (form === 'opaque' || content.length <= maxChunkBytes) return [part]
  const pieces: MaskedPart[] = []
  const summary = { ...part.summary, isFinal: false }
  let at = 0
  for (let end = maxChunkBytes; end < content.length; end = at + maxChunkBytes) {
    end = characterEnd(content, end)
    pieces.push(rowsPart(nothing, content.subarray(at, end), form, summary, new Map()))
    at = end
  }
  pieces.push(rowsPart(part.bytes, content.subarray(at), form, part.summary, part.masked))
  return pieces
}

/** Moves back to a character's first byte (RFC 3629 §3), so that each chunk is text of its own. */
function characterEnd(bytes: Uint8Array, end: number): number {
  let at = end
  while (at < bytes.length && at > end - 3 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at--
  return at
}
