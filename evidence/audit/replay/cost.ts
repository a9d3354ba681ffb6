// What one decision takes, base beside head: the same inputs turn by turn, once both are warm, so that neither is charged for being first.
import type { Corpus } from './corpus.ts'
import type { Engine } from './engine.ts'

export interface Cost { readonly p50_us: number; readonly p99_us: number }

/** A tenth of a second at the usual 20 µs. */
const measured = 2_000
const warmUp = 500

/** @param clock monotonic, ms */
export function measureCost(corpus: Corpus, places: readonly number[], base: Engine, head: Engine, clock: () => number): { readonly base: Cost; readonly head: Cost } {
  const inputs = places.map((place) => corpus.row(place).input)
  const times = { base: new Float64Array(measured), head: new Float64Array(measured) }
  if (inputs.length === 0) return { base: costOf([]), head: costOf([]) }
  for (let turn = -warmUp; turn < measured; turn++) {
    const input = inputs[(turn + warmUp) % inputs.length] ?? {}
    const from = clock()
    base.decide(input)
    const between = clock()
    head.decide(input)
    if (turn < 0) continue
    times.base[turn] = between - from
    times.head[turn] = clock() - between
  }
  return { base: costOf(times.base), head: costOf(times.head) }
}

function costOf(times: ArrayLike<number>): Cost {
  const sorted = Array.from(times).toSorted((a, b) => a - b)
  const at = (share: number): number => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10_000) / 10
  return { p50_us: at(0.5), p99_us: at(0.99) }
}
