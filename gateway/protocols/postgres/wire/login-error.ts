// Why the gateway could not sign in to a database.
import { refusal, RefusalError } from '../../../refusal.ts'
import type { Diagnostic } from '../messages.ts'

/** `upstream.unavailable` or `upstream.broken`, in words that hold nothing of the server's. */
export class LoginError extends RefusalError {
  /** The server's own, where it said no. */
  readonly sqlState: string | undefined
  /** All that the server said once it had let the gateway in, for a target whose clients may hear it: a start-up parameter's value, a role's name stand in it. */
  readonly said: Diagnostic | undefined
  constructor(code: 'upstream.unavailable' | 'upstream.broken', message: string, { sqlState, said, cause }: { readonly sqlState?: string | undefined; readonly said?: Diagnostic; readonly cause?: unknown } = {}) {
    super(refusal(code, message), cause)
    this.name = 'LoginError'
    this.sqlState = sqlState
    this.said = said
  }
}
