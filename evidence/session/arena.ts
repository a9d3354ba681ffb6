// Memory for frames that wait to be written: one slab, used again from its start when none waits. A buffer for each frame would be the
// collector's to free, and what it frees outside its heap makes it collect sooner.

const slabBytes = 1024 * 1024

export class Arena {
  #slab = Buffer.allocUnsafeSlow(slabBytes)
  #used = 0

  /** Where the next byte may go, in the buffer that `room` returned. */
  get used(): number { return this.#used }

  /** A buffer with so many bytes free from `used` on. They are taken by `take`; until then the next caller gets the same. */
  room(bytes: number): Buffer {
    if (this.#used + bytes > this.#slab.length) {
      // Frames that wait keep the old one alive.
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes))
      this.#used = 0
    }
    return this.#slab
  }

  /** @param end where what was written ends */
  take(end: number): void {
    this.#used = end
  }

  /** No frame waits any more: nobody may look at the bytes of one. */
  reset(): void {
    if (this.#slab.length > slabBytes) this.#slab = Buffer.allocUnsafeSlow(slabBytes)
    this.#used = 0
  }
}
