// One reading of the live catalogue: whole, or only what transactions have written since an earlier one.
// Every row says which transaction wrote it (`xmin`), and all below an earlier reading's `pg_snapshot_xmin` had ended before that reading began
// (manual, "System Columns", "Transaction ID and Snapshot Information Functions"). Rows that are gone are seen by their number.
import type { Snapshot } from './analysis.ts'
import { changeOf, differingOf, merged, missingOf, nothingMissing, oidsIn, stampsOf, without, type Missing, type Stamps } from './catalogue-change.ts'
import { firstNormal, readNamed, type Named } from './catalogue-named.ts'
import * as queries from './catalogue-queries.ts'
import * as texts from './catalogue-printed.ts'
import { Built, buildSnapshot, type Cell, type Rows } from './snapshot.ts'

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

/** Others change the database while it is read: it is read again, after a pause. */
export const maxAttempts = 3
/** What is locked is not printed; what gets locked just then, and a catalogue that is being rebuilt (REINDEX, VACUUM FULL), is waited for so long, and no longer, since its owner may be waiting for this. */
export const lockTimeoutMs = 1_000
/** With it, whatever is not pg_catalog's own is printed with its schema: a new name changes no text that was printed before. */
export const searchPath = 'pg_catalog, pg_temp'

type Row = readonly Cell[]
export type Large = 'relations' | 'routines' | 'types'

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
  readonly names: Named
  readonly stamps: { readonly definitions: Stamps; readonly expressions: Stamps }
  /** Texts that it had to do without, because somebody holds a lock. */
  readonly missing: Missing
  readonly bytes: number
  readonly built: Built
}

/** @throws CatalogueError `ERR_CATALOGUE_TOO_LARGE` or `ERR_CATALOGUE_UNREADABLE` (`cause` has the database's own error) */
export async function loadSnapshot(ask: Ask): Promise<Snapshot> {
  return (await readCatalogue(ask)).snapshot
}

/**
 * Two questions deep: what has changed, and then, all at once, what that asks for; a third where names have changed that other texts are printed with.
 * @param earlier of committed rows only: what a transaction of one's own wrote may be taken back, and the rows before it are older than any horizon
 * @param prints false: where that has failed, and what would have to be printed is unknown
 * @throws as `loadSnapshot`
 */
export async function readCatalogue(ask: Ask, earlier?: CatalogueReading, { prints = true }: { readonly prints?: boolean } = {}): Promise<CatalogueReading> {
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
  const [about] = await read('version', earlier === undefined ? queries.about : queries.changes(earlier.horizon))
  if (about === undefined) throw new CatalogueError('ERR_CATALOGUE_UNREADABLE', "the database's version cannot be read")
  const [version, pathText, server, horizonText, ...changed] = about
  const horizon = Number(BigInt(horizonText ?? '0') & 0xffff_ffffn)
  // What went since counts as if it were still there: sooner or later everything is counted anew.
  const since = earlier !== undefined && earlier.server === server && earlier.horizon >= firstTransaction && earlier.bytes < maxBytes / 2 ? earlier : undefined
  if (earlier !== undefined && since === undefined) return await readCatalogue(ask, undefined, { prints })
  const path = JSON.parse(pathText ?? '[]') as string[]
  const change = since === undefined ? undefined : changeOf(changed, since, path)
  const missing = since?.missing ?? nothingMissing
  const known = since?.others
  const scopeFrom = change?.isAll === false ? since?.horizon : undefined
  const has = (table: queries.Watched): boolean => change === undefined || change.has(table)
  const from = (each: Large): queries.From => change === undefined ? undefined : change.isRenamed ? since?.horizon : change.oids[each]
  const isNeeded = (each: Large): boolean => change === undefined || change.isRenamed || change.oids[each].length > 0
  // What depends on `initdb`'s own is not listed: whatever is printed may name it.
  const within = (oids: readonly number[], touched: readonly number[], settled: readonly string[] = []): texts.Scope =>
    scopeFrom === undefined || touched.some((oid) => oid < firstNormal) ? undefined : { from: scopeFrom, touched, missing: oids, settled }
  const print = {
    own: (touched: readonly number[]) => read('routines', queries.userRoutines(Number(version) >= sqlBodiesSince, within(missing.routines, touched), prints)),
    definitions: (touched: readonly number[]) => readDefinitions(ask, read, within(missing.definitions, touched, since?.stamps.definitions.twice), prints),
    expressions: (touched: readonly number[]) => read('column expressions', texts.expressions(within(missing.expressions, touched, since?.stamps.expressions.twice), prints)),
    policies: () => read('policies', texts.policies(prints)),
  }
  const when = (isDue: boolean, what: string, sql: () => string, before: Rows = []): Promise<Rows> => isDue ? read(what, sql()) : Promise.resolve(before)
  const isAll = scopeFrom === undefined
  const none = Promise.resolve<Rows>([])
  const isMoved = change === undefined || change.isMoved
  const live = new Map<Large, Promise<Rows>>()
  const oidsOf = (each: Large): Promise<Rows> => {
    const asked = live.get(each) ?? read(`OIDs of ${each}`, queries.oids[each])
    live.set(each, asked)
    return asked
  }
  const parts = {
    relations: when(isNeeded('relations'), 'relations', () => queries.relations(from('relations'))),
    system: when(isNeeded('routines'), 'system routines', () => queries.systemRoutines(from('routines'))),
    own: isAll || isNeeded('routines') || missing.routines.length > 0 ? print.own([]) : none,
    types: when(isNeeded('types'), 'types', () => queries.types(from('types'))),
    definitions: isAll || has('pg_rewrite') || missing.definitions.length > 0 ? print.definitions([]) : none,
    expressions: isAll || has('pg_attrdef') || missing.expressions.length > 0 ? print.expressions([]) : none,
    policies: isAll || has('pg_policy') || missing.hasPolicies ? print.policies() : Promise.resolve(known?.policies ?? []),
    inheritance: when(has('pg_inherits'), 'inheritance', () => queries.inheritance, known?.inheritance),
    triggers: when(has('pg_trigger'), 'triggers', () => queries.triggers, known?.triggers),
    rules: when(has('pg_rewrite'), 'rules', () => queries.rules, known?.rules),
    operators: when(isMoved || has('pg_operator'), 'operators', () => queries.operators, known?.operators),
    casts: when(isMoved || has('pg_cast'), 'casts', () => queries.casts, known?.casts),
    implicitCasts: when(isMoved || has('pg_cast'), 'casts', () => queries.implicitCasts, known?.implicitCasts),
    reached: when(has('pg_depend'), 'dependencies', () => queries.reached, known?.reached),
  }
  // One that fails does not leave the others behind, unheard.
  await Promise.all([...Object.values(parts), ...(change?.gone ?? []).map(oidsOf)])
  const byOid = (row: Row): number => Number(row[0])
  const [relations, types, routines] = [await parts.relations, await parts.types, [...await parts.system, ...await parts.own]]
  // What was written anew and says the same changes no text that names it: an index, a trigger, a grant.
  const differing = since === undefined || isAll ? [] : [...differingOf(since.rows.relations, relations), ...differingOf(since.rows.types, types), ...differingOf(since.rows.routines, routines)]
  const again = differing.length === 0 ? undefined : { own: print.own(differing), definitions: print.definitions(differing), expressions: print.expressions(differing), policies: known?.policies.length === 0 ? parts.policies : print.policies() }
  if (again !== undefined) await Promise.all(Object.values(again))
  const left = async (each: Large, found: ReadonlyMap<number, Row>): Promise<ReadonlyMap<number, Row>> => {
    if (change === undefined || change.counts[each] === found.size) return found
    const oids = new Set(oidsIn((await oidsOf(each))[0]?.[0]))
    return without(found, (oid) => oids.has(oid))
  }
  const rows = {
    relations: await left('relations', merged(since?.rows.relations, relations, byOid)), types: await left('types', merged(since?.rows.types, types, byOid)),
    routines: await left('routines', merged(since?.rows.routines, [...routines, ...await again?.own ?? []], byOid)),
  }
  if (rows.relations.size > maxRelations) throw new CatalogueError('ERR_CATALOGUE_TOO_LARGE', `the database has more than ${maxRelations} relations`)
  const printed = isAll ? undefined : known
  let expressions = merged(printed?.expressions, [...await parts.expressions, ...await again?.expressions ?? []], ([relation, column]) => `${relation} ${column}`)
  if (change !== undefined && expressions.size !== change.small.get('pg_attrdef')) {
    const keys = new Set(JSON.parse((await read('column expressions', texts.expressionKeys))[0]?.[0] ?? '[]') as string[])
    expressions = without(expressions, (key) => keys.has(key))
  }
  const definitions = new Map(printed?.definitions)
  const defined = [...await parts.definitions, ...await again?.definitions ?? []]
  for (const [oid, text] of defined) definitions.set(Number(oid), text ?? null)
  const others: Others = {
    path, definitions: without(definitions, (oid) => rows.relations.has(oid)), expressions, policies: await (again ?? parts).policies, inheritance: await parts.inheritance, triggers: await parts.triggers, rules: await parts.rules,
    operators: await parts.operators, casts: await parts.casts, implicitCasts: await parts.implicitCasts, reached: await parts.reached,
  }
  const built = new Built((await parts.system).length > 0 ? undefined : since?.built)
  const snapshot = buildSnapshot({ ...others, ...rows }, built)
  return {
    snapshot, server: server ?? '', horizon, rows, others, small: change?.small ?? new Map(), names: change?.names ?? readNamed(changed[0], new Map()).names,
    stamps: {
      definitions: stampsOf(horizon, since?.stamps.definitions, defined.map((row) => row[2])),
      expressions: stampsOf(horizon, since?.stamps.expressions, [...await parts.expressions, ...await again?.expressions ?? []].map((row) => row[4])),
    },
    missing: missingOf({ rows, others }), bytes: bytes + (since?.bytes ?? 0), built,
  }
}

/** One view that cannot be printed must not hide the others; its own columns then stay unknown. In a transaction a failure ends them all. */
async function readDefinitions(ask: Ask, read: (what: string, sql: string) => Promise<Rows>, scope: texts.Scope, prints: boolean): Promise<Rows> {
  try {
    return await ask(texts.definitions(scope, prints))
  } catch {
    const oids = await read('views', texts.definitions(scope, false))
    const definitions: Row[] = []
    for (const [i, row] of oids.entries()) {
      const text = i < maxSingleDefinitions ? (await ask(texts.oneDefinition(Number(row[0]))).catch((): Rows => []))[0]?.[0] : undefined
      definitions.push([row[0] ?? null, text ?? null, row[2] ?? null])
    }
    return definitions
  }
}
