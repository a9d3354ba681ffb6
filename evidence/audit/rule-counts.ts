// How often each rule was given as a reason in recorded decisions, for the handbook's matrix of controls. No verdict: `verify` gives that.
import { contentsOf } from './recording.ts'
import type { Recording } from './recording.ts'

export interface RuleCounts {
  /** Decisions whose content a key opened. */
  readonly decisions: number
  readonly unopened: number
  /** By the rule's id; `reported`: its mode was warn or dryrun. A mask counts once for each decision that it stands in. */
  readonly rules: Readonly<Record<string, { readonly enforced: number; readonly reported: number }>>
}

interface Decision { readonly reasons?: readonly { readonly id?: unknown; readonly mode?: unknown }[]; readonly mask?: readonly { readonly id?: unknown }[] }

/** @throws EvidenceError where the record cannot be read */
export function countRules(recording: Recording): RuleCounts {
  const rules = new Map<string, { enforced: number; reported: number }>()
  let decisions = 0, unopened = 0
  const count = (id: unknown, isEnforced: boolean) => {
    if (typeof id !== 'string') return
    const known = rules.get(id) ?? { enforced: 0, reported: 0 }
    known[isEnforced ? 'enforced' : 'reported'] += 1
    rules.set(id, known)
  }
  for (const frame of recording.frames()) {
    if (frame.bundle === undefined || frame.decisionId === undefined) continue
    const { decision } = contentsOf(frame)
    if (decision === undefined) {
      unopened += 1
      continue
    }
    const { reasons = [], mask = [] } = JSON.parse(Buffer.from(decision).toString('utf8')) as Decision
    decisions += 1
    for (const { id, mode } of reasons) count(id, mode === 'enforce')
    for (const { id } of mask) count(id, true)
  }
  return { decisions, unopened, rules: Object.fromEntries([...rules].toSorted(([a], [b]) => (a < b ? -1 : 1))) }
}
