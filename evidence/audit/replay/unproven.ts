// Why a corpus says nothing of a change: then "no decision changes" is no finding, and passes no gate. A head that decides by the same module,
// data and paths as base is no change, and needs no proof.
import type { PolicySource } from '../../../rego/index.ts'
import type { Engine } from './engine.ts'
import type { ReplayResult } from './replay.ts'
import { findRuleIds, isFired } from './rule-ids.ts'

/** `no_calls`: nothing was replayed. `not_of_base`: base decided no call of the corpus, and decides some otherwise now. `not_met`: no call meets any rule of the files that change. */
export type Unproven = 'no_calls' | 'not_of_base' | 'not_met'

interface Side { readonly engine: Engine; readonly files: PolicySource | undefined }

/** @returns undefined where something was proven, or there is nothing to prove */
export function unprovenBy(base: Side, head: Side, result: Pick<ReplayResult, 'calls' | 'faithfulness' | 'flips' | 'fired'>): Unproven | undefined {
  if (base.engine.behaviour === head.engine.behaviour) return undefined
  if (result.calls === 0) return 'no_calls'
  if (result.faithfulness.verdict === 'unproven') return 'not_of_base'
  const ids = changedRules(base.files, head.files)
  const isMet = result.flips.length > 0 || ids === undefined || ids.some((id) => isFired(id, result.fired.base) || isFired(id, result.fired.head))
  return isMet ? undefined : 'not_met'
}

/** Ids written in files that differ; undefined where one of them names no rule, so that what it touches cannot be told. */
function changedRules(base: PolicySource | undefined, head: PolicySource | undefined): readonly string[] | undefined {
  if (base === undefined || head === undefined) return undefined
  const ids: string[] = []
  for (const name of new Set([...base.keys(), ...head.keys()])) {
    if (name.endsWith('_test.rego') || Buffer.compare(base.get(name) ?? nothing, head.get(name) ?? nothing) === 0) continue
    const found = [base, head].flatMap((side) => { const bytes = side.get(name); return bytes === undefined ? [] : findRuleIds(new Map([[name, bytes]]), undefined) })
    if (found.length === 0) return undefined
    ids.push(...found.map(({ id }) => id))
  }
  return ids.length === 0 ? undefined : ids
}

const nothing = new Uint8Array(0)
