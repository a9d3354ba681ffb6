// What was last worked out for a text: bounded by entries and by memory, least recently used first out.

const maxEntries = 4_096
/** Of all texts together, and what hangs on them, in UTF-16 units. */
const maxUnits = 4_194_304
/** A longer text, or a heavier entry, is not worth its room. */
const maxTextUnits = 65_536
const maxEntryUnits = 524_288
/** Texts seen once, which wait for their second time. */
const maxSeen = 1_024
const maxSeenUnits = 4_096

export class RecentTexts<T> {
  readonly #kept = new Map<string, { readonly value: T; readonly units: number }>()
  readonly #seen = new Set<string>()
  #units = 0

  get(path: string, text: string): T | undefined {
    if (text.length > maxTextUnits) return undefined
    const key = keyOf(path, text)
    const entry = this.#kept.get(key)
    if (entry === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, entry)
    return entry.value
  }

  /** In place of what was kept for it. @param units what the value takes besides its text */
  add(path: string, text: string, value: T, isAtOnce: boolean, units = 0): void {
    if (text.length > maxTextUnits || text.length + units > maxEntryUnits) return
    const key = keyOf(path, text)
    const before = this.#kept.get(key)
    if (before === undefined && !isAtOnce && !this.#isSecond(key)) return
    const entry = { value, units: key.length + units }
    this.#kept.set(key, entry)
    this.#units += entry.units - (before?.units ?? 0)
    for (const [oldest, { units: freed }] of this.#kept) {
      if (this.#kept.size <= maxEntries && this.#units <= maxUnits) return
      this.#kept.delete(oldest)
      this.#units -= freed
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
