// A relation's columns as values: its own OID and number, those it inherits, a view's definition, a generated column's expression.
import type { Column, DataType, Relation } from '../analysis.ts'
import { descendants } from '../descendants.ts'
import { isSensitiveSystemRelation, isSystemSchema } from '../system-relations.ts'
import { lost, maxNesting, miss, type Context } from './context.ts'
import { evaluate } from './expressions.ts'
import { parseDefinition } from './definitions.ts'
import { kindsOf } from './meetings.ts'
import { rootScope, type Frame, type Item } from './scope.ts'
import { traceSelect } from './select.ts'
import { bodyOf, listAt, numberAt, qualifiedName, textAt, type Body } from './tree.ts'
import { Uses } from './uses.ts'
import { asScalar, columnValue, empty, flat, merge, pack, unknownValue, type Field, type Value } from './value.ts'

/** Ancestors of a partition or an inheriting table; deeper ones are not. */
const maxAncestors = 64

export function relationItem(context: Context, relation: Relation, alias: string | undefined): Item {
  return { name: alias ?? relation.name, schema: alias === undefined ? relation.schema : undefined, fields: relationFields(context, relation), isNamed: true, isListed: true, isRelation: relation.kind !== 'v' }
}

/** Each once a statement. */
export function relationFields(context: Context, relation: Relation): readonly Field[] {
  const known = context.relations.get(relation.oid)
  if (known !== undefined) return known
  context.effort.spend(relation.columns.length)
  // A relation whose definition comes back to itself cannot exist; should one seem to, its columns are its own only.
  context.relations.set(relation.oid, relation.columns.map((column) => ({ name: column.name, value: unknownValue('unreadable_definition') })))
  const fields = context.effort.deeper(() => makeFields(context, relation))
  context.relations.set(relation.oid, fields)
  return fields
}

function makeFields(context: Context, relation: Relation): readonly Field[] {
  if (isSensitiveSystemRelation(relation.schema, relation.name, true)) {
    return relation.columns.map((column) => ({ name: column.name, value: { ...columnValue([pack(relation.oid, column.attribute)]), unknown: 'system_sensitive' } }))
  }
  const ancestors = ancestorsOf(context, relation)
  const own = relation.columns.map((column): Field => {
    const columns = [pack(relation.oid, column.attribute)]
    for (const ancestor of ancestors) {
      const inherited = ancestor.columns.find((each) => each.name === column.name)
      if (inherited !== undefined) columns.push(pack(ancestor.oid, inherited.attribute))
    }
    return { name: column.name, value: typedValue(context, { ...columnValue(columns), isPlain: true, kinds: kindsOf(context, column.type), collation: column.collation }, column.type) }
  })
  if ((relation.kind === 'v' || relation.kind === 'm') && !isSystemSchema(relation.schema)) return own.map((field, at) => ({ name: field.name, value: withValue(field.value, viewColumn(context, relation, at)) }))
  return own.map((field, at) => {
    const column = relation.columns[at]
    return column?.isGenerated === true ? { name: field.name, value: withValue(field.value, generated(context, relation, column, own)) } : field
  })
}

/** Both's columns; the row structure stays the first one's, and its fields get the second's columns too. */
function withValue(value: Value, other: Value): Value {
  const whole = { ...merge([value, other]), isPlain: other.isPlain, kinds: value.kinds }
  const fields = value.fields
  return fields === undefined ? whole : { ...whole, fields: () => fields().map((field) => ({ name: field.name, value: withValue(field.value, other) })) }
}

function viewColumn(context: Context, relation: Relation, at: number): Value {
  if (!context.views.has(relation.oid)) context.views.set(relation.oid, readView(context, relation))
  return context.views.get(relation.oid)?.[at]?.value ?? unknownValue('unreadable_definition')
}

/** What the view's author compares inside it is not the caller's doing: only its columns count. */
function readView(context: Context, relation: Relation): readonly Field[] | undefined {
  if (relation.definition === undefined || context.nesting >= maxNesting) return undefined
  const [statement, ...more] = parseDefinition(context, relation.definition) ?? []
  const select = bodyOf(statement, 'SelectStmt')
  if (select === undefined || more.length > 0) return undefined
  const inside: Context = { ...context, uses: new Uses(context.effort), nesting: context.nesting + 1 }
  const frame: Frame = { path: context.naming.snapshot.path, isOwnText: false, parameter: () => empty }
  const output = traceSelect(inside, select, rootScope(frame))
  return output.open === undefined && output.fields.length === relation.columns.length ? output.fields : undefined
}

/** By its expression, and where a partition has another one, by that as well. */
function generated(context: Context, relation: Relation, column: Column, fields: readonly Field[]): Value {
  const own = columnExpression(context, column.expression, { name: relation.name, schema: relation.schema, fields, isNamed: true, isListed: true })
  const below = descendants(relation, context.naming.snapshot).flatMap((child) => relationFields(context, child).filter(({ name }) => name === column.name))
  return below.length === 0 ? own : merge([own, ...below.map(({ value }) => flat(value))])
}

/** A default, a routine's defaults, or a generation expression. */
export function columnExpression(context: Context, expression: string | undefined, item: Item | undefined): Value {
  const [statement] = parseDefinition(context, `SELECT (ROW(${expression ?? 'NULL'}))`) ?? []
  const target = bodyOf(listAt(bodyOf(statement, 'SelectStmt') ?? {}, 'targetList')[0], 'ResTarget')
  if (target === undefined) return unknownValue('unreadable_definition')
  const frame: Frame = { path: context.naming.snapshot.path, isOwnText: false, parameter: () => empty }
  const inside: Context = { ...context, uses: new Uses(context.effort) }
  return evaluate(inside, target['val'], { ...rootScope(frame), items: item === undefined ? [] : [item] })
}

function ancestorsOf(context: Context, relation: Relation): readonly Relation[] {
  const found = new Map<number, Relation>()
  const pending = [...relation.parents]
  for (let oid = pending.pop(); oid !== undefined && found.size < maxAncestors; oid = pending.pop()) {
    const parent = context.naming.snapshot.relation(oid)
    if (parent === undefined || found.has(oid)) continue
    found.set(oid, parent)
    pending.push(...parent.parents)
  }
  return [...found.values()]
}

/** Gives a value the fields of its composite type: each is all of the value. */
export function typedValue(context: Context, value: Value, type: number): Value {
  const found = compositeOf(context, type)
  if (found === undefined) return value
  const { relation, isArray } = found
  if (isArray) return { ...value, isComposite: true }
  const scalar = asScalar(value)
  return { ...value, isComposite: true, fields: () => relation.columns.map((column) => ({ name: column.name, value: typedValue(context, { ...scalar, kinds: kindsOf(context, column.type), collation: column.collation }, column.type) })) }
}

/** A value that is said to be of a type: one of a base type is no row, whatever it was made of. */
export function ofType(context: Context, value: Value, type: number | undefined): Value {
  const known = type === undefined ? undefined : context.naming.snapshot.type(type)
  if (known === undefined || known.kind === 'p') return { ...value, kinds: undefined }
  return shapedAs(context, { ...value, kinds: kindsOf(context, known.oid) }, known)
}

function shapedAs(context: Context, value: Value, known: DataType): Value {
  if (mayHoldRows(known)) return { ...value, isComposite: true }
  if (compositeOf(context, known.oid) === undefined) return asScalar(value)
  return value.fields === undefined ? typedValue(context, value, known.oid) : value
}

/** The same by a TypeName; `orders[]` is an array of what the name says. */
export function ofNamedType(context: Context, value: Value, typeName: Body | undefined, { path }: Frame): Value {
  const { schema, name } = qualifiedName(listAt(typeName ?? {}, 'names'))
  const type = context.naming.snapshot.findType(schema, name, path)
  const found = ofType(context, value, type?.oid)
  return found.isComposite === true && listAt(typeName ?? {}, 'arrayBounds').length > 0 ? { ...value, isComposite: true, fields: undefined } : found
}

/** The first OID that is somebody's own (FirstNormalObjectId). */
const firstOwn = 16_384
/** Somebody's range: of what, the catalogue reading does not say. */
const mayHoldRows = ({ kind, oid }: DataType): boolean => (kind === 'r' || kind === 'm') && oid >= firstOwn

/** The row type's relation behind domains and arrays. */
export function compositeOf(context: Context, type: number): { readonly relation: Relation; readonly isArray: boolean } | undefined {
  let isArray = false
  for (let at = context.naming.snapshot.type(type), steps = 0; at !== undefined && steps < maxAncestors; steps++) {
    if (at.relation !== undefined) {
      const relation = context.naming.snapshot.relation(at.relation)
      return relation === undefined ? undefined : { relation, isArray }
    }
    if (at.kind === 'd' && at.base !== undefined) at = context.naming.snapshot.type(at.base)
    else if (at.category === 'A' && at.element !== undefined) {
      isArray = true
      at = context.naming.snapshot.type(at.element)
    } else return undefined
  }
  return undefined
}

/** A RangeVar's relation, looked up as the server would and noted with its access. */
export function findRelation(context: Context, range: Body, frame: Frame): Relation | undefined {
  const schema = textAt(range, 'schemaname')
  const name = textAt(range, 'relname') ?? ''
  const relation = context.naming.snapshot.findRelation(schema, name, frame.path)
  if (relation !== undefined) return relation
  miss(context, frame, { kind: 'relation', schema, names: [name], location: numberAt(range, 'location') ?? 0 })
  lost(context, schema?.startsWith('pg_toast') === true ? 'system_sensitive' : 'unresolved_relation')
  return undefined
}
