// Values that meet (a comparison, COALESCE, CASE, UNION) become one type and one collation though nobody wrote a cast. That fails as a cast that is written does: by a value, or where it is run at all.
import type { DataType } from '../analysis.ts'
import { firstNormal } from '../catalogue-named.ts'
import type { Context } from './context.ts'
import { listAt, qualifiedName, type Body } from './tree.ts'
import { bothCollations, kindsAmong, mixed, noKind, type Value } from './value.ts'

/** Types between which PostgreSQL's own implicit casts fail by a value (pg_cast.dat), as bits. All others widen, or have none. */
const kind = { numeric: 1, int8: 2, date: 4, timestamp: 8, float: 16, oid: 32, timestamptz: 64 }
const becomes: readonly (readonly [from: number, to: number])[] = [[kind.numeric, kind.float], [kind.int8, kind.oid], [kind.date, kind.timestamp | kind.timestamptz], [kind.timestamp, kind.timestamptz]]
const allFrom = becomes.reduce((bits, [from]) => bits | from, 0)
const allTo = becomes.reduce((bits, [, to]) => bits | to, 0)
const times = kind.date | kind.timestamp | kind.timestamptz
/** A subscript becomes an int4, by assignment. */
const cutInSubscripts = kind.numeric | kind.int8 | kind.float

// OIDs are pinned (pg_type.dat). A range has the kind of its bounds; oid is one, and so is all that is called reg….
const byType: ReadonlyMap<number, number> = new Map(([
  [kind.int8, [20, 3926, 4536]], [kind.numeric, [1700, 3906, 4532]], [kind.date, [1082, 3912, 4535]], [kind.timestamp, [1114, 3908, 4533]], [kind.timestamptz, [1184, 3910, 4534]], [kind.float, [700, 701]],
  [kind.oid, [26, 24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191]],
] as const).flatMap(([bits, oids]) => oids.map((oid) => [oid, bits] as const)))
/** Of any bounds. */
const isOwnRange = ({ kind: type, oid }: DataType): boolean => (type === 'r' || type === 'm') && oid >= firstNormal
const maxSteps = 16

/** Of a number with a point, an exponent or more digits than an int4 has. */
export const wideNumber = kind.numeric | kind.int8

/** Of a type, an array's elements, what a domain is made of; undefined: nobody knows. */
export function kindsOf({ naming: { snapshot } }: Context, oid: number): number | undefined {
  for (let type = snapshot.type(oid), steps = 0; type !== undefined && steps < maxSteps; steps++) {
    const below = type.kind === 'd' ? type.base : type.category === 'A' ? type.element : undefined
    if (below === undefined) return type.kind === 'p' || isOwnRange(type) || snapshot.implicitCasts.length > 0 ? undefined : byType.get(type.oid) ?? noKind
    type = snapshot.type(below)
  }
  return undefined
}

/** Stored values cannot be aimed, but they may fail behind what is. @param by what they meet in */
export function noteMeeting(context: Context, by: string, values: readonly Value[]): void {
  if (values.length < 2) return
  const all = kindsAmong(values)
  if (!mayBecome(all, all)) return
  context.effort.spend(values.length)
  const counts = new Map<number, number>()
  for (const { kinds = unknownKind } of values) counts.set(kinds, (counts.get(kinds) ?? 0) + 1)
  const failing = values.filter(({ kinds }) => [...counts].some(([other, count]) => count > (other === (kinds ?? unknownKind) ? 1 : 0) && mayBecome(kinds, other === unknownKind ? undefined : other)))
  if (failing.length > 0) context.uses.fail(failing.filter(({ isPlain }) => isPlain !== true), by)
}

/** Stands for no bits at all. */
const unknownKind = -1

function mayBecome(from: number | undefined, to: number | undefined): boolean {
  if (from === undefined || to === undefined) return ((from ?? allFrom) & allFrom) !== 0 && ((to ?? allTo) & allTo) !== 0
  return becomes.some(([one, others]) => (from & one) !== 0 && (to & others) !== 0)
}

/** Of a stored date or time: behind something else, one that is too far away for its new type was put there to fail. */
export const isNearEnds = ({ kinds }: Value, type: number): boolean => kinds !== undefined && (kinds & times) !== 0 && ((byType.get(type) ?? 0) & times & ~kinds) !== 0

export function noteSubscript({ uses }: Context, place: Value): void {
  if (place.kinds === undefined || (place.kinds & cutInSubscripts) !== 0) uses.fail([place], 'subscript')
}

/** "C": of names, and of all texts of the system's. */
const collationOfNames = '950'
const nameType = 19

/** A domain may have one. */
export const collationOf = ({ kind: type, oid }: Pick<DataType, 'kind' | 'oid'>): string | undefined => type === 'd' ? `domain ${oid}` : oid === nameType ? collationOfNames : undefined

/** One that a clause names. A column's own is told by its OID, and so another: whoever uses both of one is refused for nothing. */
export function namedCollation(clause: Body, path: readonly string[]): string | undefined {
  const { schema = path[0], name } = qualifiedName(listAt(clause, 'collname'))
  return schema !== 'pg_catalog' ? `${schema}.${name}` : name === 'default' ? undefined : name === 'C' ? collationOfNames : name
}

/** By others, more may be equal than is the same: letters that somebody says are, and a value is searched letter by letter. Of one that a clause names nobody knows. */
export const comparesAll = (collation: string | undefined): boolean => collation === undefined || /^\d+$/.test(collation)

/** They look for a text in another one: not all of them can by a collation to which two are equal that differ. */
const searching = new Set(['strpos', 'position', 'replace', 'split_part', 'starts_with'])

/** Before a function, or a comparison, that may need one. */
export function noteCollations(context: Context, name: string, values: readonly Value[]): void {
  let all: string | undefined
  for (const { collation } of values) all = bothCollations(all, collation)
  if (all === mixed || searching.has(name) && !comparesAll(all)) context.uses.fail(values, 'collation')
}
