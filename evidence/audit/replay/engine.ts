// A policy asked as the gateway asks it: whatever goes wrong in the engine is a deny with its code, and that is what the record holds.
import { hash } from 'node:crypto'
import { createPruner, entrypoints, loadPolicy, PolicyError, readBundle } from '../../../rego/index.ts'
import type { Bundle, Decision } from '../../../rego/index.ts'

export interface Answer { readonly decision: Decision; /** Shared by equal answers, not to be written to. */ readonly canonical: Uint8Array }

export interface Engine {
  readonly bundle: Bundle
  /** SHA-256, hex, over module, data and readable paths. */
  readonly behaviour: string
  readonly builtins: readonly string[]
  decide(input: object): Answer
  /** JSON of what of the input can make a difference. */
  prune(input: object): string
  close(): void
}

/** @throws PolicyError when it is no bundle that this host can load */
export function openEngine(bytes: Uint8Array): Engine {
  return engineOf(readBundle(bytes))
}

/** @throws PolicyError when this host cannot load it */
export function engineOf(bundle: Bundle): Engine {
  // Without a cache: each decision is made, never looked up.
  const policy = loadPolicy(bundle, { cacheEntries: 0 })
  const paths = bundle.inputs[entrypoints.decision] ?? []
  const pruner = createPruner(paths)
  const failures = new Map<string, Answer>()
  return {
    bundle,
    behaviour: hash('sha256', `${hash('sha256', bundle.wasm, 'hex')}\n${hash('sha256', bundle.data, 'hex')}\n${JSON.stringify(bundle.inputs)}\n`, 'hex'),
    builtins: policy.builtins,
    decide(input) {
      try {
        // The text is asked for only where a policy can read all of the input.
        return policy.decide(input, pruner.isWhole ? JSON.stringify(input) : '')
      } catch (cause) {
        const code = cause instanceof PolicyError ? cause.code : 'ERR_POLICY_TRAP'
        const known = failures.get(code)
        if (known !== undefined) return known
        const failure = denied(code)
        failures.set(code, failure)
        return failure
      }
    },
    prune: (input) => pruner.write(input),
    close: () => policy.close(),
  }
}

/** As the gateway words it. Members stand in RFC 8785 order, so that `JSON.stringify` gives the canonical bytes. */
function denied(code: string): Answer {
  const decision: Decision = {
    approval: null, effect: 'deny', limits: {}, mask: [], obligations: [],
    reasons: [{ controls: [], id: 'policy.error', mode: 'enforce', msg: `The policy could not decide (${code})` }],
    record: { level: 'body', retention: '' },
  }
  return { decision, canonical: new TextEncoder().encode(JSON.stringify(decision)) }
}
