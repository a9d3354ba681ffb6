// Every row of a corpus through base and head: does base still say what was recorded, and what does head say instead?
import type { Decision } from '../../../rego/index.ts'
import type { Corpus } from './corpus.ts'
import type { Answer, Engine } from './engine.ts'
import { compareDecisions } from './flip.ts'
import type { Flip } from './flip-kind.ts'
import { Tally } from './tally.ts'
import type { FlipEntry } from './tally.ts'

export interface Faithfulness {
  /** `faithful`: base makes every recorded decision again. `explained`: where it does not, another bundle decided. `unproven`: nothing in the corpus was decided by base, and it decides some of it otherwise. `unfaithful`: base itself decided otherwise. */
  readonly verdict: 'faithful' | 'explained' | 'unproven' | 'unfaithful'
  /** Calls that base decided when they were made, and of those what it decides again. */
  readonly own: { readonly rows: number; readonly calls: number; readonly reproduced: number }
  /** Calls that another bundle decided: what base says of them now is what head is compared with. */
  readonly others: { readonly rows: number; readonly calls: number; readonly reproduced: number }
  /** What differs between the record and base, by rule. */
  readonly differences: readonly FlipEntry[]
}

export interface ReplayResult {
  readonly rows: number
  readonly calls: number
  readonly unchanged: number
  readonly faithfulness: Faithfulness
  readonly flips: readonly FlipEntry[]
  /** Calls by rule id, of reasons and masks. */
  readonly fired: { readonly base: ReadonlyMap<string, number>; readonly head: ReadonlyMap<string, number> }
  /** Calls that went through, at once or with approval, and would now be refused, and how many callers made them. */
  readonly blocked: { readonly calls: number; readonly callers: number }
  /** Both versions, and all around them. */
  readonly decisionsPerSecond: number
  /** Rows that differ most from one another: of each pair of answers the first, then evenly. For the second engine and for tests. */
  readonly sample: readonly number[]
}

export interface ReplayOptions {
  readonly corpus: Corpus
  readonly base: Engine
  readonly head: Engine
  /** Monotonic, ms. */
  readonly clock: () => number
  readonly progress?: (done: number, total: number) => void
}

/** Enough to meet each pair of answers of a policy, and half a second of topdown. */
const sampleRows = 1_000
const progressEvery = 1_024

/** @throws EvidenceError `ERR_EVIDENCE_CORPUS` when a row is malformed */
export function replayCorpus({ corpus, base, head, clock, progress }: ReplayOptions): ReplayResult {
  const { header } = corpus
  const isOwn = header.bundles.map(({ behaviour, revision }) => behaviour === base.behaviour || (revision !== 'working-tree' && revision === base.bundle.revision))
  const recorded = new Recorded(corpus.decisions)
  const flipped = new Tally()
  const drifted = new Tally()
  const flipsOf = paired((a, b) => compareDecisions(a, b))
  const counts = { own: { rows: 0, calls: 0, reproduced: 0 }, others: { rows: 0, calls: 0, reproduced: 0 } }
  const fired = { base: new Map<Decision, number>(), head: new Map<Decision, number>() }
  const sample = new Sample(header.rows, sampleRows)
  const blockedBy = new Set<string>()
  let [place, calls, unchanged, blocked] = [0, 0, 0, 0]
  const started = clock()
  for (const row of corpus.rows()) {
    const before = base.decide(row.input)
    const after = head.decide(row.input)
    const known = counts[isOwn[row.bundle] === true ? 'own' : 'others']
    known.rows += 1
    known.calls += row.calls
    if (recorded.isSame(row.decision, before)) known.reproduced += row.calls
    else drifted.add({ place, row, base: recorded.answer(row.decision), head: before, flips: flipsOf(recorded.answer(row.decision).decision, before.decision) })
    const flips = flipsOf(before.decision, after.decision)
    if (flips.length === 0) unchanged += row.calls
    else {
      flipped.add({ place, row, base: before, head: after, flips })
      if (before.decision.effect !== 'deny' && after.decision.effect === 'deny') {
        blocked += row.calls
        for (const [name] of row.who) blockedBy.add(name)
      }
    }
    sample.see(place, before, after)
    fired.base.set(before.decision, (fired.base.get(before.decision) ?? 0) + row.calls)
    fired.head.set(after.decision, (fired.head.get(after.decision) ?? 0) + row.calls)
    calls += row.calls
    if (++place % progressEvery === 0) progress?.(place, header.rows)
  }
  const seconds = Math.max(clock() - started, 0.001) / 1000
  return {
    rows: place, calls, unchanged, flips: flipped.entries(), blocked: { calls: blocked, callers: blockedBy.size },
    faithfulness: { verdict: verdictOf(counts), ...counts, differences: drifted.entries() },
    fired: { base: byRule(fired.base), head: byRule(fired.head) },
    decisionsPerSecond: Math.round(2 * place / seconds), sample: sample.places(),
  }
}

function verdictOf({ own, others }: Pick<Faithfulness, 'own' | 'others'>): Faithfulness['verdict'] {
  if (own.reproduced < own.calls) return 'unfaithful'
  if (own.rows + others.rows > 0 && others.reproduced === others.calls) return 'faithful'
  return own.rows === 0 ? 'unproven' : 'explained'
}

/** The recorded decisions, and whether an answer is one of them byte for byte. */
class Recorded {
  readonly #texts: readonly string[]
  readonly #places: ReadonlyMap<string, number>
  /** Equal answers of an engine are one object. */
  readonly #seen = new WeakMap<Uint8Array, number>()
  readonly #answers = new Map<number, Answer>()

  constructor(texts: readonly string[]) {
    this.#texts = texts
    this.#places = new Map(texts.map((text, place) => [text, place]))
  }

  isSame(place: number, { canonical }: Answer): boolean {
    let found = this.#seen.get(canonical)
    if (found === undefined) this.#seen.set(canonical, found = this.#places.get(Buffer.from(canonical).toString('utf8')) ?? -1)
    return found === place
  }

  /** Unproven JSON that a leaf commits to: the shape is the gateway's own. */
  answer(place: number): Answer {
    let answer = this.#answers.get(place)
    const text = this.#texts[place] ?? ''
    if (answer === undefined) this.#answers.set(place, answer = { decision: JSON.parse(text) as Decision, canonical: Buffer.from(text) })
    return answer
  }
}

/** Few pairs of answers make up a corpus of many rows: each is compared once. */
function paired(compare: (a: Decision, b: Decision) => readonly Flip[]): (a: Decision, b: Decision) => readonly Flip[] {
  const known = new WeakMap<Decision, WeakMap<Decision, readonly Flip[]>>()
  return (a, b) => {
    let beside = known.get(a)
    if (beside === undefined) known.set(a, beside = new WeakMap())
    let flips = beside.get(b)
    if (flips === undefined) beside.set(b, flips = compare(a, b))
    return flips
  }
}

class Sample {
  readonly #max: number
  readonly #stride: number
  readonly #pairs = new WeakMap<Uint8Array, WeakSet<Uint8Array>>()
  readonly #firsts: number[] = []
  readonly #even: number[] = []

  constructor(rows: number, max: number) {
    this.#max = max
    this.#stride = Math.max(1, Math.ceil(rows / max))
  }

  see(place: number, { canonical: a }: Answer, { canonical: b }: Answer): void {
    let beside = this.#pairs.get(a)
    if (beside === undefined) this.#pairs.set(a, beside = new WeakSet())
    if (!beside.has(b) && this.#firsts.length < this.#max) { beside.add(b); this.#firsts.push(place) } else if (place % this.#stride === 0) this.#even.push(place)
  }

  places(): number[] { return [...new Set([...this.#firsts, ...this.#even])].slice(0, this.#max).toSorted((a, b) => a - b) }
}

function byRule(answers: ReadonlyMap<Decision, number>): ReadonlyMap<string, number> {
  const rules = new Map<string, number>()
  for (const [{ reasons, mask }, calls] of answers) {
    for (const id of new Set([...reasons.map((reason) => reason.id), ...mask.map((rule) => rule.id)])) rules.set(id, (rules.get(id) ?? 0) + calls)
  }
  return rules
}
