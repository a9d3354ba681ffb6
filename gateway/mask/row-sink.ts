// Where masked rows gather on their way to the caller. Bytes that stay are kept as one stretch of the source for as long as they lie
// behind one another, across rows, and copied once, when a cell in between changes; a read in which none did is not copied at all.

/** Up to here a loop is faster than a call that copies. */
const SMALL = 24
/** One row or a few; what is longer grows to its size, and the next part begins there. */
const FIRST_CAPACITY = 1024
const POOLED = 2 * 1024
const empty = Buffer.alloc(0)

export class RowSink {
  /** What was read from last, and where it lies in its memory. */
  #source: Uint8Array | undefined
  #base = 0
  /** The memory that the pending stretch, `#from` to `#to`, lies in. */
  #view: Buffer = empty
  #from = 0
  #to = 0
  /** What is behind the pending stretch's beginning: owned by the part that takes it. */
  #out: Buffer = empty
  #length = 0
  #capacity = FIRST_CAPACITY

  get isEmpty(): boolean { return this.#length === 0 && this.#from === this.#to }

  /** Of everything since the last take. */
  get size(): number { return this.#length + this.#to - this.#from }

  /** Forgets whatever came since it had this size. */
  truncate(size: number): void {
    if (size >= this.#length) this.#to = this.#from + size - this.#length
    else {
      this.#length = size
      this.#from = this.#to
    }
  }

  /** Bytes as they came, `start` to `end` of `source`. They must stay unchanged until the part has been written. */
  pass(source: Uint8Array, start = 0, end = source.length): void {
    this.#reach(source, start)
    this.#to += end - start
  }

  /** Bytes of a memory that will not stay as it is: copied at once. */
  append(memory: Buffer, start: number, end: number): void {
    this.#flush(end - start)
    memory.copy(this.#out, this.#length, start, end)
    this.#length += end - start
  }

  /** Begins to rewrite what starts at `start`; ends with `end`. @returns its position, for `patch` and `written` */
  begin(source: Uint8Array, start: number): number {
    this.#reach(source, start)
    return this.#length + this.#to - this.#from
  }

  /** Passes all since `begin` or the last cut up to `start`, leaves out what comes before `end`, and writes `instead`. */
  cut(start: number, end: number, instead: Uint8Array): void {
    this.#to = this.#base + start
    this.#flush(instead.length)
    const out = this.#out
    if (instead.length > SMALL) out.set(instead, this.#length)
    else for (let i = 0, to = this.#length; i < instead.length; i++, to++) out[to] = instead[i] as number
    this.#length += instead.length
    this.#from = this.#to = this.#base + end
  }

  end(end: number): void {
    this.#to = this.#base + end
  }

  /** Forgets what was written since `position`, which a cut lies behind: half a row must not go out. */
  rewind(position: number): void {
    this.#length = position
    this.#from = this.#to
  }

  /** Writes a big-endian length over four bytes at a position that a cut lies behind. */
  patch(position: number, value: number): void {
    const out = this.#out
    out[position] = value >>> 24
    out[position + 1] = value >>> 16
    out[position + 2] = value >>> 8
    out[position + 3] = value
  }

  /** What was written since `position`. */
  written(position: number): Uint8Array {
    this.#flush(0)
    return this.#out.subarray(position, this.#length)
  }

  take(): Uint8Array {
    let taken: Uint8Array
    if (this.#length === 0) taken = this.#view.subarray(this.#from, this.#to)
    else {
      this.#flush(0)
      taken = this.#out.subarray(0, this.#length)
    }
    this.#capacity = Math.max(FIRST_CAPACITY, this.#length + (this.#length >> 3))
    this.#out = empty
    this.#view = empty
    this.#source = undefined
    this.#length = this.#from = this.#to = 0
    return taken
  }

  /** Makes the pending stretch end at `start`. */
  #reach(source: Uint8Array, start: number): void {
    if (source !== this.#source) this.#turnTo(source)
    const at = this.#base + start
    if (at === this.#to) return
    if (this.#from !== this.#to) this.#flush(0)
    this.#from = this.#to = at
  }

  /** What lies in the same memory may follow what is pending; what does not, cannot. */
  #turnTo(source: Uint8Array): void {
    this.#source = source
    this.#base = source.byteOffset
    if (source.buffer === this.#view.buffer) return
    this.#flush(0)
    this.#view = Buffer.from(source.buffer)
    this.#from = this.#to = this.#base
  }

  /** Copies the pending stretch, with room for `more` behind it. */
  #flush(more: number): void {
    const size = this.#to - this.#from
    const needed = this.#length + size + more
    if (needed > this.#out.length) {
      const capacity = Math.max(this.#capacity, needed + (needed >> 1))
      // Small ones lie side by side in the runtime's pool, which writes nothing twice: memory of its own costs each of them more than all the rest.
      const grown = capacity <= POOLED ? Buffer.allocUnsafe(capacity) : Buffer.allocUnsafeSlow(capacity)
      grown.set(this.#out.subarray(0, this.#length))
      this.#out = grown
    }
    const view = this.#view
    const out = this.#out
    if (size > SMALL) view.copy(out, this.#length, this.#from, this.#to)
    else for (let i = this.#from, to = this.#length; i < this.#to; i++, to++) out[to] = view[i] as number
    this.#length += size
    this.#from = this.#to
  }
}
