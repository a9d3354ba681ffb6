// What a statement may do to what names mean: beforehand, whether anything behind it can be read at all; once it has ended, what has to be looked up again.
import type { Analysis, Statement } from '../sql/analysis.ts'
import type { Catalogue } from '../sql/catalogue.ts'
import type { Act } from './act.ts'
import { mayTakePortal } from './given-anew.ts'
import { mayNameAnything } from './held.ts'
import { setsTransaction } from './names.ts'
import type { SessionState } from './state.ts'
import { statementsOf } from './texts.ts'

/** Nothing is sent behind it before it has ended. */
export function isBarrier(state: SessionState, analysis: Analysis): boolean {
  const statements = statementsOf(analysis)
  return analysis.status === 'error' || endsTouched(state, statements) || statements.some(hidesNext) || mayTakePortal(state, statements)
}

/** The client's data follows a COPY FROM STDIN; what came with it is read as part of that. A name that was kept is known to what follows. */
function hidesNext({ isBarrier, kind }: Statement): boolean {
  return isBarrier || kind === 'copy' || kind === 'prepare' || kind === 'declare_cursor'
}

/** The end of a transaction takes back, or makes final, what it changed about names; of one that has failed, nothing could be asked in it. */
export function endsTouched({ isTouched, isUnsynced, status }: SessionState, statements: readonly Statement[]): boolean {
  return (status === 'E' || isTouched && (status !== 'I' || isUnsynced)) && endsTransaction(statements)
}

/** A transaction that has failed: whatever nobody could read may say ROLLBACK. */
export function mayEndTransaction({ statements }: Act): boolean {
  return statements.length === 0 || endsTransaction(statements)
}

/** Or a part of it. */
function endsTransaction(statements: readonly Statement[]): boolean {
  return statements.some(({ effects }) => effects.includes('transaction'))
}

/** What a later statement of the same message reads could only be known once the earlier one has run. @returns the earlier one's index; -1 */
export function resolvesUnseen(analysis: Analysis, isTouched: boolean): number {
  const statements = statementsOf(analysis)
  // The end of a transaction takes back what it changed about names.
  const first = statements.findIndex(({ isBarrier, effects }) => isBarrier || (isTouched && effects.includes('transaction')))
  return first !== -1 && statements.slice(first + 1).some(({ relations, routines }) => relations.length > 0 || routines.length > 0) ? first : -1
}

/** The transparent profile sends it all the same: then nobody knows where the values behind it come from. */
export function unresolved(analysis: Analysis, behind: number): Analysis {
  if (analysis.status === 'error') return analysis
  return { ...analysis, statements: analysis.statements.map(({ outputs, ...statement }, at) => at <= behind ? { ...statement, ...outputs === undefined ? {} : { outputs } } : { ...statement, unknown: [...statement.unknown, 'unresolved_relation'] }) }
}

/** A statement that others depend on has ended: names may resolve differently, or there is one more of them. */
export function noteChanges(state: SessionState, catalogue: Catalogue, act: Act): void {
  const { statements } = act
  // Also where the next transaction begins at once.
  const isTakenBack = state.isTouched && endsTransaction(statements)
  const isChanged = isTakenBack || statements.some((statement) => statement.isBarrier && !setsTransaction(statement)) || statements.length === 0
  if (isChanged) state.held.forgetCalling()
  state.rename(statements)
  if (act.hasEnded && act.failure === undefined && act.broken === undefined) state.held.keep(statements, act.text)
  const isTaken = act.isBarrier && mayTakePortal(state, statements)
  if (isChanged || isTaken) state.isStale = true
  if (isTaken) state.mayBeGivenAnew = true
  if (!isChanged) return
  state.isTouched = true
  if (statements.length === 0 || statements.some(mayNameAnything)) state.mayBeGivenAnew = true
  if (statements.length === 0 || statements.some(({ effects }) => effects.includes('ddl') || effects.includes('execute'))) state.hasUncommittedNames = true
  if (state.hasUncommittedNames) state.nameChanges++
  // Its own ReadyForQuery was there before: it is committed already.
  if (state.status === 'I' && !state.isUnsynced) settleChanges(state, catalogue)
}

/** ReadyForQuery outside a transaction: what it changed is everybody's, or nobody's. */
export function settleChanges(state: SessionState, catalogue: Catalogue): void {
  if (!state.isTouched) return
  state.isTouched = false
  state.isStale = true
  if (state.hasUncommittedNames) catalogue.invalidate()
  state.hasUncommittedNames = false
}
