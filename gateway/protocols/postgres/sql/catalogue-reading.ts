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

/** All that is small, or printed by names. */
type Others = Omit<Parameters<typeof buildSnapshot>[0], Large>

export interface CatalogueReading {
  readonly snapshot: Snapshot
  /** Which start of which server, and which database: transaction ids of another mean nothing here. */
  readonly server: string
  /** Whatever is not written by this transaction, or a later one, was seen. */
  readonly horizon: number
  /** By OID. */
  readonly rows: Readonly<Record<Large, ReadonlyMap<number, Row>>>
  readonly others: Others
  /** Numbers of rows; none known of a reading of everything. */
  readonly small: ReadonlyMap<queries.Watched, number>
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
  const [version, pathText, server, horizon] = about
  if (earlier !== undefined && earlier.server === server && earlier.horizon >= firstTransaction) since = earlier
  const path = JSON.parse(pathText ?? '[]') as string[]
  const change = since === undefined ? undefined : changeOf((await read('changes', queries.changes(since.horizon)))[0] ?? [], since)
  const isRenamed = change === undefined || change.has('pg_namespace', 'pg_language')
  const from = (oids: readonly number[] = []): queries.From => isRenamed ? since?.horizon : oids
  const mustRead = (oids: readonly number[] = []): boolean => isRenamed || oids.length > 0
  const hasRoutines = mustRead(change?.oids.routines)
  const rows = {
    relations: byOid(since?.rows.relations, mustRead(change?.oids.relations) ? await read('relations', queries.relations(from(change?.oids.relations))) : []),
    routines: byOid(since?.rows.routines, hasRoutines ? await read('system routines', queries.systemRoutines(since?.horizon)) : []),
    types: byOid(since?.rows.types, mustRead(change?.oids.types) ? await read('types', queries.types(from(change?.oids.types))) : []),
  }
  if (change !== undefined) {
    for (const each of queries.counted) {
      if (change.counts[each] === rows[each].size && !(each === 'routines' && hasRoutines)) continue
      const live = new Set((await read(`OIDs of ${each}`, queries.oids[each])).map(([oid]) => Number(oid)))
      for (const oid of rows[each].keys()) if (!live.has(oid)) rows[each].delete(oid)
    }
  }
  const isSamePath = since !== undefined && since.others.path.join('\0') === path.join('\0')
  const isPrintedAlike = since !== undefined && isSamePath && since.isWhole && !isRenamed && !hasRoutines && !change?.has('pg_operator', 'pg_cast') && isApart(since.rows, rows)
  if (!isPrintedAlike) for (const [oid, row] of byOid(undefined, await read('routines', queries.userRoutines(Number(version) >= sqlBodiesSince, since?.horizon)))) rows.routines.set(oid, row)
  if (rows.relations.size > maxRelations) throw new CatalogueError('ERR_CATALOGUE_TOO_LARGE', `the database has more than ${maxRelations} relations`)
  const known = since?.others
  /** As before, unless its own rows have changed, or `isPrinted` and names in it may have. */
  const again = async (what: string, sql: string, before: Rows | undefined, isPrinted: boolean, ...tables: readonly queries.Watched[]): Promise<Rows> =>
    before !== undefined && change?.has(...tables) === false && (isPrinted ? isPrintedAlike : !hasRoutines && !isRenamed) ? before : await read(what, sql)
  const { definitions, isWhole } = known !== undefined && isPrintedAlike && !change?.has('pg_rewrite') ? { definitions: known.definitions, isWhole: true }
    : printsViews ? await readDefinitions(ask, read) : { definitions: new Map<number, string>(), isWhole: false }
  const others: Others = {
    path, definitions,
    inheritance: await again('inheritance', queries.inheritance, known?.inheritance, false, 'pg_inherits'),
    expressions: await again('column expressions', queries.expressions, known?.expressions, true, 'pg_attrdef'),
    triggers: await again('triggers', queries.triggers, known?.triggers, false, 'pg_trigger'),
    rules: await again('rules', queries.rules, known?.rules, false, 'pg_rewrite'),
    operators: await again('operators', queries.operators, known?.operators, false, 'pg_operator'),
    casts: await again('casts', queries.casts, known?.casts, false, 'pg_cast'),
    implicitCasts: await again('casts', queries.implicitCasts, known?.implicitCasts, false, 'pg_cast'),
    reached: await read('dependencies', queries.reached),
    policies: await again('policies', queries.policies, known?.policies, true, 'pg_policy'),
  }
  const snapshot = buildSnapshot({ ...others, relations: [...rows.relations.values()], routines: [...rows.routines.values()], types: [...rows.types.values()] })
  return { snapshot, server: server ?? '', horizon: Number(BigInt(horizon ?? '0') & 0xffff_ffffn), rows, others, small: change?.small ?? new Map(), isWhole, bytes: bytes + (since?.bytes ?? 0) }
}

interface Change {
  readonly oids: Readonly<Record<Large, readonly number[]>>
  readonly counts: Readonly<Record<Large, number>>
  readonly small: ReadonlyMap<queries.Watched, number>
  /** Whether one of these has rows that are new, or has lost some. */
  has(...tables: readonly queries.Watched[]): boolean
}

/** The answer to `changes`, in its column order. */
function changeOf([relations, routines, types, ...rest]: Row, { small: before }: CatalogueReading): Change {
  const listed = (text: Cell | undefined): readonly number[] => JSON.parse(text ?? '[]') as number[]
  const small = new Map<queries.Watched, number>()
  const changed = new Set<queries.Watched>()
  for (const [i, table] of queries.watchedColumns.entries()) {
    const [count, isNew] = (rest[i + queries.counted.length] ?? '').split(' ')
    small.set(table, Number(count))
    if (isNew !== 'f' || before.get(table) !== Number(count)) changed.add(table)
  }
  return {
    oids: { relations: listed(relations), routines: listed(routines), types: listed(types) },
    counts: { relations: Number(rest[0]), routines: Number(rest[1]), types: Number(rest[2]) },
    small, has: (...tables) => tables.some((table) => changed.has(table)),
  }
}

/** Whether what has come and gone bears no name that anything else bears, and nothing that stayed is another: then all that prints names prints the same. */
function isApart(before: CatalogueReading['rows'], after: CatalogueReading['rows']): boolean {
  for (const each of ['relations', 'types'] as const) {
    const moved = new Set<Cell | undefined>()
    for (const [oid, row] of after[each]) {
      const known = before[each].get(oid)
      if (known === undefined) moved.add(row[2])
      else if (known !== row && !(known.length === row.length && known.every((cell, i) => cell === row[i]))) return false
    }
    for (const [oid, row] of before[each]) if (!after[each].has(oid)) moved.add(row[2])
    if (moved.size === 0) continue
    const seen = new Set<Cell | undefined>()
    for (const row of new Set([...before[each].values(), ...after[each].values()])) {
      if (!moved.has(row[2])) continue
      if (seen.has(row[2])) return false
      seen.add(row[2])
    }
  }
  return true
}

function byOid(before: ReadonlyMap<number, Row> | undefined, changed: Rows): Map<number, Row> {
  const rows = new Map(before)
  for (const row of changed) rows.set(Number(row[0]), row)
  return rows
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
