// System relations: reading the catalogue is what every driver and client does; some of it holds users' data or secrets.
// One list, which facts label by, lineage closes by and masks distrust by: a name that one of them knew and another did not would be a way past.

/** Statistics hold column values, activity holds statements, the rest holds secrets, users' words or large objects. */
const sensitive = new Set([
  'pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_stat_activity', 'pg_largeobject', 'pg_authid', 'pg_shadow', 'pg_user_mapping', 'pg_user_mappings',
  'pg_subscription', 'pg_foreign_server', 'pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_file_settings', 'pg_prepared_statements', 'pg_cursors', 'pg_stat_progress_copy', 'pg_seclabel', 'pg_shseclabel', 'pg_replication_slots', 'user_mapping_options', 'pg_dist_authinfo',
])

export const isSystemSchema = (schema: string): boolean => schema === 'pg_catalog' || schema === 'information_schema'

/** @param isFound the live catalogue knows it under this schema. One that nobody knows is judged by its name alone. */
export function isSensitiveSystemRelation(schema: string, name: string, isFound: boolean): boolean {
  if (schema.startsWith('pg_toast')) return true
  // Extensions install their views into any schema.
  return isListed(name) && (isSystemSchema(schema) || !isFound || name.startsWith('pg_stat_'))
}

/** `pg_statistic_ext` says which statistics there are, and none of them. */
function isListed(name: string): boolean {
  return sensitive.has(name) || name.startsWith('pg_stat_statements') || name.startsWith('pg_statistic') && name !== 'pg_statistic_ext'
}

/** `system_sensitive`, `system_catalogue` or none. */
export function systemLabels(schema: string, name: string, isFound: boolean): readonly string[] {
  if (isSensitiveSystemRelation(schema, name, isFound)) return ['system_sensitive']
  return isSystemSchema(schema) ? ['system_catalogue'] : []
}

/** What a column held before it was there: ALTER TABLE … ADD COLUMN … DEFAULT keeps the value that it computed (`pg_attribute.attmissingval`). */
export function isKeptValue(schema: string, relation: string, column: string): boolean {
  return column === 'attmissingval' && relation === 'pg_attribute' && schema === 'pg_catalog'
}
