// The verdict in words, for a person with the printout in hand. Plain text; colour only where the caller says there is a terminal.
import type { Verdict } from './verdict.ts'

const headline = {
  intact: 'INTACT: every claim of this record was checked and holds.',
  incomplete: 'INTACT, BUT INCOMPLETE OR UNDER-WITNESSED: no claim is false; what is missing is named below.',
  false: 'FALSE: at least one integrity claim of this record does not hold.',
} as const
/** Without session keys nobody has seen whether contents are those that were committed to. */
const shutHeadline = 'INTACT: every claim that can be checked without session keys holds; contents were not opened.'
const colours = { intact: 32, incomplete: 33, false: 31 } as const

export function writeReport(verdict: Verdict, hasColour: boolean): string {
  const { checked, log, outside, open } = verdict
  const paint = (text: string): string => hasColour ? `\u001b[1;${colours[verdict.verdict]}m${text}\u001b[0m` : text
  const lines = [paint(verdict.verdict === 'intact' && checked.bodies.boxes > 0 && !checked.bodies.were_opened ? shutHeadline : headline[verdict.verdict]), '']
  const row = (name: string, value: string): void => { lines.push(`  ${name.padEnd(13)}${value}`) }
  if (log !== null) {
    row('log', `${printable(log.origin)}, ${log.size} batches`)
    row('pinned', `commit ${log.commit}`)
    row('root', log.root)
  }
  row('as of', verdict.at)
  row('keys from', verdict.keys)
  row('checked', `${count(checked.batches, 'batch', 'batches')}${log !== null && checked.batches < log.size ? ` of ${log.size}: NOT ALL` : ''} · ${count(checked.frames, 'frame')} · ${count(checked.sessions, 'session')} (${open.sessions} open) · ${count(checked.epochs, 'epoch')}`)
  row('', `${count(checked.intents, 'call')} forwarded · ${count(checked.outcomes, 'outcome')} · ${count(checked.refusals, 'refusal')} · ${count(checked.approvals, 'approval step')} · ${checked.recovered} ambiguous by recovery`)
  row('bodies', checked.bodies.were_opened
    ? `${count(checked.bodies.objects, 'object')} · ${checked.bodies.opened} of ${count(checked.bodies.boxes, 'box', 'boxes')} opened · ${count(checked.bodies.contents, 'content')} match their commitments`
    : `${count(checked.bodies.objects, 'object')} · ${count(checked.bodies.boxes, 'box', 'boxes')} present; NOT OPENED (give --keys to prove content)`)
  row('durability', checked.largest_window_us === 0 ? 'strict throughout' : `released frames waited at most ${checked.largest_window_us / 1000} ms for the disk`)
  if (checked.clockSteps > 0) row('clock', `stepped back ${checked.clockSteps} times within sessions; order is by seq, not by time`)
  if (checked.timedElsewhere > 0) row(checked.clockSteps > 0 ? '' : 'clock', `${count(checked.timedElsewhere, 'frame')} timed more than 60 s before the last batch or after their own: when is the batch's word`)
  row('witnessed by', outsideInWords(outside))
  if (outside.kept_size === 0 && outside.witnessed_size === 0) lines.push('', paint('  WITNESSED BY 0: this record could have been rewritten by whoever holds the log key.'))
  else if (log !== null && Math.max(outside.kept_size, outside.witnessed_size) < log.size) row('not outside', `batches ${Math.max(outside.kept_size, outside.witnessed_size)} to ${log.size - 1} are not yet outside`)
  list(lines, 'False', verdict.falsities, verdict.false_count)
  list(lines, 'Missing', verdict.gaps, verdict.gap_count)
  return `${lines.join('\n')}\n`
}

function outsideInWords({ kept_size: kept, witnesses, quorum, witnessed_size: witnessed }: Verdict['outside']): string {
  const parts = [`${witnesses.length}${witnesses.length > 0 ? ` (${witnesses.map(printable).join(', ')})` : ''}${quorum === null ? '' : `, quorum ${quorum}`}`]
  if (witnessed > 0) parts.push(`quorum reached up to size ${witnessed}`)
  if (kept > 0) parts.push(`the examiner's kept checkpoint, up to size ${kept}`)
  return parts.join('; ')
}

function list(lines: string[], title: string, findings: Verdict['falsities'] | Verdict['gaps'], total: number): void {
  if (total === 0) return
  lines.push('', `${title} (${total}):`)
  for (const { code, item, message } of findings) lines.push(`  ${printable(item)}`, `      ${printable(message)} [${code}]`)
  if (total > findings.length) lines.push(`  and ${total - findings.length} more`)
}

function count(n: number, one: string, many = `${one}s`): string { return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}` }

/** Names come from a record that may be hostile, also in the words of the system: nothing of it may steer a terminal. */
export function printable(text: string): string { return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�') }
