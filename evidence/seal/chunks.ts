// Bytes that arrive in small pieces and are wanted whole: copied once into large blocks, joined once at the end.

const blockBytes = 1024 * 1024

export class Chunks {
  #full: Buffer[] = []
  #block = Buffer.alloc(0)
  #used = 0
  #length = 0

  get length(): number { return this.#length }

  append(source: Buffer, start: number, end: number): void {
    const count = end - start
    if (this.#used + count > this.#block.length) {
      this.#full.push(this.#block.subarray(0, this.#used))
      this.#block = Buffer.allocUnsafeSlow(Math.max(blockBytes, count))
      this.#used = 0
    }
    source.copy(this.#block, this.#used, start, end)
    this.#used += count
    this.#length += count
  }

  /** All bytes so far; it is empty afterwards. */
  take(): Uint8Array {
    const whole = Buffer.concat([...this.#full, this.#block.subarray(0, this.#used)])
    this.#full = []
    this.#used = 0
    this.#length = 0
    return whole
  }
}
