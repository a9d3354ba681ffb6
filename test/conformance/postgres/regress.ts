// PostgreSQL's own regression and isolation tests, from Debian's source package, with Debian's own runner and server.
import fs from 'node:fs'
import path from 'node:path'
import { isInstalled, once } from './fetched.ts'
import { bin } from './server.ts'
import { must, toEnd } from './suite.ts'
import type { Address, Result, Suite } from './suite.ts'

const runners = '/usr/lib/postgresql/15/lib/pgxs/src/test'
const libraries = '/usr/lib/postgresql/15/lib'
const tools = ['gcc', 'dpkg', 'apt-get', 'tar', bin, `${runners}/regress/pg_regress`, `${runners}/isolation/pg_isolation_regress`]

/** `test int4 ... ok`, or an indented line of a group that runs together. */
const resultLine = /^(?:test)?\s+(\S+)\s+\.\.\. (ok|FAILED|failed)/

export const regressSuite = suiteOf('regress', async (address, workspace) => {
  const source = path.join(await fetchSource(), 'tree/src/test/regress')
  return [`${runners}/regress/pg_regress`, ...common(address, source, workspace), `--dlpath=${source}`, '--max-connections=20', `--schedule=${source}/parallel_schedule`]
})

export const isolationSuite = suiteOf('isolation', async (address, workspace) => {
  const source = path.join(await fetchSource(), 'tree/src/test/isolation')
  return [`${runners}/isolation/pg_isolation_regress`, ...common(address, source, workspace), `--schedule=${source}/isolation_schedule`]
})

/** What a gateway touches: texts and their errors, transactions, cursors, COPY, notices, settings, large objects; in the order in which they build upon each other. */
const someRegress = `test_setup boolean char text int4 numeric strings uuid date timestamptz json jsonb numerology errors create_function_c create_misc create_table create_index create_view
  insert copy copyselect copydml select_into select select_distinct subselect union case join transactions portals arrays update delete returning truncate sequence prepare plancache limit temp domain
  prepared_xacts portals_p2 async guc largeobject tablesample xml`.split(/\s+/)
const someIsolation = `read-only-anomaly simple-write-skew lock-update-delete deadlock-simple deadlock-soft nowait skip-locked insert-conflict-do-nothing insert-conflict-do-update
  update-conflict-out delete-abort-savept async-notify timeouts temp-schema-cleanup drop-index-concurrently-1 plpgsql-toast prepared-transactions-cic serializable-parallel sequence-ddl`.split(/\s+/)

/** Of both, what takes a few minutes. */
export const regressCiSuite = suiteOf('regress-ci', async (address, workspace) => {
  const source = path.join(await fetchSource(), 'tree/src/test/regress')
  return [`${runners}/regress/pg_regress`, ...common(address, source, workspace), `--dlpath=${source}`, ...someRegress]
})
export const isolationCiSuite = suiteOf('isolation-ci', async (address, workspace) => {
  const source = path.join(await fetchSource(), 'tree/src/test/isolation')
  return [`${runners}/isolation/pg_isolation_regress`, ...common(address, source, workspace), ...someIsolation]
})

function suiteOf(name: string, commandOf: (address: Address, workspace: string) => Promise<readonly string[]>): Suite {
  return {
    name,
    missing: () => tools.filter((tool) => !isInstalled(tool)).join(', ') || undefined,
    fetch: async () => { await fetchSource() },
    ...name.startsWith('isolation') ? { settings: ['max_prepared_transactions=10'] } : {},
    async run(address, workspace): Promise<Result> {
      const [command = '', ...args] = await commandOf(address, workspace)
      const { output } = await toEnd(path.basename(workspace), command, args, { cwd: workspace, asServer: true, env: { LC_ALL: 'C', PGPASSWORD: address.password }, timeoutMs: 3_600_000 })
      const results = output.split('\n').flatMap((line) => { const found = resultLine.exec(line); return found === null ? [] : [{ test: found[1] ?? '', isOk: found[2] === 'ok' }] })
      return { passed: results.filter(({ isOk }) => isOk).map(({ test }) => test), failed: results.filter(({ isOk }) => !isOk).map(({ test }) => test) }
    },
  }
}

const common = ({ host, port, user }: Address, source: string, workspace: string) =>
  [`--bindir=${bin}`, `--inputdir=${source}`, `--outputdir=${workspace}`, `--host=${host}`, `--port=${port}`, `--user=${user}`]

/** Of the version that is installed: expected output belongs to a version. */
async function fetchSource(): Promise<string> {
  return await once('postgresql-source', async (folder) => {
    const version = (await must('dpkg', 'dpkg-query', ['-W', '-f', '${Version}', 'postgresql-15'])).trim()
    for (const part of ['lists/partial', 'cache/archives/partial', 'tree', 'headers']) fs.mkdirSync(path.join(folder, part), { recursive: true })
    const installed = fs.readFileSync('/etc/apt/sources.list.d/debian.sources', 'utf8')   // the machine's own mirror, with its sources too
    fs.mkdirSync(path.join(folder, 'sources'))
    fs.writeFileSync(path.join(folder, 'sources', 'debian.sources'), installed.replaceAll(/^Types: deb$/gm, 'Types: deb deb-src'))
    const apt = ['-o', 'Dir::Etc::sourcelist=/dev/null', '-o', `Dir::Etc::sourceparts=${folder}/sources`, '-o', `Dir::State::lists=${folder}/lists`, '-o', `Dir::Cache=${folder}/cache`, '-o', 'APT::Sandbox::User=root']
    await must('apt-update', 'apt-get', [...apt, 'update'])
    await must('apt-source', 'apt-get', [...apt, 'source', '--download-only', `postgresql-15=${version}`], { cwd: folder })
    await must('apt-headers', 'apt-get', [...apt, 'download', `postgresql-server-dev-15=${version}`], { cwd: folder })
    const file = (pattern: RegExp) => path.join(folder, fs.readdirSync(folder).find((name) => pattern.test(name)) ?? 'absent')
    await must('tar', 'tar', ['xf', file(/orig\.tar/), '-C', path.join(folder, 'tree'), '--strip-components=1', '--wildcards', '*/src/test/regress', '*/src/test/isolation'])
    await must('dpkg-x', 'dpkg', ['-x', file(/server-dev.*\.deb$/), path.join(folder, 'headers')])
    const regress = path.join(folder, 'tree/src/test/regress')
    await must('gcc', 'gcc', ['-O1', '-fPIC', '-shared', '-w', '-I', path.join(folder, 'headers/usr/include/postgresql/15/server'), '-o', path.join(regress, 'regress.so'), path.join(regress, 'regress.c')])
    for (const library of ['refint.so', 'autoinc.so']) fs.copyFileSync(path.join(libraries, library), path.join(regress, library))
  })
}
