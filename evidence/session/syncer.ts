// Groups the journal's fdatasyncs: while one is in flight, the next collects. Keeps the promise of `bounded`: nothing un-synced is older than
// 5 ms when a frame is released on `write` alone, and the largest such window is known. An error is final: POSIX says nothing of the pages after it.
import type { Disk } from './disk.ts'
import type { Place, Segments } from './segments.ts'

/** `bounded` releases nothing while an un-synced byte is older than this. */
export const boundedWindowUs = 5000
/** How long `bounded` writes may collect before a sync starts: well inside the window, and one sync for many calls. */
const boundedDelayMs = 2

export class Syncer {
  readonly #segments: Segments
  readonly #disk: Disk
  readonly #fault: (error: Error) => void
  #inFlight: PromiseWithResolvers<Place> | undefined
  #waiting: PromiseWithResolvers<Place> | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the oldest byte was written that no finished sync covers: of those in flight, and of those behind them. */
  #oldestInFlightUs: number | undefined
  #oldestWaitingUs: number | undefined
  #isReleasedInFlight = false
  #isReleasedWaiting = false
  #largestWindowUs = 0
  #isFaulty = false

  constructor(segments: Segments, disk: Disk, fault: (error: Error) => void) {
    this.#segments = segments
    this.#disk = disk
    this.#fault = fault
  }

  /** Must be called after each write. */
  wrote(): void {
    this.#oldestWaitingUs ??= this.#disk.elapsedUs()
  }

  /** Resolves once all that is written now is on the disk, with the place up to which it is. Rejects with the disk's error. */
  covered(): Promise<Place> {
    if (this.#oldestWaitingUs === undefined) return this.#inFlight?.promise ?? Promise.resolve(this.#segments.place)
    this.#waiting ??= Promise.withResolvers()
    const { promise } = this.#waiting
    if (this.#inFlight === undefined) this.#start()
    return promise
  }

  /** Whether frames that are written but not synced may be released now. If so, the syncer sees to it that they soon are synced. */
  release(): boolean {
    const oldest = this.#oldestInFlightUs ?? this.#oldestWaitingUs
    if (oldest === undefined) return true
    if (this.#isFaulty || this.#disk.elapsedUs() - oldest > boundedWindowUs) return false
    if (this.#oldestInFlightUs !== undefined) this.#isReleasedInFlight = true
    if (this.#oldestWaitingUs !== undefined) {
      this.#isReleasedWaiting = true
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        if (this.#inFlight === undefined) this.#start()
      }, boundedDelayMs)
    }
    return true
  }

  /** The largest time a released frame was not yet on the disk, µs, since the last reset. */
  get largestWindowUs(): number { return Math.ceil(this.#largestWindowUs) }

  resetLargestWindow(): void {
    this.#largestWindowUs = 0
  }

  #start(): void {
    if (this.#oldestWaitingUs === undefined || this.#isFaulty) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waiters = this.#inFlight = this.#waiting ?? Promise.withResolvers()
    this.#waiting = undefined
    this.#oldestInFlightUs = this.#oldestWaitingUs
    this.#oldestWaitingUs = undefined
    this.#isReleasedInFlight = this.#isReleasedWaiting
    this.#isReleasedWaiting = false
    this.#segments.sync((error, place) => {
      if (error) this.#fail(error, waiters)
      else this.#finish(place, waiters)
    })
  }

  #finish(place: Place, waiters: PromiseWithResolvers<Place>): void {
    if (this.#isReleasedInFlight) this.#largestWindowUs = Math.max(this.#largestWindowUs, this.#disk.elapsedUs() - (this.#oldestInFlightUs ?? 0))
    this.#inFlight = undefined
    this.#oldestInFlightUs = undefined
    this.#isReleasedInFlight = false
    waiters.resolve(place)
    // Those who came while it was in flight; released bytes alone can wait for their timer.
    if (this.#waiting !== undefined) this.#start()
    else if (this.#isReleasedWaiting && this.#timer === undefined) this.#start()
  }

  #fail(error: Error, waiters: PromiseWithResolvers<Place>): void {
    this.#isFaulty = true
    clearTimeout(this.#timer)
    this.#fault(error)
    for (const one of [waiters, this.#waiting]) {
      // Nobody need be waiting for a sync that a timer began.
      one?.promise.catch(() => undefined)
      one?.reject(error)
    }
  }
}
