// One statement as policy reads it (rego/schema/input.schema.json): facts with names instead of OIDs, and classes of declared columns.
import type { Json } from '../../../call.ts'
import { describeColumn, hasDeclared, systemClass, type ClassOf } from './declared.ts'
import type { RelationUse, Snapshot, Statement } from '../sql/analysis.ts'

type View = { [name: string]: Json }

export interface Surroundings {
  readonly snapshot: Snapshot
  readonly classOf: ClassOf
  /** Labels that governed config gives a relation. */
  labelsOf(relation: string): readonly string[]
}

/** `?.name`: not in the catalogue, so the name is the caller's word. No schema is called `?` that anybody would grant. */
function relationName({ schema, name, oid }: RelationUse): string {
  return oid === undefined ? `${schema === '' ? '?' : `?${schema}`}.${name}` : `${schema}.${name}`
}

export function statementView(statement: Statement, around: Surroundings): View {
  const view: View = {
    kind: statement.kind, effects: [...statement.effects],
    relations: statement.relations.map((use) => relationView(use, around)),
    columns: columnViews(statement, around),
    routines: statement.routines.map((use): View => ({ schema: use.schema, name: use.name, volatility: use.volatility, is_known: use.isKnown, ...use.class === undefined ? {} : { class: use.class } })),
    has_where: statement.hasWhere, returning: statement.hasReturning, unknown: [...statement.unknown],
  }
  if (statement.limit !== undefined) view['limit'] = statement.limit
  if (statement.settings !== undefined) view['settings'] = statement.settings.map(({ name, value, isReset }): View => ({ name, value: isReset === true ? null : value ?? { unknown: true } }))
  if (statement.kind === 'copy') {
    const [way, place] = (statement.command ?? 'to_client').split('_')
    view['copy'] = { direction: way === 'from' ? 'in' : 'out', place: place ?? 'client' }
  }
  return view
}

function relationView(use: RelationUse, around: Surroundings): View {
  const labels = labelsOf(use, around)
  return { name: relationName(use), access: [...use.access], ...labels.length === 0 ? {} : { labels } }
}

function labelsOf(use: RelationUse, { labelsOf: declared }: Surroundings): string[] {
  return [...use.labels ?? [], ...use.oid === undefined ? [] : declared(`${use.schema}.${use.name}`)]
}

function columnViews(statement: Statement, { snapshot, classOf }: Surroundings): View[] {
  return statement.columns.flatMap((use) => {
    const column = use.uses.length === 0 ? undefined : describeColumn(use, snapshot, classOf)
    return column === undefined ? [] : { name: column.name, uses: [...use.uses], ...column.class === undefined ? {} : { class: column.class } }
  })
}

/** Everything the statements touch, each relation once: `resource.properties.relations`. Names that are the caller's word stay out of it. */
export function touchedRelations(statements: readonly Statement[], around: Surroundings): View[] {
  const touched = new Map<string, { access: Set<string>; columns: Set<string>; labels: Set<string> }>()
  const at = (name: string) => {
    let entry = touched.get(name)
    if (entry === undefined) touched.set(name, entry = { access: new Set(), columns: new Set(), labels: new Set() })
    return entry
  }
  for (const statement of statements) {
    for (const use of statement.relations) {
      const entry = at(use.oid === undefined ? '?' : relationName(use))
      for (const one of use.access) entry.access.add(one)
      for (const one of labelsOf(use, around)) entry.labels.add(one)
    }
    for (const { relation: oid, attribute, uses } of statement.columns) {
      if (uses.length === 0) continue
      const relation = around.snapshot.relation(oid)
      const column = relation?.columns.find((one) => one.attribute === attribute)
      if (relation !== undefined && column !== undefined) touched.get(`${relation.schema}.${relation.name}`)?.columns.add(column.name)
    }
  }
  return [...touched].map(([name, { access, columns, labels }]) => ({ name, access: [...access], columns: [...columns], labels: [...labels] }))
}

/** Declared columns that a predicate, an order, a group or a join depends on. `=`: compared with values and nothing else. `failure`: what `functions` names may fail by its value. */
export function sensitivePredicates(statements: readonly Statement[], { snapshot, classOf }: Surroundings): View[] {
  return statements.flatMap(({ columns }) => columns.flatMap((use): View[] => {
    const compared = use.uses.filter((one) => one === 'predicate' || one === 'join' || one === 'order' || one === 'group')
    const { comparisons, failures = [] } = use
    if (compared.length + failures.length === 0) return []
    const column = describeColumn(use, snapshot, classOf)
    if (column?.class === undefined) return []
    // A join asks for as many values as the other table has rows.
    // A secret, or a statement, is not guessed at once either.
    const isEquality = column.class !== systemClass && compared.every((one) => one === 'predicate') && comparisons !== undefined && comparisons.length > 0 && comparisons.every((one) => one === 'equality')
    // Who searches has asked for more than an error tells.
    const isSearch = compared.length > 0 && !isEquality
    if (failures.length > 0 && !isSearch) return [{ name: column.name, class: column.class, operator: 'failure', functions: [...failures] }]
    return [{ name: column.name, class: column.class, operator: isSearch ? 'other' : '=' }]
  }))
}

/** Declared columns whose values, or parts of them, end anywhere but in the result. */
export function sensitiveWrites(statements: readonly Statement[], { snapshot, classOf }: Surroundings): View[] {
  return statements.flatMap(({ flows }) => flows.flatMap(({ from, into }) => {
    const column = describeColumn(from, snapshot, classOf)
    return column?.class === undefined ? [] : { name: column.name, class: column.class, into }
  }))
}

/** Does any statement touch a relation with declared columns? Then a constant that nobody can place may be one of their values. */
export function touchesDeclared(statements: readonly Statement[], { snapshot, classOf }: Surroundings): boolean {
  return statements.some(({ relations, columns }) => {
    const oids = [...relations.flatMap(({ oid }) => oid ?? []), ...columns.filter(({ uses }) => uses.length > 0).map(({ relation }) => relation)]
    return oids.some((oid) => { const relation = snapshot.relation(oid); return relation !== undefined && hasDeclared(relation, snapshot, classOf) })
  })
}

/** Are there words of the caller's in the facts that the catalogue does not vouch for? */
export function isCallerNamed({ relations, routines, settings, flows, unknown }: Statement): boolean {
  return settings !== undefined || unknown.length > 0 || flows.length > 0 || relations.some(({ oid }) => oid === undefined) || routines.some(({ isKnown }) => !isKnown)
}

