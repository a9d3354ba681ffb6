// Arrays, element by element, in both formats (arrayfuncs.c: array_in, array_out, array_recv). An array that is not well formed has
// no masked form: `undefined`.

/** Dimensions an array may have (PostgreSQL's MAXDIM). */
const maxDimensions = 6
const dimensionsPrefix = /^(?:\[[+-]?\d+:[+-]?\d+\]){1,6}=/

/** @param mask the element's new text, the same string to keep it, null for NULL; @returns the same string where nothing changed */
export function mapArrayText(text: string, mask: (element: string) => string | null): string | undefined {
  const prefix = dimensionsPrefix.exec(text)?.[0] ?? ''
  let out = prefix
  let kept = prefix.length
  let depth = 0
  let at = prefix.length
  if (text[at] !== '{') return undefined
  while (at < text.length) {
    const character = text[at] as string
    if (character === '{') {
      if (++depth > maxDimensions) return undefined
      at++
    } else if (character === '}') {
      if (--depth < 0) return undefined
      at++
      if (depth === 0) break
    } else if (character === ',') {
      at++
    } else {
      const start = at
      const element = readElement(text, at)
      if (element === undefined || depth === 0) return undefined
      at = element.end
      if (element.value === undefined) continue
      const masked = mask(element.value)
      if (masked === element.value) continue
      out += text.slice(kept, start) + (masked === null ? 'NULL' : `"${masked.replace(/["\\]/g, '\\$&')}"`)
      kept = at
    }
  }
  if (depth !== 0 || at !== text.length) return undefined
  return kept === prefix.length ? text : out + text.slice(kept)
}

/** `value` undefined: NULL. */
function readElement(text: string, start: number): { readonly value: string | undefined; readonly end: number } | undefined {
  let value = ''
  let at = start
  if (text[at] === '"') {
    for (at++; at < text.length; at++) {
      const character = text[at] as string
      if (character === '"') return { value, end: at + 1 }
      value += character === '\\' ? text[++at] ?? '' : character
    }
    return undefined
  }
  for (; at < text.length && text[at] !== ',' && text[at] !== '}' && text[at] !== '{'; at++) value += text[at] === '\\' ? text[++at] ?? '' : text[at] as string
  const raw = text.slice(start, at)
  return { value: raw.toUpperCase() === 'NULL' ? undefined : value, end: at }
}

/**
 * @param mask the element's new bytes, undefined to keep them, null for NULL
 * @returns the same bytes where nothing changed; undefined where they are no array
 */
export function mapArrayBinary(bytes: Buffer, mask: (element: Buffer) => Uint8Array | null | undefined): Buffer | undefined {
  if (bytes.length < 12) return undefined
  const dimensions = bytes.readInt32BE(0)
  if (dimensions < 0 || dimensions > maxDimensions) return undefined
  const head = 12 + dimensions * 8
  if (bytes.length < head) return undefined
  let count = dimensions === 0 ? 0 : 1
  for (let i = 0; i < dimensions; i++) count *= bytes.readInt32BE(12 + i * 8)
  const pieces: Uint8Array[] = []
  let hasNull = bytes.readInt32BE(4) !== 0
  let hasChanged = false
  let at = head
  for (let i = 0; i < count; i++) {
    if (at + 4 > bytes.length) return undefined
    const size = bytes.readInt32BE(at)
    const end = at + 4 + Math.max(size, 0)
    if (size < -1 || end > bytes.length) return undefined
    const masked = size < 0 ? undefined : mask(bytes.subarray(at + 4, end))
    if (masked === undefined) pieces.push(bytes.subarray(at, end))
    else {
      hasChanged = true
      hasNull ||= masked === null
      const length = Buffer.alloc(4)
      length.writeInt32BE(masked === null ? -1 : masked.length)
      pieces.push(length)
      if (masked !== null) pieces.push(masked)
    }
    at = end
  }
  if (at !== bytes.length) return undefined
  if (!hasChanged) return bytes
  const header = Buffer.from(bytes.subarray(0, head))
  header.writeInt32BE(hasNull ? 1 : 0, 4)
  return Buffer.concat([header, ...pieces])
}

/** OID of a binary array's elements; 0 where there is none to read. */
export function elementTypeOf(bytes: Buffer): number {
  return bytes.length < 12 ? 0 : bytes.readUInt32BE(8)
}
