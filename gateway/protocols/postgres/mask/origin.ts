// Where a result column's values come from: the server's word (table OID and attribute number) first, then the statement's lineage.
// Both count: `UPDATE … SET email = ssn RETURNING email` is reported as email.
import type { NamedColumn } from '../../../mask/index.ts'
import type { Field } from '../messages.ts'
import type { Lineage, Relation, Snapshot } from '../sql/analysis.ts'
import { descendants } from '../sql/descendants.ts'
import { isSensitiveSystemColumn, systemLabels } from '../sql/system-relations.ts'
import { valueType, type ValueType } from '../wire/types.ts'

/** Partitions of partitions of …; views of views of … */
const MAX_ANCESTRY = 16

export interface Origin {
  readonly columns: readonly NamedColumn[]
  /** Some of it cannot be told. */
  readonly isUnknown: boolean
  /** The values are one base column's own, as stored; else some expression made them. */
  readonly isDirect: boolean
  /** The values are some column's own, whatever they came through: each says no more than itself. */
  readonly isStored: boolean
  readonly type: ValueType
}

export interface OriginOptions {
  classOf(relation: string, column: string): string | undefined
  readonly snapshot: Snapshot | undefined
  viewLineage?: ((view: Relation, attribute: number) => Lineage | undefined) | undefined
}

/** @param output the statement's own lineage of this column, where it is known */
export function originOf(field: Field, output: Lineage | undefined, options: OriginOptions): Origin {
  const found = new Sources(options)
  if (field.table !== 0) found.add(field.table, field.attribute, output)
  else if (output === undefined) found.isUnknown = true
  if (output !== undefined) found.addLineage(output)
  const type = valueType(field.type, options.snapshot === undefined ? undefined : (oid) => options.snapshot?.type(oid))
  // A composite value is a whole row, and an array of them many.
  const row = type.relation ?? type.element?.relation
  if (row !== undefined) found.add(row, 0, undefined)
  if (field.table === 0) found.addName(field.name)
  const isColumn = field.table !== 0 && field.attribute > 0 && found.isStored
  const lineage = output ?? (field.table === 0 ? undefined : viewed(field, options))
  return { columns: [...found.columns.values()], isUnknown: found.isUnknown, isDirect: isColumn && found.baseCount === 1, isStored: isColumn || lineage?.isPlain === true, type }
}

function viewed({ table, attribute }: Field, { snapshot, viewLineage }: OriginOptions): Lineage | undefined {
  const view = snapshot?.relation(table)
  return view === undefined ? undefined : viewLineage?.(view, attribute)
}

class Sources {
  readonly columns = new Map<string, NamedColumn>()
  isUnknown = false
  /** Tables only: a view's column may be any expression. */
  isStored = true
  /** Base columns, partitions counted as their parent's. */
  baseCount = 0
  readonly #options: OriginOptions

  constructor(options: OriginOptions) {
    this.#options = options
  }

  addName(name: string): void {
    this.columns.set(`\0${name}`, { names: [name.toLowerCase()] })
  }

  addLineage({ columns, unknown }: Lineage, depth = 0): void {
    if (unknown !== undefined) this.isUnknown = true
    for (const { relation, attribute } of columns) this.add(relation, attribute, undefined, depth)
  }

  /** @param attribute 0 for all, negative for system columns, which hold nobody's data. @param output stands for a view's own lineage */
  add(oid: number, attribute: number, output: Lineage | undefined, depth = 0): void {
    if (attribute < 0) return
    const { snapshot } = this.#options
    const relation = snapshot?.relation(oid)
    if (snapshot === undefined || relation === undefined || depth > MAX_ANCESTRY) { this.isUnknown = true; return }
    const columns = attribute === 0 ? relation.columns : relation.columns.filter((column) => column.attribute === attribute)
    if (columns.length === 0 && attribute !== 0) this.isUnknown = true
    for (const column of columns) {
      const key = `${oid}.${column.attribute}`
      if (this.columns.has(key)) continue
      this.baseCount++
      if (isSensitiveSystemColumn(relation, column)) this.isUnknown = true
      this.#name(relation, column.name, key, depth)
      for (const child of relation.children?.length === 0 ? [] : descendants(relation, snapshot)) if (!this.columns.has(`${key}>${child.oid}`)) this.#name(child, column.name, `${key}>${child.oid}`, depth)
      this.#expand(relation, column.attribute, output, depth)
    }
  }

  /** Partitions and inheritance children are what their parents' rules say of the column of that name. */
  #name(relation: Relation, column: string, key: string, depth: number): void {
    const full = `${relation.schema}.${relation.name}`
    const names = [column, `${relation.name}.${column}`, `${full}.${column}`].map((name) => name.toLowerCase())
    this.columns.set(key, { names, className: this.#options.classOf(full, column) })
    for (const oid of relation.parents) {
      const parent = this.#options.snapshot?.relation(oid)
      if (parent === undefined || depth >= MAX_ANCESTRY) this.isUnknown = true
      else if (parent.columns.some(({ name }) => name === column)) this.#name(parent, column, `${key}<${oid}`, depth + 1)
    }
  }

  /** A view's column, and a generated one, is known by what it is made of. The system's own views are what they are, but for those that show users' data. */
  #expand(relation: Relation, attribute: number, output: Lineage | undefined, depth: number): void {
    // Another server's: only who declared its columns knows what they hold.
    if (relation.kind === 'f' && !relation.columns.some((column) => this.#options.classOf(`${relation.schema}.${relation.name}`, column.name) !== undefined)) this.isUnknown = true
    if (relation.kind !== 'v' && relation.kind !== 'm') {
      if (systemLabels(relation.schema, relation.name, true).includes('system_sensitive')) this.isUnknown = true
      if (relation.columns.some((column) => column.attribute === attribute && column.isGenerated === true)) this.#follow(relation, attribute, output, depth)
      return
    }
    this.isStored = false
    const labels = systemLabels(relation.schema, relation.name, true)
    if (labels.includes('system_catalogue')) return
    this.#follow(relation, attribute, output, depth)
  }

  #follow(relation: Relation, attribute: number, output: Lineage | undefined, depth: number): void {
    const lineage = output ?? this.#options.viewLineage?.(relation, attribute)
    if (lineage === undefined) this.isUnknown = true
    else this.addLineage(lineage, depth + 1)
  }
}
