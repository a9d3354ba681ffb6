// The door of rego/: compile a policy, open a bundle, decide.
export type { ApprovalRequirement, Decision, Effect, Limits, MaskOp, MaskRule, Reason } from './decision.ts'
export { PolicyError } from './errors.ts'
export type { Finding, PolicyErrorCode } from './errors.ts'
export type { PolicySource } from './source.ts'
export { checkPolicies, compileBundle, policyEntrypoints } from './compiler.ts'
export type { CompileOptions } from './compiler.ts'
