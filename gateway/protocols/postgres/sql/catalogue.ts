// The shadow catalogue of one target's database: the last reading of it, renewed when the database has changed, by whomever: seen in what statements
// of a session do, in a name that it lacks, and in a version that is asked for again and again.
import type { Snapshot } from './analysis.ts'
import { nothingMissing } from './catalogue-change.ts'
import { CatalogueError, maxAttempts, readCatalogue, type Ask, type CatalogueReading } from './catalogue-reading.ts'
import { version } from './catalogue-version.ts'

export { CatalogueError, loadSnapshot, lockTimeoutMs, maxAttempts, searchPath, type Ask, type CatalogueErrorCode } from './catalogue-reading.ts'

/** A reading that is older is not built upon: transaction ids come round after 2³¹. */
const maxReusedMs = 3_600_000
/** While statements come, the database's version is asked for this often, beside them … */
const checkEveryMs = 250
/** … or more rarely, so that asking takes at most a twentieth of the time where the catalogue is large. */
const checkCostFactor = 20
/** And no statement is decided by a version older than this many of these: what somebody else changes past the gateway is unseen for half a second
    (about two seconds with 5,000 tables), and a statement that is already at the server is not taken back. */
const trustedChecks = 2
/** Before the next attempt at a reading, and twice as long before the one behind it: what is being dropped is soon gone. ms */
const pauseMs = 25
const maxPauseMs = 200
/** Those behind `maxAttempts` print nothing. A catalogue of the server's own that is being rebuilt (VACUUM FULL, REINDEX) is locked for so many lock timeouts at most: the server would have whoever names something wait for it as well. */
const maxTries = 10

/** A connection that the server ended is one attempt; the next has another. @throws CatalogueError of the last attempt */
async function patiently<T>(read: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read(attempt)
    } catch (error) {
      if (attempt === maxTries || !(error instanceof CatalogueError) || error.code !== 'ERR_CATALOGUE_UNREADABLE') throw error
      await new Promise((resolve) => { setTimeout(resolve, Math.min(pauseMs * 2 ** (attempt - 1), maxPauseMs)) })
    }
  }
}

/** @throws CatalogueError `ERR_CATALOGUE_UNREADABLE` */
async function readVersion(ask: Ask): Promise<string> {
  const rows = await ask(version).catch((cause: unknown) => { throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', "the catalogue's version cannot be read", { cause }) })
  const found = rows[0]?.[0]
  if (typeof found !== 'string') throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', "the catalogue's version cannot be read")
  return found
}

/** `checkedAt`: before the last question whose answer was `version`, so that what changed meanwhile counts as later. ms */
interface Held { readonly snapshot: Snapshot; readonly version: string; readonly readAt: number; readonly checkedAt: number; readonly everyMs: number }

interface Loading { readonly snapshot: Promise<Snapshot>; hasBegun: boolean }

/** Of one target and database. The caller owns it and its clock. */
export class Catalogue {
  readonly #now: () => number
  #held: Held | undefined
  /** The reading that is to come next, and serves everybody who asks before it has begun; or the one that has, and serves while nothing changes. */
  #loading: Loading | undefined
  /** One reading at a time: what changes meanwhile is in the next, for all together. */
  #turn: Promise<unknown> = Promise.resolve()
  #checking: Promise<Held | undefined> | undefined
  /** Counts invalidations: a reading begun before the last one is handed to its waiters, and not kept. */
  #generation = 0
  /** What it lacks is known to have changed. */
  #isAwaited = false
  /** Of committed rows, whatever changed since: the next one reads what was written after it. */
  #last: CatalogueReading & { readonly readAt: number } | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** The last reading, while nobody has to ask whether it still stands. */
  get fresh(): Snapshot | undefined {
    const held = this.#held
    return held !== undefined && this.#ageOf(held.checkedAt) < held.everyMs ? held.snapshot : undefined
  }

  /** The last reading while the database is as it was then, else a new one; concurrent callers share questions and readings. @throws CatalogueError as `loadSnapshot` */
  async current(ask: Ask): Promise<Snapshot> {
    const held = this.#held
    if (held !== undefined) {
      const age = this.#ageOf(held.checkedAt)
      if (age < held.everyMs) return held.snapshot
      const checked = this.#check(held, ask)
      // Nobody waits for a question that is asked in time; when it fails, the one that is waited for says so.
      checked.catch(() => undefined)
      if (age < held.everyMs * trustedChecks) return held.snapshot
      const still = await checked.catch(() => patiently(() => this.#ask(held, ask)))
      if (still !== undefined) return still.snapshot
    }
    return await (this.#loading ?? this.#next(ask)).snapshot
  }

  /** @returns whether another reading could know more than this one */
  isOlderThan(snapshot: Snapshot, ms: number): boolean {
    return this.#held?.snapshot !== snapshot || this.#ageOf(this.#held.readAt) > ms
  }

  /** Of a clock that was set back nobody knows how long ago it was. ms */
  #ageOf(at: number): number {
    const age = this.#now() - at
    return age < 0 ? Infinity : age
  }

  /** After DDL, or whenever names may mean something else. */
  invalidate(): void {
    this.#forget()
    this.#isAwaited = true
  }

  #forget(): void {
    this.#generation++
    this.#held = undefined
    if (this.#loading?.hasBegun === true) this.#loading = undefined
  }

  #check(held: Held, ask: Ask): Promise<Held | undefined> {
    const checking = this.#checking ??= this.#ask(held, ask).finally(() => { if (this.#checking === checking) this.#checking = undefined })
    return checking
  }

  /** @returns undefined: the database has changed, or somebody has said so meanwhile */
  async #ask(held: Held, ask: Ask): Promise<Held | undefined> {
    const checkedAt = this.#now()
    const found = await readVersion(ask)
    if (this.#held?.snapshot !== held.snapshot) return this.#held
    if (found !== held.version) {
      this.#forget()
      return undefined
    }
    return this.#held = { ...held, checkedAt, everyMs: Math.max(checkEveryMs, (this.#now() - checkedAt) * checkCostFactor) }
  }

  /** The catalogue as a transaction that has not ended sees it, on its own connection. @throws CatalogueError as `loadSnapshot` */
  async uncommitted(ask: Ask, options?: Parameters<typeof readCatalogue>[2]): Promise<Snapshot> {
    return (await readCatalogue(ask, this.#base(this.#now()), options)).snapshot
  }

  /** What is dropped while it is being printed is an error of the server's; the next reading does not meet it, or does without what has to be printed. */
  #read(ask: Ask, now: number): Promise<CatalogueReading> {
    return patiently((attempt) => readCatalogue(ask, this.#base(now), { prints: attempt < maxAttempts }))
  }

  #base(now: number): CatalogueReading | undefined {
    return this.#last !== undefined && now - this.#last.readAt < maxReusedMs ? this.#last : undefined
  }

  #next(ask: Ask): Loading {
    const loading: Loading = this.#loading = {
      hasBegun: false,
      snapshot: this.#turn.then(() => {
        loading.hasBegun = true
        return this.#load(ask)
      }).finally(() => { if (this.#loading === loading) this.#loading = undefined }),
    }
    this.#turn = loading.snapshot.catch(() => undefined)
    return loading
  }

  async #load(ask: Ask): Promise<Snapshot> {
    const generation = this.#generation
    const readAt = this.#now()
    // After DDL through the gateway the next statement waits for this: the version is asked for at the next look, which then reads again.
    const before = this.#isAwaited && this.#last !== undefined ? '' : await patiently(() => readVersion(ask))
    this.#isAwaited = false
    const everyMs = Math.max(checkEveryMs, (this.#now() - readAt) * checkCostFactor)
    const { snapshot, missing } = this.#last = { readAt, ...await this.#read(ask, readAt) }
    if (generation === this.#generation) this.#held = { snapshot, version: missing === nothingMissing ? before : '', readAt, checkedAt: readAt, everyMs }
    return snapshot
  }
}
