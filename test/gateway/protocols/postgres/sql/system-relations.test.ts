// Facts, lineage and masks ask one list which relations of the system hold users' data: what one of them closes, all close.
import test from 'ava'
import type { Naming, Relation } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { isSensitiveSystemColumn } from '../../../../../gateway/protocols/postgres/sql/system-relations.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { relations, snapshotOf } from './town.ts'

const sensitive = ['pg_stats_ext_exprs', 'pg_statistic', 'pg_statistic_ext_data', 'pg_stat_statements', 'pg_stat_statements_info', 'pg_authid', 'pg_shadow', 'pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_file_settings', 'pg_stat_progress_copy', 'pg_seclabel', 'pg_shseclabel', 'pg_dist_authinfo'].map((name) => ['pg_catalog', name] as const)
const elsewhere = [['public', 'pg_stat_statements'], ['public', 'pg_stat_statements_info'], ['public', 'pg_stat_activity'], ['pg_toast', 'pg_toast_16384'], ['pg_toast_temp_3', 'pg_toast_16385']] as const
const inPart = [...['pg_stats', 'pg_stats_ext', 'pg_stat_activity', 'pg_stat_wal_receiver', 'pg_largeobject', 'pg_user_mapping', 'pg_user_mappings', 'pg_subscription', 'pg_foreign_server', 'pg_prepared_statements', 'pg_cursors', 'pg_replication_slots'].map((name) => ['pg_catalog', name] as const), ...['user_mapping_options', 'foreign_server_options', '_pg_user_mappings', '_pg_foreign_servers'].map((name) => ['information_schema', name] as const)]
const quiet = [['pg_catalog', 'pg_class'], ['pg_catalog', 'pg_statistic_ext'], ['pg_catalog', 'pg_foreign_table'], ['information_schema', 'tables'], ['public', 'pg_authid'], ['public', 'pg_statistic_mine'], ['public', 'customers']] as const

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, traceStatement)

async function read([schema, name]: readonly [string, string]): Promise<{ readonly isLabelled: boolean; readonly isUntold: boolean }> {
  const relation: Relation = { ...relations[0]!, oid: 9_000, schema, name, columns: [{ attribute: 1, name: 'said', type: 25 }] }
  const naming: Naming = { snapshot: snapshotOf([relation]), path: ['pg_catalog', 'public'] }
  const analysis = await analyser.analyse(`select said from ${schema}.${name}`, naming)
  const [statement] = analysis.status === 'ok' ? analysis.statements : []
  return { isLabelled: statement?.relations[0]?.labels?.includes('system_sensitive') === true, isUntold: statement?.outputs?.[0]?.unknown === 'system_sensitive' }
}

test('a relation of the system that holds users’ data is told to policy, and nothing it shows is taken for harmless', async (t) => {
  for (const each of [...sensitive, ...elsewhere]) t.deepEqual(await read(each), { isLabelled: true, isUntold: true }, each.join('.'))
})

test('of views that tools live on a column that nobody has looked at is sensitive, and no view as a whole', async (t) => {
  for (const each of inPart) {
    t.deepEqual(await read(each), { isLabelled: false, isUntold: false }, each.join('.'))
    t.true(isSensitiveSystemColumn({ schema: each[0], name: each[1] }, { name: 'said', type: 25 }), each.join('.'))
  }
})

test('of those, numbers, names and times are told, and of statistics not even numbers', (t) => {
  const is = (relation: string, column: string, type: number) => isSensitiveSystemColumn({ schema: 'pg_catalog', name: relation }, { name: column, type })
  t.deepEqual([is('pg_stat_activity', 'pid', 23), is('pg_stat_activity', 'state', 25), is('pg_stat_activity', 'query', 25), is('pg_stat_activity', 'backend_start', 1184)], [false, false, true, false])
  t.deepEqual([is('pg_stats', 'attname', 19), is('pg_stats', 'null_frac', 700), is('pg_stats', 'avg_width', 23), is('pg_stats', 'histogram_bounds', 2277)], [false, true, true, true])
  t.deepEqual([is('pg_attribute', 'attmissingval', 2277), is('pg_attribute', 'attoptions', 1009), is('pg_class', 'relname', 19)], [true, false, false])
  t.false(isSensitiveSystemColumn({ schema: 'public', name: 'pg_stat_activity' }, { name: 'query', type: 25 }), 'of a table of that name all is closed')
})

test('other relations are neither', async (t) => {
  for (const each of quiet) t.deepEqual(await read(each), { isLabelled: false, isUntold: false }, each.join('.'))
})

test('a sensitive name that the catalogue does not hold is told to policy all the same', async (t) => {
  const analysis = await analyser.analyse('select * from pg_stat_statements_info, pg_seclabel, pg_statistic_ext_data', { snapshot: snapshotOf([]), path: ['pg_catalog', 'public'] })
  const labels = analysis.status === 'ok' ? analysis.statements[0]?.relations.map((use) => use.labels) : []
  t.deepEqual(labels, [['system_sensitive'], ['system_sensitive'], ['system_sensitive']])
})
