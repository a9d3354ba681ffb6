// What the flips ask for before they may be merged, and the exit status that says whether they have it.
import type { ReplayResult } from './replay.ts'
import type { Unproven } from './unproven.ts'
import type { PolicyVersion } from './version.ts'

/** The label that says: somebody meant this. */
const wideningLabel = 'policy-widening'

/** 2 (could not run) is the command's own. */
export const exitStatus = { fine: 0, gate: 1, unfaithful: 3, disagreement: 4 } as const

export interface GateInput {
  /** Labels of the pull request. */
  readonly labels: readonly string[]
  readonly author: string | undefined
  readonly approvedBy: readonly string[]
  /** Calls that would be refused before it is worth a warning. */
  readonly warnBlocked: number
}

export interface Gate {
  readonly widening: { readonly calls: number; readonly entries: number }
  /** What head goes by and this corpus cannot show: as good as a widening. */
  readonly unseen: readonly string[]
  /** Why no recorded call proves the change: as good as a widening, too. */
  readonly unproven: Unproven | undefined
  /** Clauses and data of the change that no recorded call shows (unmet.ts). */
  readonly unmet: readonly string[]
  /** What changes beside the policy, that a gateway goes by and no replay can judge: as good as a widening. */
  readonly beside: readonly string[]
  /** What is missing for it; empty: nothing, or nothing widens and something was proven. */
  readonly missing: readonly string[]
  readonly warnings: readonly string[]
  readonly exit: 0 | 1 | 3 | 4
}

/**
 * @param disagreements rows on which the second engine decides otherwise
 * @param unseen `unseenBy`
 * @param unproven `unprovenBy`
 */
export function judge(result: ReplayResult, input: GateInput, disagreements: number, { unseen, unproven, unmet, beside }: Pick<Gate, 'unseen' | 'unproven' | 'unmet' | 'beside'>): Gate {
  const author = folded(input.author ?? '')
  const approvers = input.approvedBy.map(folded).filter((name) => name !== '')
  const wider = result.flips.filter(({ direction }) => direction === 'widening')
  const missing = wider.length + unseen.length + beside.length === 0 && unproven === undefined ? [] : [
    ...(input.labels.includes(wideningLabel) ? [] : [`the label ${wideningLabel}`]),
    // Nobody widens by himself, however he writes his name: forges tell names apart without case. Who is not named may be any of them.
    ...(author === '' && approvers.length > 0 ? ['who proposes it (--author)'] : []),
    ...(author !== '' && approvers.some((name) => name !== author) ? [] : ['the approval of an owner other than the author']),
  ]
  const { calls, callers } = result.blocked
  const warnings = calls > input.warnBlocked ? [`${calls} calls of ${callers} callers went through and would be refused (more than ${input.warnBlocked})`] : []
  const exit = result.faithfulness.verdict === 'unfaithful' ? exitStatus.unfaithful : disagreements > 0 ? exitStatus.disagreement : missing.length > 0 ? exitStatus.gate : exitStatus.fine
  return { widening: { calls: wider.reduce((sum, one) => sum + one.calls, 0), entries: wider.length }, unseen, unproven, unmet, beside, missing, warnings, exit }
}

/** Who may do what where, and who may change it. */
const governing = ['config.yaml', 'allowed_signers']

/** Of two revisions; where one side is a folder or a bundle, there is nothing beside it to compare. */
export function governingChanges(base: Pick<PolicyVersion, 'kind' | 'beside'>, head: Pick<PolicyVersion, 'kind' | 'beside'>): readonly string[] {
  return base.kind !== 'revision' || head.kind !== 'revision' ? [] : governing.filter((file) => base.beside.get(file) !== head.beside.get(file))
}

function folded(name: string): string {
  return name.trim().toLowerCase()
}
