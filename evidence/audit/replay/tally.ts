// Flips of many rows added up: by what flips, and for each by whom it meets. Bounded, so that a policy that answers each call differently
// cannot buy memory: what is over the bound is counted, not listed.
import type { Decision } from '../../../rego/index.ts'
import type { CorpusRow } from './corpus.ts'
import type { Answer } from './engine.ts'
import { directions } from './flip-kind.ts'
import type { Direction, Flip, FlipKind } from './flip-kind.ts'

/** One row with what both versions say of it. */
export interface Replayed { readonly place: number; readonly row: CorpusRow; readonly base: Answer; readonly head: Answer; readonly flips: readonly Flip[] }

export interface FlipEntry {
  readonly kind: FlipKind
  readonly direction: Direction
  readonly rules: readonly string[]
  readonly subjects: readonly string[]
  readonly before: string
  readonly after: string
  readonly calls: number
  readonly rows: number
  /** Cells that the rules took out of recorded results: at most so many are newly exposed. Null where it is no mask, or no result is on record. */
  readonly cells: number | null
  /** Calls by each; the most frequent first. */
  readonly groups: readonly (readonly [string, number])[]
  readonly targets: readonly (readonly [string, number])[]
  readonly actions: readonly (readonly [string, number])[]
  readonly resources: readonly (readonly [string, number])[]
  readonly callers: readonly (readonly [string, number])[]
  readonly controls: readonly string[]
  /** Places of some rows in the corpus. */
  readonly places: readonly number[]
}

const maxEntries = 2_000
const maxNames = 1_000
const maxListed = 20
const maxPlaces = 3

interface Growing {
  readonly flip: Flip
  calls: number
  rows: number
  cells: number
  hasResults: boolean
  readonly names: Readonly<Record<'groups' | 'targets' | 'actions' | 'resources' | 'callers', Map<string, number>>>
  readonly controls: Set<string>
  readonly places: number[]
}

export class Tally {
  readonly #entries = new Map<string, Growing>()
  /** A flip is shared by all rows of one pair of answers. */
  readonly #byFlip = new WeakMap<Flip, Growing>()

  add({ place, row, base, head, flips }: Replayed): void {
    for (const flip of flips) {
      let entry = this.#byFlip.get(flip)
      if (entry === undefined) {
        entry = this.#entryOf(flip)
        this.#byFlip.set(flip, entry)
        for (const decision of [base.decision, head.decision]) for (const control of controlsOf(decision, flip.rules)) entry.controls.add(control)
      }
      count(entry, row, place)
    }
  }

  /** Widening first, then by how many calls. */
  entries(): FlipEntry[] {
    const order: Readonly<Record<Direction, number>> = { widening: 0, tightening: 1, neutral: 2 }
    return [...this.#entries.values()].map(({ flip, calls, rows, cells, hasResults, names, controls, places }): FlipEntry => ({
      ...flip, direction: directions[flip.kind], calls, rows, cells: hasResults ? cells : null,
      groups: most(names.groups), targets: most(names.targets), actions: most(names.actions), resources: most(names.resources), callers: most(names.callers),
      controls: [...controls].toSorted(), places,
    })).toSorted((a, b) => order[a.direction] - order[b.direction] || b.calls - a.calls || (a.kind < b.kind ? -1 : 1))
  }

  #entryOf(flip: Flip): Growing {
    const key = JSON.stringify([flip.kind, flip.rules, flip.subjects, flip.before, flip.after])
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const isFull = this.#entries.size >= maxEntries
    const kept: Flip = isFull ? { kind: flip.kind, rules: [], subjects: [], before: '', after: '' } : flip
    const full = JSON.stringify([kept.kind])
    const entry = (isFull ? this.#entries.get(full) : undefined) ?? {
      flip: kept, calls: 0, rows: 0, cells: 0, hasResults: false, controls: new Set<string>(), places: [],
      names: { groups: new Map<string, number>(), targets: new Map<string, number>(), actions: new Map<string, number>(), resources: new Map<string, number>(), callers: new Map<string, number>() },
    }
    this.#entries.set(isFull ? full : key, entry)
    return entry
  }
}

function count(entry: Growing, row: CorpusRow, place: number): void {
  const { subject, action, resource } = row.input as { subject?: { properties?: { groups?: unknown } }; action?: { name?: unknown }; resource?: { id?: unknown; properties?: { target?: unknown } } }
  entry.calls += row.calls
  entry.rows += 1
  if (entry.places.length < maxPlaces) entry.places.push(place)
  const groups = subject?.properties?.groups
  for (const group of Array.isArray(groups) ? groups : []) note(entry.names.groups, group, row.calls)
  note(entry.names.targets, resource?.properties?.target, row.calls)
  note(entry.names.actions, action?.name, row.calls)
  note(entry.names.resources, resource?.id, row.calls)
  for (const [name, calls] of row.who) note(entry.names.callers, name, calls)
  if ((entry.flip.kind === 'mask_removed' || entry.flip.kind === 'mask_weakened') && row.results > 0) {
    entry.hasResults = true
    for (const id of entry.flip.rules) entry.cells += row.masked[id] ?? 0
  }
}

function note(names: Map<string, number>, name: unknown, calls: number): void {
  if (typeof name !== 'string' || (names.size >= maxNames && !names.has(name))) return
  names.set(name, (names.get(name) ?? 0) + calls)
}

function most(names: ReadonlyMap<string, number>): [string, number][] {
  return [...names].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, maxListed)
}

function controlsOf({ reasons }: Decision, rules: readonly string[]): string[] {
  return reasons.filter(({ id }) => rules.includes(id)).flatMap(({ controls }) => controls)
}
