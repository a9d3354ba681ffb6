// A request that may be held for a human: what the client is told meanwhile, and what ends the wait. Nothing is made before one is held.
import type { Hold } from '../../../protocol.ts'

/** Between two words to a client that waits for a human: they also keep its connection alive. */
const noticeEveryMs = 30_000

export interface HoldingOptions {
  /** ms; 0: nobody is kept waiting. */
  readonly waitMs: number
  /** It waits from here on, and is what a cancel ends. */
  begun(holding: Holding): void
  say(message: string): void
}

export class Holding implements Hold {
  readonly #o: HoldingOptions
  #controller: AbortController | undefined
  #notices: NodeJS.Timeout | undefined
  #end: NodeJS.Timeout | undefined
  /** Somebody was kept waiting. */
  hasHeld = false

  constructor(options: HoldingOptions) {
    this.#o = options
  }

  get signal(): AbortSignal { return (this.#controller ??= new AbortController()).signal }
  get isAborted(): boolean { return this.#controller?.signal.aborted === true }

  readonly held: Hold['held'] = ({ id, url }) => {
    const { waitMs } = this.#o
    if (waitMs === 0) return 'return'
    this.hasHeld = true
    this.#o.begun(this)
    const say = (): void => this.#o.say(`Waiting for approval ${id} at ${url}`)
    say()
    if (this.#end === undefined) {
      this.#notices = setInterval(say, noticeEveryMs)
      this.#end = setTimeout(() => this.abort(), waitMs)
    }
    return 'wait'
  }

  abort(): void { (this.#controller ??= new AbortController()).abort() }

  /** Answered, one way or the other. */
  done(): void {
    clearInterval(this.#notices)
    clearTimeout(this.#end)
  }
}
