// What is left of a row that is longer than one may be held, once the cells that a mask covers are gone: so long a row is refused for what
// is shown of it, and never for what is not.
import { refusal, RefusalError } from '../../../refusal.ts'

/** Of a row as it goes on, and of a cell that has to be seen whole: as long as a row that is read in one piece. */
const maxBytes = 16 * 1024 * 1024

export function failed(message: string): RefusalError {
  return new RefusalError(refusal('mask.failed', message))
}

export class Pieces {
  readonly #bytes: Uint8Array[] = []
  #length = 0

  get length(): number { return this.#length }

  /** @throws RefusalError `mask.failed` */
  add(bytes: Uint8Array): void {
    this.#length += bytes.length
    if (this.#length > maxBytes) throw failed('A row is too long to be masked')
    this.#bytes.push(bytes)
  }

  /** Everything, and none of it any more. */
  take(): Buffer {
    const all = Buffer.concat(this.#bytes, this.#length)
    this.#bytes.length = this.#length = 0
    return all
  }
}
