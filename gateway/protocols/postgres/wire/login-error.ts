// Why the gateway could not sign in to a database.
import { refusal, RefusalError } from '../../../refusal.ts'

/** `upstream.unavailable` or `upstream.broken`, in words that hold nothing of the server's. */
export class LoginError extends RefusalError {
  /** The server's own, where it said no. */
  readonly sqlState: string | undefined
  constructor(code: 'upstream.unavailable' | 'upstream.broken', message: string, sqlState?: string, cause?: unknown) {
    super(refusal(code, message), cause)
    this.name = 'LoginError'
    this.sqlState = sqlState
  }
}
