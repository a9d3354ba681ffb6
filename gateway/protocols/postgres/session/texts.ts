// What a text says as names resolve in this session now, and whether it says still what it said when it was decided.
import type { Admission, Analyser } from '../sql/analyse.ts'
import type { Analysis, Naming, Statement } from '../sql/analysis.ts'
import type { Catalogue, Ask } from '../sql/catalogue.ts'
import { hasForeignName } from '../sql/foreign-names.ts'
import type { Act } from './act.ts'
import { resolveHeld, standsForOthers } from './held.ts'
import { meansStill } from './looked-up-again.ts'
import { mayNameNothing, namesNothing, NamesError, type Names } from './names.ts'
import type { Settings } from './settings.ts'
import type { SessionNames, SessionState } from './state.ts'

/** A catalogue younger than this is not read again for a name that it lacks. */
const staleMs = 1_000

export interface TextsOptions {
  readonly state: SessionState
  readonly names: Names
  readonly settings: Settings
  readonly analyser: Analyser
  readonly catalogue: Catalogue
  readonly aside: Ask
  /** As the server has said it at the sign-in; undefined: it has not. A database keeps its encoding for good. */
  readonly serverEncoding: string | undefined
}

/** Facts are told by the names that they were read by. */
export interface ReadText { readonly names: SessionNames; readonly analysis: Analysis }

export class Texts {
  readonly #o: TextsOptions

  constructor(options: TextsOptions) {
    this.#o = options
  }

  /** As names resolve now; inside a transaction a text that names nothing asks nothing. @throws NamesError, RefusalError */
  async names(text: string | undefined): Promise<SessionNames> {
    const { names, state } = this.#o
    const { last } = names
    if (text === undefined || last === undefined || (state.status !== 'T' && !state.isUnsynced) || !mayNameNothing(text)) return await names.now()
    const statements = statementsOf(await this.#analyse(text, last, 'on-second-sight'))
    return statements.length > 0 && statements.every(namesNothing) ? last : await names.now()
  }

  /** Looking once more for a name that was not known may find a newer catalogue: facts are told by the one that was read. */
  async read(text: string, names: SessionNames, admission: Admission): Promise<ReadText> {
    const isCurrent = names === this.#o.names.last
    const analysis = await this.#analyse(text, names, admission)
    return { analysis, names: isCurrent ? this.#o.names.last ?? names : names }
  }

  /** What `read` would say, where nobody has to be asked: it was worked out before, and stands on nothing else. */
  known(text: string): ReadText | undefined {
    const names = this.#o.names.fresh
    const analysis = names === undefined || this.#o.settings.misread !== undefined || this.#isForeign(text) ? undefined : this.#o.analyser.known(text, names)
    return names === undefined || analysis === undefined || isUnresolved(analysis) || standsForOthers(analysis) ? undefined : { names, analysis }
  }

  /** Before it is sent: it may have waited for long, for a human or behind other statements, and others change the schema meanwhile. */
  async stands(act: Act): Promise<boolean> {
    const { names: before, statements, text } = act
    if (before === undefined || before === this.#o.names.fresh || (statements.length > 0 && statements.every(namesNothing))) return true
    // What is planned already, behind it, may end what is looked at here: whoever comes behind that looks for itself.
    const { state } = this.#o
    const { isStale, mayBeGivenAnew } = state
    const names = await this.names(text).catch(unlessUnread)
    const isUnread = names === undefined || state.isStale
    state.isStale ||= isStale
    state.mayBeGivenAnew ||= mayBeGivenAnew
    if (isUnread) return false
    if (names === before) return true
    const { analysis } = await this.read(text, names, 'at-once')
    return meansStill({ names: before, statements }, { names, statements: statementsOf(analysis) })
  }

  /** A result may begin that was decided some time ago, here or behind others in the server: what it names may have been changed before the server looked. What this transaction has changed itself nobody else can see, or change. */
  get hasUnsure(): boolean {
    const { state, catalogue } = this.#o
    if (state.hasUncommittedNames) return false
    for (const { names } of state.unbegun()) return names?.snapshot !== catalogue.fresh
    return false
  }

  /** Before their results begin, those that would show what was not decided on. Looked at from beside, along the path that was looked up: the session's own connection is at work. */
  async unsure(): Promise<readonly Act[]> {
    const { state, catalogue, aside } = this.#o
    const snapshot = await catalogue.current(aside).catch(() => undefined)
    const found: Act[] = []
    for (const act of state.unbegun()) if (snapshot === undefined || !await this.#standsIn(snapshot, act)) found.push(act)
    return found
  }

  async #standsIn(snapshot: SessionNames['snapshot'], { names: before, statements, text }: Act): Promise<boolean> {
    if (before === undefined || before.snapshot === snapshot) return true
    const names = { ...before, snapshot }
    const analysis = await this.#resolved(await this.#o.analyser.analyse(text, names, 'on-second-sight'), names)
    return meansStill({ names: before, statements }, { names, statements: statementsOf(analysis) })
  }

  async #analyse(text: string, names: SessionNames, admission: Admission): Promise<Analysis> {
    const { analyser, catalogue, settings: { misread } } = this.#o
    if (misread !== undefined) return { status: 'error', message: `${misread} makes the server read texts otherwise than the gateway`, position: 0 }
    if (this.#isForeign(text)) return { status: 'error', message: 'names beyond ASCII cannot be told apart in a database that is not UTF8', position: 0 }
    const analysis = await analyser.analyse(text, names, admission)
    if (!isUnresolved(analysis) || !catalogue.isOlderThan(names.snapshot, staleMs)) return await this.#resolved(analysis, names)
    // A table made elsewhere a moment ago: looked for once more, and not again until something else may be there.
    catalogue.invalidate()
    const newer = await this.#o.names.now()
    return await this.#resolved(await analyser.analyse(text, newer, admission), newer)
  }

  /** What EXECUTE and FETCH stand for is what this session has kept under their names. */
  #resolved(analysis: Analysis, names: Naming): Promise<Analysis> {
    return resolveHeld(analysis, this.#o.state.held, (earlier) => this.#o.analyser.analyse(earlier, names, 'at-once'))
  }

  #isForeign(text: string): boolean {
    return this.#o.serverEncoding !== 'UTF8' && hasForeignName(text)
  }
}

export function statementsOf(analysis: Analysis): readonly Statement[] {
  return analysis.status === 'ok' ? analysis.statements : []
}

export function unlessUnread(error: unknown): undefined {
  if (!(error instanceof NamesError)) throw error
}

function isUnresolved(analysis: Analysis): boolean {
  return analysis.status === 'ok' && analysis.statements.some(({ unknown }) => unknown.some((reason) => reason.startsWith('unresolved_')))
}
