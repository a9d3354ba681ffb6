// What was decided by what names meant then must mean the same when the server comes to it. It is asked again before a message is sent that has waited, before
// a result begins that others may have changed meanwhile (texts.ts), and when a portal runs: that is here. What the server looks up only then are names in
// utility statements, what EXECUTE and FETCH stand for, triggers and partitions of what is written, and what code of somebody's own names. All else of a portal
// is as its Bind found it.
import { isDeepStrictEqual } from 'node:util'
import { definitionsOf } from '../operation/definitions.ts'
import type { Statement } from '../sql/analysis.ts'
import { mayNameAnything } from './held.ts'
import { namesNothing } from './names.ts'
import type { Portal, SessionNames } from './state.ts'

/** What a text says, and the names by which it says it. */
export interface Meaning { readonly statements: readonly Statement[]; readonly names: Omit<SessionNames, 'viewLineage'> }

/** Whether the same text would do now what it was decided to do: an OID stays when a view or a function is put in place of another. */
export function meansStill(before: Meaning, now: Meaning): boolean {
  return isDeepStrictEqual(said(now), said(before))
}

function said({ statements, names }: Meaning): unknown {
  return [names.path, names.role, names.sessionRole, names.values, statements, definitionsOf(statements, names)]
}

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
