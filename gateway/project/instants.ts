// The time of a call as policy reads it: what `toISOString` says, of which all but the milliseconds is the same for a second.

/** Whose text has a year of four digits: 1970 to 9999. */
const lastPlain = 253_402_300_799_999

export class Instants {
  #second = -1
  /** Up to and with the point. */
  #head = ''

  /** @param ms since the Unix epoch, whole. @throws RangeError as `toISOString` does */
  text(ms: number): string {
    if (!(ms >= 0 && ms <= lastPlain)) return new Date(ms).toISOString()
    const second = Math.floor(ms / 1000)
    if (second !== this.#second) {
      this.#head = new Date(second * 1000).toISOString().slice(0, -'000Z'.length)
      this.#second = second
    }
    const rest = Math.floor(ms - second * 1000)
    return `${this.#head}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
  }
}
