// Which names a query level can see, and how the server finds a column among them (parse_relation.c, parse_expr.c).
import { attributeCall } from './calls.ts'
import type { Context } from './context.ts'
import type { Body } from './tree.ts'
import { empty, merge, rowValue, unknownValue, type Field, type Value } from './value.ts'

/** One entry of a FROM clause, or one side of a join. */
export interface Item {
  readonly name: string | undefined
  /** Of a relation named without alias: it may be named with its schema. */
  readonly schema?: string | undefined
  readonly fields: readonly Field[]
  /** May be named: `name.column`, `name.*`, whole row. */
  readonly isNamed: boolean
  /** Its columns may be named alone, and `*` lists them. */
  readonly isListed: boolean
  /** It has columns that could not be told: any name may be one of them. */
  readonly open?: Value | undefined
  /** Relations have system columns; views have none, and such a name means an outer query's column there. */
  readonly isRelation?: boolean
  /** What it is made of may be rows, which have columns of their own: a name may be one of those, or an outer query's. */
  readonly isUncertain?: boolean
  /** An alias renamed columns: the fields of a whole row may still be called what its type calls them. */
  readonly isRenamed?: boolean
}

/** One text: the statement's own, a view's or a routine's body. */
export interface Frame {
  readonly path: readonly string[]
  /** Locations and `$n` are those of the statement itself. */
  readonly isOwnText: boolean
  readonly parameter: (number: number) => Value
  /** Arguments and variables of a routine, by their dotted name. */
  readonly variable?: (names: readonly string[]) => Value | undefined
}

export interface Cte { state: 'pending' | 'running' | 'done'; readonly body: Body; readonly scope: Scope; fields: readonly Field[]; /** Of them, by SEARCH and CYCLE, at the end. */ added: number; open?: Value | undefined; isRecursive: boolean }

export interface Scope {
  readonly parent: Scope | undefined
  readonly frame: Frame
  readonly items: Item[]
  readonly ctes: Map<string, Cte>
}

export const childScope = (parent: Scope, items: Item[] = []): Scope => ({ parent, frame: parent.frame, items, ctes: new Map() })
export const rootScope = (frame: Frame): Scope => ({ parent: undefined, frame, items: [], ctes: new Map() })

export function findCte(scope: Scope | undefined, name: string): Cte | undefined {
  for (let at = scope; at !== undefined; at = at.parent) {
    const found = at.ctes.get(name)
    if (found !== undefined) return found
  }
  return undefined
}

const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])

/** A column of an item by name; two of one name (an error of the server's) are both. */
function fieldOf(item: Item, name: string): Value | undefined {
  let found: Value | undefined
  for (const field of item.fields) if (field.name === name) found = found === undefined ? field.value : merge([found, field.value])
  return found ?? item.open
}

export const wholeRow = (item: Item): Value => {
  const whole = merge([...item.fields.map((field) => field.value), ...item.open !== undefined ? [item.open] : []])
  const isKnown = item.open === undefined && item.isRenamed !== true && item.fields.every((field) => field.isUnlisted !== true)
  return isKnown ? rowValue(item.fields, whole) : { ...whole, isComposite: true }
}

/** @returns undefined where no level has the column */
export function findColumn(context: Context, scope: Scope, names: readonly string[]): Value | undefined {
  if (names.length === 1) {
    const name = names[0] ?? ''
    const maybe: Value[] = []
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      context.effort.spend(1)
      let found: Value | undefined
      for (const item of at.items) {
        if (!item.isListed) continue
        context.effort.spend(1 + item.fields.length / 16)
        const value = fieldOf(item, name)
        if (value !== undefined) found = found === undefined ? value : merge([found, value])
      }
      // A join has none of them: behind it such a name means an outer query's column.
      if (found === undefined && systemColumns.has(name) && at.items.some((item) => item.isListed && item.isRelation === true)) found = empty
      if (found === undefined) continue
      if (!at.items.some((item) => item.isListed && item.isUncertain === true)) return maybe.length === 0 ? found : merge([found, ...maybe])
      maybe.push(found)
    }
    const item = findItem(scope, undefined, name)
    if (item !== undefined) maybe.unshift(wholeRow(item))
    return maybe.length > 1 ? merge(maybe) : maybe[0]
  }
  const [schema, table, column] = names.length === 2 ? [undefined, names[0] ?? '', names[1] ?? ''] : [names.at(-3), names.at(-2) ?? '', names.at(-1) ?? '']
  const item = findItem(scope, schema, table)
  if (item === undefined) return undefined
  const value = fieldOf(item, column)
  if (value !== undefined) return value
  if (systemColumns.has(column) && item.isRelation === true) return empty
  return attributeCall(context, column, wholeRow(item), scope)
}

export function findItem(scope: Scope, schema: string | undefined, name: string): Item | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    for (const item of at.items) {
      if (item.isNamed && item.name === name && (schema === undefined || item.schema === schema)) return item
    }
  }
  return undefined
}

/** The fields of a value that is taken apart; undefined where their number cannot be told. */
export function fieldsOf(value: Value): readonly Field[] | undefined {
  return value.fields?.()
}

/** A field of a composite value; without known fields the whole stands for each. */
export function fieldValue(context: Context, value: Value, name: string, scope: Scope): Value {
  const fields = value.fields?.()
  if (fields === undefined) return merge([value])
  const found = fields.filter((field) => field.name === name).map((field) => field.value)
  if (found.length === 1 && found[0] !== undefined) return found[0]
  if (found.length > 1) return merge(found)
  return attributeCall(context, name, value, scope) ?? merge([value, unknownValue('unresolved_column')])
}
