// What the columns of a view are made of, whoever asks: for results whose origin the server reports as the view's own column.
import type { Lineage, Naming, Relation } from './analysis.ts'
import type { Context } from './lineage/context.ts'
import { relationFields } from './lineage/relations.ts'
import { Effort, Uses } from './lineage/uses.ts'
import { lineageOf } from './lineage/value.ts'

/** Each relation is followed once; drop it with the naming. The parser's module must be loaded. Its lineages name the view's own column too. */
export function createViewLineage(naming: Naming): (view: Relation, attribute: number) => Lineage | undefined {
  const known = new Map<number, ReadonlyMap<number, Lineage>>()
  return (view, attribute) => {
    let columns = known.get(view.oid)
    if (columns === undefined) known.set(view.oid, columns = follow(naming, view))
    return columns.get(attribute)
  }
}

/** Empty where a limit was met: then every column of the view is unknown. */
function follow(naming: Naming, view: Relation): ReadonlyMap<number, Lineage> {
  const effort = new Effort()
  // A view's own names were resolved when it was made; those in the text of a routine it calls follow the session's path.
  const context: Context = { naming, effort, uses: new Uses(effort), visited: new Set(), relations: new Map(), views: new Map(), bodies: new Map(), subqueryNames: new Map(), nesting: 0, missing: [] }
  try {
    const fields = relationFields(context, view)
    return new Map(view.columns.map((column, at) => [column.attribute, lineageOf(fields[at]?.value ?? { columns: new Set(), unknown: 'unreadable_definition' })]))
  } catch {
    return new Map()
  }
}
