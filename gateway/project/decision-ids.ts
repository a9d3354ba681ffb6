// Decision ids: 16 random bytes each, drawn from the system for many at once, because a call of its own for each cost 6 µs.
import { randomFillSync } from 'node:crypto'

const idBytes = 16
const pooledIds = 256

export class DecisionIds {
  #pool = new Uint8Array(0)
  #used = 0

  /** A view of a pool that is never written to again. */
  next(): Uint8Array {
    if (this.#used === this.#pool.length) {
      this.#pool = randomFillSync(new Uint8Array(idBytes * pooledIds))
      this.#used = 0
    }
    return this.#pool.subarray(this.#used, this.#used += idBytes)
  }
}
