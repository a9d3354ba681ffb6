// "Make it a test": a case for each kind of flip, from a row's input as head reads it, that holds head to what it decides now.
import { hash } from 'node:crypto'
import { formatPolicies, shippedCapabilities, testPolicies } from '../../../rego/index.ts'
import type { PolicySource } from '../../../rego/index.ts'
import { EvidenceError } from '../../errors.ts'
import type { Corpus } from './corpus.ts'
import type { Engine } from './engine.ts'
import type { ReplayResult } from './replay.ts'

export interface SuggestedTests { readonly file: string; readonly text: string }

const maxTests = 25
const maxInputBytes = 8_192

/**
 * A test file of head, or undefined when nothing flips that a short input can show.
 * @throws EvidenceError `ERR_EVIDENCE_REPLAY` when a case does not pass on head, or the corpus has real identities
 */
export async function suggestTests(corpus: Corpus, head: Engine, files: PolicySource, flips: ReplayResult['flips']): Promise<SuggestedTests | undefined> {
  if (corpus.header.identities === 'real') throw new EvidenceError('ERR_EVIDENCE_REPLAY', 'tests are not made of real identities: use a pseudonymous corpus')
  const cases = new Map<number, string>()
  for (const flip of flips) {
    if (flip.direction === 'neutral' || cases.size >= maxTests) continue
    const place = flip.places.find((one) => cases.has(one)) ?? flip.places.find((one) => isShowable(corpus.row(one).input, head))
    if (place !== undefined && !cases.has(place)) cases.set(place, testOf(corpus.row(place).input, head, `${flip.kind}_${cases.size + 1}`, corpus.digest, place))
  }
  if (cases.size === 0) return undefined
  // A name of its own for each corpus and head: an earlier suggestion may have been taken.
  const name = `replay_flips_${hash('sha256', `${corpus.digest}${head.behaviour}`, 'hex').slice(0, 8)}_test`
  const file = `${[...files.keys()].some((path) => path.startsWith('policy/')) ? 'policy/' : ''}${name}.rego`
  const text = ['# What head decides on calls that base decided otherwise; made by `countersign policy replay`, from a corpus without names.', `package ${name}`, '', 'import data.countersign.request', '', ...cases.values()].join('\n')
  const source = new TextEncoder().encode(text)
  const formatted = (await formatPolicies({ files: new Map([[file, source]]) })).get(file) ?? text
  const { tests } = await testPolicies({ files: new Map([...files, [file, new TextEncoder().encode(formatted)]]), capabilities: shippedCapabilities(), filter: `^${name}\\.` })
  const failed = tests.filter(({ outcome }) => outcome !== 'pass')
  if (failed.length > 0 || tests.length !== cases.size) throw new EvidenceError('ERR_EVIDENCE_REPLAY', `a suggested test does not pass on head: ${failed[0]?.name ?? 'one is missing'}`)
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

function testOf(input: object, head: Engine, name: string, corpus: string, place: number): string {
  const { decision } = head.decide(input)
  const rego = (value: unknown): string => JSON.stringify(value)
  const ids = (list: readonly { readonly id: string }[]) => [...new Set(list.map(({ id }) => id))].toSorted()
  const set = (values: readonly string[]) => values.length === 0 ? 'set()' : `{${values.map(rego).join(', ')}}`
  return [
    `# Row ${place} of corpus ${corpus.slice(0, 16)}.`, `test_${name} if {`,
    `\tdecision := request.decision with input as ${head.prune(input)}`,
    `\tdecision.effect == ${rego(decision.effect)}`,
    `\t{reason.id | some reason in decision.reasons} == ${set(ids(decision.reasons))}`,
    `\t{rule.id | some rule in decision.mask} == ${set(ids(decision.mask))}`,
    `\tdecision.limits == ${rego(decision.limits)}`,
    ...(decision.approval === null ? [] : [`\tdecision.approval.quorum == ${decision.approval.quorum}`, `\tdecision.approval.ttl_s == ${decision.approval.ttl_s}`]),
    '}', '',
  ].join('\n')
}
