// Why a corpus says nothing of a change: then "no decision changes" is no finding, and passes no gate. A head that decides by the same module,
// data and paths as base is no change, and needs no proof.
import type { PolicySource } from '../../../rego/index.ts'
import type { Engine } from './engine.ts'
import type { ReplayResult } from './replay.ts'
import { findRuleIds, isFired } from './rule-ids.ts'

/** `no_calls`: nothing was replayed. `not_of_base`: base decided no call of the corpus, and decides some otherwise now. `not_met`: a rule comes or goes that no call meets, or of a file that changes they meet none, or a clause or data that they show nothing of (unmet.ts). */
export type Unproven = 'no_calls' | 'not_of_base' | 'not_met'

interface Side { readonly engine: Engine; readonly files: PolicySource | undefined }

/**
 * @param unmet `findUnmet`
 * @returns undefined where something was proven, or there is nothing to prove
 */
export function unprovenBy(base: Side, head: Side, result: Pick<ReplayResult, 'calls' | 'faithfulness' | 'fired'>, unmet: readonly string[]): Unproven | undefined {
  if (base.engine.behaviour === head.engine.behaviour) return undefined
  if (result.calls === 0) return 'no_calls'
  if (result.faithfulness.verdict === 'unproven') return 'not_of_base'
  const isFiredByAny = (id: string): boolean => isFired(id, result.fired.base) || isFired(id, result.fired.head)
  const isUnmet = !comingOrGoing(base.files, head.files).every(isFiredByAny) || changedFiles(base.files, head.files).some((ids) => ids.length > 0 && !ids.some(isFiredByAny))
  return isUnmet || unmet.length > 0 ? 'not_met' : undefined
}

/** Rule ids that only one side writes: a refusal that nobody ran into is missed by no call when it is gone. */
function comingOrGoing(base: PolicySource | undefined, head: PolicySource | undefined): readonly string[] {
  if (base === undefined || head === undefined) return []
  const [before, after] = [base, head].map((files) => new Set(findRuleIds(files, undefined).map(({ id }) => id))) as [Set<string>, Set<string>]
  return [...before.symmetricDifference(after)]
}

/** Rule ids of each file that differs, as either side writes them. */
function changedFiles(base: PolicySource | undefined, head: PolicySource | undefined): readonly (readonly string[])[] {
  if (base === undefined || head === undefined) return []
  const changed = [...new Set([...base.keys(), ...head.keys()])].filter((name) => !name.endsWith('_test.rego') && Buffer.compare(base.get(name) ?? nothing, head.get(name) ?? nothing) !== 0)
  return changed.map((name) => [base, head].flatMap((side) => findRuleIds(new Map([...side].filter(([file]) => file === name)), undefined).map(({ id }) => id)))
}

const nothing = new Uint8Array(0)
