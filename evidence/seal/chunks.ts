// Bytes that arrive in small pieces and are wanted whole. One block that grows and is used again: fresh memory for each batch cost more than hashing it.

const leastBytes = 64 * 1024
/** A block larger than this is let go after its batch. */
const mostKeptBytes = 16 * 1024 * 1024

export class Chunks {
  #block = Buffer.allocUnsafeSlow(leastBytes)
  #length = 0

  get length(): number { return this.#length }

  append(source: Buffer, start: number, end: number): void {
    const length = this.#length + end - start
    if (length > this.#block.length) this.#grow(length)
    source.copy(this.#block, this.#length, start, end)
    this.#length = length
  }

  #grow(length: number): void {
    let room = this.#block.length
    while (room < length) room *= 2
    const block = Buffer.allocUnsafeSlow(room)
    this.#block.copy(block, 0, 0, this.#length)
    this.#block = block
  }

  /** All bytes so far, good until the next `append`; it is empty afterwards. */
  take(): Uint8Array {
    const whole = this.#block.subarray(0, this.#length)
    this.#length = 0
    if (this.#block.length > mostKeptBytes) this.#block = Buffer.allocUnsafeSlow(leastBytes)
    return whole
  }
}
