// How the reports for people name things: one wording for Markdown, terminal and SARIF.
import type { FlipKind } from './flip-kind.ts'
import type { Report, ReportedFlip } from './report.ts'

export const kindWords: Readonly<Record<FlipKind, string>> = {
  deny_to_allow: 'denied → allowed', deny_to_approval: 'denied → may be approved', approval_removed: 'approval removed',
  allow_to_deny: 'allowed → denied', approval_to_deny: 'could be approved → denied', approval_added: 'approval added',
  quorum_lowered: 'fewer approvers', quorum_raised: 'more approvers', ttl_raised: 'approval lasts longer', ttl_lowered: 'approval lasts shorter',
  approvers_widened: 'others may approve', approvers_narrowed: 'fewer may approve', justification_dropped: 'no justification', justification_added: 'justification required',
  break_glass_opened: 'break-glass opened', break_glass_closed: 'break-glass closed', approval_template: 'another approval template',
  mask_removed: 'mask removed', mask_weakened: 'mask weakened', mask_added: 'mask added', mask_strengthened: 'mask strengthened', mask_renamed: 'mask renamed',
  limit_loosened: 'limit loosened', limit_tightened: 'limit tightened', record_reduced: 'record keeps less', record_extended: 'record keeps more', retention_changed: 'retention changed',
  reasons_changed: 'other reasons', controls_changed: 'other controls', severity_changed: 'another severity', reason_text: 'reason reworded',
}

export const number = (count: number): string => count.toLocaleString('en-US')

/** `1 call`, `2 calls`. */
export const counted = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? '' : 's'}`

/** `2 changes widen access, 1 tightens it`. */
export function headline({ flips, gate, verdict }: Report): string {
  const ways = (direction: ReportedFlip['direction']) => flips.filter((flip) => flip.direction === direction).length
  const [wider, tighter, neither] = [ways('widening'), ways('tightening'), ways('neutral')]
  const access = wider > 0 ? 'it' : 'access'
  const parts = [
    ...(wider > 0 ? [`${counted(wider, 'change')} ${wider === 1 ? 'widens' : 'widen'} access`] : []),
    ...(tighter > 0 ? [`${wider > 0 ? number(tighter) : counted(tighter, 'change')} ${tighter === 1 ? 'tightens' : 'tighten'} ${access}`] : []),
    ...(neither > 0 ? [`${wider + tighter > 0 ? number(neither) : counted(neither, 'change')} ${neither === 1 ? 'does' : 'do'} neither`] : []),
  ]
  return `${parts.join(', ') || (gate.unproven === null ? 'no decision changes' : 'nothing is proven')}${verdict === 'fine' ? '' : ` (${verdict})`}`
}

export function population({ corpus, unchanged_calls: unchanged }: Report): string {
  const days = corpus.first === '' ? 'no calls' : `recorded ${corpus.first.slice(0, 10)} to ${corpus.last.slice(0, 10)}`
  return `${counted(corpus.calls, 'call')} ${days}, ${number(corpus.rows)} of them distinct; ${number(unchanged)} unchanged`
}

export function faithfulnessWords({ faithfulness: { verdict, own, others } }: Report): string {
  const share = (known: { readonly calls: number; readonly reproduced: number }) => `${number(known.reproduced)} of ${number(known.calls)}`
  const other = others.rows === 0 ? '' : `; of ${counted(others.calls, 'call')} decided under another bundle it decides ${number(others.reproduced)} the same`
  switch (verdict) {
    case 'faithful': return `base makes ${share({ calls: own.calls + others.calls, reproduced: own.reproduced + others.reproduced })} recorded decisions again, byte for byte`
    case 'explained': return `base makes ${share(own)} of its own recorded decisions again${other}: what base says now is what head is compared with`
    case 'unproven': return `no call in the corpus was decided by base${other}: what base says now is what head is compared with`
    case 'unfaithful': return `NOT FAITHFUL: base makes ${share(own)} of its own recorded decisions again${other}`
  }
}

/** What an exporter left out, in words; empty when nothing. */
export function leftOutWords({ corpus: { left_out: left } }: Report): string {
  return [
    left.not_opened === 0 ? '' : `${number(left.not_opened)} whose content no key opened`, left.no_bundle === 0 ? '' : `${number(left.no_bundle)} whose bundle was not at hand`,
    left.not_reproduced === 0 ? '' : `${number(left.not_reproduced)} that their bundle does not decide again`, left.identity === 0 ? '' : `${number(left.identity)} that are decided by who calls: only a corpus with real identities can hold them`,
  ].filter((part) => part !== '').join(', ')
}

const unprovenReasons = {
  no_calls: 'the corpus holds no call', not_of_base: 'base decided no call in the corpus', not_met: 'no recorded call meets all that comes, goes or changes',
} as const

/** Empty where something was proven. */
export function unprovenWords({ gate: { unproven } }: Report): string {
  return unproven === null ? '' : unprovenReasons[unproven]
}

export function change({ before, after, subjects }: Pick<ReportedFlip, 'before' | 'after' | 'subjects'>): string {
  const from = before === '' && after === '' ? '' : `${before} → ${after}`
  return [subjects.join(', '), from].filter((part) => part !== '').join(': ')
}
