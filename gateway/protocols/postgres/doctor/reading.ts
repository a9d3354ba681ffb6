// One reading of a database for the doctor: the role, its rights, and which live columns governed config declares sensitive.
import type { TargetConfig } from '../../../config.ts'
import type { StreamAccess } from '../../../protocol.ts'
import { createAside } from '../session/aside.ts'
import { classOfColumn, declaredClasses } from '../operation/declared.ts'
import type { Relation } from '../sql/analysis.ts'
import { loadSnapshot, type Ask } from '../sql/catalogue.ts'
import * as queries from './queries.ts'

export interface Role { readonly name: string; readonly isSuperuser: boolean; readonly bypassesRls: boolean; readonly createsRoles: boolean; readonly createsDatabases: boolean; readonly replicates: boolean }

export interface LiveColumn { readonly name: string; readonly isReadable: boolean; /** Declared, by itself or as an ancestor's. */ readonly class: string | undefined }

export interface LiveRelation {
  readonly schema: string
  readonly name: string
  /** pg_class.relkind: r, p, v, m, f or S */
  readonly kind: string
  readonly isOwned: boolean
  readonly rights: readonly ('INSERT' | 'UPDATE' | 'DELETE')[]
  /** Of a sequence. */
  readonly isUsable: boolean
  readonly columns: readonly LiveColumn[]
  /** A view over relations with declared columns, however far below; a materialised one over routines, too, whose reads nobody lists. */
  readonly readsSensitive: boolean
}

export interface DatabaseReading {
  readonly role: string
  readonly database: string
  readonly version: string
  readonly versionNumber: number
  readonly isTls: boolean
  /** Governed config allows plaintext off loopback, by its name. */
  readonly isPlaintextAllowed: boolean
  readonly passwordEncryption: string
  /** ms since the Unix epoch, as the server's clock has it. */
  readonly clockMs: number
  readonly mayCreateSchemas: boolean
  readonly mayCreateTemporary: boolean
  /** Itself, and those it is a member of. */
  readonly roles: readonly Role[]
  readonly schemas: readonly { readonly name: string; readonly mayUse: boolean; readonly mayCreate: boolean }[]
  readonly relations: readonly LiveRelation[]
  readonly definers: readonly { readonly schema: string; readonly name: string; readonly owner: string }[]
  /** `schema.table` or `schema.table.column` that config declares and the database does not have. */
  readonly undeclarable: readonly string[]
}

/** @throws RefusalError `upstream.*`: the database lets the gateway not in; CatalogueError: it cannot be read */
export async function readDatabase(access: StreamAccess, user: string, database: string): Promise<DatabaseReading> {
  return await readFrom(createAside(access, user, database), access.target)
}

async function readFrom(ask: Ask, target: TargetConfig): Promise<DatabaseReading> {
  const [[role, database, version, versionNumber, isTls, passwordEncryption, clockMs, mayCreateSchemas, mayCreateTemporary] = []] = await ask(queries.about)
  const roles = await ask(queries.roles)
  const schemas = await ask(queries.schemas)
  const definers = await ask(queries.definers)
  const relations = relationsOf(await relationsWithClasses(ask, target), await ask(queries.privileges), await ask(queries.reads))
  return {
    role: text(role), database: text(database), version: text(version), versionNumber: Number(versionNumber), isTls: isTrue(isTls), isPlaintextAllowed: target.upstream.insecureAllowPlaintext, passwordEncryption: text(passwordEncryption),
    clockMs: Number(clockMs), mayCreateSchemas: isTrue(mayCreateSchemas), mayCreateTemporary: isTrue(mayCreateTemporary), relations,
    roles: roles.map(([name, isSuperuser, bypassesRls, createsRoles, createsDatabases, replicates]) => ({
      name: text(name), isSuperuser: isTrue(isSuperuser), bypassesRls: isTrue(bypassesRls), createsRoles: isTrue(createsRoles), createsDatabases: isTrue(createsDatabases), replicates: isTrue(replicates),
    })),
    schemas: schemas.map(([name, mayUse, mayCreate]) => ({ name: text(name), mayUse: isTrue(mayUse), mayCreate: isTrue(mayCreate) })),
    definers: definers.map(([schema, name, owner]) => ({ schema: text(schema), name: text(name), owner: text(owner) })),
    undeclarable: missing(target, relations),
  }
}

interface Classed { readonly relation: Relation; readonly classes: ReadonlyMap<number, string | undefined> }

/** By the same lookup as the masks: a partition's column is its parents'. */
async function relationsWithClasses(ask: Ask, target: TargetConfig): Promise<readonly Classed[]> {
  const snapshot = await loadSnapshot(ask)
  const classOf = declaredClasses(target)
  return [...snapshot.relations].map((relation) => ({ relation, classes: new Map(relation.columns.map(({ attribute, name }) => [attribute, classOfColumn(relation, name, snapshot, classOf)])) }))
}

function relationsOf(classed: readonly Classed[], privileges: Awaited<ReturnType<Ask>>, reads: Awaited<ReturnType<Ask>>): LiveRelation[] {
  const byOid = new Map(classed.map((one) => [one.relation.oid, one]))
  const tainted = taintedViews(classed, reads)
  return privileges.flatMap(([oid, isOwned, mayInsert, mayUpdate, mayDelete, isUsable, readable]) => {
    const known = byOid.get(Number(oid))
    if (known === undefined) return []                       // made between two questions
    const { relation: { schema, name, kind, columns }, classes } = known
    const selectable = new Set(JSON.parse(readable ?? '[]') as number[])
    return [{
      schema, name, kind, isOwned: isTrue(isOwned), isUsable: isTrue(isUsable), readsSensitive: tainted.has(Number(oid)),
      rights: [...isTrue(mayInsert) ? ['INSERT'] as const : [], ...isTrue(mayUpdate) ? ['UPDATE'] as const : [], ...isTrue(mayDelete) ? ['DELETE'] as const : []],
      columns: columns.map(({ attribute, name: column }) => ({ name: column, isReadable: selectable.has(attribute), class: classes.get(attribute) })),
    }]
  }).toSorted((a, b) => compare(a.schema, b.schema) || compare(a.name, b.name))
}

/** A view runs with its owner's rights: which of its columns shows what, the server does not say for whole rows, so all of it counts. */
function taintedViews(classed: readonly Classed[], reads: Awaited<ReturnType<Ask>>): ReadonlySet<number> {
  const readers = new Map<number, number[]>()
  for (const [view, read] of reads) readers.set(Number(read), [...readers.get(Number(read)) ?? [], Number(view)])
  const materialised = new Set(classed.flatMap(({ relation: { kind, oid } }) => kind === 'm' ? [oid] : []))
  const pending = classed.flatMap(({ relation, classes }) => [...classes.values()].some((one) => one !== undefined) ? readers.get(relation.oid) ?? [] : [])
  pending.push(...(readers.get(0) ?? []).filter((oid) => materialised.has(oid)))
  const tainted = new Set<number>()
  for (let view = pending.pop(); view !== undefined; view = pending.pop()) {
    if (tainted.has(view)) continue
    tainted.add(view)
    pending.push(...readers.get(view) ?? [])
  }
  return tainted
}

function missing({ catalogue }: TargetConfig, relations: readonly LiveRelation[]): string[] {
  const columns = new Map(relations.map(({ schema, name, columns: all }) => [`${schema}.${name}`, new Set(all.map((column) => column.name))]))
  return Object.entries(catalogue).flatMap(([relation, { result }]) => {
    if (relation === '*') return []
    const known = columns.get(relation)
    return known === undefined ? [relation] : Object.keys(result).filter((column) => !known.has(column)).map((column) => `${relation}.${column}`)
  })
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function text(cell: string | null | undefined): string {
  return cell ?? ''
}

/** As a cast of boolean to text spells it. */
function isTrue(cell: string | null | undefined): boolean {
  return cell === 'true' || cell === 't'
}
