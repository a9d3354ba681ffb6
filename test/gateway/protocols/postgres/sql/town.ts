// A tiny catalogue by hand: two schemas, a view, a partition, some routines.
import type { Column, DataType, Naming, Relation, Routine, Snapshot } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'

const columnsOf = (names: string): Column[] => names.split(' ').map((name, i) => ({ attribute: i + 1, name, type: 25, isFilled: name === 'id' }))
const relation = (oid: number, schema: string, name: string, columns: string, more: Partial<Relation> = {}): Relation => ({ oid, schema, name, kind: 'r', rowType: oid + 1, columns: columnsOf(columns), parents: [], isTemporary: false, ...more })
const routine = (oid: number, schema: string, name: string, volatility: string, argumentCount: number, more: Partial<Routine> = {}): Routine => ({ oid, schema, name, kind: 'f', language: 'internal', volatility, isSecurityDefiner: false, returnsSet: false, returnType: 25, argumentNames: [], argumentCount, defaultCount: 0, isVariadic: false, ...more })

const system = 'pg_class pg_namespace pg_attribute pg_type pg_proc pg_stats pg_stat_activity pg_authid pg_index pg_attrdef pg_collation pg_constraint pg_am pg_roles pg_database pg_description pg_range pg_settings pg_inherits pg_policy pg_trigger pg_publication pg_enum pg_auth_members pg_shdescription pg_tables pg_statistic_ext pg_publication_rel pg_publication_namespace pg_tablespace pg_extension'.split(' ')
export const relations: Relation[] = [
  relation(100, 'public', 'customers', 'id name ssn email'),
  relation(101, 'public', 'orders', 'id customer_id amount placed'),
  relation(102, 'public', 'v_customers', 'id ssn', { kind: 'v', definition: 'SELECT customers.id, customers.ssn FROM public.customers' }),
  relation(103, 'public', 'orders_2026', 'id customer_id amount placed', { parents: [101] }),
  relation(104, 'hr', 'staff', 'id salary'),
  relation(105, 'public', 't', 'a b c'),
  relation(106, 'public', 's', 'a b'),
  relation(107, 'public', 'v_v', 'id', { kind: 'v', definition: 'SELECT v_customers.id FROM public.v_customers' }),
  relation(108, 'public', 'm', 'id', { kind: 'm', definition: 'SELECT customers.id FROM public.customers' }),
  ...system.map((name, i) => relation(1000 + i, 'pg_catalog', name, 'oid relname nspname typname')),
  relation(2000, 'information_schema', 'tables', 'table_name'), relation(2001, 'information_schema', 'columns', 'column_name'),
]
const quiet = 'lower/1 upper/1 coalesce/1 count/0 count/1 sum/1 max/1 min/1 length/1 now/0 version/0 current_schema/0 current_schemas/1 array_to_string/2 pg_table_is_visible/1 pg_get_userbyid/1 format_type/2 pg_get_expr/2 pg_get_expr/3 obj_description/2 array_agg/1 generate_series/2 unnest/1 pg_get_constraintdef/1 pg_get_constraintdef/2 pg_get_indexdef/3 pg_encoding_to_char/1 quote_ident/1 pg_function_is_visible/1 pg_get_function_result/1 pg_get_function_arguments/1 pg_relation_is_publishable/1 col_description/2 current_setting/1 current_setting/2 pg_type_is_visible/1 has_database_privilege/2 has_schema_privilege/2 pg_catalog.substring/2 row_number/0 split_part/3 shobj_description/2 pg_tablespace_location/1 array_upper/2 current_database/0 array_position/2 pg_get_partkeydef/1 txid_current_if_assigned/0 to_regtype/1 md5/1 json_agg/1 to_jsonb/1 date_trunc/2 random/0 pg_sleep/1 string_agg/2 nullif/2 repeat/2'.split(' ')
export const routines: Routine[] = [
  ...quiet.map((one, i) => { const [name = '', count = '0'] = one.replace('pg_catalog.', '').split('/'); return routine(3000 + i, 'pg_catalog', name, ['now', 'current_schema', 'random', 'pg_sleep'].includes(name) ? 's' : 'i', Number(count)) }),
  ...'nextval/1 setval/2 set_config/3 pg_notify/2 pg_terminate_backend/1 pg_read_file/1 pg_ls_dir/1 lo_import/1 lo_get/1 query_to_xml/4 pg_advisory_lock/1 currval/1 mystery/0 txid_current/0'.split(' ').map((one, i) => { const [name = '', count = '0'] = one.split('/'); return routine(3500 + i, 'pg_catalog', name, 'v', Number(count)) }),
  routine(4000, 'public', 'wipe', 'v', 1, { language: 'plpgsql', body: 'begin delete from t; end' }),
  routine(4001, 'public', 'area', 'i', 1, { language: 'sql', body: 'select $1' }),
  routine(4002, 'public', 'proc', 'v', 1, { kind: 'p', language: 'plpgsql', body: 'begin end' }),
  routine(4003, 'public', 'snake', 's', 0, { language: 'plpython3u' }),
  routine(4004, 'public', 'dblink', 'v', 2, { language: 'c' }),
]

export function snapshotOf(all: readonly Relation[] = relations): Snapshot {
  const inPath = <T extends { readonly schema: string; readonly name: string }>(list: readonly T[], schema: string | undefined, name: string, path: readonly string[]): T[] =>
    schema === undefined ? path.flatMap((one) => list.filter((item) => item.schema === one && item.name === name)) : list.filter((item) => item.schema === schema && item.name === name)
  return {
    relation: (oid) => all.find((one) => one.oid === oid),
    findRelation: (schema, name, path) => inPath(all, schema, name, path)[0],
    findRoutines: (schema, name, path) => inPath(routines, schema, name, path),
    routine: (oid) => routines.find((one) => one.oid === oid),
    type: (oid): DataType | undefined => oid === 25 ? { oid, name: 'text', kind: 'b', category: 'S' } : undefined,
    relations: all,
    findType: (_, name) => name === 'shade' ? { oid: 5000, name, kind: 'b', category: 'U' } : undefined,
    operators: (name) => name === '@#' ? [4000] : [],
    implicitCasts: [], casts: (oid) => oid === 5000 ? [4001] : [],
    path: ['pg_catalog', 'public'],
  }
}

export const naming: Naming = { snapshot: snapshotOf(), path: ['pg_catalog', 'public'] }
