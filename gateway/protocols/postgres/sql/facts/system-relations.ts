// System relations: reading the catalogue is what every driver and client does; some of it holds users' data or secrets.

const sensitive = new Set([
  'pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_statistic', 'pg_statistic_ext_data', 'pg_stat_activity', 'pg_stat_statements', 'pg_largeobject', 'pg_authid', 'pg_shadow', 'pg_user_mapping', 'pg_user_mappings',
  'pg_subscription', 'pg_foreign_server', 'pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_file_settings', 'pg_prepared_statements', 'pg_cursors', 'pg_stat_progress_copy', 'pg_seclabel', 'pg_shseclabel', 'pg_replication_slots', 'user_mapping_options', 'pg_dist_authinfo',
])
const schemas = new Set(['pg_catalog', 'information_schema'])

/** `system_sensitive`, `system_catalogue` or none. `isFound`: the live catalogue knows it under this schema. */
export function systemLabels(schema: string, name: string, isFound: boolean): readonly string[] {
  if (schema.startsWith('pg_toast')) return ['system_sensitive']
  const isSystem = schemas.has(schema)
  if (sensitive.has(name) && (isSystem || !isFound || name.startsWith('pg_stat_'))) return ['system_sensitive']
  if (name.startsWith('pg_statistic') && name !== 'pg_statistic_ext' && (isSystem || !isFound)) return ['system_sensitive']
  return isSystem ? ['system_catalogue'] : []
}

/** What a column held before it was there: ALTER TABLE … ADD COLUMN … DEFAULT keeps the value that it computed (`pg_attribute.attmissingval`). */
export function isKeptValue(schema: string, relation: string, column: string): boolean {
  return column === 'attmissingval' && relation === 'pg_attribute' && schema === 'pg_catalog'
}
