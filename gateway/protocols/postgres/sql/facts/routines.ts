// A routine's name as the server would resolve it now, and what calling it may do.
import type { Effect, Naming, Routine, RoutineUse } from '../analysis.ts'
import { isSystemSchema } from '../system-relations.ts'
import { effectsOfClass, isDrawing, isHarmless, routineClass } from './routine-classes.ts'

export interface FoundRoutine {
  readonly use: RoutineUse
  readonly effects: readonly Effect[]
  readonly isBarrier: boolean
  readonly unknown: readonly string[]
  /** Those of the name that are not PostgreSQL's. */
  readonly own?: readonly Routine[]
}

/** @param names `schema.name` as the text gives it. Types of arguments are not known, so every overload that takes so many, or `dropped` less, counts. */
export function findRoutine(names: readonly string[], count: number, { snapshot, path }: Naming, dropped = 0): FoundRoutine {
  const name = names.at(-1) ?? ''
  const said = names.at(-2)
  const all = snapshot.findRoutines(said, name, path)
  const fitting = all.filter((routine) => takes(routine, count - dropped, count))
  const routines = fitting.length > 0 ? fitting : all
  const named = routineClass(name)
  const base = { name, ...named === undefined ? {} : { class: named } }
  if (routines.length === 0) {
    return { use: { schema: said ?? '', ...base, volatility: 'v', isKnown: false }, effects: ['execute', 'write'], isBarrier: true, unknown: ['unresolved_routine'] }
  }
  const volatility = routines.some((one) => one.volatility === 'v') ? 'v' : routines.some((one) => one.volatility === 's') ? 's' : 'i'
  const own = routines.find((one) => !isSystemSchema(one.schema))
  const use: RoutineUse = { schema: (own ?? routines[0])?.schema ?? '', ...base, volatility, isKnown: true }
  if (named !== undefined) return { use, effects: effectsOfClass(named), isBarrier: named === 'setting' || named === 'dynamic_sql' || named === 'dblink', unknown: named === 'dynamic_sql' || named === 'dblink' ? ['dynamic_sql'] : [] }
  if (own !== undefined) return { use, ...effectsOfOwn(routines), own: routines.filter((one) => !isSystemSchema(one.schema)) }
  const isQuiet = volatility !== 'v' || isHarmless(name)
  return { use, effects: isQuiet ? [] : ['execute'], isBarrier: false, unknown: [] }
}

/** Not PostgreSQL's own. What is not volatile may still call what is, so nobody's body makes it a mere read; C code that is not volatile is trusted, as operators are. */
function effectsOfOwn(routines: readonly Routine[]): Pick<FoundRoutine, 'effects' | 'isBarrier' | 'unknown'> {
  const own = routines.filter((one) => !isSystemSchema(one.schema))
  const isVolatile = own.some((one) => one.volatility === 'v' && !isDrawing(one))
  const isNative = own.every((one) => one.language === 'c' || one.language === 'internal')
  if (isNative && !isVolatile) return { effects: [], isBarrier: false, unknown: [] }
  const isOpaque = own.some((one) => one.language !== 'sql' && one.language !== 'plpgsql')
  return { effects: isVolatile ? ['execute', 'write'] : ['execute'], isBarrier: isVolatile, unknown: isOpaque ? ['opaque_routine'] : [] }
}

function takes(routine: Routine, least: number, most: number): boolean {
  if (most < routine.argumentCount - routine.defaultCount - (routine.isVariadic ? 1 : 0)) return false
  return routine.isVariadic || least <= routine.argumentCount
}

/** Routines that somebody put behind an operator or a cast; PostgreSQL's own are not told. Types of operands are not known, so all of that name count. */
export function foundByOid(oids: readonly number[], { snapshot }: Naming): FoundRoutine[] {
  return oids.flatMap((oid) => {
    const routine = snapshot.routine(oid)
    if (routine === undefined) return { use: { schema: '', name: `oid ${oid}`, volatility: 'v', isKnown: false }, effects: ['execute', 'write'] as const, isBarrier: true, unknown: ['unresolved_routine'] }
    if (isSystemSchema(routine.schema)) return []
    return { use: { schema: routine.schema, name: routine.name, volatility: routine.volatility, isKnown: true }, ...effectsOfOwn([routine]), own: [routine] }
  })
}
