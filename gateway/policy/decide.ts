// The policy stage: a projected call and the policy in force → a decided call. Whatever goes wrong in the engine is a deny with a reason.
import type { DecidedCall, Durability, Operation, ProjectedCall } from '../call.ts'
import type { TargetConfig } from '../config.ts'
import { PolicyError, type Decision, type Policy } from '../../rego/index.ts'

/**
 * Decides one call.
 * `bounded` durability needs the target's grant, an allow, and effects that are all reads (blueprint: approval edges and denials of writes are strict).
 */
export function decide<O extends Operation>(call: ProjectedCall<O>, policy: Policy, target: TargetConfig): DecidedCall<O> {
  const { decision, canonical } = ask(policy, call)
  return { ...call, decision, canonicalDecision: canonical, bundle: policy.digest, durability: durabilityOf(call.operation, decision, target) }
}

/** What a policy says, or the deny that its failing is. */
export function ask(policy: Policy, call: ProjectedCall): { readonly decision: Decision; readonly canonical: Uint8Array } {
  try {
    return policy.decide(call.input, call.inputText, call.alike)
  } catch (cause) {
    // Silence is deny: undefined, trap, unknown obligation, malformed answer. A fault that is not the policy's is one all the same.
    return denialOf(cause)
  }
}

/** What a caller gets for an engine that could not decide. */
export function denialOf(cause: unknown): { readonly decision: Decision; readonly canonical: Uint8Array } {
  return denied(cause instanceof PolicyError ? cause.code : 'ERR_POLICY_TRAP')
}

/** Members stand in RFC 8785 order, so that `JSON.stringify` gives the canonical bytes. */
function denied(code: string): { readonly decision: Decision; readonly canonical: Uint8Array } {
  const decision: Decision = {
    approval: null, effect: 'deny', limits: {}, mask: [], obligations: [],
    reasons: [{ controls: [], id: 'policy.error', mode: 'enforce', msg: `The policy could not decide (${code})` }],
    record: { level: 'body', retention: '' },
  }
  return { decision, canonical: new TextEncoder().encode(JSON.stringify(decision)) }
}

function durabilityOf(operation: Operation, decision: Decision, target: TargetConfig): Durability {
  const { effects } = operation.action.properties
  const isRead = effects.length > 0 && effects.every((effect) => effect === 'read')
  return target.durability === 'bounded' && decision.effect === 'allow' && isRead ? 'bounded' : 'strict'
}
