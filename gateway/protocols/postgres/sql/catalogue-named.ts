// What other texts are printed with the name of: schemas and languages by their names, operators by their schemas. That one of them is new changes no
// text; one that was there, and is written anew, may bear another name or stand in another schema, or have done so while something was printed.
import { isSince } from './catalogue-printed.ts'
import type { Cell } from './snapshot.ts'

/** First OID that `initdb` gives to nobody (`FirstNormalObjectId`). */
export const firstNormal = 16_384
/** pg_catalog's own OID (pg_namespace.dat). */
const systemSchema = '11'

/** Which transaction wrote it, by kind and OID. Operators that `initdb` made are left out. */
export type Named = ReadonlyMap<string, string>

/** A column. @param from only what was written since */
export const named = (from?: number): string => `(select pg_catalog.json_agg(pg_catalog.json_build_array(k.kind, k.oid::pg_catalog.int8, k.writer, k.schema))::pg_catalog.text from (
  ${([['n', 'pg_namespace', 'null'], ['l', 'pg_language', 'null'], ['o', 'pg_operator', 'x.oprnamespace']] as const).map(([kind, table, schema]) =>
    `select '${kind}' as kind, x.oid, x.xmin::pg_catalog.text as writer, ${schema}::pg_catalog.text as schema from pg_catalog.${table} x${from !== undefined ? ` where ${isSince(from, 'x')}` : kind === 'o' ? ` where x.oid operator(pg_catalog.>=) ${firstNormal}::pg_catalog.oid` : ''}`).join(' union all ')}) k)`

/** `isRenamed`: a schema or a language may bear another name. `isElsewhere`: an operator may stand where it is printed without its schema, or in another one. */
export function readNamed(cell: Cell | undefined, before: Named): { readonly names: Named; readonly isRenamed: boolean; readonly isElsewhere: boolean } {
  const rows = JSON.parse(cell ?? '[]') as [kind: string, oid: number, writer: string, schema: string | null][]
  if (rows.length === 0) return { names: before, isRenamed: false, isElsewhere: false }
  const names = new Map(before)
  let [isRenamed, isElsewhere] = [false, false]
  for (const [kind, oid, writer, schema] of rows) {
    const known = before.get(`${kind}${oid}`)
    names.set(`${kind}${oid}`, writer)
    const isRewritten = known !== undefined && known !== writer
    if (kind !== 'o') isRenamed ||= isRewritten
    else isElsewhere ||= isRewritten || known === undefined && (schema === systemSchema || oid < firstNormal)
  }
  return { names, isRenamed, isElsewhere }
}
