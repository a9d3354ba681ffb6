// One reading of the live catalogue: whole, or only what transactions have written since an earlier one.
// Every row says which transaction wrote it (`xmin`), and all below an earlier reading's `pg_snapshot_xmin` had ended before that reading began
// (manual, "System Columns", "Transaction ID and Snapshot Information Functions"). Rows that are gone are seen by their number.
import type { Snapshot } from './analysis.ts'
import * as queries from './catalogue-queries.ts'
import { buildSnapshot, type Cell, type Rows } from './snapshot.ts'

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
/** Transaction ids below it mean no transaction (`FirstNormalTransactionId`). */
const firstTransaction = 3

/** Others change the database while it is read. */
export const maxAttempts = 3
/** To print a definition the server takes a lock that any open ALTER TABLE holds: nobody waits long for it, since its owner may be waiting for this. */
export const lockTimeoutMs = 250

type Row = readonly Cell[]
type Large = 'relations' | 'routines' | 'types'

export interface CatalogueReading {
  readonly snapshot: Snapshot
  /** Which start of which server, and which database: transaction ids of another mean nothing here. */
  readonly server: string
  /** Whatever is not written by this transaction, or a later one, was seen. */
  readonly horizon: number
  /** By OID. */
  readonly rows: Readonly<Record<Large, ReadonlyMap<number, Row>>>
  /** All that is small, or printed anew because names in it may have changed. */
  readonly others: string
  /** Not all views could be printed: somebody holds a lock. */
  readonly isWhole: boolean
  readonly bytes: number
}

/** @throws CatalogueError `ERR_CATALOGUE_TOO_LARGE` or `ERR_CATALOGUE_UNREADABLE` (`cause` has the database's own error) */
export async function loadSnapshot(ask: Ask): Promise<Snapshot> {
  return (await readCatalogue(ask)).snapshot
}

/**
 * @param earlier of committed rows only: what a transaction of one's own wrote may be taken back, and the rows before it are older than any horizon
 * @param printsViews false: where that has failed, and all of them are unknown
 * @throws as `loadSnapshot`
 */
export async function readCatalogue(ask: Ask, earlier?: CatalogueReading, { printsViews = true }: { readonly printsViews?: boolean } = {}): Promise<CatalogueReading> {
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
    if (bytes + (since?.bytes ?? 0) > maxBytes) throw new CatalogueError('ERR_CATALOGUE_TOO_LARGE', `the database's catalogue is longer than ${maxBytes} bytes`)
    return rows
  }
  let since: CatalogueReading | undefined
  const [about] = await read('version', queries.about)
  if (about === undefined) throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', "the database's version cannot be read")
  const [version, path = '[]', server, horizon] = about
  if (earlier !== undefined && earlier.server === server && earlier.horizon >= firstTransaction) since = earlier
  const from = since?.horizon
  const changed: Record<Large, Rows> = {
    relations: await read('relations', queries.relations(from)),
    routines: [...await read('system routines', queries.systemRoutines(from)), ...await read('routines', queries.userRoutines(Number(version) >= sqlBodiesSince, from))],
    types: await read('types', queries.types(from)),
  }
  const rows = { relations: byOid(since?.rows.relations, changed.relations), routines: byOid(since?.rows.routines, changed.routines), types: byOid(since?.rows.types, changed.types) }
  let isSame = since !== undefined && (Object.keys(changed) as Large[]).every((each) => isKnown(since?.rows[each], changed[each]))
  if (since !== undefined) {
    const [counts] = await read('numbers of rows', queries.counts)
    for (const [i, each] of queries.counted.entries()) {
      if (Number(counts?.[i]) === rows[each].size) continue
      isSame = false
      const live = new Set((await read(`OIDs of ${each}`, queries.oids[each])).map(([oid]) => Number(oid)))
      for (const oid of rows[each].keys()) if (!live.has(oid)) rows[each].delete(oid)
    }
  }
  if (rows.relations.size > maxRelations) throw new CatalogueError('ERR_CATALOGUE_TOO_LARGE', `the database has more than ${maxRelations} relations`)
  const { definitions, isWhole } = printsViews ? await readDefinitions(ask, read) : { definitions: new Map<number, string>(), isWhole: false }
  const others = {
    path: JSON.parse(path ?? '[]') as string[],
    inheritance: await read('inheritance', queries.inheritance),
    expressions: await read('column expressions', queries.expressions),
    triggers: await read('triggers', queries.triggers),
    rules: await read('rules', queries.rules),
    definitions,
    operators: await read('operators', queries.operators),
    casts: await read('casts', queries.casts),
    implicitCasts: await read('casts', queries.implicitCasts),
    reached: await read('dependencies', queries.reached),
    policies: await read('policies', queries.policies),
  }
  const written = JSON.stringify({ ...others, definitions: [...others.definitions] })
  // A reading of its own all the same: what this does not read, as who may look into a schema, may be what has changed.
  const snapshot = isSame && since?.others === written ? { ...since.snapshot }
    : buildSnapshot({ ...others, relations: [...rows.relations.values()], routines: [...rows.routines.values()], types: [...rows.types.values()] })
  return { snapshot, server: server ?? '', horizon: Number(BigInt(horizon ?? '0') & 0xffff_ffffn), rows, others: written, isWhole, bytes: bytes + (since?.bytes ?? 0) }
}

function byOid(before: ReadonlyMap<number, Row> | undefined, changed: Rows): Map<number, Row> {
  const rows = new Map(before)
  for (const row of changed) rows.set(Number(row[0]), row)
  return rows
}

/** Some rows are read each time, since they print names. */
function isKnown(before: ReadonlyMap<number, Row> | undefined, changed: Rows): boolean {
  return changed.every((row) => {
    const known = before?.get(Number(row[0]))
    return known !== undefined && known.length === row.length && known.every((cell, i) => cell === row[i])
  })
}

/** One view that cannot be printed must not hide the others; its own columns then stay unknown. In a transaction a failure ends them all. */
async function readDefinitions(ask: Ask, read: (what: string, sql: string) => Promise<Rows>): Promise<{ readonly definitions: Map<number, string>; readonly isWhole: boolean }> {
  const definitions = new Map<number, string>()
  const keep = (oid: number, text: string | null | undefined) => { if (typeof text === 'string') definitions.set(oid, text) }
  try {
    for (const [oid, text] of await ask(queries.definitions)) keep(Number(oid), text)
    return { definitions, isWhole: true }
  } catch {
    const oids = await read('views', queries.definitionOids)
    for (const [oid] of oids.slice(0, maxSingleDefinitions)) {
      try {
        keep(Number(oid), (await ask(queries.oneDefinition(Number(oid))))[0]?.[0])
      } catch { /* unreadable: without a definition, lineage calls it unknown */ }
    }
    return { definitions, isWhole: false }
  }
}
