// The native backstop as SQL: a role that may do what the gateway's role may do today, except read declared columns. With it the server itself
// refuses what masks could not follow: DO, procedures, dynamic SQL (DESIGN.md, "PostgreSQL"). The text checks itself before it commits.
import { comment, quoteName, quoteText } from './quote.ts'
import type { DatabaseReading, LiveRelation } from './reading.ts'

export const maskedRole = 'countersign_masked'

/** @param origin where the declarations come from, for the first line; @param role who is made or narrowed */
export function maskedRoleSql(reading: DatabaseReading, origin: string, role: string = maskedRole): string {
  const { relations, schemas, database, definers } = reading
  const to = quoteName(role)
  const tables = relations.filter(({ kind }) => 'rpf'.includes(kind))
  const views = relations.filter(({ kind, columns }) => 'vm'.includes(kind) && columns.some(({ isReadable }) => isReadable))
  const sequences = relations.filter(({ kind, isUsable }) => kind === 'S' && isUsable)
  const lines = [
    comment(`Role ${role} of database ${database}: what ${reading.role} may do now, without reading the columns that ${origin} declares.`),
    comment('Run it as the owner of the tables, with psql -v ON_ERROR_STOP=1. Again after a table, a column or a declaration was added: nothing is granted on what comes later.'),
    'BEGIN;',
    'SET LOCAL standard_conforming_strings = on;',
    createRole(role),
    `GRANT CONNECT ON DATABASE ${quoteName(database)} TO ${to};`,
    ...schemas.filter(({ mayUse }) => mayUse).map(({ name }) => `GRANT USAGE ON SCHEMA ${quoteName(name)} TO ${to};`),
    '',
    ...tables.flatMap((table) => tableGrants(table, to)),
    ...views.flatMap((view) => view.readsSensitive || view.columns.some((column) => column.class !== undefined)
      ? [comment(`A view reads with its owner's rights, and ${view.schema}.${view.name} reads declared columns or routines: nothing of it is granted.`), `REVOKE ALL ON ${qualified(view)} FROM ${to};`]
      : tableGrants(view, to)),
    ...sequences.map((sequence) => `GRANT USAGE ON SEQUENCE ${qualified(sequence)} TO ${to};`),
    '',
    ...definers.map(({ schema, name, owner }) => comment(`${schema}.${name} reads with the rights of ${owner} (SECURITY DEFINER): REVOKE EXECUTE … FROM PUBLIC unless this role may call it.`)),
    comment('What PUBLIC or another role gives it would undo all this: then nothing of the above is kept.'),
    checkRole(role, relations),
    'COMMIT;',
    comment(`Next: \\password ${role} in psql, that password as the secret of the target's credential, and the target's upstream.user: ${role}.`),
  ]
  return `${lines.join('\n')}\n`
}

/** CREATE ROLE has no IF NOT EXISTS. One that is there keeps its password and loses what it must not have. */
function createRole(role: string): string {
  const attributes = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
  return block([
    `IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quoteText(role)}) THEN ALTER ROLE ${quoteName(role)} ${attributes};`,
    `ELSE CREATE ROLE ${quoteName(role)} ${attributes}; END IF;`,
  ])
}

function tableGrants(table: LiveRelation, to: string): string[] {
  const name = qualified(table)
  const isPlain = table.columns.every((column) => column.class === undefined && column.isReadable)
  const readable = table.columns.filter((column) => column.class === undefined && column.isReadable).map((column) => quoteName(column.name))
  return [
    `REVOKE ALL ON ${name} FROM ${to};`,                     // of a table's privileges, those on its columns too (REVOKE, Notes)
    ...readable.length === 0 ? [] : [`GRANT SELECT${isPlain ? '' : ` (${readable.join(', ')})`} ON ${name} TO ${to};`],
    ...table.rights.length === 0 ? [] : [`GRANT ${table.rights.join(', ')} ON ${name} TO ${to};`],
  ]
}

function checkRole(role: string, relations: readonly LiveRelation[]): string {
  const says = (name: string) => quoteText(`${role} can still read ${name}: revoke it from PUBLIC and from the roles that ${role} is a member of`)
  const checks = relations.filter(({ kind }) => kind !== 'S').flatMap((relation) => {
    const whole = relation.readsSensitive
    return relation.columns.filter((column) => whole || column.class !== undefined).map((column) => {
      const test = `pg_catalog.has_column_privilege(${quoteText(role)}, ${quoteText(identifierText(relation))}, ${quoteText(column.name)}, 'SELECT')`
      return `IF ${test} THEN RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = ${says(`${relation.schema}.${relation.name}.${column.name}`)}; END IF;`
    })
  })
  const powers = `IF EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(${quoteText(role)}, r.oid, 'MEMBER') AND (r.rolsuper OR r.rolbypassrls)) THEN RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = ${quoteText(`${role} is a member of a role that no privilege holds`)}; END IF;`
  return block([powers, ...checks])
}

/** As a plain string, not in dollar quotes, which a name could hold. */
function block(statements: readonly string[]): string {
  const body = `BEGIN\n${statements.map((one) => `  ${one}`).join('\n')}\nEND`
  return `DO '${body.replaceAll("'", "''")}';`
}

/** As the function that takes a name in a text reads it: without `U&`. */
function identifierText({ schema, name }: LiveRelation): string {
  return [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}

function qualified({ schema, name }: LiveRelation): string {
  return `${quoteName(schema)}.${quoteName(name)}`
}
