// The golden set of policy changes, each compiled for itself, and the tests suggested for it: they must pass with the change and fail without.
import { replayCorpus } from '../../evidence/audit/replay/replay.ts'
import { wordsOf } from '../../evidence/audit/replay/example.ts'
import { suggestTests } from '../../evidence/audit/replay/suggest.ts'
import { createVocabulary } from '../../evidence/audit/replay/vocabulary.ts'
import { shippedCapabilities, testPolicies, Toolchain } from '../../rego/index.ts'
import { calls, changes } from '../evidence/audit/replay/changes.ts'
import { corpusOf } from '../evidence/audit/replay/corpus-kit.ts'
import { changed, compiled, goldenFiles, told } from '../evidence/audit/replay/golden.ts'
import type { Outcome } from './outcome.ts'

export async function replayConformance(): Promise<readonly Outcome[]> {
  using toolchain = new Toolchain()
  const base = await compiled(goldenFiles, toolchain)
  const corpus = corpusOf(calls, base)
  const outcomes: Outcome[] = []
  for (const change of changes) {
    const files = changed(change)
    const head = await compiled(files, toolchain)
    const { flips, faithfulness } = replayCorpus({ corpus, base, head, clock: () => performance.now() })
    const isAsDue = faithfulness.verdict === 'faithful' && JSON.stringify(flips.map(told)) === JSON.stringify(change.flips)
    const suggested = await suggestTests(corpus, base, head, files, flips, { vocabulary: createVocabulary([{ files: goldenFiles, engine: base }, { files, engine: head }]), words: wordsOf([goldenFiles, files]) }, toolchain)
    const onBase = suggested === undefined ? [] : (await testPolicies({ files: new Map([...goldenFiles, [suggested.file, new TextEncoder().encode(suggested.text)]]), capabilities: shippedCapabilities(), filter: 'replay_flips', toolchain })).tests
    const isPinned = onBase.every(({ outcome }) => outcome === 'fail')
    outcomes.push({ name: change.name, passed: isAsDue && isPinned, detail: `${flips.length} flips${isAsDue ? '' : `, not as due: ${flips.map(told).join('; ')}`}; ${onBase.length} tests suggested${isPinned ? '' : ', one of which passes without the change'}` })
    head.close()
  }
  return outcomes
}
