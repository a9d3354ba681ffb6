// The notebook of one statement: which columns were used how, what flows where, which literal meets which column.
import type { Access, BaseColumn, RelationUse, RoutineUse, Use } from '../analysis.ts'
import type { Comparison, Flow, TracedColumn, UnknownReason } from '../trace.ts'
import { unpack, type Inputs, type Value } from './value.ts'

/** A statement that would need more work than this is not followed: about a second. */
const maxWork = 2_000_000
/** Of nested expressions, queries, views and routines together. */
const maxDepth = 600

export class TraceLimitError extends Error {
  readonly reason: 'too_deep' | 'too_large'
  constructor(reason: 'too_deep' | 'too_large') {
    super(reason)
    this.name = 'TraceLimitError'
    this.reason = reason
  }
}

/** Of one statement, its views and routines included. */
export class Effort {
  #work = 0
  #depth = 0
  /** @throws TraceLimitError */
  spend(amount: number): void {
    this.#work += amount
    if (this.#work > maxWork) throw new TraceLimitError('too_large')
  }
  /** @throws TraceLimitError */
  deeper<T>(run: () => T): T {
    if (++this.#depth > maxDepth) throw new TraceLimitError('too_deep')
    try {
      return run()
    } finally {
      this.#depth--
    }
  }
}

/** More values than these, asked for by one statement, are a search. */
const maxGuesses = 20

interface ColumnEntry { readonly uses: Set<Use>; readonly comparisons: Set<Comparison>; guesses: number }

export class Uses {
  readonly #effort: Effort
  readonly #columns = new Map<number, ColumnEntry>()
  readonly #relations = new Map<string, { schema: string; name: string; oid?: number; access: Set<Access> }>()
  readonly #routines = new Map<string, RoutineUse>()
  readonly #flows = new Map<string, Flow>()
  readonly #literals = new Map<number, Set<number>>()
  readonly #parameters = new Map<number, Set<number>>()
  /** Met something that cannot be told, once is enough: they get no entry. */
  readonly #lostLiterals = new Set<number>()
  readonly #lostParameters = new Set<number>()
  readonly unknown = new Set<UnknownReason>()

  constructor(effort: Effort) {
    this.#effort = effort
  }

  /** @param guesses values that it is compared with */
  use(value: Value, use: Use, comparison?: Comparison, guesses = 0): void {
    this.#effort.spend(value.columns.size)
    for (const column of value.columns) {
      let entry = this.#columns.get(column)
      if (entry === undefined) this.#columns.set(column, entry = { uses: new Set(), comparisons: new Set(), guesses: 0 })
      entry.uses.add(use)
      if (comparison !== undefined) entry.comparisons.add(comparison)
      if (comparison === 'equality') entry.guesses += Math.max(1, guesses)
      if (entry.guesses > maxGuesses) entry.comparisons.add('other')
    }
  }

  relation(schema: string, name: string, oid: number | undefined, access: Access): void {
    const key = `${schema}\0${name}`
    const entry = this.#relations.get(key)
    if (entry === undefined) this.#relations.set(key, { schema, name, ...oid !== undefined ? { oid } : {}, access: new Set([access]) })
    else entry.access.add(access)
  }

  routine(routine: RoutineUse): void {
    this.#routines.set(`${routine.schema}\0${routine.name}\0${routine.volatility}\0${routine.isKnown}`, routine)
  }

  flow(from: Value, into: string, except?: number): void {
    this.use(from, 'write-source')
    for (const column of from.columns) if (column !== except) this.#flows.set(`${column}\0${into}`, { from: unpack(column), into })
  }

  /** Literals and parameters of `inputs` were compared with, or written into, what feeds `with`. */
  attribute(inputs: Inputs | undefined, other: Value): void {
    if (inputs === undefined) return
    const pending: Inputs[] = [inputs]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      this.#effort.spend(1 + other.columns.size)
      if (next.kind === 'both') pending.push(next.left, next.right)
      else {
        const [lost, found, key] = next.kind === 'literal' ? [this.#lostLiterals, this.#literals, next.location] as const : [this.#lostParameters, this.#parameters, next.number] as const
        if (other.unknown !== undefined) lost.add(key)
        let columns = found.get(key)
        if (columns === undefined) found.set(key, columns = new Set())
        for (const column of other.columns) columns.add(column)
      }
    }
  }

  /** Another notebook's entries, of a routine's body; its literals are not this text's. */
  absorb(other: Uses): void {
    this.#effort.spend(other.#columns.size + other.#flows.size + other.#relations.size + other.#routines.size)
    for (const [column, entry] of other.#columns) {
      const own = this.#columns.get(column)
      if (own === undefined) this.#columns.set(column, { uses: new Set(entry.uses), comparisons: new Set(entry.comparisons), guesses: entry.guesses })
      else {
        for (const use of entry.uses) own.uses.add(use)
        for (const comparison of entry.comparisons) own.comparisons.add(comparison)
        own.guesses += entry.guesses
        if (own.guesses > maxGuesses) own.comparisons.add('other')
      }
    }
    for (const entry of other.#relations.values()) for (const access of entry.access) this.relation(entry.schema, entry.name, entry.oid, access)
    for (const [key, routine] of other.#routines) this.#routines.set(key, routine)
    for (const [key, flow] of other.#flows) this.#flows.set(key, flow)
    for (const reason of other.unknown) this.unknown.add(reason)
  }

  touched(): Iterable<number> {
    return this.#columns.keys()
  }

  columns(): readonly TracedColumn[] {
    return [...this.#columns].map(([packed, entry]) => ({ ...unpack(packed), uses: [...entry.uses], comparisons: [...entry.comparisons] }))
  }

  relations(): readonly RelationUse[] {
    return [...this.#relations.values()].map(({ access, ...rest }) => ({ ...rest, access: [...access] }))
  }

  routines(): readonly RoutineUse[] {
    return [...this.#routines.values()]
  }

  flows(): readonly Flow[] {
    return [...this.#flows.values()]
  }

  literals(): ReadonlyMap<number, readonly BaseColumn[]> {
    return toColumns(this.#literals, this.#lostLiterals)
  }

  parameters(): ReadonlyMap<number, readonly BaseColumn[]> {
    return toColumns(this.#parameters, this.#lostParameters)
  }
}

function toColumns(found: ReadonlyMap<number, ReadonlySet<number>>, lost: ReadonlySet<number>): Map<number, readonly BaseColumn[]> {
  return new Map([...found].filter(([key]) => !lost.has(key)).map(([key, columns]) => [key, [...columns].map(unpack)]))
}
