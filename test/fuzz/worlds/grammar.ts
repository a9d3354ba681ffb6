// Statements at random, of the right types: forms filled with columns, constants, and every function, operator and cast that the server's catalogue has.
import { isTotalFunction, isTotalOperator } from '../../../gateway/protocols/postgres/sql/lineage/total.ts'
import { aimed, anywhere, constants, ofType, queries, scripts, sources, whole } from './forms.ts'

export type Random = (below: number) => number
export interface Routine { readonly name: string; readonly kind: string; readonly args: readonly string[]; readonly result: string; readonly isSet: boolean }
export interface Catalogue {
  readonly routines: readonly Routine[]
  readonly operators: readonly { readonly name: string; readonly left: string; readonly right: string; readonly result: string }[]
  readonly casts: readonly { readonly from: string; readonly to: string }[]
  /** Of every table and view. */
  readonly columns: readonly { readonly table: string; readonly name: string; readonly type: string }[]
}

interface Column { readonly text: string; readonly type: string }
/** What may be named where an expression stands. */
type Scope = readonly Column[]

const hole = /\{(=|\?|[a-z"][a-z" ]*(?:\[\])?)\}|<(=|[a-z"][a-z" ]*(?:\[\])?)>/g
const maxDepth = 3
const anything = new Set(['anyelement', 'anycompatible', 'anynonarray', 'anycompatiblenonarray', '"any"'])
const concrete: Readonly<Record<string, string>> = { anyrange: 'daterange', anycompatiblerange: 'daterange', anymultirange: 'datemultirange', record: 'pair' }

export class Grammar {
  readonly #random: Random
  readonly #tables: ReadonlyMap<string, Scope>
  readonly #functions: ReadonlyMap<string, readonly Routine[]>
  readonly #aggregates: ReadonlyMap<string, readonly Routine[]>
  readonly #windows: readonly Routine[]
  readonly #sets: readonly Routine[]
  readonly #operators: ReadonlyMap<string, Catalogue['operators']>
  readonly #casts: ReadonlyMap<string, Catalogue['casts']>
  #names = 0

  constructor({ routines, operators, casts, columns }: Catalogue, random: Random) {
    this.#random = random
    const single = routines.filter(({ isSet }) => !isSet)
    this.#functions = Map.groupBy(single.filter(({ kind }) => kind === 'f'), ({ result }) => result)
    this.#aggregates = Map.groupBy(single.filter(({ kind }) => kind === 'a'), ({ result }) => result)
    this.#windows = routines.filter(({ kind }) => kind === 'w')
    this.#sets = routines.filter(({ isSet, kind }) => isSet && kind === 'f')
    this.#operators = Map.groupBy(operators, ({ result }) => result)
    this.#casts = Map.groupBy(casts, ({ to }) => to)
    this.#tables = new Map([...Map.groupBy(columns, ({ table }) => table)].map(([table, of]) => [table, of.map(({ name, type }) => ({ text: name, type }))]))
  }

  /** One statement, or some that belong together. */
  script(): readonly string[] {
    this.#names = 0
    return this.#filled(this.#pick(scripts), [], maxDepth, 'text').split('; ')
  }

  #pick<T>(list: readonly T[]): T { return list[this.#random(list.length)] as T }
  /** Mostly one that the gateway lets through: where one that it refuses stands anywhere, nothing else of the statement is tried. */
  #likely<T extends { readonly name: string }>(list: readonly T[], isOpen: (name: string) => boolean): T | undefined {
    const open = this.#oneIn(12) ? [] : list.filter(({ name }) => isOpen(name))
    return this.#pick(open.length === 0 ? list : open)
  }

  #oneIn(count: number): boolean { return this.#random(count) === 0 }

  #filled(form: string, scope: Scope, depth: number, type: string): string {
    let seen = scope
    let name = ''
    // What stands behind FROM is what the rest may name.
    const from = form.includes('{from}') ? this.#from(depth) : undefined
    if (from !== undefined) { seen = [...from.scope, ...scope]; name = from.name }
    const own = from?.scope ?? scope
    return form.replaceAll(hole, (_, any: string | undefined, leaf: string | undefined) => {
      if (leaf !== undefined) return this.#leaf(leaf === '=' ? type : leaf, seen)
      switch (any) {
        case '=': return this.#expression(type, seen, depth - 1)
        case '?': return this.#oneIn(4) ? `${this.#key(seen)} = ${this.#pick(['1', "'x'", 'null'])}` : this.#expression('boolean', seen, depth - 1)
        case 'from': return from?.text ?? ''
        case 'key': return this.#key(own)
        case 'out': return this.#oneIn(8) ? this.#filled(this.#pick(whole).replaceAll('#', name), seen, 1, 'text') : this.#expression(this.#oneIn(2) ? this.#pick(['text', 'boolean', 'numeric']) : this.#pick(Object.keys(constants)), seen, depth)
        case 'query': return this.#filled(this.#pick(queries), scope, depth, 'text')
        case 'aggregate': case 'aggregate boolean': return this.#aggregate(any === 'aggregate' ? this.#pick(['text', 'bigint', 'numeric', 'jsonb', 'boolean']) : 'boolean', seen)
        case 'window': return this.#oneIn(2) ? this.#call(this.#pick(this.#windows), 'text', seen, 2) : this.#aggregate('text', seen)
        default: return this.#expression(any ?? 'text', seen, depth - 1)
      }
    })
  }

  #from(depth: number): { readonly text: string; readonly name: string; readonly scope: Scope } {
    const first = this.#source(depth, [])
    if (!this.#oneIn(4)) return first
    const next = this.#source(depth - 1, first.scope)
    const scope = [...first.scope, ...next.scope]
    const kind = this.#pick([' join', ' left join', ' full join', ' natural join', ' cross join', ','])
    const end = kind === ' full join' ? ` on ${first.name}.id = ${next.name}.id` : kind.endsWith(' join') && kind.length < 11 ? this.#pick([` on ${this.#expression('boolean', scope, 1)}`, ' using (id)']) : ''
    return { text: `${first.text}${kind} ${next.text}${end}`, name: first.name, scope }
  }

  #source(depth: number, outer: Scope): { readonly text: string; readonly name: string; readonly scope: Scope } {
    const name = `n${this.#names++}`
    if (depth > 1 && this.#oneIn(4)) {
      if (this.#oneIn(5)) return { text: `lateral ${this.#call(this.#pick(this.#sets), 'text', outer, 1)} with ordinality ${name}`, name, scope: [{ text: `(${name})::text`, type: 'text' }, { text: `${name}.ordinality`, type: 'bigint' }] }
      return { text: this.#filled(this.#pick(sources), outer, 2, 'text').replaceAll('#', name), name, scope: [{ text: `${name}.c0`, type: 'text' }, { text: `${name}.c1`, type: 'integer' }] }
    }
    const table = this.#oneIn(2) ? 'customers' : this.#pick([...this.#tables.keys()])
    const columns = (this.#tables.get(table) ?? []).map(({ text, type }) => ({ text: `${name}.${text}`, type }))
    const aims = table !== 'customers' ? [] : Object.entries(aimed).flatMap(([type, texts]) => texts.map((text) => ({ text: text.replaceAll('@', `${name}.`), type })))
    return { text: `${table} ${name}`, name, scope: [...columns, ...aims] }
  }

  #key(scope: Scope): string { return scope.length === 0 ? "'a'" : this.#pick(scope).text }

  #leaf(type: string, scope: Scope): string {
    const columns = scope.filter((column) => column.type === type)
    const aims = columns.filter(({ text }) => text.includes('('))
    if (columns.length > 0 && !this.#oneIn(3)) return this.#pick(aims.length > 0 && this.#oneIn(2) ? aims : columns).text
    const constant = constants[type]
    return constant === undefined ? `null::${type}` : this.#pick(constant)
  }

  #expression(type: string, scope: Scope, depth: number): string {
    if (depth <= 0) return this.#leaf(type, scope)
    switch (this.#random(8)) {
      case 0: case 1: return this.#leaf(type, scope)
      case 2: case 3: {
        const made = this.#likely(this.#functions.get(type) ?? [], isTotalFunction)
        return made === undefined ? this.#leaf(type, scope) : this.#call(made, type, scope, depth - 1)
      }
      case 4: {
        const { name, left, right } = this.#likely(this.#operators.get(type) ?? [], isTotalOperator) ?? { name: '||', left: 'text', right: 'text' }
        return `(${left === '' ? '' : `${this.#expression(left, scope, depth - 1)} `}${name} ${this.#expression(right, scope, depth - 1)})`
      }
      case 5: return `(${this.#expression(this.#pick([...(this.#casts.get(type) ?? []).map(({ from }) => from), 'text']), scope, depth - 1)})::${type}`
      case 6: if (this.#oneIn(2)) return this.#filled(this.#pick(ofType[type] ?? anywhere), scope, depth, type)
      // falls through
      default: return this.#filled(this.#pick(anywhere), scope, depth, type)
    }
  }

  #aggregate(type: string, scope: Scope): string {
    const made = this.#likely(this.#aggregates.get(type) ?? [], isTotalFunction)
    if (made === undefined) return `any_value(${this.#expression(type, scope, 1)})`
    if (made.name.startsWith('percentile') || made.name === 'mode') return `${made.name}(${made.name === 'mode' ? '' : '0.5'}) within group (order by ${this.#expression(this.#pick(['double precision', 'interval']), scope, 1)})`
    return `${made.name}(${made.args.length === 0 ? '*' : `${this.#oneIn(8) ? 'distinct ' : ''}${this.#given(made, type, scope, 1)}`})${this.#oneIn(5) ? ` filter (where ${this.#expression('boolean', scope, 1)})` : ''}`
  }

  #call(made: Routine, type: string, scope: Scope, depth: number): string { return `${made.name}(${this.#given(made, type, scope, depth)})` }

  #given({ args }: Routine, type: string, scope: Scope, depth: number): string {
    return args.map((arg) => this.#expression(anything.has(arg) ? type : arg === 'anyarray' || arg === 'anycompatiblearray' ? (type.endsWith('[]') ? type : `${type}[]`) : concrete[arg] ?? arg, scope, depth)).join(', ')
  }
}
