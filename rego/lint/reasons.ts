// Reasons and masks as they are written: an id that names its package, once, and members that the decision's schema takes. What is
// malformed is denied at run time; here its author is told before.
import { entriesOf, finding, idPrefix, reasonVerbs, type LintRule, type PlacedEntry } from './subject.ts'

const idForm = /^[a-z0-9_]+(\.[a-z0-9_]+)+$/
const choices: Readonly<Record<string, readonly string[]>> = { severity: ['low', 'medium', 'high', 'critical'], mode: ['enforce', 'warn', 'dryrun'] }

export const reasonIds: LintRule = ({ packages }) => {
  const known = new Map<string, PlacedEntry>()
  return entriesOf(packages).flatMap(placed => {
    const { package: one, rule, entry } = placed
    const at = { file: rule.file, row: entry.row, col: entry.col }
    if (entry.id === '') return isVerb(rule.name) ? [finding('reason_id', at, 'write the id out: nobody finds a rule whose id is computed')] : []
    const prefix = idPrefix(one)
    if (!idForm.test(entry.id) || !entry.id.startsWith(`${prefix}.`)) return [finding('reason_id', at, `${entry.id}: an id is ${prefix}.<name>, after its package, in lower case (or METADATA of the package says custom.ids)`)]
    const earlier = known.get(entry.id)
    if (earlier === undefined) known.set(entry.id, placed)
    // The same id in both arms of one rule is one rule.
    return earlier === undefined || earlier.rule === rule ? [] : [finding('reason_id', at, `${entry.id} stands at ${earlier.rule.file}:${earlier.entry.row}, too: one rule, one id`)]
  })
}

export const reasonMembers: LintRule = ({ packages }) => [
  ...entriesOf(packages).filter(({ rule, entry }) => isVerb(rule.name) && 'msg' in entry.members).flatMap(({ rule, entry }) => {
    const at = { file: rule.file, row: entry.row, col: entry.col }
    const wanted = rule.name === 'require' ? ['controls', 'approval'] : ['controls']
    return [
      ...wanted.filter(name => !(name in entry.members)).map(name => finding('reason_members', at, `${entry.id} has no ${name}`)),
      ...Object.entries(choices).filter(([name, allowed]) => entry.members[name] != null && !allowed.includes(String(entry.members[name])))
        .map(([name, allowed]) => finding('reason_members', at, `${entry.id}: ${name} is one of ${allowed.join(', ')}`)),
    ]
  }),
  ...packages.flatMap(one => one.rules).filter(rule => isVerb(rule.name) && rule.kind === 'set' && (rule.entries ?? []).length === 0)
    .map(rule => finding('reason_members', rule, `write the reason out in the rule, ${rule.name} contains {"id": …, "msg": …}, so that it can be found`)),
]

function isVerb(name: string): boolean {
  return reasonVerbs.includes(name)
}
