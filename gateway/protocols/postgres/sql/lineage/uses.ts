// The notebook of one statement: which columns were used how, what flows where, which literal meets which column.
import type { Access, BaseColumn, RelationUse, RoutineUse, Use } from '../analysis.ts'
import type { Comparison, Flow, TracedColumn, UnknownReason } from '../trace.ts'
import { isTraced } from './system.ts'
import { argumentsMark, unpack, type Inputs, type Value } from './value.ts'

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

/** Names that are told of one column. */
const maxFailures = 8

/** More values than these, asked for by one statement, are a search. */
const maxGuesses = 20

interface ColumnEntry { readonly uses: Set<Use>; readonly comparisons: Set<Comparison>; guesses: number }

export class Uses {
  readonly #effort: Effort
  readonly #columns = new Map<number, ColumnEntry>()
  /** Apart from uses: it is none of them, and what has no other is not touched. */
  readonly #failures = new Map<number, Set<string>>()
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

  /** How much was met that may fail, by whatever, and what it was last. */
  risks = 0
  risk = ''

  /** @param by function, operator or type that may fail by these values */
  fail(values: readonly Value[], by: string): void {
    this.risks++
    this.risk = by
    for (const { columns } of values) {
      this.#effort.spend(columns.size)
      for (const column of columns) this.#fail(column, by)
    }
  }

  #fail(column: number, by: string): void {
    let names = this.#failures.get(column)
    if (names === undefined) this.#failures.set(column, names = new Set())
    if (names.size < maxFailures) names.add(by)
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
      // Its arguments are not this one's.
      if (column === argumentsMark) continue
      const own = this.#columns.get(column)
      if (own === undefined) this.#columns.set(column, { uses: new Set(entry.uses), comparisons: new Set(entry.comparisons), guesses: entry.guesses })
      else {
        for (const use of entry.uses) own.uses.add(use)
        for (const comparison of entry.comparisons) own.comparisons.add(comparison)
        own.guesses += entry.guesses
        if (own.guesses > maxGuesses) own.comparisons.add('other')
      }
    }
    for (const [column, names] of other.#failures) for (const by of names) this.#fail(column, by)
    for (const entry of other.#relations.values()) for (const access of entry.access) this.relation(entry.schema, entry.name, entry.oid, access)
    for (const [key, routine] of other.#routines) this.#routines.set(key, routine)
    for (const [key, flow] of other.#flows) this.#flows.set(key, flow)
    for (const reason of other.unknown) this.unknown.add(reason)
  }

  /** Somebody may see later that this was run: it touches relations, or calls what is noticed. */
  leavesTrace(): boolean {
    return this.#relations.size > 0 || [...this.#routines.values()].some((routine) => routine.schema === 'pg_catalog' && isTraced(routine))
  }

  /** Of a routine's body: a condition in it hangs on the arguments. */
  get isSteered(): boolean {
    const uses = this.#columns.get(argumentsMark)?.uses
    return uses !== undefined && (uses.has('predicate') || uses.has('join') || uses.has('group') || uses.has('order'))
  }

  touched(): Iterable<number> {
    return this.#columns.keys()
  }

  columns(): readonly TracedColumn[] {
    const used = [...this.#columns].map(([packed, entry]): TracedColumn => {
      const failures = this.#failures.get(packed)
      return { ...unpack(packed), uses: [...entry.uses], comparisons: [...entry.comparisons], ...failures === undefined ? {} : { failures: [...failures] } }
    })
    for (const [packed, failures] of this.#failures) if (!this.#columns.has(packed)) used.push({ ...unpack(packed), uses: [], comparisons: [], failures: [...failures] })
    return used
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
