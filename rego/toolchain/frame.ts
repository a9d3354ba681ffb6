// Frames between the caller and the compiler's process: little-endian uint32 length, then that many bytes of JSON.
const headBytes = 4
// A bundle is base64 in the answer; OPA's own reader stops at 16 times less by our rules.
const maxFrameBytes = 64 * 1024 * 1024

export function frame(bytes: Uint8Array): Uint8Array {
  if (bytes.length > maxFrameBytes) throw new RangeError(`a request of ${bytes.length} bytes is longer than ${maxFrameBytes}`)
  const out = new Uint8Array(headBytes + bytes.length)
  new DataView(out.buffer).setUint32(0, bytes.length, true)
  out.set(bytes, headBytes)
  return out
}

/** Collects chunks into frames. One answer is outstanding at a time, so bytes beyond a frame are a fault. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #length = 0

  /** @returns the frame's bytes once they are all there */
  push(chunk: Uint8Array): Uint8Array | undefined {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < headBytes) return undefined
    const first = this.#chunks[0]
    if (first === undefined) return undefined
    // The head is nearly always whole in the first chunk; joining only when it is not keeps this linear.
    if (first.length < headBytes) this.#chunks = [Buffer.concat(this.#chunks)]
    const head = this.#chunks[0] ?? first
    const size = new DataView(head.buffer, head.byteOffset, head.length).getUint32(0, true)
    if (size > maxFrameBytes) throw new RangeError('frame too long')
    if (this.#length < headBytes + size) return undefined
    if (this.#length > headBytes + size) throw new RangeError('bytes after the frame')
    const whole = Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#length = 0
    return whole.subarray(headBytes)
  }
}
