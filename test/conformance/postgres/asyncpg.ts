// asyncpg's own tests, from its source archive, over the released wheel: a client that speaks binary alone.
import fs from 'node:fs'
import path from 'node:path'
import { cacheFolder, isInstalled, once } from './fetched.ts'
import { libpqEnvironment, must, toEnd } from './suite.ts'
import type { Result, Suite } from './suite.ts'

const version = '0.31.0'
const resultLine = /^tests\/(\S+) (PASSED|FAILED|ERROR)/

export const asyncpgSuite: Suite = {
  name: 'asyncpg',
  missing: () => ['python3', 'tar', 'gcc'].filter((tool) => !isInstalled(tool)).join(', ') || undefined,
  fetch: async () => { await fetchTests() },
  settings: ['max_prepared_transactions=20'],
  declared: {
    'test_execute.py::TestExecuteMany::test_executemany_server_failure_during_writes': 'the client counts on hearing of an error before it has sent 4 MB, which the buffers of two connections hold; the statements are on record first',
  },
  async run(address, workspace): Promise<Result> {
    const folder = await fetchTests()
    const { output } = await toEnd(path.basename(workspace), path.join(folder, 'venv/bin/python'), ['-m', 'pytest', '-v', '-p', 'no:cacheprovider', '--timeout=60', 'tests', '--ignore=tests/test__sourcecode.py'], { cwd: folder, env: { ...libpqEnvironment(address), PYTHONDONTWRITEBYTECODE: '1' } })
    const results = output.split('\n').flatMap((line) => { const found = resultLine.exec(line); return found === null ? [] : [{ test: found[1] ?? '', status: found[2] }] })
    const named = (isPassed: boolean) => [...new Set(results.filter(({ status }) => (status === 'PASSED') === isPassed).map(({ test }) => test))]
    return { passed: named(true), failed: named(false) }
  },
}

/** Of the archive the tests alone: its package, not built, would stand before the wheel's. */
async function fetchTests(): Promise<string> {
  return await once(`asyncpg-${version}`, async (folder) => {
    const python = path.join(folder, 'venv/bin/python')
    await must('asyncpg-venv', 'python3', ['-m', 'venv', path.join(folder, 'venv')])
    await must('asyncpg-wheel', python, ['-m', 'pip', 'install', '-q', `asyncpg==${version}`, 'pytest', 'pytest-timeout', 'distro'])
    const archives = cacheFolder('archives')
    const archive = path.join(archives, `asyncpg-${version}.tar.gz`)
    if (!fs.existsSync(archive)) await must('asyncpg-archive', python, ['-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', 'asyncpg', `asyncpg==${version}`, '-d', archives])
    await must('asyncpg-unpack', 'tar', ['xzf', archive, '-C', folder, '--strip-components=1', `asyncpg-${version}/tests`])
  })
}
