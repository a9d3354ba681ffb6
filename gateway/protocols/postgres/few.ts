// The last few things that a session has worked out, by what they were worked out from. There are thousands of sessions, so each keeps only what it repeats.

/** Statements that one session runs again and again; each entry holds some KiB. */
const maxKept = 16

export class Few<K extends object, V> {
  readonly #kept = new Map<K, V>()

  get(key: K): V | undefined {
    return this.#kept.get(key)
  }

  /** In place of the oldest. */
  set(key: K, value: V): void {
    if (!this.#kept.has(key) && this.#kept.size >= maxKept) for (const oldest of this.#kept.keys()) { this.#kept.delete(oldest); break }
    this.#kept.set(key, value)
  }
}
