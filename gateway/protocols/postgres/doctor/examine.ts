// What the doctor says of a reading: everything by which the gateway's own role in a database could do or read more than the gateway lets callers.
import type { DatabaseReading, Role } from './reading.ts'

export type CheckName =
  | 'version' | 'tls' | 'clock' | 'password_encryption' | 'superuser' | 'bypass_rls' | 'create_role' | 'create_database' | 'replication' | 'server_role'
  | 'owner' | 'create' | 'temporary' | 'definer' | 'declared' | 'raw_columns'

/** `fine` is said, too: what was looked at is part of the answer. */
export interface Finding { readonly check: CheckName; readonly level: 'fine' | 'warn'; readonly message: string }

/** Oldest version that the gateway's questions and tests cover. */
const oldestVersion = 130_000
/** Beyond this a token's lifetime and an approval's end mean different moments to the two clocks. */
const maxClockSkewMs = 5_000
const maxNames = 20

/** Predefined roles (PostgreSQL 18, §21.5) by which the gateway's role reaches past its own tables. */
const serverRoles = new Map([
  ['pg_read_server_files', 'reads files of the server'], ['pg_write_server_files', 'writes files of the server'], ['pg_execute_server_program', 'runs programs on the server'],
  ['pg_read_all_data', 'reads every table'], ['pg_write_all_data', 'writes every table'], ['pg_read_all_stats', 'reads everybody\'s statements'], ['pg_monitor', 'reads everybody\'s statements'],
  ['pg_signal_backend', 'ends others\' sessions'], ['pg_create_subscription', 'opens connections from the server'], ['pg_database_owner', 'owns the database'],
])

/** @param nowMs the gateway's clock when the reading was made */
export function examineDatabase(reading: DatabaseReading, nowMs: number): Finding[] {
  const { role, database, version, versionNumber, isTls, isPlaintextAllowed, passwordEncryption, clockMs } = reading
  const findings: Finding[] = [
    finding('version', versionNumber >= oldestVersion, `PostgreSQL ${version}`, `PostgreSQL ${version} is older than what the gateway is tested with (13)`),
    finding('tls', isTls || !isPlaintextAllowed, isTls ? 'the connection is under TLS' : 'the connection is in plaintext, on loopback', 'statements and results travel in plaintext: config says insecure_allow_plaintext'),
    finding('clock', Math.abs(clockMs - nowMs) <= maxClockSkewMs, 'the server\'s clock agrees with this one', `the server's clock is ${Math.round(Math.abs(clockMs - nowMs) / 1000)} s ${clockMs > nowMs ? 'ahead of' : 'behind'} this one`),
    finding('password_encryption', passwordEncryption === 'scram-sha-256', 'new passwords are kept as SCRAM-SHA-256', `password_encryption is ${passwordEncryption}: new passwords are kept in a form that opens the server to whoever reads it`),
  ]
  const self = reading.roles.find(({ name }) => name === role)
  if (self?.isSuperuser === true) return [...findings, { check: 'superuser', level: 'warn', message: `${role} is superuser: no right, policy of rows or column privilege holds it, and whatever the gateway misses is done` }, declared(reading)]
  return [...findings, ...powers(reading, role), ...making(reading, role, database), ...columns(reading, role)]
}

function powers({ roles }: DatabaseReading, self: string): Finding[] {
  const by = (check: CheckName, isSo: (one: Role) => boolean, what: string): Finding => {
    const through = roles.filter(isSo).map(({ name }) => name)
    return finding(check, through.length === 0, `${self}: not ${what}`, through.includes(self) ? `${self} is ${what}` : `${self} is a member of ${listed(through)}, which is ${what}`)
  }
  const reach = roles.flatMap(({ name }) => serverRoles.has(name) ? [`${name} (${serverRoles.get(name)})`] : [])
  return [
    by('superuser', (one) => one.isSuperuser, 'superuser'), by('bypass_rls', (one) => one.bypassesRls, 'past row-level security (BYPASSRLS)'), by('create_role', (one) => one.createsRoles, 'free to make roles (CREATEROLE)'),
    by('create_database', (one) => one.createsDatabases, 'free to make databases (CREATEDB)'), by('replication', (one) => one.replicates, 'free to copy the cluster (REPLICATION)'),
    finding('server_role', reach.length === 0, `${self}: in no predefined role that reaches past its tables`, `${self} is a member of ${listed(reach)}`),
  ]
}

function making({ schemas, mayCreateSchemas, mayCreateTemporary, definers }: DatabaseReading, self: string, database: string): Finding[] {
  const where = [...mayCreateSchemas ? [`new schemas of database ${database}`] : [], ...schemas.filter(({ mayCreate }) => mayCreate).map(({ name }) => `schema ${name}`)]
  return [
    finding('create', where.length === 0, `${self} may create nothing: no function, table or schema`, `${self} may create tables and functions in ${listed(where)}: a function can read what masks cannot follow`),
    finding('temporary', !mayCreateTemporary, `${self} may create nothing temporary`, `${self} may create temporary tables, and functions in pg_temp: REVOKE TEMPORARY ON DATABASE … FROM PUBLIC ends it`),
    finding('definer', definers.length === 0, `${self} may call no SECURITY DEFINER routine of another's`, `${self} may call routines that read with their owner's rights (SECURITY DEFINER): ${listed(definers.map(({ schema, name, owner }) => `${schema}.${name} of ${owner}`))}`),
  ]
}

function columns(reading: DatabaseReading, self: string): Finding[] {
  const { relations } = reading
  const sensitive = sensitiveOf(relations)
  const owned = sensitive.filter(({ isOwned }) => isOwned).map(({ schema, name }) => `${schema}.${name}`)
  const raw = sensitive.flatMap(({ schema, name, columns: all }) => all.filter((column) => column.class !== undefined && column.isReadable).map((column) => `${schema}.${name}.${column.name}`))
  const views = relations.filter(({ readsSensitive, columns: all }) => readsSensitive && all.some(({ isReadable }) => isReadable)).map(({ schema, name }) => `${schema}.${name}`)
  return [
    declared(reading),
    finding('owner', owned.length === 0, `${self} owns no relation with declared columns`, `${self} owns ${listed(owned)}: an owner gives itself every right`),
    finding('raw_columns', raw.length + views.length === 0, `${self} can read no declared column: what a mask missed would be an error`, `masks alone stand between callers and ${listed([...raw, ...views.map((name) => `${name} (a view)`)])}: ${self} can read them. If every caller of this target is masked, sign in as a role without them (--grants)`),
  ]
}

function declared({ relations, undeclarable }: DatabaseReading): Finding {
  return finding('declared', undeclarable.length === 0, `every declared column is there (relations with one: ${sensitiveOf(relations).length})`, `declared in config.yaml, not in the database, so nothing is masked by it: ${listed(undeclarable)}`)
}

function sensitiveOf(relations: DatabaseReading['relations']): DatabaseReading['relations'] {
  return relations.filter((relation) => relation.columns.some((column) => column.class !== undefined))
}

function finding(check: CheckName, isFine: boolean, fine: string, warning: string): Finding {
  return isFine ? { check, level: 'fine', message: fine } : { check, level: 'warn', message: warning }
}

function listed(names: readonly string[]): string {
  return names.length <= maxNames ? names.join(', ') : `${names.slice(0, maxNames).join(', ')} and ${names.length - maxNames} more`
}
