// Least recently used entries by text, bounded by number and by bytes.
export interface Cache<V> {
  get(key: string): V | undefined
  /** `bytes`: what the entry holds, its key included. */
  set(key: string, value: V, bytes: number): void
  clear(): void
}

export function createCache<V>(maxEntries: number, maxBytes: number): Cache<V> {
  // A Map iterates in order of insertion: the first is the one not used for longest.
  const entries = new Map<string, { readonly value: V; readonly bytes: number }>()
  let held = 0
  return {
    get(key) {
      const entry = entries.get(key)
      if (!entry) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.value
    },
    set(key, value, bytes) {
      if (bytes > maxBytes || maxEntries === 0) return
      held += bytes - (entries.get(key)?.bytes ?? 0)
      entries.delete(key)
      entries.set(key, { value, bytes })
      for (const [oldest, entry] of entries) {
        if (entries.size <= maxEntries && held <= maxBytes) break
        entries.delete(oldest)
        held -= entry.bytes
      }
    },
    clear() {
      entries.clear()
      held = 0
    },
  }
}
