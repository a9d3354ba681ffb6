// The door of rego/: compile a policy, open a bundle, decide.
export type { ApprovalRequirement, Decision, Effect, Limits, MaskOp, MaskRule, Reason } from './decision.ts'
