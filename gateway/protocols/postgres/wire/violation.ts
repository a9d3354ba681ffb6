// What either peer gets when its bytes are no PostgreSQL message: PostgreSQL's own `protocol_violation` (Appendix A, class 08).

/** Ends the connection it was read from: behind it nobody can tell where a message begins. The message names tags and lengths, never a value. */
export class ProtocolViolation extends Error {
  readonly sqlState = '08P01'
  constructor(message: string) {
    super(message)
    this.name = 'ProtocolViolation'
  }
}
