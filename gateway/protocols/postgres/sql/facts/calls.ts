// Calls of routines: by name, by an operator, by a cast to a type, and by a dot that looks like a column.
import type { Access } from '../analysis.ts'
import { droppable } from '../void-parameters.ts'
import { settingOf } from './commands.ts'
import { namesOf, type Node } from './nodes.ts'
import type { Notes } from './notes.ts'
import { changes, reach } from './reached.ts'
import { findRoutine, foundByOid, type FoundRoutine } from './routines.ts'
import { walkInside, type Scope } from './walk.ts'

/** Types that the named ones are made of. */
const maxTypes = 200

export function callOf(notes: Notes, body: Node, scope: Scope, access: Access): void {
  const args: readonly unknown[] = Array.isArray(body['args']) ? body['args'] : []
  const names = namesOf(body['funcname'])
  const routine = findRoutine(names, args.length, notes.naming, droppable(args))
  const setting = names.at(-1) === 'set_config' ? settingOf(body, notes.settingsThere.get(body)) : undefined
  if (setting !== undefined) notes.settings.push(setting)
  // A trigger that tells others who it is: a setting of somebody's own changes no name.
  found(notes, notes.isBody && setting?.name.includes('.') === true ? { ...routine, isBarrier: false } : routine)
  walkInside(notes, body, scope, access)
}

export function found(notes: Notes, { use, effects, isBarrier, unknown, own }: FoundRoutine): void {
  for (const routine of own ?? []) notes.met.add(routine)
  // In a body it counts for what it does itself.
  if (notes.isBody && own !== undefined && use.class === undefined) return reach(notes, own.map(({ oid }) => oid))
  for (const { parts } of own ?? []) reach(notes, parts ?? [])
  notes.routine(use)
  notes.cannotTell(unknown)
  notes.does(effects, isBarrier)
  for (const routine of own ?? []) changes(notes, routine)
}

/** Operators and casts run routines, too: those that are somebody's own. */
export function operator(notes: Notes, names: readonly string[]): void {
  for (const each of foundByOid(notes.naming.snapshot.operators(names.at(-1) ?? ''), notes.naming)) found(notes, each)
}

/** A cast to it, or a column of it: casts and checks of the type and of all that it is made of. */
export function typeNamed(notes: Notes, name: Node, scope: Scope, access: Access): void {
  walkInside(notes, name, scope, access)
  const { snapshot, path } = notes.naming
  const names = namesOf(name['names'])
  const type = snapshot.findType(names.at(-2), names.at(-1) ?? '', path)
  if (type === undefined) return
  for (const each of foundByOid(snapshot.casts(type.oid), notes.naming)) found(notes, each)
  typesReached(notes, [type.oid])
}

/** Checks and defaults of these types and of all that they are made of. */
export function typesReached(notes: Notes, oids: readonly number[]): void {
  const { snapshot } = notes.naming
  const seen = new Set(oids)
  const pending = [...seen].flatMap((oid) => snapshot.type(oid) ?? [])
  for (let next = pending.pop(); next !== undefined && seen.size < oids.length + maxTypes; next = pending.pop()) {
    reach(notes, next.routines ?? [])
    const columns = next.relation === undefined ? [] : snapshot.relation(next.relation)?.columns ?? []
    for (const oid of [next.base, next.element, ...columns.map((column) => column.type)]) {
      const part = oid === undefined || seen.has(oid) ? undefined : snapshot.type(oid)
      if (part === undefined) continue
      seen.add(part.oid)
      pending.push(part)
    }
  }
}

/** `(x).f` and `t.f` call f(x) where x has no column f. */
export function callDotted(notes: Notes): void {
  if (notes.dotted.size === 0) return
  const { snapshot, path } = notes.naming
  const columns = new Set<string>()
  for (const { use } of notes.relations.values()) for (const column of use.oid === undefined ? [] : snapshot.relation(use.oid)?.columns ?? []) columns.add(column.name)
  for (const name of notes.dotted) {
    if (columns.has(name)) continue
    const routines = snapshot.findRoutines(undefined, name, path)
    if (routines.some((routine) => routine.argumentCount - routine.defaultCount <= 1)) found(notes, findRoutine([name], 1, notes.naming))
  }
}
