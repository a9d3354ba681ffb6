// Where masked rows gather on their way to the caller. A read in which nothing was masked is one stretch of the upstream's own
// bytes and is not copied; from the first masked cell on, bytes are copied once, into one buffer that the part then owns.

/** Up to here a loop is faster than a call that copies. */
const SMALL = 96
const FIRST_CAPACITY = 16 * 1024
const nothing = new Uint8Array(0)

/** A message that knows how long it is and writes itself. */
export interface Placed { readonly size: number; copyInto(target: Uint8Array, at: number): number }

export class RowSink {
  /** Bytes that passed unchanged so far, lying in one stretch; undefined once anything was copied. */
  #run: Uint8Array | undefined
  #out: Buffer = Buffer.alloc(0)
  #length = 0
  #capacity = FIRST_CAPACITY

  get isEmpty(): boolean { return this.#run === undefined && this.#length === 0 }

  /** Whole messages as they came, `start` to `end` of `source`. They must stay unchanged until the part has been written. */
  pass(source: Uint8Array, start = 0, end = source.length): void {
    if (start === end) return
    if (this.#length === 0) {
      const run = this.#run
      if (run === undefined) { this.#run = source.subarray(start, end); return }
      if (run.buffer === source.buffer && run.byteOffset + run.length === source.byteOffset + start) {
        this.#run = new Uint8Array(run.buffer, run.byteOffset, run.length + end - start)
        return
      }
    }
    this.copy(source, start, end)
  }

  /** Part of a message. */
  copy(source: Uint8Array, start: number, end: number): void {
    const size = end - start
    this.#reserve(size)
    const out = this.#out
    let at = this.#length
    if (size <= SMALL) for (let i = start; i < end; i++) out[at++] = source[i] as number
    else out.set(source.subarray(start, end), at)
    this.#length += size
  }

  /** A rewritten message. */
  place(message: Placed): void {
    const { size } = message
    this.#reserve(size)
    this.#length = message.copyInto(this.#out, this.#length)
  }

  /** What was written since `position`. */
  written(position: number): Uint8Array {
    return this.#out.subarray(position, this.#length)
  }

  /** Where the next byte will stand; good until the next take. */
  get position(): number {
    this.#reserve(0)
    return this.#length
  }

  /** Writes over four bytes behind `position`: a length that is known only now. */
  patch(position: number, value: number): void {
    this.#put(position, value)
  }

  take(): Uint8Array {
    const taken = this.#run ?? (this.#length === 0 ? nothing : this.#out.subarray(0, this.#length))
    this.#capacity = Math.max(FIRST_CAPACITY, this.#length + (this.#length >> 2))
    this.#run = undefined
    this.#out = Buffer.alloc(0)
    this.#length = 0
    return taken
  }

  #put(at: number, value: number): void {
    const out = this.#out
    out[at] = value >>> 24
    out[at + 1] = value >>> 16
    out[at + 2] = value >>> 8
    out[at + 3] = value
  }

  #reserve(size: number): void {
    const run = this.#run
    const before = run?.length ?? 0
    const needed = this.#length + before + size
    if (needed > this.#out.length || run !== undefined) this.#grow(needed, run)
  }

  #grow(needed: number, run: Uint8Array | undefined): void {
    if (needed > this.#out.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#capacity, needed + (needed >> 1)))
      grown.set(this.#out.subarray(0, this.#length))
      this.#out = grown
    }
    if (run === undefined) return
    this.#out.set(run, this.#length)
    this.#length += run.length
    this.#run = undefined
  }
}
