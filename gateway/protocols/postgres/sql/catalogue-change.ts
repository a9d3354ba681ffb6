// What has changed since an earlier reading, from one row of counts and OIDs, and what of the catalogue must be read again for it.
import { readNamed, type Named } from './catalogue-named.ts'
import type { CatalogueReading, Large } from './catalogue-reading.ts'
import * as queries from './catalogue-queries.ts'
import type { Cell, Rows } from './snapshot.ts'

export interface Change {
  readonly oids: Readonly<Record<Large, readonly number[]>>
  readonly counts: Readonly<Record<Large, number>>
  readonly small: ReadonlyMap<queries.Watched, number>
  readonly names: Named
  /** A schema or a language may bear another name: all that names something is read again. */
  readonly isRenamed: boolean
  /** Something may have come from, or gone to, another schema. */
  readonly isMoved: boolean
  /** All texts are printed again: it cannot be told which have changed. */
  readonly isAll: boolean
  /** Of which it is known already that some have gone; relations go with their row types. */
  readonly gone: readonly Large[]
  /** Whether the table has rows that are new, or has lost some. */
  has(table: queries.Watched): boolean
}

/** @param answer to `changes`, behind the columns of `about` */
export function changeOf([named, relations, countOfRelations, routines, types, ...rest]: readonly Cell[], { small: before, rows, others, names: namesBefore }: CatalogueReading, path: readonly string[]): Change {
  const [routineCount, routineOids] = counted(routines)
  const [typeCount, typeOids] = counted(types)
  const oids = { relations: oidsIn(relations), routines: routineOids, types: typeOids }
  const counts = { relations: Number(countOfRelations), routines: routineCount, types: typeCount }
  const small = new Map<queries.Watched, number>()
  const changed = new Set<queries.Watched>()
  for (const [i, table] of queries.watchedColumns.entries()) {
    const [count, isNew] = (rest[i] ?? '').split(' ')
    small.set(table, Number(count))
    if (isNew !== 'f' || before.get(table) !== Number(count)) changed.add(table)
  }
  const touchedOf = (each: Large): number[] => oids[each].filter((oid) => rows[each].has(oid))
  const hasLost = (each: Large): boolean => rows[each].size + oids[each].length - touchedOf(each).length !== counts[each]
  const { names, isRenamed, isElsewhere } = readNamed(named, namesBefore)
  const isAll = isRenamed || isElsewhere || !isPinned(path) || !isPinned(others.path)
  return {
    oids, counts, small, names, isRenamed, isMoved: isRenamed || touchedOf('routines').length > 0, isAll,
    gone: [...hasLost('types') ? ['relations', 'types'] as const : [], ...hasLost('routines') ? ['routines'] as const : []],
    has: (table) => changed.has(table),
  }
}

/** One text of OIDs. */
export function oidsIn(text: Cell | undefined): readonly number[] {
  return JSON.parse(text ?? '[]') as number[]
}

/** A number, a space, and OIDs where there are any. */
function counted(cell: Cell | undefined): readonly [number, readonly number[]] {
  const text = cell ?? ''
  const at = text.indexOf(' ')
  return [Number(text.slice(0, at)), oidsIn(text.slice(at + 1) || '[]')]
}

/** Printed along such a path, a text names everything but pg_catalog's own with its schema. */
function isPinned([first, ...rest]: readonly string[]): boolean {
  return first === 'pg_catalog' && rest.every((schema) => schema.startsWith('pg_temp_'))
}

export interface Missing { readonly definitions: readonly number[]; readonly expressions: readonly number[]; readonly routines: readonly number[]; readonly hasPolicies: boolean }

export const nothingMissing: Missing = { definitions: [], expressions: [], routines: [], hasPolicies: false }

/** The same object where there is nothing. */
export function missingOf({ others: { definitions, expressions, policies }, rows }: Pick<CatalogueReading, 'others' | 'rows'>): Missing {
  const bodyless: number[] = []
  // A standard body (its 16th column says so) is printed; any other is the author's own text.
  for (const [oid, row] of rows.routines) if (row[15] === 'true' && row[14] === null) bodyless.push(oid)
  const missing: Missing = {
    definitions: [...definitions].flatMap(([oid, text]) => text === null ? oid : []), routines: bodyless,
    expressions: [...expressions.values()].flatMap((row) => row[3] === null ? Number(row[0]) : []), hasPolicies: policies.some((row) => row[1] === null),
  }
  const isNothing = missing.definitions.length + missing.expressions.length + bodyless.length === 0 && !missing.hasPolicies
  return isNothing ? nothingMissing : missing
}

/** The earlier rows themselves while none is written anew. */
export function merged<K>(before: ReadonlyMap<K, readonly Cell[]> | undefined, changed: Rows, keyOf: (row: readonly Cell[]) => K): ReadonlyMap<K, readonly Cell[]> {
  if (before !== undefined && changed.length === 0) return before
  const rows = new Map(before)
  for (const row of changed) rows.set(keyOf(row), row)
  return rows
}

/** Versions of rows at or above a reading's horizon, by their `stamp`. What was read twice had been there when the second reading began: had anything that its text names another name since, the next one would see that. */
export interface Stamps { readonly once: readonly string[]; readonly twice: readonly string[] }

/** What is beyond is printed again. */
const maxStamps = 1_000

export function stampsOf(horizon: number, before: Stamps | undefined, found: readonly (Cell | undefined)[]): Stamps {
  const isNew = (stamp: Cell | undefined): stamp is string => typeof stamp === 'string' && (Number(stamp.split(' ')[1]) - horizon) >>> 0 < 2 ** 31
  const [earlier, now] = [new Set(before?.once), found.filter(isNew)]
  const twice = new Set([...(before?.twice ?? []).filter(isNew), ...now.filter((stamp) => earlier.has(stamp))])
  return { once: now.filter((stamp) => !twice.has(stamp)).slice(-maxStamps), twice: [...twice].slice(-maxStamps) }
}

/** OIDs of rows that were there before and said something else. */
export function differingOf(before: ReadonlyMap<number, readonly Cell[]>, changed: Rows): readonly number[] {
  return changed.flatMap((row) => {
    const known = before.get(Number(row[0]))
    return known === undefined || known.length === row.length && known.every((cell, i) => cell === row[i]) ? [] : Number(row[0])
  })
}

/** Without those that have gone. */
export function without<K, V>(rows: ReadonlyMap<K, V>, isLeft: (key: K) => boolean): ReadonlyMap<K, V> {
  for (const key of rows.keys()) if (!isLeft(key)) return new Map([...rows].filter(([one]) => isLeft(one)))
  return rows
}
