// The caller's end of one HTTP exchange: notices when they leave, and lets the upstream know. Signals are made only when somebody asks.
import type { Duplex } from 'node:stream'
import type { ServerResponse } from 'node:http'
import type { Pending } from './call.ts'
import type { Hold } from './protocol.ts'

export class Caller implements Hold {
  #abort: AbortController | undefined
  #cancel: (() => void) | undefined
  #isGone = false

  constructor(end: ServerResponse | Duplex) {
    end.once('close', () => {
      if (end.writableFinished) return
      this.#isGone = true
      this.#abort?.abort()
      this.#cancel?.()
    })
  }

  get isGone(): boolean { return this.#isGone }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#isGone) this.#abort.abort()
    return this.#abort.signal
  }

  /** Clients give up after a minute, so no request is held open for a person: the answer says where one decides, and the call is made again. */
  held(_pending: Pending): 'return' { return 'return' }

  readonly onSent = (cancel: () => void): void => {
    this.#cancel = cancel
    if (this.#isGone) cancel()
  }
}

/** Resolves once `end` can take more, or is gone. */
export function drained(end: ServerResponse | Duplex): Promise<void> {
  if (end.destroyed || end.closed) return Promise.resolve()       // neither event would come any more
  return new Promise((resolve) => {
    const done = (): void => {
      end.off('drain', done)
      end.off('close', done)
      resolve()
    }
    end.on('drain', done)
    end.on('close', done)
  })
}
