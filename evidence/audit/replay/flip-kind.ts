// What kinds of flips there are, and which way each goes.

/** The closed list; each kind has one direction. A new one needs a row in `directions` and in the reports' words. */
export type FlipKind =
  | 'allow_to_deny' | 'approval_to_deny' | 'approval_added'
  | 'deny_to_allow' | 'deny_to_approval' | 'approval_removed'
  | 'quorum_lowered' | 'quorum_raised' | 'ttl_raised' | 'ttl_lowered' | 'approvers_widened' | 'approvers_narrowed'
  | 'justification_dropped' | 'justification_added' | 'break_glass_opened' | 'break_glass_closed' | 'approval_template'
  | 'mask_removed' | 'mask_weakened' | 'mask_added' | 'mask_strengthened' | 'mask_renamed'
  | 'limit_loosened' | 'limit_tightened'
  | 'record_reduced' | 'record_extended' | 'retention_changed'
  | 'reasons_changed' | 'controls_changed' | 'severity_changed' | 'reason_text'

/** `widening` is what a gate asks for: somebody may do or see more, or less of it is approved, limited or recorded. */
export type Direction = 'widening' | 'tightening' | 'neutral'

export const directions: Readonly<Record<FlipKind, Direction>> = {
  deny_to_allow: 'widening', deny_to_approval: 'widening', approval_removed: 'widening',
  quorum_lowered: 'widening', ttl_raised: 'widening', approvers_widened: 'widening', justification_dropped: 'widening', break_glass_opened: 'widening',
  mask_removed: 'widening', mask_weakened: 'widening', limit_loosened: 'widening', record_reduced: 'widening',
  allow_to_deny: 'tightening', approval_to_deny: 'tightening', approval_added: 'tightening',
  quorum_raised: 'tightening', ttl_lowered: 'tightening', approvers_narrowed: 'tightening', justification_added: 'tightening', break_glass_closed: 'tightening',
  mask_added: 'tightening', mask_strengthened: 'tightening', limit_tightened: 'tightening', record_extended: 'tightening',
  approval_template: 'neutral', mask_renamed: 'neutral', retention_changed: 'neutral',
  reasons_changed: 'neutral', controls_changed: 'neutral', severity_changed: 'neutral', reason_text: 'neutral',
}

/** Texts are the policy's own (ids, names, numbers): what prints them asks the vocabulary first. */
export interface Flip {
  readonly kind: FlipKind
  /** Ids of the rules that it is put down to. */
  readonly rules: readonly string[]
  /** What it is about: a limit's name, a mask's columns, a reason's id. */
  readonly subjects: readonly string[]
  readonly before: string
  readonly after: string
}
