// What is known of one value while a statement is followed: the columns that feed it, the literals in it, and its fields if it is a row.
import type { BaseColumn, Lineage } from '../analysis.ts'
import type { UnknownReason } from '../trace.ts'

/** Literals (by location) and parameters (by number) as a rope: joining is constant time, reading is once per comparison. */
export type Inputs =
  | { readonly kind: 'literal'; readonly location: number }
  | { readonly kind: 'parameter'; readonly number: number }
  | { readonly kind: 'both'; readonly left: Inputs; readonly right: Inputs }

export interface Field {
  readonly name: string
  readonly value: Value
  /** `*` passes it over: a column of SEARCH or CYCLE, seen from within another query (p_dontexpand). */
  readonly isUnlisted?: boolean
}

export interface Value {
  /** Packed base columns. */
  readonly columns: ReadonlySet<number>
  readonly unknown?: UnknownReason | undefined
  readonly inputs?: Inputs | undefined
  /** Of a row. Made when asked for: a whole-row reference is rarely taken apart. */
  readonly fields?: (() => readonly Field[]) | undefined
  /** A row or something made of rows (an array of them): taken apart, it may have any number of columns. */
  readonly isComposite?: boolean
  /** An array or a document that an expression put together, or something made of one; false: neither, whatever its columns are. */
  readonly isBuilt?: boolean | undefined
  /** What may fail where it is made: the server may make it later, where it is asked for. */
  readonly risk?: string | undefined
  /** A column's values as they are stored, however often they were handed on. What was made of them may be a part: to compare that with a value is to search. */
  readonly isPlain?: boolean | undefined
  /** Plain values in another case, or without blanks around them: no part of one. */
  readonly isWhole?: boolean | undefined
  /** Of which types it may be, as bits (meetings.ts); absent: nobody knows. */
  readonly kinds?: number | undefined
  /** Other than the default one. */
  readonly collation?: string | undefined
}

// pg_attribute.attnum is at most 1600 (MaxHeapAttributeNumber).
const attributesPerRelation = 4096
export const pack = (relation: number, attribute: number): number => relation * attributesPerRelation + attribute
export const unpack = (packed: number): BaseColumn => ({ relation: Math.floor(packed / attributesPerRelation), attribute: packed % attributesPerRelation })

/** Stands for a routine's arguments while its body is followed; no column has OID 0. */
export const argumentsMark = 1

const none: ReadonlySet<number> = new Set()
export const empty: Value = { columns: none }
export const unknownValue = (reason: UnknownReason): Value => ({ columns: none, unknown: reason })
export const columnValue = (columns: Iterable<number>): Value => ({ columns: new Set(columns) })

/** Of a type that becomes no other by itself. */
export const noKind = 0

/** Any of theirs. */
export function kindsAmong(values: readonly Pick<Value, 'kinds'>[]): number | undefined {
  let bits = noKind
  for (const { kinds } of values) {
    if (kinds === undefined) return undefined
    bits |= kinds
  }
  return bits
}

/** Of two that are not the default nobody can say which counts: the server fails when it needs one, and for NULL it needs none. */
export const mixed = 'mixed'

export function bothCollations(one: string | undefined, other: string | undefined): string | undefined {
  return one === undefined || one === other ? other : other === undefined ? one : mixed
}

/** Everything of all of them, no longer a row, nor plain. */
export function merge(values: readonly Value[]): Value {
  const [first] = values
  if (first === undefined) return empty
  let columns: ReadonlySet<number> = first.columns
  let own: Set<number> | undefined
  let { unknown, inputs, isComposite, isBuilt, risk, collation } = first
  let isConstant = columns.size === 0
  for (let at = 1; at < values.length; at++) {
    const next = values[at] ?? empty
    if (next.columns !== columns && next.columns.size > 0) {
      if (columns.size === 0) columns = next.columns
      else {
        if (own === undefined) {
          // A short set into a long one is the rule in chains of operators: copy only when something is new.
          const [large, small] = columns.size >= next.columns.size ? [columns, next.columns] : [next.columns, columns]
          columns = large
          for (const each of small) {
            if (own !== undefined) own.add(each)
            else if (!large.has(each)) columns = own = new Set(large).add(each)
          }
        } else for (const each of next.columns) own.add(each)
      }
    }
    unknown ??= next.unknown
    if (next.inputs !== undefined) inputs = inputs === undefined ? next.inputs : { kind: 'both', left: inputs, right: next.inputs }
    isComposite ||= next.isComposite
    risk ??= next.risk
    collation = bothCollations(collation, next.collation)
    if (next.isBuilt === true || next.isBuilt === undefined && isBuilt === false && next.columns.size > 0) isBuilt = next.isBuilt
    else if (next.isBuilt === false && isBuilt === undefined && isConstant) isBuilt = false
    if (next.columns.size > 0) isConstant = false
  }
  return { columns, unknown, inputs, isBuilt, risk, collation, ...isComposite === true ? { isComposite } : {} }
}

/** Now one, now another of them: plain where each is. */
export const together = (values: readonly Value[]): Value => ({ ...merge(values), kinds: kindsAmong(values), ...values.every(({ isPlain }) => isPlain === true) ? { isPlain: true } : {} })

/** The value without its fields: what a function or an operator gives. */
export const flat = (value: Value): Value => value.fields === undefined ? value : { ...value, fields: undefined }

/** What a value of a type that is no row is, whatever it was made of. */
export const asScalar = (value: Value): Value => value.isComposite === true ? { columns: value.columns, unknown: value.unknown, inputs: value.inputs, isBuilt: value.isBuilt, risk: value.risk, kinds: value.kinds, collation: value.collation } : value

/** A row whose fields are known; as a whole it is all of them. */
export const rowValue = (fields: readonly Field[], whole: Value = merge(fields.map((field) => field.value))): Value => ({ ...whole, fields: () => fields, isComposite: true })

export const lineageOf = (value: Value): Lineage => ({ columns: [...value.columns].map(unpack), ...value.unknown !== undefined ? { unknown: value.unknown } : {}, ...value.isPlain === true ? { isPlain: true } : {} })

/** Row by row joined by ordinal; the longer one's rest stays as it is. */
export function mergeFields(left: readonly Field[], right: readonly Field[]): Field[] {
  const joined: Field[] = []
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [one, other] = [left[at], right[at]]
    joined.push({ name: one?.name ?? other?.name ?? '', value: one === undefined ? other?.value ?? empty : other === undefined ? one.value : together([one.value, other.value]) })
  }
  return joined
}
