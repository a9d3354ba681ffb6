// What is gathered of one statement while its tree is walked: effects, relations, routines, and what could not be told.
import type { Node } from './nodes.ts'
import type { Place } from './places.ts'
import type { Access, Effect, Naming, RelationUse, Routine, RoutineUse, SettingUse } from '../analysis.ts'

/** Of one statement, or of one routine's body that a statement reaches. Owned by the walk that fills it. */
export class Notes {
  readonly naming: Naming
  readonly effects = new Set<Effect>()
  readonly unknown = new Set<string>()
  /** By OID, or by name where there is none. */
  readonly relations = new Map<string, { use: RelationUse; access: Set<Access> }>()
  readonly routines = new Map<string, RoutineUse>()
  readonly settings: SettingUse[] = []
  /** Calls of set_config() whose name stands in their query's WHERE. */
  readonly settingsThere = new Map<Node, string>()
  /** Where constants stand in the text, in bytes; those that are `true` or `false`. */
  readonly constants: number[] = []
  readonly booleans: number[] = []
  /** `x.name` may call a routine: decided when all relations are known. */
  readonly dotted = new Set<string>()
  isBarrier = false
  hasReturning = false
  isAtCursor = false
  /** Every UPDATE and DELETE has a WHERE that restricts; undefined while there is none. */
  restricted: boolean | undefined
  /** Inside EXPLAIN without ANALYZE: nothing runs but what planning does. */
  isDry = false
  /** Which parts of which queries the walk is in (places.ts). */
  place: Place | undefined
  /** Inside a loop of a block. */
  isLooped = false
  /** Of a body: nothing in it is put together at run time, or could not be read. */
  isWhole = true
  /** Texts inside texts that are open now. */
  embedding = 0
  /** Routines that were followed, by OID; shared with the walks through bodies. */
  readonly reached: Set<number>
  readonly isBody: boolean
  /** Routines that the text calls by name, and what those call: their effects are told by their volatility, so they count apart. */
  readonly called = new Set<number>()
  /** Those of them that choose rows to change or delete. */
  readonly choosing = new Set<number>()
  readonly policyRelations = new Set<number>()
  /** Relations that a foreign key leads to, with what is done there. */
  readonly cascaded = new Set<string>()
  /** Routines of somebody's own that planning may run, to print what they give: all that are met in whatever way. */
  readonly met = new Set<Routine>()
  /** Something in it may be cast without a word. */
  computes = false

  /** @param reached of the walk through whose statement this body is reached */
  constructor(naming: Naming, reached?: Set<number>) {
    this.naming = naming
    this.reached = reached ?? new Set()
    this.isBody = reached !== undefined
  }

  relation(use: RelationUse, access: Iterable<Access>): void {
    const key = use.oid === undefined ? `${use.schema}.${use.name}` : String(use.oid)
    const known = this.relations.get(key)
    if (known === undefined) this.relations.set(key, { use, access: new Set(access) })
    else {
      for (const one of access) known.access.add(one)
      if (use.via === undefined && known.use.via !== undefined) known.use = use
    }
  }

  routine(use: RoutineUse): void {
    this.routines.set(`${use.schema}.${use.name}`, use)
  }

  /** Nothing does anything inside an EXPLAIN that does not run it. */
  does(effects: Iterable<Effect>, isBarrier: boolean): void {
    if (this.isDry) return
    for (const effect of effects) this.effects.add(effect)
    if (isBarrier) this.isBarrier = true
  }

  cannotTell(reasons: Iterable<string>): void {
    for (const reason of reasons) this.unknown.add(reason)
  }
}
