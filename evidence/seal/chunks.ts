// Bytes that arrive in small pieces and are wanted whole. One block that grows and is used again: fresh memory for each batch cost more than hashing it.
// It is WebAssembly memory because that begins at a page, which a write around the page cache asks for (durable-fs.ts), and grows where it is.

const pageBytes = 64 * 1024
/** A block larger than this is let go after its batch. */
const mostKeptBytes = 32 * 1024 * 1024

export class Chunks {
  #memory = new WebAssembly.Memory({ initial: 1 })
  #block = Buffer.from(this.#memory.buffer)
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
    this.#memory.grow((room - this.#block.length) / pageBytes)
    this.#block = Buffer.from(this.#memory.buffer)
  }

  /** All bytes so far, good until the next `append`; it is empty afterwards. */
  take(): Uint8Array {
    const whole = this.#block.subarray(0, this.#length)
    this.#length = 0
    if (this.#block.length > mostKeptBytes) {
      this.#memory = new WebAssembly.Memory({ initial: 1 })
      this.#block = Buffer.from(this.#memory.buffer)
    }
    return whole
  }
}
