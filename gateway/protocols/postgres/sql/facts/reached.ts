// Routines that run though the statement does not call them: behind relations, operators, casts and types, and behind those.
import type { Access, Routine, RoutineUse } from '../analysis.ts'
import { bodyOfRoutine } from '../bodies.ts'
import { isSystemSchema } from '../system-relations.ts'
import { found } from './calls.ts'
import { Notes } from './notes.ts'
import { isForEveryRow } from './places.ts'
import { foundByOid } from './routines.ts'
import { walkBody } from './walk.ts'

/** Of one statement, in all. */
const maxReached = 200

/** Does what these routines do, as far as their bodies tell: a policy's function that only reads makes nothing of a SELECT but a SELECT. */
export function reach(notes: Notes, oids: readonly number[]): void {
  for (const oid of oids) {
    const routine = notes.naming.snapshot.routine(oid)
    if (routine === undefined) for (const each of foundByOid([oid], notes.naming)) found(notes, each)
    else if (!isSystemSchema(routine.schema)) {
      notes.met.add(routine)
      follow(notes, routine)
    }
  }
}

/** A trigger, a default, a check of a relation that is written: the statement writes as it is, and says what else it touches. Names may resolve otherwise behind it as behind a call. */
export function note(notes: Notes, oid: number): void {
  const routine = notes.naming.snapshot.routine(oid)
  if (routine === undefined || isSystemSchema(routine.schema) || notes.reached.has(oid)) return
  // Text that is put together at run time may set and name anything; code in C is its author's, and not the caller's.
  if (notes.reached.size > maxReached) return notes.does([], true)
  notes.reached.add(oid)
  const inside = through(notes, routine)
  notes.routine(useOf(routine, inside !== undefined && inside.isWhole && inside.unknown.size === 0))
  if (inside === undefined) return notes.does([], routine.language !== 'c' && routine.language !== 'internal')
  list(notes, inside, `${routine.schema}.${routine.name}()`)
  notes.does([], inside.isBarrier || !inside.isWhole)
}

/** What a routine changes that the text calls by its name: which tables, and whether it chooses among their rows. That it may write is said of its call. */
export function changes(notes: Notes, routine: Routine): void {
  if (notes.isDry && !isPlanned(routine)) return
  // One row at a time is every row, where it is called for each.
  if (notes.choosing.has(routine.oid) && isForEveryRow(notes)) notes.restricted = false
  if (notes.called.has(routine.oid)) return
  if (notes.called.size >= maxReached) { notes.unknown.add('opaque_routine'); return }
  notes.called.add(routine.oid)
  const inside = through(notes, routine, notes.called)
  if (inside === undefined) return
  list(notes, inside, `${routine.schema}.${routine.name}()`, isChange)
  if (inside.restricted !== undefined) notes.choosing.add(routine.oid)
  if (inside.restricted !== undefined && isForEveryRow(notes)) notes.restricted = false
  // What it puts together at run time may be anything.
  if (inside.isWhole && !inside.effects.has('write')) return
  notes.effects.add('write')
  notes.isBarrier ||= inside.isBarrier || !inside.isWhole
}

/** Planning runs it to get a constant, or an estimate, and EXPLAIN plans: what it calls runs as well, whatever that is called (eval_const_expressions, estimate_expression_value in clauses.c). */
function isPlanned({ volatility }: Routine): boolean { return volatility !== 'v' }

function isChange(access: Access): boolean { return access !== 'read' && access !== 'lock' }

function follow(notes: Notes, routine: Routine): void {
  if (notes.reached.has(routine.oid)) return
  notes.reached.add(routine.oid)
  const isTooMany = notes.reached.size > maxReached
  const inside = isTooMany ? undefined : through(notes, routine)
  if (!isTooMany) reach(notes, routine.parts ?? [])
  if (inside?.isWhole === true) return take(notes, routine, inside)
  if (inside !== undefined) list(notes, inside, `${routine.schema}.${routine.name}()`)
  // Aggregates are what their parts are; C code that is not volatile is trusted.
  if (isTooMany || !(routine.kind === 'a' || (routine.language === 'c' || routine.language === 'internal') && routine.volatility !== 'v')) distrust(notes, routine)
  else notes.routine(useOf(routine, true))
}

/** undefined: its body cannot be read at all. */
function through({ naming, reached }: Notes, routine: Routine, known = reached): Notes | undefined {
  const body = bodyOfRoutine(routine, naming)
  if (body === undefined) return undefined
  const inside = new Notes({ snapshot: naming.snapshot, path: body.path }, known)
  inside.isWhole = body.isWhole
  walkBody(inside, body.statements)
  return inside
}

function take(notes: Notes, routine: Routine, inside: Notes): void {
  notes.routine(useOf(routine, inside.unknown.size === 0))
  list(notes, inside, `${routine.schema}.${routine.name}()`)
  if (notes.isDry && !isPlanned(routine)) return
  notes.cannotTell(inside.unknown)
  const effects = [...inside.effects].filter((effect) => effect !== 'read')
  for (const effect of effects.length > 0 ? ['execute', ...effects] as const : []) notes.effects.add(effect)
  notes.isBarrier ||= inside.isBarrier
}

function distrust(notes: Notes, routine: Routine): void {
  notes.routine(useOf(routine, false))
  notes.unknown.add('opaque_routine')
  notes.does(['execute', 'write'], true)
}

function list(notes: Notes, inside: Notes, via: string, counts = (_access: Access): boolean => true): void {
  for (const routine of inside.met) notes.met.add(routine)
  for (const { use, access } of inside.relations.values()) if (use.oid !== undefined && [...access].some(counts)) notes.relation({ ...use, via: use.via ?? via }, access)
  if (inside.restricted !== undefined) notes.restricted = (notes.restricted ?? true) && inside.restricted
  for (const [key, use] of inside.routines) if (!notes.routines.has(key)) notes.routines.set(key, use)
}

function useOf({ schema, name, volatility }: Routine, isKnown: boolean): RoutineUse {
  return { schema, name, volatility, isKnown }
}
