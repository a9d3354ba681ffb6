// OPA's own interpreter on the same source: the second opinion that compiled decisions are held against. Slower, and with OPA's own
// built-in functions, so where the two differ one of them is wrong.
import { PolicyError } from './errors.ts'
import { createDecisionReader } from './read-decision.ts'
import { readSource, type PolicySource } from './source.ts'
import type { Toolchain } from './toolchain/process.ts'

const query = 'data.countersign.request.decision'

/**
 * What topdown decides on each of `inputs`: the canonical bytes as text, or undefined where the call is denied because there is no
 * decision (no answer, an error, an answer that the schema does not know).
 * @throws PolicyError ERR_POLICY_CHECK if it does not compile, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_*
 */
export async function decideTopdown(options: { readonly files: PolicySource; readonly capabilities: unknown; readonly inputs: readonly object[]; readonly toolchain: Toolchain; readonly deadlineMs?: number }): Promise<readonly (string | undefined)[]> {
  const { findings, result } = await options.toolchain.request({ cmd: 'eval', files: readSource(options.files), capabilities: options.capabilities, query, inputs: options.inputs }, options.deadlineMs)
  if (findings.length > 0) throw new PolicyError('ERR_POLICY_CHECK', 'the policy does not compile for topdown', { findings })
  const read = createDecisionReader()
  return (result as { defined?: boolean; value?: unknown }[]).map(({ defined, value }) => {
    if (defined !== true) return undefined
    try {
      return new TextDecoder().decode(read(JSON.stringify([{ result: value }])).canonical)
    } catch (cause) {
      if (cause instanceof PolicyError) return undefined
      throw cause
    }
  })
}
