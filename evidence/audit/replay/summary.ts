// The report for a terminal: what changes, for whom, and what is missing; the rest is in the other forms.
import type { Report, ReportedFlip } from './report.ts'
import { change, faithfulnessWords, headline, kindWords, leftOutWords, number, population, unprovenWords } from './words.ts'

/** A name in a pull request steers no terminal. */
const steering = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const maxFlips = 40
const maxUnmet = 12
/** So few say nothing of speed. */
const fewRows = 1_000

export function summaryLines(report: Report): string[] {
  const { flips, gate, rules, cost, differential, corpus } = report
  const width = (cell: (flip: ReportedFlip) => string) => Math.max(0, ...flips.slice(0, maxFlips).map((flip) => cell(flip).length))
  const kinds = width(({ kind }) => kindWords[kind])
  const ids = Math.min(width(({ rules: names }) => names.join(' ')), 60)
  const left = leftOutWords(report)
  return [
    headline(report), population(report), faithfulnessWords(report),
    ...(left === '' ? [] : [`not in the corpus: ${left}`]),
    ...(corpus.signed_by === null ? ['the corpus\'s signature was not checked'] : []),
    ...flips.slice(0, maxFlips).map((flip) => `  ${{ widening: '▲', tightening: '▼', neutral: '·' }[flip.direction]} ${kindWords[flip.kind].padEnd(kinds)}  ${flip.rules.join(' ').padEnd(ids)}  ${number(flip.calls).padStart(7)}  ${aside(flip)}`.trimEnd()),
    ...(flips.length > maxFlips ? [`  and ${number(flips.length - maxFlips)} more`] : []),
    `rules: ${number(rules.never_fired.length)} never fired here, ${number(rules.never_tested.length)} never tested${differential === null ? '' : `; two engines ${differential.disagreements.length === 0 ? 'agree' : 'DISAGREE'} on ${number(differential.rows)} rows`}`,
    `cost: p50 ${cost.base.p50_us} → ${cost.head.p50_us} µs, p99 ${cost.base.p99_us} → ${cost.head.p99_us} µs${corpus.rows < fewRows ? '' : `; ${number(cost.decisions_per_second)} decisions/s`}`,
    ...(report.beside.length === 0 ? [] : [`changed beside the policy, not replayed: ${report.beside.slice(0, 8).join(', ')}`]),
    ...(gate.unseen.length === 0 ? [] : [`head newly goes by what no recorded call can show: ${gate.unseen.join(', ')}; it may decide otherwise than here`]),
    ...(gate.beside.length === 0 ? [] : [`what no replay can judge changes: ${gate.beside.join(', ')}`]),
    ...(gate.unproven === null ? [] : [`nothing proves this change: ${unprovenWords(report)}`]),
    ...gate.unmet.slice(0, maxUnmet).map((one) => `  not met: ${one}`),
    ...(gate.unmet.length > maxUnmet ? [`  and ${number(gate.unmet.length - maxUnmet)} more`] : []),
    ...gate.warnings.map((warning) => `warning: ${warning}`),
    ...(gate.missing.length === 0 ? [] : [`to merge: ${gate.missing.join(', and ')}`]),
  ].map((line) => line.replace(steering, '\ufffd'))
}

function aside(flip: ReportedFlip): string {
  const cells = flip.cells === null || flip.cells === 0 ? '' : `up to ${number(flip.cells)} cells exposed`
  return [change(flip), cells, flip.groups.slice(0, 4).map(([name]) => name).join(' ')].filter((part) => part !== '').join('  ')
}
