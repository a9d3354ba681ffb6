// What a session keeps under names in SQL: prepared statements and cursors. What EXECUTE and FETCH do is what those said.
// A name is known only while nothing else can have taken it: a Parse or Bind by that name, a text that failed half way, code that nobody followed.
import { isDeepStrictEqual } from 'node:util'
import type { Analysis, Statement } from '../sql/analysis.ts'
import { isExecute, resolveExecute } from '../sql/prepared.ts'

/** Names of each kind that are kept, and the UTF-16 units of their texts; more are not known, and so refused where it matters. */
const maxHeld = 10_000
const maxHeldUnits = 16 * 1024 * 1024

/** A PREPARE or DECLARE: the text it stood in, and where. */
interface Kept { readonly text: string; readonly at: number; readonly statement: Statement }

export class Held {
  readonly #prepared = new Map<string, Kept>()
  readonly #cursors = new Map<string, Kept>()
  #units = 0

  prepared(name: string): Kept | undefined { return this.#prepared.get(name) }
  cursor(name: string): Kept | undefined { return this.#cursors.get(name) }

  /** Of a text that has run to its end. */
  keep(statements: readonly Statement[], text: string): void {
    for (const [at, statement] of statements.entries()) {
      this.forget([statement])
      const { kind, prepared: name, cursor } = statement
      const kept = { text, at, statement }
      if (kind === 'prepare' && name !== undefined) this.#keep(this.#prepared, name, kept)
      else if (kind === 'declare_cursor' && cursor !== undefined) this.#keep(this.#cursors, cursor, kept)
    }
  }

  #keep(names: Map<string, Kept>, name: string, kept: Kept): void {
    if (names.size >= maxHeld || this.#units + kept.text.length > maxHeldUnits) return
    names.set(name, kept)
    this.#units += kept.text.length
  }

  /** Of statements that are about to run: whatever they name may be something else from here on. */
  forget(statements: readonly Statement[]): void {
    for (const statement of statements) {
      const { kind, prepared: name, cursor } = statement
      if (mayNameAnything(statement) || kind === 'discard') this.#clear()
      else if (kind === 'prepare' || kind === 'deallocate') this.forgetPrepared(name)
      else if (kind === 'declare_cursor') this.forgetCursor(cursor)
    }
  }

  /** @param name undefined: every name */
  forgetPrepared(name: string | undefined): void { this.#drop(this.#prepared, name) }
  forgetCursor(name: string | undefined): void { this.#drop(this.#cursors, name) }

  /** Names mean something else, or did for a while: a cursor's query was fixed when it was declared, what it calls was not, and the rows of one WITH HOLD are there since. */
  forgetCalling(): void {
    for (const [name, { statement }] of this.#cursors) if (mayNameAnything(statement)) this.forgetCursor(name)
  }

  #drop(names: Map<string, Kept>, name: string | undefined): void {
    for (const each of name === undefined ? [...names.keys()] : [name]) {
      this.#units -= names.get(each)?.text.length ?? 0
      names.delete(each)
    }
  }

  #clear(): void {
    this.forgetPrepared(undefined)
    this.forgetCursor(undefined)
  }
}

/** Reasons that tell of values, or of names that are looked up here, and not of code. */
const ofNoCode: ReadonlySet<string> = new Set(['unresolved_prepared', 'unknown_statement', 'unknown_cursor', 'explain', 'system_sensitive'])

/** Code of somebody's own may PREPARE, DEALLOCATE, and open cursors under any name. */
export function mayNameAnything({ kind, routines, unknown }: Statement): boolean {
  if (kind === 'prepare') return false
  if (kind === 'do' || kind === 'call' || unknown.some((reason) => !ofNoCode.has(reason))) return true
  return routines.some(({ schema, isKnown }) => !isKnown || (schema !== 'pg_catalog' && schema !== 'information_schema'))
}

/** Holds an EXECUTE or a FETCH: what it does is what an earlier text said. */
export function standsForOthers(analysis: Analysis): boolean {
  return analysis.status === 'ok' && analysis.statements.some(({ kind }) => kind === 'execute' || kind === 'fetch')
}

/**
 * EXECUTE and FETCH as what they stand for, in the order of the text: a name that the text itself gives, or takes away, is what it was before no longer.
 * @param again the text of a PREPARE as names resolve now: the server resolves them anew with each EXECUTE, a cursor's query once, but for what that calls
 */
export async function resolveHeld(analysis: Analysis, held: Held, again: (text: string) => Analysis | Promise<Analysis>): Promise<Analysis> {
  if (analysis.status === 'error' || !standsForOthers(analysis)) return analysis
  const statements: Statement[] = []
  const own = new Map<string, Statement | undefined>()
  let isOpen = true
  for (const statement of analysis.statements) {
    const { kind, prepared: name = '', cursor = '' } = statement
    if (isExecute(statement)) {
      const key = `S${name}`
      const kept = own.has(key) || !isOpen ? undefined : held.prepared(name)
      const prepared = own.has(key) ? own.get(key) : kept === undefined ? undefined : await prepareOf(kept, again)
      statements.push(resolveExecute(statement, prepared, kept?.text))
    } else if (kind === 'fetch') {
      const key = `P${cursor}`
      const kept = own.has(key) || !isOpen ? undefined : held.cursor(cursor)
      const declared = own.has(key) ? own.get(key) : kept === undefined ? undefined : await declaredStill(kept, again)
      statements.push(fetched(statement, declared, kept?.text))
    } else {
      statements.push(statement)
      if (mayNameAnything(statement) || kind === 'discard' || (kind === 'deallocate' && name === '')) { isOpen = false; own.clear() }
      else if (kind === 'prepare') own.set(`S${name}`, statement)
      else if (kind === 'deallocate') own.set(`S${name}`, undefined)
      else if (kind === 'declare_cursor') own.set(`P${cursor}`, statement)
    }
  }
  return { ...analysis, statements }
}

async function prepareOf({ text, at }: Kept, again: (text: string) => Analysis | Promise<Analysis>): Promise<Statement | undefined> {
  const analysis = await again(text)
  const statement = analysis.status === 'ok' ? analysis.statements[at] : undefined
  return statement?.kind === 'prepare' ? statement : undefined
}

/** Its query was resolved once, what it calls is resolved with each row. */
async function declaredStill({ text, at, statement }: Kept, again: (text: string) => Analysis | Promise<Analysis>): Promise<Statement | undefined> {
  if (!mayNameAnything(statement)) return statement
  const analysis = await again(text)
  return analysis.status === 'ok' && isDeepStrictEqual(analysis.statements[at], statement) ? statement : undefined
}

/** Rows of a cursor come from where its query reads, and what that calls is called now. */
function fetched(own: Statement, declared: Statement | undefined, source: string | undefined): Statement {
  if (declared === undefined) return { ...own, isBarrier: true }
  const { held, relations, columns, routines, isBarrier, unknown } = declared
  return {
    ...own, relations, columns, routines, isBarrier: own.isBarrier || isBarrier, unknown: [...new Set([...own.unknown.filter((reason) => reason !== 'unknown_cursor'), ...unknown])],
    ...held === undefined ? {} : { outputs: held }, ...source === undefined ? {} : { source },
  }
}
