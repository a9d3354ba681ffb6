// What the server looks up when a portal runs, and not when it is bound: names in utility statements, what EXECUTE and FETCH stand for, triggers and partitions of
// what is written, and what code of somebody's own names. All else of a portal is as its Bind found it.
import { isDeepStrictEqual } from 'node:util'
import { definitionsOf } from '../operation/definitions.ts'
import type { Statement } from '../sql/analysis.ts'
import { mayNameAnything } from './held.ts'
import { namesNothing } from './names.ts'
import type { Portal, SessionNames } from './state.ts'

export function isLookedUpAgain({ act: { statements, hasRows } }: Portal): boolean {
  return statements.some((statement) => {
    const { kind, effects } = statement
    if (kind === 'select' && mayNameAnything(statement)) return true
    // Of what writes, or is a utility statement, all has run once it says rows: they wait in the server (ChoosePortalStrategy in PostgreSQL's pquery.c).
    const isFixed = hasRows || namesNothing(statement) || (kind === 'select' && effects.every((effect) => effect === 'read'))
    return !isFixed
  })
}

/** Names are the same: so is what it does, but for what other texts say of it. */
export function isAsBound({ act, names: bound }: Portal, names: SessionNames): boolean {
  return names === bound && !act.hasEnded && act.statements.every(({ kind }) => kind !== 'execute' && kind !== 'fetch')
}

/** Whether it would do now what it was decided to do. */
export function meansStill({ act, names: bound }: Portal, statements: readonly Statement[], names: SessionNames): boolean {
  if (names.role !== bound.role || names.sessionRole !== bound.sessionRole) return false
  return isDeepStrictEqual([names.path, statements, definitionsOf(statements, names)], [bound.path, act.statements, definitionsOf(act.statements, bound)])
}
