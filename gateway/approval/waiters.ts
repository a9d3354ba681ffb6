// Calls that wait for a human, in this process. They are told when the approval changes; what it became is read from the store.
import type { ApprovalState } from './approval.ts'
import type { ApprovalStore } from './store.ts'

/** `aborted`: the caller went away; the approval itself goes on waiting. */
export type Waited = Exclude<ApprovalState, 'pending'> | 'aborted'

export interface Waiters {
  wait(id: string, signal: AbortSignal): Promise<Waited>
  tell(id: string): void
}

/** setTimeout's largest delay; a longer wait looks again. */
const maxDelayMs = 2 ** 31 - 1

export function createWaiters(store: ApprovalStore, now: () => number): Waiters {
  /** Owned here: each waiter removes itself when it is told, expires or is aborted. */
  const waiting = new Map<string, Set<() => void>>()

  function stateOf(id: string): Waited | undefined {
    const approval = store.get(id)
    if (approval === undefined) return 'expired'
    if (approval.state !== 'pending') return approval.state
    return approval.expiresAt <= now() ? 'expired' : undefined
  }

  return {
    wait(id, signal) {
      return new Promise((resolve) => {
        let timer: NodeJS.Timeout | undefined
        const look = (): void => {
          const ended = signal.aborted ? 'aborted' : stateOf(id)
          clearTimeout(timer)
          if (ended === undefined) {
            timer = setTimeout(look, Math.min(Math.max((store.get(id)?.expiresAt ?? 0) - now(), 1), maxDelayMs))
            return
          }
          signal.removeEventListener('abort', look)
          const others = waiting.get(id)
          others?.delete(look)
          if (others?.size === 0) waiting.delete(id)
          resolve(ended)
        }
        const mine = waiting.get(id) ?? new Set()
        waiting.set(id, mine.add(look))
        signal.addEventListener('abort', look)
        look()
      })
    },
    tell(id) {
      for (const look of [...waiting.get(id) ?? []]) look()
    },
  }
}
