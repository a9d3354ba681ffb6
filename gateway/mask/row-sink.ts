// Where masked rows gather on their way to the caller. Bytes that stay are kept as one stretch of the source for as long as they lie
// behind one another, across rows, and copied once, when a cell in between changes; a read in which none did is not copied at all.

/** Up to here a loop is faster than a call that copies. */
const SMALL = 64
/** One row or a few; what is longer grows to its size, and the next part begins there. */
const FIRST_CAPACITY = 1024
const POOLED = 2 * 1024
const empty = Buffer.alloc(0)

export class RowSink {
  /** The memory that the pending stretch, `#from` to `#to`, lies in. */
  #view: Uint8Array = empty
  #from = 0
  #to = 0
  /** What is behind the pending stretch's beginning: owned by the part that takes it. */
  #out: Buffer = empty
  #length = 0
  #capacity = FIRST_CAPACITY

  get isEmpty(): boolean { return this.#length === 0 && this.#from === this.#to }

  /** Bytes as they came, `start` to `end` of `source`. They must stay unchanged until the part has been written. */
  pass(source: Uint8Array, start = 0, end = source.length): void {
    this.#reach(source, start)
    this.#to += end - start
  }

  /** Begins to rewrite what starts at `start`; ends with `end`. @returns its position, for `patch` and `written` */
  begin(source: Uint8Array, start: number): number {
    this.#reach(source, start)
    return this.#length + this.#to - this.#from
  }

  /** Passes all since `begin` or the last cut up to `start`, leaves out what comes before `end`, and writes `instead`. */
  cut(source: Uint8Array, start: number, end: number, instead: Uint8Array): void {
    this.#to = source.byteOffset + start
    this.#flush(instead.length)
    copy(instead, 0, instead.length, this.#out, this.#length)
    this.#length += instead.length
    this.#from = this.#to = source.byteOffset + end
  }

  end(source: Uint8Array, end: number): void {
    this.#to = source.byteOffset + end
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
    this.#length = this.#from = this.#to = 0
    return taken
  }

  /** Makes the pending stretch end at `start`. */
  #reach(source: Uint8Array, start: number): void {
    const at = source.byteOffset + start
    if (at === this.#to && source.buffer === this.#view.buffer) return
    if (this.#from !== this.#to) this.#flush(0)
    if (source.buffer !== this.#view.buffer) this.#view = new Uint8Array(source.buffer)
    this.#from = this.#to = at
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
    copy(this.#view, this.#from, this.#to, this.#out, this.#length)
    this.#length += size
    this.#from = this.#to
  }
}

function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > SMALL) target.set(source.subarray(start, end), at)
  else for (let i = start, to = at; i < end; i++, to++) target[to] = source[i] as number
}
