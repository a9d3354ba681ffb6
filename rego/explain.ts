// Why a decision: OPA's interpreter makes it again on the source, and notes which rule made each part of it, and which nearly spoke.
// The compiled bundle decides; this tells where in the source to look, so the answer that was explained is there to be compared.
import { askCompiler, typed, type Run } from './compiler.ts'
import { PolicyError } from './errors.ts'
import { createDecisionReader, type ReadDecision } from './read-decision.ts'
import { readSource, type PolicySource } from './source.ts'

/** A rule with its place; its own title, and the controls that it or its package names. */
export interface ExplainedRule {
  readonly package: string
  readonly rule: string
  readonly file: string
  readonly row: number
  readonly title?: string
  readonly controls?: readonly string[]
}

/** `id`: of the reason or mask, name of the limit, or `<package>.allow`. */
export interface ExplainedPart { readonly member: 'reasons' | 'mask' | 'limits' | 'allow'; readonly id: string; readonly by: ExplainedRule }

/** A rule that had nothing to say, and the first of its conditions that did not hold. */
export interface MissedRule extends ExplainedRule {
  /** How far into the rule it got; 0: not past its first condition. */
  readonly held: number
  readonly fail_row: number
  /** The condition, with the values in it below, on several lines. */
  readonly text: string
}

export interface Explanation {
  /** Undefined: there is no decision, which is a deny; `why` says so. */
  readonly decided: ReadDecision | undefined
  readonly why: string | undefined
  readonly parts: readonly ExplainedPart[]
  /** Nearest first. */
  readonly missed: readonly MissedRule[]
}

export interface ExplainOptions extends Run {
  readonly files: PolicySource
  readonly capabilities: unknown
  readonly input: object
}

/** @throws PolicyError ERR_POLICY_CHECK if it does not compile, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function explainDecision(options: ExplainOptions): Promise<Explanation> {
  const { result } = await askCompiler({
    cmd: 'explain',
    files: typed(readSource(options.files)),
    capabilities: options.capabilities,
    entrypoints: ['countersign/request/decision'],
    inputs: [options.input],
  }, options)
  const { defined, decision, parts, missed } = result as { defined: boolean; decision?: unknown; parts: ExplainedPart[]; missed: MissedRule[] }
  try {
    const decided = createDecisionReader()(JSON.stringify(defined ? [{ result: decision }] : []))
    return { decided, why: undefined, parts, missed }
  } catch (error) {
    // What the host would not take for a decision is a deny, and worth explaining all the more.
    if (!(error instanceof PolicyError)) throw error
    return { decided: undefined, why: error.message, parts, missed }
  }
}
