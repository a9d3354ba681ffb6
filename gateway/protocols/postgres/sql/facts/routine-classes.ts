// Built-in routines and well-known extensions that do more than compute a value, by name. Names outside pg_catalog count too:
// extensions install into any schema, and a user's routine of such a name deserves the same distrust.
import type { Effect, Routine, RoutineClass } from '../analysis.ts'

const families: readonly (readonly [RoutineClass, RegExp])[] = [
  ['file', /^(?:pg_read_file(?:_.*)?|pg_read_binary_file|pg_ls_.*|pg_stat_file|pg_file_.*|pg_logdir_ls|pg_current_logfile|lo_import|lo_export|be_lo_import|be_lo_export)$/],
  ['lo', /^(?:lo_.*|lowrite|loread|be_lo.*)$/],
  ['dblink', /^(?:dblink.*|postgres_fdw_.*)$/],
  ['dynamic_sql', /^(?:query_to_xml.*|cursor_to_xml.*|table_to_xml.*|schema_to_xml.*|database_to_xml.*|xpath_table|crosstab.*|connectby|ts_stat|ts_rewrite|plpy_.*|exec_sql|pg_execute_.*|cron_.*)$/],
  ['notify', /^pg_notify$/],
  ['setting', /^set_config$/],
  ['lock', /^(?:pg_advisory_.*|pg_try_advisory_.*|pg_isolation_.*)$/],
  ['sequence', /^(?:nextval|setval)$/],
  ['admin', /^(?:pg_terminate_backend|pg_cancel_backend|pg_reload_conf|pg_rotate_logfile.*|pg_promote|pg_switch_wal|pg_create_restore_point|pg_backup_.*|pg_start_backup|pg_stop_backup|pg_wal_replay_.*|pg_(?:create|drop|copy|sync|advance)_.*slot.*|pg_replication_.*|pg_logical_.*|pg_log_backend_.*|pg_stat_reset.*|pg_stat_statements_reset|pg_stat_force_.*|pg_import_system_collations|pg_export_snapshot|pg_extension_config_dump|pg_(?:restore|clear)_(?:relation|attribute)_stats|pg_prewarm|autoprewarm_.*|pg_surgery_.*|heap_force_.*|brin_.*summarize.*|brin_desummarize_range|gin_clean_pending_list|pg_nextoid|binary_upgrade_.*|pg_read_.*raw.*|get_raw_page|heap_page_.*|bt_page_.*|pg_truncate_visibility_map|pg_show_all_file_settings|pg_hba_file_rules|pg_ident_file_mappings|pg_show_all_settings)$/],
  ['statistics', /^(?:pg_stat_get_activity|pg_stat_get_backend_activity|pg_stats_ext_.*|pg_mcv_list_items|pg_stat_statements)$/],
]

const effectsByClass: Readonly<Record<RoutineClass, readonly Effect[]>> = {
  file: ['read', 'execute'], lo: ['write'], dblink: ['execute', 'write'], dynamic_sql: ['execute'], notify: ['notify'], setting: ['session'], lock: ['session'], sequence: ['write'], admin: ['maintenance'], statistics: ['read'],
}

/** PostgreSQL calls these volatile because their value changes, not because they change anything. */
const harmless = /^(?:random|random_normal|setseed|clock_timestamp|timeofday|gen_random_.*|uuidv[47]|uuid_generate_.*|currval|lastval|pg_sleep.*|txid_.*|pg_current_.*|pg_xact_.*|pg_get_.*|pg_.*_size|pg_size_.*|pg_relation_.*|pg_tablespace_.*|pg_filenode_.*|pg_partition_.*|pg_is_in_.*|pg_is_wal_.*|pg_last_.*|pg_stat_.*|pg_lock_status|pg_blocking_pids|pg_safe_snapshot_.*|pg_prepared_.*|pg_cursor|pg_timezone_.*|pg_available_.*|pg_config|pg_control_.*|pg_conf_load_time|pg_postmaster_start_time|pg_backend_pid|pg_sequence_.*|pg_notification_queue_usage|pg_listening_channels|pg_identify_.*|pg_describe_.*|pg_event_trigger_.*|pg_database_.*|pg_collation_.*|pg_show_replication_.*|pg_snapshot_.*|row_security_active|has_.*|inet_.*|jsonb?_populate_.*|to_reg.*|xmlcomment|pg_numa_.*|pg_options_to_table|pg_settings_get_flags|pg_input_.*|amvalidate|pg_wal_lsn_diff|pg_walfile_.*|pg_split_walfile_name|pg_mcv_.*|string_agg|array_agg)$/

/** uuid-ossp and pgcrypto: volatile because they draw, and nothing else. Only a superuser gives C code a name. */
const drawing = /^(?:uuid_generate_v(?:1|1mc|4)|gen_random_uuid|gen_random_bytes|gen_salt)$/

/** unaccent and pg_trgm: stable because a dictionary's file or a setting is looked up, and no table. */
const lookingUp = /^(?:unaccent|show_limit)$/

export function routineClass(name: string): RoutineClass | undefined {
  if (name.length > 63) return undefined
  for (const [routine, names] of families) if (names.test(name)) return routine
  return undefined
}

export function effectsOfClass(routine: RoutineClass): readonly Effect[] {
  return effectsByClass[routine]
}

export function isHarmless(name: string): boolean {
  return harmless.test(name)
}

/** Native code of an extension that computes a value and changes nothing, though PostgreSQL calls it volatile. */
export function isDrawing({ name, language }: Pick<Routine, 'name' | 'language'>): boolean {
  return language === 'c' && drawing.test(name)
}

/** Native code of an extension that gives what its arguments feed, though it is not immutable: it reads no table. */
export function isNativeMapping({ name, language, volatility }: Pick<Routine, 'name' | 'language' | 'volatility'>): boolean {
  return isDrawing({ name, language }) || language === 'c' && volatility === 's' && lookingUp.test(name)
}
