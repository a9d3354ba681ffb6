// Git's delta encoding (gitformat-pack, "Deltified representation"): copies from a base and inserted bytes.
import { FalseClaim } from './finding.ts'

/** @throws FalseClaim `git.pack` when the delta does not fit its base or its own sizes */
export function applyDelta(base: Uint8Array, delta: Uint8Array, maxBytes: number): Uint8Array {
  let at = 0
  const next = (): number => {
    const byte = delta[at++]
    if (byte === undefined) throw new FalseClaim('git.pack', 'a delta is cut short')
    return byte
  }
  const size = (): number => {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = next()
      value += (byte & 0x7f) * scale
      if (value > maxBytes) throw new FalseClaim('git.pack', 'a delta is larger than allowed')
      if (byte < 0x80) return value
      scale *= 128
    }
  }
  if (size() !== base.length) throw new FalseClaim('git.pack', 'a delta was made for another base')
  const out = new Uint8Array(size())
  let filled = 0
  while (at < delta.length) {
    const op = next()
    if (op & 0x80) {
      let from = 0
      let length = 0
      for (let i = 0; i < 4; i++) if (op & (1 << i)) from += next() * 2 ** (8 * i)
      for (let i = 0; i < 3; i++) if (op & (0x10 << i)) length += next() * 2 ** (8 * i)
      if (length === 0) length = 0x10000
      if (from + length > base.length || filled + length > out.length) throw new FalseClaim('git.pack', 'a delta copies from outside its base')
      out.set(base.subarray(from, from + length), filled)
      filled += length
    } else {
      // 0 is reserved: an encoder that emits it is not one we know.
      if (op === 0 || at + op > delta.length || filled + op > out.length) throw new FalseClaim('git.pack', 'a delta inserts more than it holds')
      out.set(delta.subarray(at, at + op), filled)
      at += op
      filled += op
    }
  }
  if (filled !== out.length) throw new FalseClaim('git.pack', 'a delta makes less than it says')
  return out
}
