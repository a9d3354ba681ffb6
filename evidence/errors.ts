// Faults of the evidence part. Messages name the thing (a file, a session, a batch), never a secret or recorded content.
export type EvidenceErrorCode =
  /** No room for the frame and for what must still be recorded after it. Passes when space returns. */
  | 'ERR_EVIDENCE_FULL'
  /** An fdatasync failed: this epoch is over, and nothing more is recorded before a restart. */
  | 'ERR_EVIDENCE_FENCED'
  /** The sealer is too far behind: no new call until it catches up. */
  | 'ERR_EVIDENCE_LAG'
  /** Another process holds the journal or the log, or the lock cannot be had for the reason that is said. */
  | 'ERR_EVIDENCE_LOCKED'
  /** Stored bytes that only a fault can have made so. */
  | 'ERR_EVIDENCE_CORRUPT'
  /** The session is closed, or its opening never came on record. */
  | 'ERR_EVIDENCE_SESSION_CLOSED'
  /** A frame that the format does not allow: too large, or with a member it may not have. */
  | 'ERR_EVIDENCE_FRAME'
  /** A value that has no deterministic encoding. */
  | 'ERR_EVIDENCE_CBOR'
  /** A session key or the key-encryption key is missing or cannot be unwrapped. */
  | 'ERR_EVIDENCE_KEY'
  /** The sealer could not bring the record up to date at start. */
  | 'ERR_EVIDENCE_SEALER'
  /** The repository or the store holds less than this sealer has signed: a restored older copy must not fork the log. */
  | 'ERR_EVIDENCE_BEHIND'
  /** Two different heads for one size of the log, or a log that is not this sealer's. */
  | 'ERR_EVIDENCE_FORK'
  /** What was asked for is not in the record. */
  | 'ERR_EVIDENCE_NOT_FOUND'
  /** A replay corpus that is not well formed, not signed by whom it should be, or says what its proofs do not. */
  | 'ERR_EVIDENCE_CORPUS'
  /** A replay that could not be run: no such revision, nothing to compare. */
  | 'ERR_EVIDENCE_REPLAY'
  /** What is to be written out cannot go where it was told to. */
  | 'ERR_EVIDENCE_EXPORT'
  /** A signed note that is not well formed (C2SP signed-note). */
  | 'ERR_TLOG_NOTE'
  /** A known key's signature does not fit, or no known key signed. */
  | 'ERR_TLOG_SIGNATURE'
  /** A checkpoint that is not well formed, or of another log (C2SP tlog-checkpoint). */
  | 'ERR_TLOG_CHECKPOINT'
  /** A proof that is not well formed, or does not lead to the checkpoint (C2SP tlog-proof). */
  | 'ERR_TLOG_PROOF'
  /** A batch leaf that is not well formed (FORMAT.md §7). */
  | 'ERR_TLOG_LEAF'

export class EvidenceError extends Error {
  readonly code: EvidenceErrorCode
  constructor(code: EvidenceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EvidenceError'
    this.code = code
  }
}
