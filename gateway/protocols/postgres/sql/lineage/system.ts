// Built-in routines whose result is not made of their arguments, and those that carry their arguments out of the statement.

/** They read tables, large objects, files, the log or other sessions by a name or text in their arguments. */
const opaquePrefixes = [
  'query_to_xml', 'table_to_xml', 'schema_to_xml', 'database_to_xml', 'cursor_to_xml', 'dblink', 'lo_', 'pg_read_', 'pg_ls_', 'pg_stat_get_', 'pg_logical_', 'pg_file_', 'binary_upgrade_', 'pg_import_', 'pg_get_wal_', 'pg_hba_', 'pg_mcv_list_', 'pg_show_all_file', 'pg_get_loaded_modules',
]
const opaqueNames = new Set(['loread', 'lowrite', 'ts_stat', 'pg_stat_file', 'pg_prepared_statement', 'pg_cursor', 'pg_prepared_xact', 'pg_current_logfile', 'pg_ident_file_mappings', 'pg_stats_ext_mcvlist_items'])
/** But for these, those of a prefix above say counts and times only; monitoring lives on them. How much a statement made is no such count. */
const statisticsWithText = ['pg_stat_get_activity', 'pg_stat_get_backend_activity', 'pg_stat_get_backend_client', 'pg_stat_get_wal_senders', 'pg_stat_get_subscription', 'pg_stat_get_progress', 'pg_stat_get_db_temp']

export function isOpaqueBuiltIn(name: string): boolean {
  if (name.startsWith('pg_stat_get_')) return statisticsWithText.some((each) => name.startsWith(each))
  // ts_rewrite(query, text) runs the text.
  return opaqueNames.has(name) || name === 'ts_rewrite' || opaquePrefixes.some((prefix) => name.startsWith(prefix))
}

/** They look up, lock or number something of the session's or the catalogue's: which relation is locked, pg_locks shows to everybody. */
const lookups = /^(?:pg_|txid_|currval$|lastval$)/
/** Of those, and of what is volatile, these leave nothing behind. */
const untraced = /^(?:clock_timestamp|timeofday|gen_random_uuid|uuidv[47]|pg_typeof|pg_column_.*|pg_size_.*|pg_input_.*|pg_options_to_table|pg_sleep.*|pg_char_to_encoding|pg_encoding_.*|pg_client_encoding|pg_backend_pid)$/

/** Whether somebody may see later that this built-in was run. */
export const isTraced = ({ name, volatility }: { readonly name: string; readonly volatility: string }): boolean => (volatility === 'v' || volatility === 's' && lookups.test(name)) && !untraced.test(name)

/** Built-ins that carry their arguments out of the statement, and where to. */
export function sinkOf(name: string): string | undefined {
  switch (name) {
    case 'set_config': return 'set_config'
    case 'pg_notify': return 'notify'
    case 'pg_logical_emit_message': case 'pg_create_restore_point': case 'pg_replication_origin_create': return 'message'
    case 'setval': case 'nextval': return 'sequence'
    // random() tells what it was given.
    case 'setseed': return 'random'
    case 'lo_from_bytea': case 'lo_put': case 'lowrite': case 'lo_import': return 'large_object'
    case 'lo_export': case 'pg_file_write': return 'file'
    case 'ts_stat': case 'ts_rewrite': case 'query_to_xml': case 'query_to_xmlschema': case 'query_to_xml_and_xmlschema': return 'dynamic_sql'
    // pg_locks shows the numbers to everybody.
    default: return name.startsWith('pg_advisory_') || name.startsWith('pg_try_advisory_') ? 'advisory_lock' : lookups.test(name) && !untraced.test(name) ? 'catalogue' : undefined
  }
}
