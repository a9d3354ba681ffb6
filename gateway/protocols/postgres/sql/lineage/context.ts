// What the parts of one trace have in hand. Made by traceStatement; a view or a routine's body gets one with a notebook of its own.
import type { Naming } from '../analysis.ts'
import type { TraceOptions, UnknownReason } from '../trace.ts'
import { unknownValue, type Field, type Value } from './value.ts'
import type { Effort, Uses } from './uses.ts'

/** What a routine's body yields, whoever calls it with whatever. */
export interface BodyTrace { readonly value: Value; readonly fields?: readonly Field[] | undefined; readonly uses: Uses }

/** Stands for a routine's arguments while its body is followed; no column has OID 0. */
export const argumentsMark = 1

export interface Context {
  readonly naming: Naming
  readonly options: TraceOptions
  readonly effort: Effort
  readonly uses: Uses
  /** ColumnRef, SubLink, RangeVar and FuncCall bodies that were followed; what is left over makes the result unknown. */
  readonly visited: Set<object>
  readonly relations: Map<number, readonly Field[]>
  /** Outputs of views' definitions; undefined for one that cannot be read. */
  readonly views: Map<number, readonly Field[] | undefined>
  /** A body that is being followed is here without a trace: recursion adds nothing to what it already yields. */
  readonly bodies: Map<number, BodyTrace | undefined>
  readonly nesting: number
}

/** Of views in views and routines in routines. */
export const maxNesting = 24

export function lost(context: Context, reason: UnknownReason): Value {
  context.uses.unknown.add(reason)
  return unknownValue(reason)
}
