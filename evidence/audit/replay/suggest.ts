// "Make it a test": a case for each kind of flip, from as much of a row's input as makes the difference, that holds head to what it
// decides now. It is for many readers, as the reports are: values of callers are not in it (example.ts).
import { hash } from 'node:crypto'
import { formatPolicies, shippedCapabilities, testPolicies } from '../../../rego/index.ts'
import type { MaskRule, PolicySource, Toolchain } from '../../../rego/index.ts'
import { EvidenceError } from '../../errors.ts'
import type { Corpus } from './corpus.ts'
import type { Engine } from './engine.ts'
import { exampleOf } from './example.ts'
import type { Sayable } from './example.ts'
import type { ReplayResult } from './replay.ts'
import type { FlipEntry } from './tally.ts'

export interface SuggestedTests { readonly file: string; readonly text: string }

const maxTests = 25
const maxInputBytes = 8_192

/**
 * A test file of head, or undefined when nothing flips that a short input can show.
 * @throws EvidenceError `ERR_EVIDENCE_REPLAY` when a case does not pass on head, or the corpus has real identities
 */
export async function suggestTests(corpus: Corpus, base: Engine, head: Engine, files: PolicySource, flips: ReplayResult['flips'], sayable: Sayable, toolchain: Toolchain): Promise<SuggestedTests | undefined> {
  if (corpus.header.identities === 'real') throw new EvidenceError('ERR_EVIDENCE_REPLAY', 'tests are not made of real identities: use a pseudonymous corpus')
  const examples = new Map<number, object | undefined>()
  const chosen = new Map<number, { readonly example: object; readonly shown: FlipEntry[] }>()
  for (const flip of flips) {
    if (flip.direction === 'neutral') continue
    for (const place of flip.places) {
      const known = chosen.get(place)
      if (known === undefined && chosen.size >= maxTests) continue
      if (!examples.has(place)) examples.set(place, isShowable(corpus.row(place).input, head) ? exampleOf(corpus.row(place).input, [base, head], sayable) : undefined)
      const example = examples.get(place)
      if (example === undefined) continue
      chosen.set(place, { example, shown: [...known?.shown ?? [], flip] })
      break
    }
  }
  const cases = [...chosen].map(([place, { example, shown }], at) => testOf(example, head, `${shown[0]?.kind}_${at + 1}`, shown, `Row ${place} of corpus ${corpus.digest.slice(0, 16)}.`))
  if (cases.length === 0) return undefined
  // A name of its own for each corpus and head: an earlier suggestion may have been taken.
  const name = `replay_flips_${hash('sha256', `${corpus.digest}${head.behaviour}`, 'hex').slice(0, 8)}_test`
  const file = `${[...files.keys()].some((path) => path.startsWith('policy/')) ? 'policy/' : ''}${name}.rego`
  const text = ['# What head decides on calls that base decided otherwise; made by `countersign policy replay`, from a corpus without names.', `package ${name}`, '', 'import data.countersign.request', '', ...cases].join('\n')
  const source = new TextEncoder().encode(text)
  const formatted = (await formatPolicies({ files: new Map([[file, source]]), toolchain })).get(file) ?? text
  const { tests } = await testPolicies({ files: new Map([...files, [file, new TextEncoder().encode(formatted)]]), capabilities: shippedCapabilities(), filter: `${name}\\.test_`, toolchain })
  const failed = tests.filter(({ outcome }) => outcome !== 'pass')
  if (failed.length > 0 || tests.length !== cases.length) throw new EvidenceError('ERR_EVIDENCE_REPLAY', `a suggested test does not pass on head: ${failed[0]?.name ?? 'one is missing'}`)
  return { file, text: formatted }
}

/** An engine that cannot decide answers nothing that a test could hold it to. */
function isShowable(input: object, head: Engine): boolean {
  return head.prune(input).length <= maxInputBytes && head.decide(input).decision.reasons[0]?.id !== 'policy.error'
}

/** For `git apply`; the file is new. */
export function writePatch({ file, text }: SuggestedTests): string {
  const lines = text.replace(/\n$/, '').split('\n')
  return [`diff --git a/${file} b/${file}`, 'new file mode 100644', '--- /dev/null', `+++ b/${file}`, `@@ -0,0 +1,${lines.length} @@`, ...lines.map((line) => `+${line}`), ''].join('\n')
}

function testOf(input: object, head: Engine, name: string, flips: readonly FlipEntry[], from: string): string {
  const { decision } = head.decide(input)
  const text = (value: unknown): string => JSON.stringify(value)
  const set = (values: readonly unknown[]) => values.length === 0 ? 'set()' : `{${[...new Set(values.map(text))].toSorted().join(', ')}}`
  const masks = [...new Set(flips.filter(({ kind }) => kind.startsWith('mask_')).flatMap(({ rules }) => rules))].flatMap((id) => maskLines(id, decision.mask, text, set))
  const { approval } = decision
  return [
    `# ${from}`, `test_${name} if {`,
    `\tdecision := request.decision with input as ${text(input)}`,
    `\tdecision.effect == ${text(decision.effect)}`,
    `\t{reason.id | some reason in decision.reasons} == ${set(decision.reasons.map(({ id }) => id))}`,
    `\t{rule.id | some rule in decision.mask} == ${set(decision.mask.map(({ id }) => id))}`,
    ...masks,
    `\tdecision.limits == ${text(decision.limits)}`,
    `\tdecision.record.level == ${text(decision.record.level)}`,
    ...(approval === null ? [] : [
      `\t{name | some group in decision.approval.groups; some name in group.any_of} == ${set(approval.groups.flatMap(({ any_of }) => any_of))}`,
      ...(['quorum', 'ttl_s', 'justification', 'break_glass'] as const).map((member) => `\tdecision.approval.${member} == ${text(approval[member])}`),
    ]),
    '}', '',
  ].join('\n')
}

/** What one mask covers, and how; sets, since the order of its columns is nobody's. */
function maskLines(named: string, masks: readonly MaskRule[], text: (value: unknown) => string, set: (values: readonly unknown[]) => string): string[] {
  // `net.us_ssn` is what the rule `net` is called for one of its classes.
  const id = masks.some((rule) => rule.id === named) || !masks.some((rule) => named.startsWith(`${rule.id}.`)) ? named : named.slice(0, named.lastIndexOf('.'))
  const own = masks.filter((rule) => rule.id === id)
  const where = `some rule in decision.mask; rule.id == ${text(id)}`
  return [
    `\t{rule.op | ${where}} == ${set(own.map(({ op }) => op))}`,
    `\t{rule.keep_last | ${where}} == ${set(own.flatMap(({ keep_last: keep }) => keep ?? []))}`,
    `\t{name | ${where}; some name in rule.match.columns} == ${set(own.flatMap(({ match }) => match.columns ?? []))}`,
    ...(own.some(({ match }) => match.classes !== undefined) ? [`\t{name | ${where}; some name in rule.match.classes} == ${set(own.flatMap(({ match }) => match.classes ?? []))}`] : []),
    ...(['json_path', 'class'] as const).flatMap((member) => own.some(({ match }) => match[member] !== undefined) ? [`\t{rule.match.${member} | ${where}} == ${set(own.map(({ match }) => match[member]))}`] : []),
  ]
}
