// Random salts for digests of contents (FORMAT.md §6): drawn from the system in one go for many, since a call for each costs more than the digest.
import { randomFillSync } from 'node:crypto'

const saltBytes = 16
const pooledSalts = 256

export class Salts {
  #pool = new Uint8Array(0)
  #used = 0

  /** 16 bytes that nobody else gets. */
  next(): Uint8Array {
    if (this.#used === this.#pool.length) {
      this.#pool = randomFillSync(new Uint8Array(saltBytes * pooledSalts))
      this.#used = 0
    }
    return this.#pool.subarray(this.#used, this.#used += saltBytes)
  }
}
