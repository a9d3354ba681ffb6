// SQL's own PREPARE and EXECUTE: what an EXECUTE does is what its PREPARE said, and the session alone knows which one that was.
import type { Analysis, Statement } from './analysis.ts'

/** @param prepared the PREPARE statement (or the protocol's Parse) that made the name in this session. An unknown name stays `unresolved_prepared`. */
export function resolvePrepared(analysis: Analysis, prepared: (name: string) => Statement | undefined): Analysis {
  if (analysis.status === 'error' || !analysis.statements.some(isExecute)) return analysis
  return { ...analysis, statements: analysis.statements.map((statement) => isExecute(statement) ? resolve(statement, prepared(statement.prepared ?? '')) : statement) }
}

/** Reasons that only say that the name was not known. */
const ofItsName = new Set(['unresolved_prepared', 'unknown_statement', 'unknown_cursor'])

function isExecute({ kind }: Statement): boolean {
  return kind === 'execute'
}

/** Columns that the arguments of EXECUTE read are its own; everything else is the prepared statement's. */
function resolve(own: Statement, prepared: Statement | undefined): Statement {
  if (prepared === undefined) return own
  const { effects, relations, columns, routines, unknown, flows, hasWhere, limit, hasReturning, isBarrier, settings } = prepared
  const outputs = prepared.kind === 'prepare' ? prepared.held : prepared.outputs
  return {
    kind: own.kind, ...outputs === undefined ? {} : { outputs }, ...own.prepared === undefined ? {} : { prepared: own.prepared }, ...limit === undefined ? {} : { limit }, ...settings === undefined ? {} : { settings },
    effects: [...new Set([...own.effects, ...effects.filter((effect) => effect !== 'session' || prepared.kind !== 'prepare')])],
    relations, columns: [...own.columns, ...columns], routines: [...own.routines, ...routines], flows: [...own.flows, ...flows],
    hasWhere, hasReturning, isBarrier: own.isBarrier || isBarrier,
    unknown: [...new Set([...own.unknown.filter((reason) => !ofItsName.has(reason)), ...unknown])],
  }
}
