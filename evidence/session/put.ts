// Writes the few CBOR items that carry contents straight into a buffer: through the encoder, a frame's kilobytes would be copied four times.
// The bytes are those of `encode` (cbor.ts), which a test compares.

export const major = { uint: 0x00, bytes: 0x40, array: 0x80, map: 0xa0 } as const

/** RFC 8949 §3: an item's head, shortest form; `value` below 2^53. Returns where the next byte goes. */
export function putHead(target: Buffer, at: number, type: number, value: number): number {
  if (value < 24) {
    target[at] = type | value
    return at + 1
  }
  if (value < 0x100) {
    target[at] = type | 24
    target[at + 1] = value
    return at + 2
  }
  if (value < 0x10000) {
    target[at] = type | 25
    return target.writeUInt16BE(value, at + 1)
  }
  if (value < 0x100000000) {
    target[at] = type | 26
    return target.writeUInt32BE(value, at + 1)
  }
  target[at] = type | 27
  target.writeUInt32BE(Math.floor(value / 0x100000000), at + 1)
  return target.writeUInt32BE(value % 0x100000000, at + 5)
}

/** The longest head. */
export const maxHeadBytes = 9

export function putBytes(target: Buffer, at: number, bytes: Uint8Array): number {
  const start = putHead(target, at, major.bytes, bytes.length)
  target.set(bytes, start)
  return start + bytes.length
}
