// What was last worked out for a text: bounded by entries and by bytes, least recently used first out.

const maxEntries = 4_096
/** UTF-16 units of all texts together; an analysis takes a small multiple of its text. */
const maxUnits = 4_194_304
/** A longer text is not worth its room. */
const maxTextUnits = 65_536
/** Texts seen once, which wait for their second time. */
const maxSeen = 1_024
const maxSeenUnits = 4_096

export class RecentTexts<T> {
  readonly #kept = new Map<string, T>()
  readonly #seen = new Set<string>()
  #units = 0

  get(path: string, text: string): T | undefined {
    if (text.length > maxTextUnits) return undefined
    const key = keyOf(path, text)
    const value = this.#kept.get(key)
    if (value === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, value)
    return value
  }

  /** In place of what was kept for it. */
  add(path: string, text: string, value: T, isAtOnce: boolean): void {
    const key = keyOf(path, text)
    const isKept = this.#kept.has(key)
    if (text.length > maxTextUnits || !(isKept || isAtOnce || this.#isSecond(key))) return
    this.#kept.set(key, value)
    if (!isKept) this.#units += key.length
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= maxEntries && this.#units <= maxUnits) return
      this.#kept.delete(oldest)
      this.#units -= oldest.length
    }
  }

  #isSecond(key: string): boolean {
    if (this.#seen.delete(key)) return true
    if (key.length > maxSeenUnits) return false
    this.#seen.add(key)
    for (const oldest of this.#seen) {
      if (this.#seen.size <= maxSeen) break
      this.#seen.delete(oldest)
    }
    return false
  }
}

function keyOf(path: string, text: string): string {
  return `${path}\0\0${text}`
}
