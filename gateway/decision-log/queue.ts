// Events between the call path and a sink. Bounded: a full queue holds new calls back for a while, then loses events and says how many.
// Nothing is lost of the record by that: it is written first, and the log can be made again from it.
import type { Labels, Logged } from './event.ts'
import { eventOf } from './event.ts'

/** UTF-16 units that wait; a tenth of it is what one upload takes. */
export const maxQueuedChars = 16 * 1024 * 1024

/** Takes lines in order, one batch at a time; a batch that it could not deliver comes again. */
export interface Sink {
  /** Units of one batch. */
  readonly maxBatchChars: number
  /** ms to wait for more before a batch that is not full goes out. */
  readonly lingerMs: number
  /** @returns undefined: delivered; ms after which to try the same batch again; `too_large`: never, as it is. Does not reject. */
  deliver(lines: readonly string[]): Promise<number | undefined | 'too_large'>
  close(): Promise<void>
}

export interface DecisionLogOptions {
  readonly sink: Sink
  readonly labels: Labels
  /** ms that a call is held back at most while the queue is full. */
  readonly maxWaitMs: number
  readonly maxChars?: number
}

export interface DecisionLog {
  /** Resolves once there is room, or after `maxWaitMs`; undefined: there is room now. */
  room(): Promise<void> | undefined
  add(logged: Logged): void
  status(): { readonly queued: number; readonly delivered: number; readonly lost: number; readonly isFailing: boolean }
  /** Delivers what is queued within `withinMs`, then lets go. */
  close(withinMs: number): Promise<void>
}

export function createDecisionLog({ sink, labels, maxWaitMs, maxChars = maxQueuedChars }: DecisionLogOptions): DecisionLog {
  const lines: string[] = []
  let chars = 0
  let added = 0
  let delivered = 0
  let lost = 0
  /** Lost and not yet told. */
  let untold = 0
  let isFailing = false
  let isClosing = false
  let stop: (() => void) | undefined
  let waiting: PromiseWithResolvers<void> | undefined
  let pump: Promise<void> | undefined

  const pause = (ms: number): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref()
    stop = () => { clearTimeout(timer); resolve() }
  })

  async function run(): Promise<void> {
    try {
      let most = Infinity
      while (lines.length > 0) {
        if (chars < sink.maxBatchChars && !isClosing) await pause(sink.lingerMs)
        let size = 0
        let count = 0
        while (count < lines.length && count < most && (count === 0 || size + (lines[count]?.length ?? 0) <= sink.maxBatchChars)) size += lines[count++]?.length ?? 0
        const again = await sink.deliver(lines.slice(0, count))
        isFailing = again !== undefined
        if (typeof again === 'number') {
          if (isClosing) return
          await pause(again)
          continue
        }
        most = again === undefined ? most * 2 : Math.max(1, Math.floor(count / 2))
        if (again === 'too_large' && count > 1) continue
        if (again === undefined) delivered += count
        // Nobody will ever take this one, and all behind it would wait for that.
        else { lost++; untold++ }
        lines.splice(0, count)
        chars -= size
        if (chars < maxChars) { waiting?.resolve(); waiting = undefined }
      }
    } finally {
      pump = undefined                                        // in the turn of the last look: what is added after it has nobody else to deliver it
    }
  }

  return {
    room() {
      if (chars < maxChars || maxWaitMs === 0) return undefined
      waiting ??= Promise.withResolvers<void>()
      let timer: NodeJS.Timeout | undefined
      return Promise.race([waiting.promise, new Promise<void>((resolve) => { timer = setTimeout(resolve, maxWaitMs) })]).finally(() => clearTimeout(timer))
    },
    add(logged) {
      const number = ++added
      if (chars >= maxChars) { lost++; untold++; return }
      const line = eventOf(logged, labels, number, untold)
      untold = 0
      lines.push(line)
      chars += line.length
      pump ??= run()
    },
    status: () => ({ queued: lines.length, delivered, lost, isFailing }),
    async close(withinMs) {
      isClosing = true
      stop?.()
      await Promise.race([pump, new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref())])
      await sink.close()
    },
  }
}
