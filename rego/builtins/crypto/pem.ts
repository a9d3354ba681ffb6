// PEM (RFC 7468) as Go's encoding/pem takes it: text around and between blocks is passed over, as is a block that is broken.
// Works on one character a byte, so that positions mean the same to both.
import { decodeBase64 } from './base64.ts'

export interface PemBlock {
  readonly type: string
  readonly bytes: Uint8Array
}

const begin = '-----BEGIN '
const end = '\n-----END '
const dashes = '-----'

/** The first block and what stands behind it; `undefined` if there is none. Linear. */
export function decodePem(text: string): { readonly block: PemBlock; readonly rest: string } | undefined {
  // Each turn passes at least one END line.
  for (let from = 0; ;) {
    const endAt = text.indexOf(end, from)
    if (endAt < 0) return undefined
    const trailerAt = endAt + end.length
    const before = text.slice(from, endAt)
    const beginAt = from + before.lastIndexOf(begin)
    const isAtLineStart = beginAt === from || text[beginAt - 1] === '\n'
    const isBegun = before.includes(begin) && isAtLineStart
    from = trailerAt
    if (!isBegun) continue
    const typeLine = readLine(text, beginAt + begin.length)
    if (!typeLine.line.endsWith(dashes)) continue
    const type = typeLine.line.slice(0, -dashes.length)
    let bodyAt = typeLine.next
    let hasHeaders = false
    for (;;) {
      if (bodyAt >= text.length) return undefined
      const { line, next } = readLine(text, bodyAt)
      if (!line.includes(':')) break
      hasHeaders = true
      bodyAt = next
    }
    if (hasHeaders && trailerAt < bodyAt) return undefined
    if (hasHeaders && endAt < bodyAt) continue
    const trailer = text.slice(trailerAt, trailerAt + type.length + dashes.length)
    if (trailer !== type + dashes || readLine(text, trailerAt + trailer.length).line !== '') continue
    const bytes = decodeBase64(text.slice(bodyAt, Math.max(bodyAt, endAt)).replace(/[ \t]/g, ''), 'standard', 'padded')
    if (bytes === undefined) continue
    return { block: { type, bytes }, rest: text.slice(readLine(text, trailerAt).next) }
  }
}

function readLine(text: string, at: number): { readonly line: string; readonly next: number } {
  const found = text.indexOf('\n', at)
  const stop = found < 0 ? text.length : found
  const line = text.slice(at, found > at && text[found - 1] === '\r' ? found - 1 : stop)
  let size = line.length
  while (size > 0 && (line[size - 1] === ' ' || line[size - 1] === '\t')) size--
  return { line: line.slice(0, size), next: found < 0 ? text.length : found + 1 }
}

/** One character a byte of the UTF-8 of `text`. */
export function toBytesText(text: string): string {
  return Buffer.from(text).toString('latin1')
}
