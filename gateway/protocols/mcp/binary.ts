// Images, audio and files in MCP's messages (2026-07-28, schema.ts: ImageContent, AudioContent, BlobResourceContents). Masks read text, and text in
// base64; other bytes beside a mask are withheld, because nobody can say what is written in a picture.
import type { Json } from '../../call.ts'
import { isReadable } from '../../mask/index.ts'
import { refusal, RefusalError } from '../../refusal.ts'

/** @throws RefusalError `mask.unenforceable` when `message` carries bytes that masks cannot read */
export function refuseBinary(message: Json): void {
  if (hasBinary(message)) throw new RefusalError(refusal('mask.unenforceable', 'The answer holds an image, audio or a file, which masks cannot read'))
}

/** A block or a resource, wherever it stands: in content, in a prompt, in a task's result, in a server's own request. */
function hasBinary(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(hasBinary)
  const { type, mimeType, data, blob } = value
  if (typeof blob === 'string' && !isReadable(blob)) return true
  if (typeof data === 'string' && (typeof type === 'string' || typeof mimeType === 'string') && !isReadable(data)) return true
  for (const name in value) {
    // A tool's own data: what it holds are strings to any client, and masks read strings.
    if (name !== 'structuredContent' && hasBinary(value[name] ?? null)) return true
  }
  return false
}
