// Follows every column of one statement from the live catalogue to where it ends: the result, a predicate, another table.
import type { Naming } from './analysis.ts'
import type { Context } from './lineage/context.ts'
import { bodiesOf } from './lineage/routines.ts'
import { rootScope, type Frame } from './lineage/scope.ts'
import { traceAny, type Output } from './lineage/statements.ts'
import type { Trace, UnknownReason } from './trace.ts'
import { walk } from './lineage/tree.ts'
import { Effort, TraceLimitError, Uses } from './lineage/uses.ts'
import { empty, lineageOf, merge } from './lineage/value.ts'

/** @param node one `stmt` of a parse tree (libpg-query's JSON), e.g. `{ SelectStmt: … }`. The parser's module must be loaded: bodies and views are parsed here. Never throws. */
export function traceStatement(node: unknown, naming: Naming): Trace {
  const effort = new Effort()
  const uses = new Uses(effort)
  const context: Context = { naming, effort, uses, visited: new Set(), relations: new Map(), views: new Map(), bodies: new Map(), subqueryNames: new Map(), nesting: 0, missing: [] }
  const frame: Frame = { path: naming.path, isOwnText: true, parameter: (number) => ({ ...empty, inputs: { kind: 'parameter', number }, isComposite: true }) }
  try {
    const output = cast(context, traceAny(context, node, rootScope(frame)))
    for (const field of output.fields) uses.use(field.value, 'output')
    if (output.open !== undefined) uses.use(output.open, 'output')
    const isWhole = everythingVisited(node, context.visited)
    if (!isWhole) uses.unknown.add('unvisited_node')
    return finished(context, output, isWhole)
  } catch (error) {
    const reason: UnknownReason = error instanceof TraceLimitError ? error.reason : error instanceof RangeError ? 'too_deep' : 'unknown_node'
    uses.unknown.add(reason)
    return { columns: uses.columns(), outputs: undefined, flows: uses.flows(), literalColumns: new Map(), parameterColumns: new Map(), relations: uses.relations(), routines: uses.routines(), unknown: [...uses.unknown], missing: context.missing }
  }
}

/** A cast that nobody has to write may be anywhere: what its routine reads, any column may hold. Few databases have one of somebody's own, and few of those read anything. */
function cast(context: Context, output: Output): Output {
  const added = bodiesOf({ ...context, uses: new Uses(context.effort) }, context.naming.snapshot.implicitCasts)
  if (added === undefined || (added.columns.size === 0 && added.unknown === undefined)) return output
  const fields = output.fields.map(({ name, value }) => ({ name, value: merge([value, added]) }))
  return { ...output, fields, ...output.open === undefined ? {} : { open: merge([output.open, added]) } }
}

function finished({ uses, missing }: Context, output: Output, isWhole: boolean): Trace {
  const outputs = output.fields.map((field) => isWhole ? lineageOf(field.value) : { ...lineageOf(field.value), unknown: 'unvisited_node' })
  for (const value of [...output.fields.map((field) => field.value), ...output.open === undefined ? [] : [output.open]]) if (value.unknown !== undefined) uses.unknown.add(value.unknown)
  return {
    columns: uses.columns().filter((column) => column.relation !== 0),
    outputs: output.open === undefined ? outputs : undefined,
    ...output.held !== undefined ? { held: output.held.map((field) => lineageOf(field.value)) } : {},
    flows: uses.flows().filter((flow) => flow.from.relation !== 0),
    literalColumns: uses.literals(), parameterColumns: uses.parameters(), relations: uses.relations(), routines: uses.routines(), unknown: [...uses.unknown], missing,
  }
}

/** A node that the tracer passed over may hide a column: then nothing is certain. */
function everythingVisited(node: unknown, visited: ReadonlySet<object>): boolean {
  let isWhole = true
  walk(node, (body, tag) => {
    const matters = tag === 'ColumnRef' || tag === 'SubLink' || tag === 'RangeVar' || tag === 'FuncCall' || tag === undefined && typeof body['relname'] === 'string'
    if (matters && !visited.has(body)) isWhole = false
  })
  return isWhole
}
