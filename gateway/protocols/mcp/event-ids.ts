// Ids of events, by which a stream is taken up again (2025-11-25, transports, "Resumability"). A server finds them among the streams of all its
// callers, the official SDK without a look at the session: each goes out with a mark that is good for who got it, so that nobody takes up another's.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const markBytes = 12
/** Base64 of the mark, and what parts it from the id. */
const markLength = markBytes / 3 * 4
const separator = '.'

export class EventIds {
  readonly #key = randomBytes(32)

  /** @param scope session, or who asks where there is none */
  write(scope: string, id: string): string {
    return id === '' ? '' : this.#mark(scope, id).toString('base64url') + separator + id
  }

  /** @returns undefined for an id that was not given out in this scope */
  read(scope: string, text: string): string | undefined {
    const id = text.slice(markLength + separator.length)
    const mark = Buffer.from(text.slice(0, markLength), 'base64url')
    if (id === '' || text[markLength] !== separator || mark.length !== markBytes) return undefined
    return timingSafeEqual(mark, this.#mark(scope, id)) ? id : undefined
  }

  #mark(scope: string, id: string): Buffer {
    return createHmac('sha256', this.#key).update(JSON.stringify([scope, id])).digest().subarray(0, markBytes)
  }
}
