// SQL's own PREPARE and EXECUTE: what an EXECUTE does is what its PREPARE said, and the session alone knows which one that was.
import type { Statement } from './analysis.ts'

/** Reasons that only say that the name was not known. */
const ofItsName = new Set(['unresolved_prepared', 'unknown_statement', 'unknown_cursor'])

export function isExecute({ kind }: Statement): boolean {
  return kind === 'execute'
}

/**
 * Columns that the arguments of EXECUTE read are its own; everything else is the prepared statement's.
 * @param prepared the PREPARE that made the name in this session. An unknown name stays `unresolved_prepared`.
 * @param source the text it stood in, where that is another one
 */
export function resolveExecute(own: Statement, prepared: Statement | undefined, source?: string): Statement {
  if (prepared === undefined) return own
  const { effects, relations, columns, routines, unknown, flows, hasWhere, isAtCursor, limit, hasReturning, isBarrier, settings } = prepared
  const outputs = prepared.kind === 'prepare' ? prepared.held : prepared.outputs
  return {
    kind: own.kind, ...outputs === undefined ? {} : { outputs }, ...own.prepared === undefined ? {} : { prepared: own.prepared }, ...limit === undefined ? {} : { limit }, ...settings === undefined ? {} : { settings }, ...source === undefined ? {} : { source },
    effects: [...new Set([...own.effects, ...effects.filter((effect) => effect !== 'session' || prepared.kind !== 'prepare')])],
    relations, columns: [...own.columns, ...columns], routines: [...own.routines, ...routines], flows: [...own.flows, ...flows],
    hasWhere, ...isAtCursor === true ? { isAtCursor } : {}, hasReturning, isBarrier: own.isBarrier || isBarrier,
    unknown: [...new Set([...own.unknown.filter((reason) => !ofItsName.has(reason)), ...unknown])],
  }
}
