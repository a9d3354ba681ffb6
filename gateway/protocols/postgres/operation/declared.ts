// Which columns governed config declares sensitive: `catalogue["schema.table"].result`, and `catalogue["*"]` for any table.
import type { TargetConfig } from '../../../config.ts'
import type { BaseColumn, Relation, Snapshot } from '../sql/analysis.ts'
import { descendants } from '../sql/descendants.ts'
import { isSensitiveSystemColumn } from '../sql/system-relations.ts'

export type ClassOf = (relation: string, column: string) => string | undefined

export function declaredClasses({ catalogue }: Pick<TargetConfig, 'catalogue'>): ClassOf {
  const declared = (key: string, column: string): string | undefined => {
    const result = Object.hasOwn(catalogue, key) ? catalogue[key]?.result : undefined
    return result !== undefined && Object.hasOwn(result, column) ? result[column] : undefined
  }
  return (relation, column) => declared(relation, column) ?? declared('*', column)
}

export interface NamedColumn { readonly name: string; readonly class: string | undefined }

/** Of columns that the system fills with others' statements, values or secrets: nobody has to declare them. */
export const systemClass = 'SYSTEM'

/** How many tables a partition may be below the one that was declared. */
const maxParents = 100

/** `schema.table.column` and its class; a partition's column is also its parents', and who reads the parent reads the partition. undefined for a column nobody knows. */
export function describeColumn({ relation: oid, attribute }: BaseColumn, snapshot: Snapshot, classOf: ClassOf): NamedColumn | undefined {
  const relation = snapshot.relation(oid)
  const column = relation?.columns.find((one) => one.attribute === attribute)
  if (relation === undefined || column === undefined) return undefined
  return { name: `${relation.schema}.${relation.name}.${column.name}`, class: isSensitiveSystemColumn(relation, column) ? systemClass : classOfColumn(relation, column.name, snapshot, classOf) }
}

export function classOfColumn(relation: Relation, column: string, snapshot: Snapshot, classOf: ClassOf): string | undefined {
  const found = classAbove(relation, column, snapshot, classOf)
  if (found !== undefined || relation.children === undefined || relation.children.length === 0) return found
  for (const child of descendants(relation, snapshot)) {
    const below = child.parents.length === 1 ? classOf(`${child.schema}.${child.name}`, column) : classAbove(child, column, snapshot, classOf)
    if (below !== undefined) return below
  }
  return undefined
}

function classAbove(relation: Relation, column: string, snapshot: Snapshot, classOf: ClassOf): string | undefined {
  const pending = [relation]
  for (let i = 0; i < pending.length && i < maxParents; i++) {
    const { schema, name, parents } = pending[i] as Relation
    const found = classOf(`${schema}.${name}`, column)
    if (found !== undefined) return found
    for (const parent of parents) { const above = snapshot.relation(parent); if (above !== undefined) pending.push(above) }
  }
  return undefined
}

export function hasDeclared(relation: Relation, snapshot: Snapshot, classOf: ClassOf): boolean {
  return relation.columns.some((column) => classOfColumn(relation, column.name, snapshot, classOf) !== undefined)
}
