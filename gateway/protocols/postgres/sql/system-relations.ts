// System relations: reading the catalogue is what every driver and client does; some of it holds users' data or secrets.
// One list, which facts label by, lineage closes by and masks distrust by: a name that one of them knew and another did not would be a way past.
import type { Column, Relation } from './analysis.ts'

/** Statistics hold column values, the rest holds secrets, users' words or sizes of what they copy: nothing of these is shown to whoever may not see every value. */
const sensitive = new Set([
  'pg_stats_ext_exprs', 'pg_authid', 'pg_shadow', 'pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_file_settings', 'pg_stat_progress_copy', 'pg_seclabel', 'pg_shseclabel', 'pg_dist_authinfo',
])

/** Of these some columns hold statements, values or secrets, and the others are what tools live on: what is told beside numbers, names and times. The rest is sensitive, also what a later version adds. */
const told: Readonly<Record<string, readonly string[]>> = {
  pg_stat_activity: ['application_name', 'client_hostname', 'wait_event_type', 'wait_event', 'state', 'backend_type'],
  pg_stat_wal_receiver: ['status', 'slot_name', 'sender_host'],
  pg_replication_slots: ['slot_type', 'wal_status', 'invalidation_reason'],
  pg_stats: [], pg_stats_ext: ['attnames', 'exprs', 'kinds'],
  pg_prepared_statements: ['name', 'parameter_types', 'result_types'], pg_cursors: ['name'],
  pg_foreign_server: ['srvtype', 'srvversion', 'srvacl'], pg_user_mapping: [], pg_user_mappings: [],
  pg_subscription: ['subsynccommit', 'subpublications', 'suborigin'],
  pg_largeobject: [],
  foreign_server_options: ['foreign_server_catalog', 'foreign_server_name', 'option_name'],
  user_mapping_options: ['authorization_identifier', 'foreign_server_catalog', 'foreign_server_name', 'option_name'],
  _pg_foreign_servers: ['foreign_server_catalog', 'foreign_server_name', 'foreign_data_wrapper_catalog', 'foreign_data_wrapper_name', 'foreign_server_type', 'foreign_server_version', 'authorization_identifier'],
  _pg_user_mappings: ['authorization_identifier', 'foreign_server_catalog', 'foreign_server_name', 'srvowner'],
}
/** bool, "char", name, int8, int2, int4, oid, tid, xid, cid, float4, float8, inet, timestamptz, pg_lsn (pg_type.dat) */
const plainTypes: ReadonlySet<number> = new Set([16, 18, 19, 20, 21, 23, 26, 27, 28, 29, 700, 701, 869, 1184, 3220])
/** Numbers of pg_stats are made of the values. */
const typesOfNames: ReadonlySet<number> = new Set([16, 19])

export const isSystemSchema = (schema: string): boolean => schema === 'pg_catalog' || schema === 'information_schema'

/** Nothing of it is for whoever may not see every value. @param isFound the live catalogue knows it under this schema. One that nobody knows is judged by its name alone. */
export function isSensitiveSystemRelation(schema: string, name: string, isFound: boolean): boolean {
  if (schema.startsWith('pg_toast')) return true
  if (isSystemSchema(schema)) return isListed(name) || !isFound && Object.hasOwn(told, name)
  // Extensions install their views into any schema.
  return (isListed(name) || Object.hasOwn(told, name)) && (!isFound || name.startsWith('pg_stat_'))
}

/** `pg_statistic_ext` says which statistics there are, and none of them. */
function isListed(name: string): boolean {
  return sensitive.has(name) || name.startsWith('pg_stat_statements') || name.startsWith('pg_statistic') && name !== 'pg_statistic_ext'
}

/** Some of its columns are sensitive, and nobody has to declare them. */
export const isToldInPart = (schema: string, name: string): boolean => isSystemSchema(schema) && Object.hasOwn(told, name)

/** `system_sensitive`, `system_catalogue` or none. */
export function systemLabels(schema: string, name: string, isFound: boolean): readonly string[] {
  if (isSensitiveSystemRelation(schema, name, isFound)) return ['system_sensitive']
  return isSystemSchema(schema) ? ['system_catalogue'] : []
}

/** `{name=value, …}` of a foreign server or a user mapping. */
export function isOptionsColumn({ schema, name }: Pick<Relation, 'schema' | 'name'>, column: string | undefined): boolean {
  return schema === 'pg_catalog' && (name === 'pg_foreign_server' && column === 'srvoptions' || name.startsWith('pg_user_mapping') && column === 'umoptions')
}

/** A column of the system's that holds statements of others, values of columns or secrets. */
export function isSensitiveSystemColumn({ schema, name }: Pick<Relation, 'schema' | 'name'>, column: Pick<Column, 'name' | 'type'>): boolean {
  if (!isSystemSchema(schema)) return false
  // What a column held before it was there: ALTER TABLE … ADD COLUMN … DEFAULT keeps the value that it computed.
  if (name === 'pg_attribute') return column.name === 'attmissingval'
  // What did not fit into memory was made of something: how much it was tells of what.
  if (name === 'pg_stat_database') return column.name.startsWith('temp_')
  if (!Object.hasOwn(told, name)) return false
  return !(name === 'pg_stats' ? typesOfNames : plainTypes).has(column.type) && told[name]?.includes(column.name) !== true
}
