// How names resolve in one session now: its search path, its role, and the catalogue it sees. Whatever may change that makes it stale.
import { randomBytes } from 'node:crypto'
import { RefusalError } from '../../../refusal.ts'
import type { Naming, Statement } from '../sql/analysis.ts'
import { lockTimeoutMs, maxAttempts, searchPath, type Ask, type Catalogue } from '../sql/catalogue.ts'
import { createViewLineage } from '../sql/view-lineage.ts'
import { forgetGivenAnew, forgetUnnoted, isAnyUnnoted } from './given-anew.ts'
import { alongWhich, type Along } from './search-path.ts'
import type { SessionNames, SessionState } from './state.ts'

/** A client's settings for its own statements are none for ours: limits of time, workers that such a reading would start, and names that texts are printed by. */
const calm = `SELECT ${Object.entries({ lock_timeout: lockTimeoutMs, statement_timeout: 0, max_parallel_workers_per_gather: 0, search_path: searchPath }).map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`).join(', ')}`

/** What names mean cannot be read now: nothing may be decided, and the same statement may be understood later. */
export class NamesError extends Error {
  constructor(cause: unknown) {
    super('what names mean cannot be read now', { cause })
    this.name = 'NamesError'
  }
}

export class Names {
  readonly #state: SessionState
  readonly #catalogue: Catalogue
  readonly #ask: Ask
  /** A connection beside the session's, for the time of one reading. */
  readonly #aside: Ask
  /** Resolves when no reply is due; without a Sync the server is asked for them. */
  readonly #settle: () => Promise<void>
  readonly #setting: (name: string, value: string) => void
  #known: SessionNames | undefined
  #own: Naming['snapshot'] | undefined
  #ownChanges = 0
  #asked: Omit<Along, 'settings'> | undefined
  /** By which the server's plans were made. */
  #planned: Naming['snapshot'] | undefined

  /** @param setting what the server says of a setting by which it reads texts. @throws RefusalError for one that would change how they are read */
  constructor(state: SessionState, catalogue: Catalogue, ask: Ask, aside: Ask, settle: () => Promise<void>, setting: (name: string, value: string) => void) {
    this.#state = state
    this.#catalogue = catalogue
    this.#ask = ask
    this.#aside = aside
    this.#settle = settle
    this.#setting = setting
  }

  /** What the last look said; for messages that resolve nothing. */
  get last(): SessionNames | undefined { return this.#known }

  /** What `now` would say without asking anybody; undefined where it would ask, or begin to. */
  get fresh(): SessionNames | undefined {
    const { isStale, hasUncommittedNames, nameChanges } = this.#state
    const known = this.#known
    if (known === undefined || isStale || hasUncommittedNames || this.#ownChanges !== nameChanges) return undefined
    return this.#catalogue.fresh === known.snapshot ? known : undefined
  }

  /** @throws NamesError when the server does not say; RefusalError when it reads texts otherwise than they are read here */
  async now(): Promise<SessionNames> {
    try {
      return await this.#read()
    } catch (cause) {
      if (cause instanceof RefusalError) throw cause
      throw new NamesError(cause)
    }
  }

  async #read(): Promise<SessionNames> {
    const state = this.#state
    if (state.isStale) await this.#look()
    if (this.#ownChanges !== state.nameChanges) this.#own = undefined
    this.#ownChanges = state.nameChanges
    if (this.#asked === undefined) throw new Error('the session has no search path yet')
    const isUncommitted = state.hasUncommittedNames && (state.status === 'T' || state.isUnsynced)
    const snapshot = isUncommitted && this.#isAnswering ? this.#own ??= await this.#uncommitted() : await this.#catalogue.current(this.#aside)
    if (this.#known?.snapshot === snapshot) return this.#known
    // A schema that somebody has made, or may now be looked into, may be in the path: `$user` names one that need not exist.
    if (this.#known !== undefined) await this.#look()
    await this.#replan(snapshot)
    // Nobody has looked, and the server's plans are what they were: whoever ends the transaction makes both known first.
    if (!this.#isAnswering) state.isStale = state.isTouched = true
    return this.#known = { snapshot, ...this.#asked, viewLineage: createViewLineage({ snapshot, path: this.#asked.path }) }
  }

  /** A table made in front of another takes its name, and nothing of the server's plans with it: what was prepared, and what functions keep, would go on with the other. */
  async #replan(snapshot: Naming['snapshot']): Promise<void> {
    if (this.#planned === snapshot || !this.#isAnswering) return
    if (this.#planned !== undefined) {
      await this.#settle()
      if (!this.#isAnswering) return
      await this.#ask('DISCARD PLANS')
    }
    this.#planned = snapshot
  }

  /** A server that skips to the next Sync answers nothing, and takes nothing of what is decided meanwhile. */
  get #isAnswering(): boolean { return this.#state.status !== 'E' && !this.#state.isSkipping }

  async #look(): Promise<void> {
    await this.#settle()
    if (!this.#isAnswering) return
    const { settings, ...asked } = await alongWhich(this.#ask)
    for (const [name, value] of settings) this.#setting(name, value)
    this.#asked = asked
    if (this.#state.mayBeGivenAnew) await forgetGivenAnew(this.#state, this.#ask)
    this.#state.mayBeGivenAnew = false
    this.#state.isStale = false
    this.#known = undefined
    // The server plans it anew, and its columns may be another table's.
    for (const prepared of this.#state.prepared.values()) prepared.fields = undefined
  }

  /** Before code that may name anything: which portals are the client's. Afterwards nobody could say. */
  async note(): Promise<void> {
    if (!isAnyUnnoted(this.#state)) return
    await this.#settle()
    try {
      if (this.#isAnswering) await forgetGivenAnew(this.#state, this.#ask)
    } catch {
      // The transaction has failed, and what is sent now may end it.
    }
    forgetUnnoted(this.#state)
  }

  /** The catalogue as this transaction has changed it: nobody else can see it. */
  async #uncommitted(): Promise<Naming['snapshot']> {
    await this.#settle()
    if (!this.#isAnswering) return await this.#catalogue.current(this.#aside)
    if (this.#state.status !== 'T' || this.#state.isUnsynced) return await this.#catalogue.uncommitted(this.#ask)
    return await this.#undone((isLast) => this.#catalogue.uncommitted(this.#ask, { prints: !isLast }))
  }

  /** Printing a definition takes locks, and fails when somebody drops what it is about: neither may become the transaction's. */
  async #undone<T>(read: (isLast: boolean) => Promise<T>): Promise<T> {
    const savepoint = `countersign_${randomBytes(12).toString('hex')}`
    // They go out together, and are answered in order.
    const undo = (): Promise<unknown> => this.#ask(`ROLLBACK TO SAVEPOINT ${savepoint}`)
    const begun = this.#ask(`SAVEPOINT ${savepoint}`)
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          const [, , found] = await Promise.all([begun, this.#ask(calm), read(attempt === maxAttempts)])
          return found
        } catch (error) {
          if (attempt === maxAttempts) throw error
          await undo()
        }
      }
    } finally {
      await Promise.all([undo(), this.#ask(`RELEASE SAVEPOINT ${savepoint}`)])
    }
  }
}

/** Text that may begin a statement of `namesNothing`. */
const opening = /^\s*(?:set|show|begin|start|commit|end|rollback|abort|savepoint|release)\b/i

export function mayNameNothing(text: string): boolean {
  return opening.test(text)
}

/** Read alike however names resolve. SET TRANSACTION must come before any query of its transaction, and a question of ours would be one. */
export function namesNothing({ kind, settings = [] }: Statement): boolean {
  return kind === 'transaction' || kind === 'variable_show' || setsTransaction({ kind, settings })
}

export function setsTransaction({ kind, settings = [] }: Pick<Statement, 'kind' | 'settings'>): boolean {
  return kind === 'variable_set' && settings.length > 0 && settings.every(({ name }) => name === 'transaction' || name.startsWith('transaction_'))
}
