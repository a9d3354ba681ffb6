// From what the policy module answered to a decision that can be enforced and hashed. The module is not trusted to answer well:
// anything the schema does not know is an error, and the host turns every error into a deny.
import { Ajv } from 'ajv'
import type { SchemaObject } from 'ajv'
import { readSetShape, writeCanonical } from './canonical.ts'
import type { Decision } from './decision.ts'
import { PolicyError } from './errors.ts'
import schema from './schema/decision.schema.json' with { type: 'json' }

/** Obligations a gateway can meet. One that it cannot must not be passed over. */
const knownObligations: ReadonlySet<string> = new Set<string>()

export interface ReadDecision {
  /** Frozen. Equal answers of the module give the same object, so that work done for one can be kept by it. */
  readonly decision: Decision
  /** RFC 8785 bytes of it. */
  readonly canonical: Uint8Array
}

/** Reads the text of OPA's result set. @throws PolicyError */
export type DecisionReader = (text: string) => ReadDecision

/** Compiles the schema once, for any number of policies. */
export function createDecisionReader(): DecisionReader {
  // That the schema is one is a test's to say: asking takes longer than compiling it.
  const validate = new Ajv({ strict: true, keywords: ['x-set'], meta: false, validateSchema: false }).compile(schema as SchemaObject)
  const shape = readSetShape(schema as object)
  return text => {
    const value = readResult(text)
    if (!validate(value)) {
      const [error] = validate.errors ?? []
      // Where and which rule; never what was there.
      throw new PolicyError('ERR_POLICY_MALFORMED', `the decision is malformed: ${error?.instancePath || '/'} breaks "${error?.keyword}"`)
    }
    const canonical = writeCanonical(value, shape)
    const decision = JSON.parse(canonical) as Decision
    const stranger = decision.obligations.find(({ type }) => !knownObligations.has(type))
    if (stranger) throw new PolicyError('ERR_POLICY_OBLIGATION', 'the decision has an obligation that this gateway cannot meet')
    if ((decision.effect === 'require') !== (decision.approval !== null)) throw new PolicyError('ERR_POLICY_MALFORMED', 'the decision is malformed: an approval goes with "require", and only with it')
    return { decision: freeze(decision), canonical: new TextEncoder().encode(canonical) }
  }
}

/** The one value in OPA's result set `[{"result": …}]`. @throws PolicyError `ERR_POLICY_UNDEFINED` when it is empty */
export function readResult(text: string): unknown {
  let rows: unknown
  try {
    rows = JSON.parse(text)
  } catch (cause) {
    throw new PolicyError('ERR_POLICY_MALFORMED', 'the policy module answered with text that is not JSON', { cause })
  }
  if (!Array.isArray(rows) || rows.length > 1) throw new PolicyError('ERR_POLICY_MALFORMED', 'the policy module answered with something else than one result')
  const row: unknown = rows[0]
  if (row === undefined) throw new PolicyError('ERR_POLICY_UNDEFINED', 'the policy has no answer for this input')
  if (typeof row !== 'object' || row === null || !('result' in row)) throw new PolicyError('ERR_POLICY_MALFORMED', 'the policy module answered with something else than one result')
  return row.result
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) freeze(member)
    Object.freeze(value)
  }
  return value
}
