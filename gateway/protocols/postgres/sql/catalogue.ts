// The shadow catalogue of one target's database: the last reading of it, renewed when the database has changed, by whomever: seen in what statements
// of a session do, in an unknown OID, and in a version that is asked for again and again.
import type { Relation, Snapshot } from './analysis.ts'
import * as queries from './catalogue-queries.ts'
import { version } from './catalogue-version.ts'
import { buildSnapshot, type Rows } from './snapshot.ts'

/** Asks the database and gives rows of text; on a connection of the gateway's own, or on the session's while it is idle. */
export type Ask = (sql: string) => Promise<Rows>

export type CatalogueErrorCode = 'ERR_CATALOGUE_TOO_LARGE' | 'ERR_CATALOGUE_UNREADABLE'

export class CatalogueError extends Error {
  readonly code: CatalogueErrorCode
  constructor(code: CatalogueErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CatalogueError'
    this.code = code
  }
}

/** Beyond these a database is refused: reading it would cost every session its memory. */
const maxRelations = 200_000
const maxRows = 1_000_000
const maxBytes = 512 * 1024 * 1024
/** Views asked for one by one when one of them cannot be printed. */
const maxSingleDefinitions = 2_000
/** PostgreSQL 14 brought SQL-standard bodies. */
const sqlBodiesSince = 140_000
/** Unknown OIDs remembered between readings. */
const maxMissing = 10_000
/** While statements come, the database's version is asked for this often, beside them … */
const checkEveryMs = 250
/** … or more rarely, so that asking takes at most a twentieth of the time where the catalogue is large. */
const checkCostFactor = 20
/** And no statement is decided by a version older than this many of these: what somebody else changes past the gateway is unseen for half a second
    (about two seconds with 5,000 tables), and a statement that is already at the server is not taken back. */
const trustedChecks = 2

/** @throws CatalogueError `ERR_CATALOGUE_UNREADABLE` */
async function readVersion(ask: Ask): Promise<string> {
  const rows = await ask(version).catch((cause: unknown) => { throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', "the catalogue's version cannot be read", { cause }) })
  const found = rows[0]?.[0]
  if (typeof found !== 'string') throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', "the catalogue's version cannot be read")
  return found
}

/** @throws CatalogueError `ERR_CATALOGUE_TOO_LARGE` or `ERR_CATALOGUE_UNREADABLE` (`cause` has the database's own error) */
export async function loadSnapshot(ask: Ask): Promise<Snapshot> {
  let bytes = 0
  const read = async (what: string, sql: string): Promise<Rows> => {
    let rows: Rows
    try {
      rows = await ask(sql)
    } catch (cause) {
      throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', `the database's ${what} cannot be read`, { cause })
    }
    if (rows.length > maxRows) throw new CatalogueError('ERR_CATALOGUE_TOO_LARGE', `the database's ${what}: more than ${maxRows} rows`)
    for (const row of rows) for (const cell of row) bytes += cell?.length ?? 0
    if (bytes > maxBytes) throw new CatalogueError('ERR_CATALOGUE_TOO_LARGE', `the database's catalogue is longer than ${maxBytes} bytes`)
    return rows
  }
  const [about] = await read('version', queries.about)
  if (about === undefined) throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', "the database's version cannot be read")
  const path = JSON.parse(about[1] ?? '[]') as string[]
  const relations = await read('relations', queries.relations)
  if (relations.length > maxRelations) throw new CatalogueError('ERR_CATALOGUE_TOO_LARGE', `the database has more than ${maxRelations} relations`)
  return buildSnapshot({
    path,
    relations,
    inheritance: await read('inheritance', queries.inheritance),
    expressions: await read('column expressions', queries.expressions),
    triggers: await read('triggers', queries.triggers),
    rules: await read('rules', queries.rules),
    definitions: await readDefinitions(ask, read),
    routines: [...await read('system routines', queries.systemRoutines), ...await read('routines', queries.userRoutines(Number(about[0]) >= sqlBodiesSince))],
    types: await read('types', queries.types),
    operators: await read('operators', queries.operators),
    casts: await read('casts', queries.casts),
  })
}

/** One view that cannot be printed must not hide the others; its own columns then stay unknown. */
async function readDefinitions(ask: Ask, read: (what: string, sql: string) => Promise<Rows>): Promise<Map<number, string>> {
  const definitions = new Map<number, string>()
  const keep = (oid: number, text: string | null | undefined) => { if (typeof text === 'string') definitions.set(oid, text) }
  try {
    for (const [oid, text] of await ask(queries.definitions)) keep(Number(oid), text)
  } catch {
    const oids = await read('views', queries.definitionOids)
    for (const [oid] of oids.slice(0, maxSingleDefinitions)) {
      try {
        keep(Number(oid), (await ask(queries.oneDefinition(Number(oid))))[0]?.[0])
      } catch { /* unreadable: without a definition, lineage calls it unknown */ }
    }
  }
  return definitions
}

/** `checkedAt`: before the last question whose answer was `version`, so that what changed meanwhile counts as later. ms */
interface Held { readonly snapshot: Snapshot; readonly version: string; readonly readAt: number; readonly checkedAt: number; readonly everyMs: number }

/** Of one target and database. The caller owns it and its clock. */
export class Catalogue {
  readonly #now: () => number
  #held: Held | undefined
  #loading: Promise<Snapshot> | undefined
  #checking: Promise<Held | undefined> | undefined
  /** Counts invalidations: a reading begun before the last one is handed to its waiters, and not kept. */
  #generation = 0
  /** OIDs that were unknown even after a fresh reading (dropped, or another session's temporary table). */
  #missing = new Set<number>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** The last reading while the database is as it was then, else a new one; concurrent callers share questions and readings. @throws CatalogueError as `loadSnapshot` */
  async current(ask: Ask): Promise<Snapshot> {
    const held = this.#held
    if (held !== undefined) {
      const age = this.#now() - held.checkedAt
      if (age < held.everyMs) return held.snapshot
      const checked = this.#check(held, ask)
      // Nobody waits for a question that is asked in time; when it fails, the one that is waited for says so.
      checked.catch(() => undefined)
      if (age < held.everyMs * trustedChecks) return held.snapshot
      const still = await checked.catch(() => this.#ask(held, ask))
      if (still !== undefined) return still.snapshot
    }
    return this.#loading ??= this.#load(ask)
  }

  /** @returns whether another reading could know more than this one */
  isOlderThan(snapshot: Snapshot, ms: number): boolean {
    return this.#held?.snapshot !== snapshot || this.#now() - this.#held.readAt > ms
  }

  /** After DDL, or whenever names may mean something else. */
  invalidate(): void {
    this.#generation++
    this.#held = undefined
    this.#loading = undefined
  }

  /** The relation of an OID that the server reported; one that is not known is looked for once more, in a fresh reading. */
  async relation(oid: number, ask: Ask): Promise<Relation | undefined> {
    const found = (await this.current(ask)).relation(oid)
    if (found !== undefined || this.#missing.has(oid)) return found
    const missing = this.#missing
    this.invalidate()
    const again = (await this.current(ask)).relation(oid)
    // Kept over this reading: two unknown OIDs in turn must not read the catalogue for ever.
    this.#missing = missing
    if (again === undefined && missing.size < maxMissing) missing.add(oid)
    return again
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
      this.invalidate()
      return undefined
    }
    return this.#held = { ...held, checkedAt, everyMs: Math.max(checkEveryMs, (this.#now() - checkedAt) * checkCostFactor) }
  }

  async #load(ask: Ask): Promise<Snapshot> {
    const generation = this.#generation
    try {
      // The caller keeps this promise first: an invalidation while reading then finds it.
      await Promise.resolve()
      const readAt = this.#now()
      const before = await readVersion(ask)
      const everyMs = Math.max(checkEveryMs, (this.#now() - readAt) * checkCostFactor)
      const snapshot = await loadSnapshot(ask)
      if (generation === this.#generation) {
        this.#held = { snapshot, version: before, readAt, checkedAt: readAt, everyMs }
        this.#missing = new Set()
      }
      return snapshot
    } finally {
      if (generation === this.#generation) this.#loading = undefined
    }
  }
}
