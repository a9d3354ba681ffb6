// The handbook as Markdown: what a compliance officer reads, and an examiner is handed.
import type { HandbookRule } from './handbook-rule.ts'
import type { Handbook, HandbookPackage, RuleCounts } from './handbook.ts'

export function handbookMarkdown(handbook: Handbook): string {
  const { counts } = handbook
  const rules = handbook.packages.flatMap(one => one.rules)
  const lines = [
    '# Policy handbook', '',
    `Made from METADATA of the policy whose source has the SHA-256 \`${handbook.source}\`: ${rules.length} rules in ${handbook.packages.length} packages, ${handbook.controls.length} controls.`,
    'A rule *produces evidence for* the controls that its authors name; whether that is enough is for the institution to say.',
    ...counts === undefined ? [] : ['', `Decisions are those of a record: ${counts.decisions} read${counts.unopened > 0 ? `, ${counts.unopened} that no key opened and so counted nowhere` : ''}. One counts for each rule that it names; as reported where the rule's mode was warn or dryrun.`],
    '', '## Controls', '',
    ...table(['control', 'rules', 'tests', ...counts === undefined ? [] : ['decisions']], handbook.controls.map(({ control, rules: ids, tests }) => [
      control, ids.map(code).join(', '), String(tests), ...counts === undefined ? [] : [String(ids.reduce((sum, id) => sum + total(counts, id), 0))],
    ])),
    '', '## Packages',
    ...handbook.packages.flatMap(one => packageLines(one, counts)),
  ]
  return `${lines.join('\n')}\n`
}

function packageLines(one: HandbookPackage, counts: RuleCounts | undefined): string[] {
  return [
    '', `### ${one.package}${one.title === '' ? '' : `: ${inline(one.title)}`}`,
    ...one.description === '' ? [] : ['', inline(one.description)],
    '', ...table(['rule', 'verb', 'what for', 'severity', 'controls', 'mode', 'tests', ...counts === undefined ? [] : ['enforced', 'reported'], 'where'], one.rules.map(rule => [
      rule.id === '' ? '' : code(rule.id), rule.verb, rule.title, rule.severity, rule.controls.join(', '), modes(rule), String(rule.tests.length),
      ...counts === undefined ? [] : [String(counts.rules[rule.id]?.enforced ?? 0), String(counts.rules[rule.id]?.reported ?? 0)],
      rule.file === '' ? '' : `${rule.file}:${rule.row}`,
    ])),
    ...one.rules.filter(rule => rule.id !== '' && (rule.msg !== '' || rule.description !== '' || rule.tests.length > 0)).flatMap(rule => [
      '', `**${code(rule.id)}** ${[inline(rule.description), rule.msg === '' ? '' : `Says: “${inline(rule.msg)}”`].filter(part => part !== '').join(' ')}`.trimEnd(),
      ...rule.tests.map(test => `- ${test.name.replace(/^test_/, '').replaceAll('_', ' ')} (${test.file}:${test.row})`),
    ]),
  ]
}

function modes({ modes: said }: HandbookRule): string {
  return Object.entries(said).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([where, mode]) => (where === '*' ? mode : `${where}: ${mode}`)).join(', ')
}

function total(counts: RuleCounts, id: string): number {
  const { enforced = 0, reported = 0 } = counts.rules[id] ?? {}
  return enforced + reported
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => inline(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)]
}

function code(text: string): string {
  return `\`${text}\``
}

/** METADATA is an author's text: it stays on its line, and no tag or link of it becomes one of ours. */
function inline(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('[', '\\[')
}
