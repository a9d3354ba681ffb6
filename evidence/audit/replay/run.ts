// One review from its parts to its report, without files and terminal: verify the corpus, replay it, ask the second engine, judge.
import { PolicyError, shippedCapabilities, testPolicies } from '../../../rego/index.ts'
import type { Coverage, Toolchain } from '../../../rego/index.ts'
import { EvidenceError } from '../../errors.ts'
import { checkCorpus } from './check-corpus.ts'
import { readCorpus } from './corpus.ts'
import { measureCost } from './cost.ts'
import { compareEngines } from './differential.ts'
import { wordsOf } from './example.ts'
import { governingChanges, judge } from './gate.ts'
import type { GateInput } from './gate.ts'
import { replayCorpus } from './replay.ts'
import { makeReport, writeReport } from './report.ts'
import type { Report } from './report.ts'
import { findRuleIds } from './rule-ids.ts'
import type { RuleId } from './rule-ids.ts'
import { namespaces, verifyFile } from './signature.ts'
import { suggestTests } from './suggest.ts'
import type { SuggestedTests } from './suggest.ts'
import { findUnmet } from './unmet.ts'
import { unprovenBy } from './unproven.ts'
import { unseenBy } from './unseen.ts'
import { createVocabulary } from './vocabulary.ts'
import type { PolicyVersion } from './version.ts'

export interface ReviewOptions extends GateInput {
  readonly base: PolicyVersion
  readonly head: PolicyVersion
  readonly corpus: Uint8Array
  /** Armoured; undefined: the corpus comes without one. */
  readonly signature: string | undefined
  /** Text of allowed_signers; undefined: nobody is trusted to have made a corpus. */
  readonly signers: string | undefined
  /** Somebody said that an unsigned corpus will do. */
  readonly isUnsignedAllowed: boolean
  readonly areRealIdentitiesAllowed: boolean
  readonly logKey: string | undefined
  readonly wantsTests: boolean
  /** The compiler; kept for all that is asked of it here. */
  readonly toolchain: Toolchain
  /** ms since the Unix epoch. */
  readonly now: () => number
  /** Monotonic, ms. */
  readonly clock: () => number
  readonly progress?: (doing: string, done: number, total: number) => void
}

export interface Review { readonly report: Report; readonly bytes: Uint8Array; readonly sha256: string; readonly rules: readonly RuleId[]; readonly tests: SuggestedTests | undefined }

/** @throws EvidenceError `ERR_EVIDENCE_CORPUS`, `ERR_EVIDENCE_REPLAY`; PolicyError of the compiler */
export async function review(options: ReviewOptions): Promise<Review> {
  const { base, head, progress, toolchain } = options
  const signedBy = signerOf(options)
  const corpus = readCorpus(options.corpus)
  const { rows, identities } = corpus.header
  if (identities === 'real' && !options.areRealIdentitiesAllowed) throw new EvidenceError('ERR_EVIDENCE_CORPUS', 'the corpus has real identities, which a report for many readers must not be made of: say --real-identities where only people inside read it')
  checkCorpus(corpus, options.logKey, (done) => progress?.('checking proofs', done, rows))
  // In a process of its own, meanwhile.
  const covering = coverageOf(head, toolchain)
  const result = replayCorpus({ corpus, base: base.engine, head: head.engine, clock: options.clock, ...(progress === undefined ? {} : { progress: (done, total) => progress('replaying', done, total) }) })
  progress?.('asking the second engine', rows, rows)
  const coverage = await covering
  const cost = measureCost(corpus, result.sample, base.engine, head.engine, options.clock)
  const differential = head.files === undefined ? undefined : await compareEngines(corpus, head.engine, head.files, result.sample, toolchain)
  const rules = head.files === undefined ? [] : findRuleIds(head.files, coverage)
  const unmet = await findUnmet(corpus, result.sample, base, head, toolchain)
  const gate = judge(result, options, differential?.disagreements.length ?? 0, {
    unseen: unseenBy(base.engine, head.engine, corpus, result.sample), unproven: unprovenBy(base, head, result, unmet), unmet, beside: governingChanges(base, head),
  })
  const vocabulary = createVocabulary([base, head])
  const report = makeReport({ base, head, corpus, signedBy, isLogKeyChecked: options.logKey !== undefined, result, gate, cost, rules, differential, vocabulary, now: options.now() })
  const tests = options.wantsTests && head.files !== undefined ? await suggestTests(corpus, base.engine, head.engine, head.files, result.flips, { vocabulary, words: wordsOf([base.files, head.files]) }, toolchain) : undefined
  return { report, ...writeReport(report), rules, tests }
}

function signerOf({ corpus, signature, signers, isUnsignedAllowed, now }: ReviewOptions): string | undefined {
  if (signature !== undefined && signers !== undefined) return verifyFile(corpus, signature, signers, namespaces.corpus, now())
  if (isUnsignedAllowed) return undefined
  throw new EvidenceError('ERR_EVIDENCE_CORPUS', signature === undefined ? 'the corpus has no signature beside it (.sig): say --unsigned if that will do' : 'nobody is named who may sign a corpus: give --signers, or say --unsigned')
}

/** Undefined where head's tests cannot be run: that is `policy test`'s finding, not this report's. */
async function coverageOf({ files }: PolicyVersion, toolchain: Toolchain): Promise<Coverage | undefined> {
  if (files === undefined) return undefined
  try {
    return (await testPolicies({ files, capabilities: shippedCapabilities(), coverage: true, toolchain })).coverage
  } catch (cause) {
    if (cause instanceof PolicyError) return undefined
    throw cause
  }
}
