// Every way a policy can fail, from source to decision. One fault, one code; the host turns each of them into a deny.
export type PolicyErrorCode =
  // The source: what an author can mend. `findings` says where.
  | 'ERR_POLICY_CHECK'
  | 'ERR_POLICY_TEST'
  | 'ERR_POLICY_BUILD'
  | 'ERR_POLICY_SOURCE'
  | 'ERR_POLICY_LINT'
  // The compiler: what an operator can mend.
  | 'ERR_TOOLCHAIN_DEADLINE'
  | 'ERR_TOOLCHAIN_MEMORY'
  | 'ERR_TOOLCHAIN_DIGEST'
  | 'ERR_TOOLCHAIN_FAULT'
  // The bundle and its evaluation.
  | 'ERR_BUNDLE_MALFORMED'
  | 'ERR_BUNDLE_BUILTIN'
  | 'ERR_BUNDLE_UNSIGNED'
  | 'ERR_BUNDLE_SIGNATURE'
  | 'ERR_BUNDLE_ROLLBACK'
  | 'ERR_BUNDLE_KEY'
  | 'ERR_BUNDLE_IMAGE'
  | 'ERR_POLICY_UNDEFINED'
  | 'ERR_POLICY_TRAP'
  | 'ERR_POLICY_MALFORMED'
  | 'ERR_POLICY_OBLIGATION'
  | 'ERR_POLICY_TIMEOUT'
  | 'ERR_POLICY_MEMORY'
  | 'ERR_POLICY_INPUT'

/** What is wrong with a policy, and where. Row and column count from 1; 0 where there is no place. */
export interface Finding {
  /** OPA's own word for the kind: `rego_parse_error`, `rego_type_error`, `rego_compile_error` …, or ours. */
  readonly code: string
  readonly message: string
  /** As the caller named it; empty where no file is at fault. */
  readonly file: string
  readonly row: number
  readonly col: number
}

export class PolicyError extends Error {
  readonly code: PolicyErrorCode
  readonly findings: readonly Finding[]

  constructor(code: PolicyErrorCode, message: string, options: ErrorOptions & { readonly findings?: readonly Finding[] } = {}) {
    super(message, options)
    this.name = 'PolicyError'
    this.code = code
    this.findings = options.findings ?? []
  }
}
