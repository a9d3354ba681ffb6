// What a session keeps under names in SQL: prepared statements and cursors. What EXECUTE and FETCH do is what those said.
import type { Analysis, Statement } from './sql/analysis.ts'
import { resolvePrepared } from './sql/prepared.ts'

/** Names of each kind that are kept; more are not known, and so refused where it matters. */
const maxHeld = 10_000

export class Held {
  readonly #prepared = new Map<string, Statement>()
  readonly #cursors = new Map<string, Statement>()

  prepared(name: string): Statement | undefined { return this.#prepared.get(name) }
  cursor(name: string): Statement | undefined { return this.#cursors.get(name) }

  /** Of a text that has run. A name that was closed may stay: the server then has none of that name. */
  keep(statements: readonly Statement[]): void {
    for (const statement of statements) {
      const { kind, prepared: name, cursor } = statement
      if (kind === 'prepare' && name !== undefined && this.#prepared.size < maxHeld) this.#prepared.set(name, statement)
      else if (kind === 'declare_cursor' && cursor !== undefined && this.#cursors.size < maxHeld) this.#cursors.set(cursor, statement)
    }
  }
}

export function resolveHeld(analysis: Analysis, held: Held): Analysis {
  const resolved = resolvePrepared(analysis, (name) => held.prepared(name))
  if (resolved.status === 'error' || !resolved.statements.some(({ kind }) => kind === 'fetch')) return resolved
  return { ...resolved, statements: resolved.statements.map((statement) => statement.kind === 'fetch' ? fetched(statement, held.cursor(statement.cursor ?? '')) : statement) }
}

/** Rows of a cursor come from where its query reads. */
function fetched(own: Statement, declared: Statement | undefined): Statement {
  if (declared === undefined) return own
  const { held, relations, columns, routines, unknown } = declared
  return { ...own, relations, columns, routines, unknown: [...new Set([...own.unknown.filter((reason) => reason !== 'unknown_cursor'), ...unknown])], ...held === undefined ? {} : { outputs: held } }
}
