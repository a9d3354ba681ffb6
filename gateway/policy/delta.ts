// A delta of gitformat-pack, "Deltified representation": an object as pieces of another one and bytes of its own.

/** Of the object that it starts from, and of what it makes. @throws Error */
export function deltaSizes(delta: Uint8Array): { readonly base: number; readonly result: number; readonly begin: number } {
  let next = 0
  const size = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = delta[next++] ?? malformed()
      value += (byte & 0x7f) * scale
      if (!Number.isSafeInteger(value)) malformed()
      if ((byte & 0x80) === 0) return value
    }
  }
  return { base: size(), result: size(), begin: next }
}

/** @throws Error: of another base, or pieces that lie outside of it or make another size */
export function applyDelta(from: Uint8Array, delta: Uint8Array): Uint8Array {
  const { base, result, begin } = deltaSizes(delta)
  if (from.length !== base) malformed()
  const made = new Uint8Array(result)
  let next = begin, filled = 0
  const put = (piece: Uint8Array, length: number): void => {
    if (piece.length !== length || filled + length > result) malformed()
    made.set(piece, filled)
    filled += length
  }
  const byte = (): number => delta[next++] ?? malformed()
  while (next < delta.length) {
    const command = byte()
    if (command === 0) malformed()                         // reserved
    if (command < 0x80) {
      put(delta.subarray(next, next + command), command)
      next += command
      continue
    }
    let offset = 0, length = 0
    for (let bit = 0; bit < 4; bit++) if ((command & (1 << bit)) !== 0) offset += byte() * 256 ** bit
    for (let bit = 0; bit < 3; bit++) if ((command & (0x10 << bit)) !== 0) length += byte() * 256 ** bit
    if (length === 0) length = 0x10000
    put(from.subarray(offset, offset + length), length)
  }
  return filled === result ? made : malformed()
}

function malformed(): never {
  throw new Error('its pack is malformed')
}
