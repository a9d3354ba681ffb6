// Settings by which the server reads texts. How a text is read decides what was decided: a server that reads it otherwise is left, unless policy may let pass
// what nobody could read.
import { refusal, RefusalError } from '../../../refusal.ts'
import type { SessionState } from './state.ts'

/** How the gateway reads texts; PostgreSQL keeps `UNICODE` as it was said, for old clients (check_client_encoding). */
const readBy: Readonly<Record<string, readonly string[]>> = { standard_conforming_strings: ['on'], client_encoding: ['UTF8', 'UNICODE'] }
/** By which names resolve. */
const resolvedBy: ReadonlySet<string> = new Set(['search_path', 'session_authorization', 'role'])

export class Settings {
  readonly #state: SessionState
  readonly #isTransparent: boolean
  readonly #misread = new Set<string>()

  constructor(state: SessionState, isTransparent: boolean) {
    this.#state = state
    this.#isTransparent = isTransparent
  }

  /** One that makes the server read texts otherwise than the gateway. */
  get misread(): string | undefined { return this.#misread.values().next().value }

  /** As the server says it. @throws RefusalError for one that would change how texts are read */
  said(name: string, value: string): void {
    const wanted = readBy[name]
    if (wanted?.includes(value) === true) this.#misread.delete(name)
    else if (wanted !== undefined) {
      if (!this.#isTransparent) throw new RefusalError(refusal('policy.unenforceable', `${name} must be ${wanted[0]}`))
      this.#misread.add(name)
    }
    if (resolvedBy.has(name)) this.#state.isStale = true
  }
}
