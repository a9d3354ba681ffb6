// psycopg2's own tests, from its source archive, over the released wheel: libpq below, text formats, COPY, large objects, two-phase commits.
import fs from 'node:fs'
import path from 'node:path'
import { cacheFolder, isInstalled, once } from './fetched.ts'
import { must, toEnd } from './suite.ts'
import type { Result, Suite } from './suite.ts'

const version = '2.9.13'
/** unittest's verbose line, whose status may stand on a later one where the test itself prints: `test_x (tests.test_y.Z.test_x) ... ok`. */
const resultLine = /^(test\w*) \(([\w.]+)\)(?:\n[^\n]*?)? \.\.\. (?:[^\n]*\n)*?(?:[^\n]*?)(ok|FAIL|ERROR|skipped\b)/gm

export const psycopg2Suite: Suite = {
  name: 'psycopg2',
  missing: () => ['python3', 'tar', 'pg_config'].filter((tool) => !isInstalled(tool)).join(', ') || undefined,
  fetch: async () => { await fetchTests() },
  settings: ['max_prepared_transactions=20'],
  setup: { database: 'psycopg2_test', sql: ['create extension hstore'] },
  declared: {
    ...Object.fromEntries(['test_copy.CopyTests.test_copy_bytes', 'test_copy.CopyTests.test_copy_text', 'test_quote.QuotingTestCase.test_koi8', 'test_quote.QuotingTestCase.test_latin1', 'test_types_extras.HstoreTestCase.test_roundtrip', 'test_types_extras.HstoreTestCase.test_roundtrip_array'].map((test) => [`tests.${test}`, 'a client_encoding other than UTF8'])),
    ...Object.fromEntries(['test_async.AsyncTests.test_flush_on_write', 'test_green.GreenTestCase.test_flush_on_write'].map((test) => [`tests.${test}`, 'a statement of more than 1 MiB of text'])),
    'tests.test_types_extras.JsonTestCase.test_scs': 'standard_conforming_strings off',
  },
  async run(address, workspace): Promise<Result> {
    const folder = await fetchTests()
    const { output } = await toEnd(path.basename(workspace), path.join(folder, 'venv/bin/python'), ['-c', "import tests; tests.unittest.main(defaultTest='tests.test_suite')", '--verbose'], {
      cwd: folder, env: { PSYCOPG2_TESTDB: address.database, PSYCOPG2_TESTDB_HOST: address.host, PSYCOPG2_TESTDB_PORT: String(address.port), PSYCOPG2_TESTDB_USER: address.user, PGPASSWORD: address.password, PGSSLMODE: 'disable', PYTHONDONTWRITEBYTECODE: '1' },
    })
    const results = [...output.matchAll(resultLine)].map(([, , test = '', status]) => ({ test, status }))
    const named = (...statuses: readonly string[]) => [...new Set(results.filter(({ status = '' }) => statuses.includes(status)).map(({ test }) => test))]
    return { passed: named('ok'), failed: named('FAIL', 'ERROR') }
  },
}

/** Of the archive the tests alone: its package, not built, would stand before the wheel's. */
async function fetchTests(): Promise<string> {
  return await once(`psycopg2-${version}`, async (folder) => {
    const python = path.join(folder, 'venv/bin/python')
    await must('psycopg2-venv', 'python3', ['-m', 'venv', path.join(folder, 'venv')])
    await must('psycopg2-wheel', python, ['-m', 'pip', 'install', '-q', `psycopg2-binary==${version}`])
    const archives = cacheFolder('archives')
    const archive = path.join(archives, `psycopg2-${version}.tar.gz`)
    if (!fs.existsSync(archive)) await must('psycopg2-archive', python, ['-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', 'psycopg2', `psycopg2==${version}`, '-d', archives])
    await must('psycopg2-unpack', 'tar', ['xzf', archive, '-C', folder, '--strip-components=1', `psycopg2-${version}/tests`])
  })
}
