// Text in base64 (RFC 4648 §4, §5): a resource's blob, a file in a field. It is text all the same, and masked as such.
import { isUtf8 } from 'node:buffer'

/** Shorter than any value that is worth hiding so. */
const MIN_CHARS = 12
// One character class and an end: fails at the first blank of ordinary text.
const BASE64 = /^(?:data:[^,\s]{0,128};base64,)?[A-Za-z0-9+/_-][A-Za-z0-9+/_\r\n-]*={0,2}[\r\n]*$/

export interface Encoded { readonly text: string; encode(text: string): string }

/** undefined: no base64, or of bytes that are no text. */
export function decodeText(value: string): Encoded | undefined {
  if (value.length < MIN_CHARS || !BASE64.test(value)) return undefined
  const start = value.startsWith('data:') ? value.indexOf(',') + 1 : 0
  const bytes = Buffer.from(value.slice(start), 'base64')
  if (bytes.length < MIN_CHARS / 2 || !isUtf8(bytes)) return undefined
  const form = /[_-]/.test(value.slice(start)) ? 'base64url' : 'base64'
  return { text: bytes.toString('utf8'), encode: (text) => value.slice(0, start) + Buffer.from(text).toString(form) }
}

/** Whether masks read what a member says that is base64 by definition: text, and none with letters of two bytes, in which no detector sees a number. */
export function isReadable(base64: string): boolean {
  return base64 === '' || decodeText(base64)?.text.includes('\0') === false
}
