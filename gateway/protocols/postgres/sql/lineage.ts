// Follows every column of one statement from the live catalogue to where it ends: the result, a predicate, another table.
import type { Naming } from './analysis.ts'
import type { Trace, TraceOptions } from './trace.ts'

/** @param node one `stmt` of a parse tree (libpg-query's JSON), e.g. `{ SelectStmt: … }`. The parser's module must be loaded: bodies and views are parsed here. Never throws. */
export function traceStatement(node: unknown, naming: Naming, options: TraceOptions = {}): Trace {
  void node; void naming; void options
  return { columns: [], outputs: undefined, flows: [], literalColumns: new Map(), parameterColumns: new Map(), relations: [], routines: [], unknown: ['unknown_statement'] }
}
