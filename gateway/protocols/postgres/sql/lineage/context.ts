// What the parts of one trace have in hand. Made by traceStatement; a view or a routine's body gets one with a notebook of its own.
import type { MissingName, Naming } from '../analysis.ts'
import type { UnknownReason } from '../trace.ts'
import type { Frame } from './scope.ts'
import { unknownValue, type Field, type Value } from './value.ts'
import type { Effort, Uses } from './uses.ts'

/** What a routine's body yields, whoever calls it with whatever. */
export interface BodyTrace { readonly value: Value; readonly fields?: readonly Field[] | undefined; readonly uses: Uses }

export interface Context {
  readonly naming: Naming
  readonly effort: Effort
  readonly uses: Uses
  /** ColumnRef, SubLink, RangeVar and FuncCall bodies that were followed; what is left over makes the result unknown. */
  readonly visited: Set<object>
  readonly relations: Map<number, readonly Field[]>
  /** Outputs of views' definitions; undefined for one that cannot be read. */
  readonly views: Map<number, readonly Field[] | undefined>
  /** A body that is being followed is here without a trace: recursion adds nothing to what it already yields. */
  readonly bodies: Map<number, BodyTrace | undefined>
  /** By SubLink body. */
  readonly subqueryNames: Map<object, string>
  readonly nesting: number
  /** Of the statement's own text, in the order they were looked for. */
  readonly missing: MissingName[]
  /** Inside EXPLAIN ANALYZE: columns that something is made of, and so has a size that the plan tells. */
  readonly made?: Set<number>
}

/** Of views in views and routines in routines. */
export const maxNesting = 24

/** Of one statement; whoever misses more has the first to look for. */
const maxMissing = 20

/** Notes a name that is not there, where it stands in the statement's own text. What a schema has is told of those in the path alone: whether the session may look into another nobody has asked. */
export function miss(context: Context, frame: Frame, { schema, ...missing }: MissingName & { readonly schema?: string | undefined }): void {
  if (!frame.isOwnText || context.missing.length >= maxMissing || schema !== undefined && !frame.path.includes(schema)) return
  context.missing.push(schema === undefined ? missing : { ...missing, names: [schema, ...missing.names] })
}

export function lost(context: Context, reason: UnknownReason): Value {
  context.uses.unknown.add(reason)
  return unknownValue(reason)
}
