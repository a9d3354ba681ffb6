// Facts, lineage and masks ask one list which relations of the system hold users' data: what one of them closes, all close.
import test from 'ava'
import type { Naming, Relation } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { traceStatement } from '../../../../../gateway/protocols/postgres/sql/lineage.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { relations, snapshotOf } from './town.ts'

const sensitive = ['pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_statistic', 'pg_statistic_ext_data', 'pg_stat_activity', 'pg_stat_statements', 'pg_stat_statements_info', 'pg_largeobject', 'pg_authid', 'pg_shadow', 'pg_user_mapping', 'pg_user_mappings', 'pg_subscription', 'pg_foreign_server', 'pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_file_settings', 'pg_prepared_statements', 'pg_cursors', 'pg_stat_progress_copy', 'pg_seclabel', 'pg_shseclabel', 'pg_replication_slots', 'pg_dist_authinfo'].map((name) => ['pg_catalog', name] as const)
const elsewhere = [['information_schema', 'user_mapping_options'], ['public', 'pg_stat_statements'], ['public', 'pg_stat_statements_info'], ['pg_toast', 'pg_toast_16384'], ['pg_toast_temp_3', 'pg_toast_16385']] as const
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

test('other relations are neither', async (t) => {
  for (const each of quiet) t.deepEqual(await read(each), { isLabelled: false, isUntold: false }, each.join('.'))
})

test('a sensitive name that the catalogue does not hold is told to policy all the same', async (t) => {
  const analysis = await analyser.analyse('select * from pg_stat_statements_info, pg_seclabel, pg_statistic_ext_data', { snapshot: snapshotOf([]), path: ['pg_catalog', 'public'] })
  const labels = analysis.status === 'ok' ? analysis.statements[0]?.relations.map((use) => use.labels) : []
  t.deepEqual(labels, [['system_sensitive'], ['system_sensitive'], ['system_sensitive']])
})
