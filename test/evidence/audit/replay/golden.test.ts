// The golden set: what each small change of a policy must show, and nothing else.
import test from 'ava'
import { directions } from '../../../../evidence/audit/replay/flip-kind.ts'
import { replayCorpus } from '../../../../evidence/audit/replay/replay.ts'
import { Toolchain } from '../../../../rego/toolchain/process.ts'
import { calls, changes } from './changes.ts'
import { corpusOf } from './corpus-kit.ts'
import { compiled, goldenFiles, headOf, isOfData, told } from './golden.ts'

// The rest of what has to be compiled is left to `npm run conformance -- replay`, which runs all of them.
const compiledHere = ['a deny rule is removed', 'a clause is added to may_call alone', 'two masks contradict each other in one case', 'rewritten, and the same: rules in another order, a rule taken apart']

test('each change of the golden set shows exactly the flips that it must', async (t) => {
  using toolchain = new Toolchain()
  const base = await compiled(goldenFiles, toolchain)
  const corpus = corpusOf(calls, base)
  const chosen = changes.filter((change) => isOfData(change) || compiledHere.includes(change.name))
  for (const change of chosen) {
    const head = await headOf(change, base, toolchain)
    const { flips, faithfulness, unchanged, calls: all } = replayCorpus({ corpus, base, head, clock: () => 0 })
    t.deepEqual(flips.map(told), change.flips, change.name)
    t.is(faithfulness.verdict, 'faithful', change.name)
    if (change.flips.length === 0) t.is(unchanged, all, change.name)
    head.close()
  }
  t.true(chosen.length >= 30)
  t.true(chosen.some(({ flips }) => flips.length === 0), 'a refactor is among them')
})

test('every kind of flip is, but those that another test shows, in the golden set', (t) => {
  const shown = new Set(changes.flatMap(({ flips }) => flips.map((flip) => flip.slice(0, flip.indexOf(' ')))))
  // Nothing in the golden policy can show them: they are the other way round of others, or only said by decisions made by hand.
  const others = ['approvers_narrowed', 'justification_added', 'break_glass_closed', 'approval_template', 'record_extended', 'retention_changed', 'severity_changed']
  t.deepEqual(Object.keys(directions).filter((kind) => !shown.has(kind)).toSorted(), others.toSorted())
})
