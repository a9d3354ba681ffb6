// How names resolve in one session now: its search path, its role, and the catalogue it sees. Whatever may change that makes it stale.
import type { Naming } from './sql/analysis.ts'
import { loadSnapshot, type Ask, type Catalogue } from './sql/catalogue.ts'
import { createViewLineage } from './sql/view-lineage.ts'
import type { SessionState } from './state.ts'

/** `pg_my_temp_schema` is 0 until there is one; operators are named whole, since the session's own path decides which `=` it would be. */
const question = 'SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text, current_user::pg_catalog.text, session_user::pg_catalog.text'

export interface SessionNames extends Naming { readonly role: string; readonly sessionRole: string; readonly viewLineage: ReturnType<typeof createViewLineage> }

export class Names {
  readonly #state: SessionState
  readonly #catalogue: Catalogue
  readonly #ask: Ask
  /** A connection beside the session's, for the time of one reading. */
  readonly #aside: Ask
  #known: SessionNames | undefined
  #own: Naming['snapshot'] | undefined
  #asked: { readonly path: readonly string[]; readonly role: string; readonly sessionRole: string } | undefined

  constructor(state: SessionState, catalogue: Catalogue, ask: Ask, aside: Ask) {
    this.#state = state
    this.#catalogue = catalogue
    this.#ask = ask
    this.#aside = aside
  }

  /** What the last look said; for messages that resolve nothing. */
  get last(): SessionNames | undefined { return this.#known }

  /** @throws Error when the server does not say; nothing may be decided then */
  async now(): Promise<SessionNames> {
    const state = this.#state
    // A server that skips to the next Sync answers nothing, and takes nothing of what is decided meanwhile.
    const answers = state.status !== 'E' && !state.isSkipping
    if (state.isStale && answers) {
      await this.#look()
      this.#own = undefined
    }
    if (this.#asked === undefined) throw new Error('the session has no search path yet')
    const isUncommitted = state.hasUncommittedNames && (state.status === 'T' || state.isUnsynced)
    const snapshot = isUncommitted ? this.#own ??= await this.#uncommitted() : await this.#catalogue.current(this.#aside)
    if (this.#known?.snapshot === snapshot) return this.#known
    // A schema that somebody has made, or may now be looked into, may be in the path: `$user` names one that need not exist.
    if (this.#known !== undefined && answers) await this.#look()
    return this.#known = { snapshot, ...this.#asked, viewLineage: createViewLineage({ snapshot, path: this.#asked.path }) }
  }

  async #look(): Promise<void> {
    await this.#state.settled()
    const [row] = await this.#ask(question)
    this.#asked = { path: JSON.parse(row?.[0] ?? '[]') as string[], role: row?.[1] ?? '', sessionRole: row?.[2] ?? '' }
    this.#state.isStale = false
    this.#known = undefined
  }

  /** The catalogue as this transaction has changed it: nobody else can see it. */
  async #uncommitted(): Promise<Naming['snapshot']> {
    await this.#state.settled()
    return await loadSnapshot(this.#ask)
  }
}
