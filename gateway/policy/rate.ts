// Rates that policy sets (`limits.rate`): calls per minute and key, counted on this node in one-minute windows.
const windowMs = 60_000
/** Keys counted at once; more than that and the window's oldest key is forgotten, which can only let a call through early. */
const maxKeys = 100_000

export interface Rates {
  /** Takes one call. @returns seconds to wait when the rate is used up */
  take(key: string, perMinute: number): number | undefined
}

export function createRates(now: () => number): Rates {
  const windows = new Map<string, { startedAt: number; calls: number }>()
  return {
    take(key, perMinute) {
      const at = now()
      const window = windows.get(key)
      if (window === undefined || at - window.startedAt >= windowMs) {
        windows.delete(key)
        if (windows.size >= maxKeys) for (const [oldest] of windows) { windows.delete(oldest); break }
        windows.set(key, { startedAt: at, calls: 1 })
        return perMinute >= 1 ? undefined : windowMs / 1000
      }
      if (window.calls >= perMinute) return Math.ceil((window.startedAt + windowMs - at) / 1000)
      window.calls++
      return undefined
    },
  }
}
