// What happened to the policy in force, or to what was to take its place: a frame of the record, a line of the log.

export interface ActivationEvent {
  /** `rolled_back` and `emergency` are activations, too; the last two are of an emergency's after-review. */
  readonly event: 'activated' | 'rolled_back' | 'emergency' | 'refused' | 'reviewed' | 'review_overdue'
  readonly revision: string
  /** 0 where it could not be told */
  readonly serial: number
  /** People, by the names of allowed_signers. */
  readonly signers: readonly string[]
  /** hex digests, of what came into force */
  readonly bundle?: string
  readonly tree?: string
  readonly tests?: string
  /** The serial under which this tree was in force before. */
  readonly rollsBackTo?: number
  /** Why an emergency, or what a review says: as it was signed. */
  readonly why?: string
  readonly reviewDue?: string
  /** It was in force when the gateway stopped. */
  readonly isResumed?: true
  /** The signed statements. */
  readonly endorsements?: readonly string[]
  /** Why it was refused: a code, and what is wrong; never a value of the config. */
  readonly reason?: { readonly code: string; readonly message: string }
}
