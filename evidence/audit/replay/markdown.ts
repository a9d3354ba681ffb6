// The report as a comment on a pull request: what changes first, everything else folded. Names are set as code, where Markdown, mentions, links
// and HTML mean nothing; the two characters that could end a code span or a table cell are shown by look-alikes.
import type { Report, ReportedFlip } from './report.ts'
import type { RuleId } from './rule-ids.ts'
import { change, counted, faithfulnessWords, headline, kindWords, leftOutWords, number, population, unprovenWords } from './words.ts'

/** GitHub takes 65,536 characters. */
const maxCharacters = 60_000
const maxFlips = 40
const maxNames = 6

export function writeMarkdown(report: Report, sha256: string): string {
  const lines = [
    `## Policy replay: ${headline(report)}`, '',
    ...gateLines(report),
    `${population(report)}. ${sentence(faithfulnessWords(report))}`, '',
    ...flipTable(report.flips),
    ...fold('Who is met, and where to look', report.flips.slice(0, maxFlips).flatMap(flipDetails)),
    ...fold(`Rules: ${number(report.rules.never_fired.length)} never fired, ${number(report.rules.never_tested.length)} never tested`, ruleLines(report)),
    ...fold('Cost, second engine, and what no replay can judge', caveatLines(report)),
    ...faithfulnessFold(report),
    `<sub>base ${code(report.base.revision.slice(0, 12))}, head ${code(report.head.revision.slice(0, 12))}, corpus ${code(report.corpus.sha256.slice(0, 16))}, report sha256 ${code(sha256)}</sub>`, '',
  ]
  const text = lines.join('\n')
  return text.length <= maxCharacters ? text : `${text.slice(0, text.lastIndexOf('\n', maxCharacters))}\n\n</details>\n\nCut here: the rest is in the JSON report.\n`
}

/** A name as code: no text of a policy or a corpus stands anywhere else. */
export function code(text: string): string {
  const safe = text.replace(/`/g, 'ˋ').replace(/\|/g, '¦').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
  return safe === '' ? '' : `\`${safe}\``
}

function gateLines(report: Report): string[] {
  const { gate, verdict } = report
  const said = [
    ...(verdict === 'not faithful' ? ['**Not faithful.** What follows rests on a base that does not decide as it did.'] : []),
    ...(verdict === 'engines disagree' ? ['**Two engines disagree** on this policy: one of them is wrong.'] : []),
    ...(gate.unseen.length > 0 ? [`**Head newly goes by what no recorded call can show**: ${gate.unseen.map(code).join(', ')}. It may decide otherwise than here.${gate.widening.entries > 0 || gate.missing.length === 0 ? '' : ` Missing: ${gate.missing.join(', and ')}.`}`] : []),
    ...(gate.beside.length > 0 ? [`**What no replay can judge changes**: ${gate.beside.map(code).join(', ')}.${gate.widening.entries + gate.unseen.length > 0 || gate.missing.length === 0 ? '' : ` Missing: ${gate.missing.join(', and ')}.`}`] : []),
    ...(gate.unproven !== null ? [`**Nothing proves this change**: ${unprovenWords(report)}${unmetNames(gate.unmet)}.${gate.widening.entries + gate.unseen.length + gate.beside.length > 0 || gate.missing.length === 0 ? '' : ` Missing: ${gate.missing.join(', and ')}.`}`] : []),
    ...(gate.widening.entries > 0 && gate.missing.length > 0 ? [`**Access widens for ${counted(gate.widening.calls, 'recorded call')}.** Missing: ${gate.missing.join(', and ')}.`] : []),
    ...(gate.widening.entries > 0 && gate.missing.length === 0 ? [`Access widens for ${counted(gate.widening.calls, 'recorded call')}: labelled, and approved by an owner.`] : []),
    ...gate.warnings.map((warning) => `Warning: ${warning}.`),
  ]
  return said.flatMap((line) => [`> ${line}`, '>']).slice(0, -1).concat(said.length > 0 ? [''] : [])
}

function unmetNames(unmet: readonly string[]): string {
  return unmet.length === 0 ? '' : ` (${unmet.slice(0, maxNames).map(code).join(', ')}${unmet.length > maxNames ? ` and ${number(unmet.length - maxNames)} more` : ''})`
}

const arrows = { widening: '▲ wider', tightening: '▼ tighter', neutral: '· neither' } as const

function flipTable(flips: readonly ReportedFlip[]): string[] {
  if (flips.length === 0) return []
  return [
    '| | What changes | Rule | Before → after | Calls | Groups |', '|---|---|---|---|--:|---|',
    ...flips.slice(0, maxFlips).map((flip) => `| ${arrows[flip.direction]} | ${kindWords[flip.kind]} | ${flip.rules.map(code).join(' ')} | ${changeCode(flip)} | ${number(flip.calls)}${cells(flip)} | ${flip.groups.slice(0, maxNames).map(([name]) => code(name)).join(' ')} |`),
    ...(flips.length > maxFlips ? ['', `${number(flips.length - maxFlips)} more are in the JSON report.`] : []), '',
  ]
}

function changeCode(flip: ReportedFlip): string {
  const subjects = flip.subjects.slice(0, maxNames).map(code).join(' ')
  const more = flip.subjects.length > maxNames ? ` and ${flip.subjects.length - maxNames} more` : ''
  const from = change({ ...flip, subjects: [] })
  return [`${subjects}${more}`, code(from)].filter((part) => part !== '').join(' ')
}

function cells({ cells: count }: ReportedFlip): string {
  return count === null || count === 0 ? '' : `<br>up to ${number(count)} cells`
}

function flipDetails(flip: ReportedFlip): string[] {
  const names = (label: string, list: readonly (readonly [string, number])[]) => list.length === 0 ? [] : [`  - ${label}: ${list.slice(0, maxNames).map(([name, calls]) => `${code(name)} ${number(calls)}`).join(', ')}${list.length > maxNames ? ' …' : ''}`]
  return [
    `- **${kindWords[flip.kind]}** ${flip.rules.map(code).join(' ')}: ${counted(flip.calls, 'call')}, ${counted(flip.rows, 'distinct row')}`,
    ...names('targets', flip.targets), ...names('actions', flip.actions), ...names('resources', flip.resources), ...names('groups', flip.groups), ...names('callers', flip.callers),
    ...(flip.controls.length === 0 ? [] : [`  - controls: ${flip.controls.map(code).join(', ')}`]),
    ...flip.samples.map(({ row, batch, frame, reads }) => `  - corpus row ${row} (batch ${batch}, frame ${frame})${ofRequest(reads)}`),
  ]
}

/** Who and where are above; what is left is what of the request head looks at. */
function ofRequest(reads: readonly string[]): string {
  const names = reads.filter((path) => path.startsWith('input.request.'))
  return names.length === 0 ? '' : `; head reads ${names.slice(0, 12).map(code).join(', ')}${names.length > 12 ? ' …' : ''}`
}

function ruleLines({ rules }: Report): string[] {
  const list = (title: string, ids: readonly RuleId[]) => ids.length === 0 ? [] : [`- ${title}: ${ids.slice(0, 60).map(({ id, file, row }) => `${code(id)} (${code(`${file}:${row}`)})`).join(', ')}${ids.length > 60 ? ' …' : ''}`]
  return [...list('never fired in this corpus', rules.never_fired), ...list('reached by no test', rules.never_tested)]
}

function caveatLines(report: Report): string[] {
  const { cost, differential, base, head, corpus } = report
  const left = leftOutWords(report)
  return [
    '| | p50 | p99 | module |', '|---|--:|--:|--:|',
    `| base | ${cost.base.p50_us} µs | ${cost.base.p99_us} µs | ${number(base.wasm_bytes)} B |`, `| head | ${cost.head.p50_us} µs | ${cost.head.p99_us} µs | ${number(head.wasm_bytes)} B |`, '',
    ...(cost.new_builtins.length === 0 ? [] : [`- new built-in functions of the host: ${cost.new_builtins.map(code).join(', ')}`]),
    `- ${differential === null ? 'second engine: not run, there is no source of head' : `compiled and interpreted, ${counted(differential.rows, 'row')}: ${differential.disagreements.length === 0 ? 'they agree' : `they differ on ${counted(differential.disagreements.length, 'row')} (${differential.disagreements.slice(0, 10).join(', ')})`}`}`,
    `- corpus: ${corpus.signed_by === null ? 'signature not checked' : `signed by ${code(corpus.signed_by)}`}, log key ${corpus.log_key_checked ? 'checked' : 'not checked'}${left === '' ? '' : `; left out: ${left}`}`,
    ...(report.head_reads.length === 0 ? [] : [`- only head reads ${report.head_reads.slice(0, 20).map(code).join(', ')}: calls that differ in nothing else are one row, so counts by these are of one of them`]),
    ...(report.beside.length === 0 ? [] : [`- changed, and no replay can judge it: ${report.beside.slice(0, 20).map(code).join(', ')}`]),
  ]
}

function faithfulnessFold({ faithfulness: { differences } }: Report): string[] {
  if (differences.length === 0) return []
  return fold('What base decides otherwise than was recorded', ['| Recorded → base | Rule | Calls |', '|---|---|--:|', ...differences.slice(0, maxFlips).map((flip) => `| ${kindWords[flip.kind]} ${changeCode(flip)} | ${flip.rules.map(code).join(' ')} | ${number(flip.calls)} |`)])
}

function fold(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['<details>', `<summary>${title}</summary>`, '', ...lines, '', '</details>', '']
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
