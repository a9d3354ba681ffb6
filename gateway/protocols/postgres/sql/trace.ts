// What following one statement's columns from the catalogue to the result yields. Computed in lineage.ts; read by policy facts and masks.
import type { BaseColumn, ColumnUse, Lineage, MissingName, RelationUse, RoutineUse } from './analysis.ts'

/** `equality`: the column alone is compared by `=`, IN or `= ANY` with values that no column feeds, or joined by `=` with a column alone. All else (ranges, LIKE, functions, `<>`) is `other`. */
export type Comparison = 'equality' | 'other'

/** A column's uses; `comparisons` says how it was compared where `uses` names `predicate` or `join`. */
export interface TracedColumn extends ColumnUse { readonly comparisons: readonly Comparison[] }

/** `into`: `schema.table.column`, `schema.table` where a trigger fills it, or one of `notify`, `set_config`, `file`, `program`, `large_object`, `dynamic_sql`, `message`, `sequence`, `random`, `advisory_lock`, `catalogue` (a lookup or lock that it names), `routine` (that cannot be read), `relation` (a new table). */
export interface Flow { readonly from: BaseColumn; readonly into: string }

export interface Trace {
  readonly columns: readonly TracedColumn[]
  /** By ordinal of the result columns; empty where the statement returns none; undefined where not even their number can be told. */
  readonly outputs: readonly Lineage[] | undefined
  /** Of PREPARE and DECLARE CURSOR: what EXECUTE and FETCH of it will return. */
  readonly held?: readonly Lineage[]
  readonly flows: readonly Flow[]
  /** A_Const location (bytes into the text) → columns it is compared with or written to. No entry: neither, or with something that cannot be told. */
  readonly literalColumns: ReadonlyMap<number, readonly BaseColumn[]>
  /** The same for `$n`. */
  readonly parameterColumns: ReadonlyMap<number, readonly BaseColumn[]>
  readonly relations: readonly RelationUse[]
  readonly routines: readonly RoutineUse[]
  /** Stable reasons, each once: see `UnknownReason`. */
  readonly unknown: readonly UnknownReason[]
  readonly missing: readonly MissingName[]
}

export type UnknownReason =
  | 'dynamic_sql' | 'opaque_routine' | 'unresolved_relation' | 'unresolved_column' | 'unresolved_routine' | 'unresolved_type'
  | 'unreadable_definition' | 'unparsed_routine' | 'unknown_node' | 'unvisited_node' | 'too_deep' | 'too_large'
  | 'system_sensitive' | 'unknown_statement' | 'unknown_cursor' | 'explain' | 'rewrite_rule'
