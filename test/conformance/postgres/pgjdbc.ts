// pgjdbc's own tests, from the source archive it publishes beside its jar: extended queries, batches, COPY, large objects, cancels, metadata.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { isInstalled, once } from './fetched.ts'
import { must, toEnd } from './suite.ts'
import type { Result, Suite } from './suite.ts'

const version = '42.7.7'
/** TLS files, a second server, Kerberos and a running pooler are what these need. */
const excluded = ['**/ssl/*', '**/hostchooser/*', '**/gss/*', '**/replication/*', '**/Replication*']

export const pgjdbcSuite: Suite = {
  name: 'pgjdbc',
  missing: () => ['mvn', 'javac', 'tar'].filter((tool) => !isInstalled(tool)).join(', ') || undefined,
  fetch: async () => { await fetchSource() },
  settings: ['max_prepared_transactions=64', 'wal_level=logical'],
  setup: { database: 'test', sql: ["create user test superuser password 'test'", 'create extension hstore'] },
  async run(address, workspace): Promise<Result> {
    const folder = await fetchSource()
    fs.writeFileSync(path.join(folder, 'build.local.properties'), [
      `test.url.PGHOST=${address.host}`, `test.url.PGPORT=${address.port}`, 'test.url.PGDBNAME=test', 'user=test', `password=${address.password}`, 'privilegedUser=postgres', `privilegedPassword=${address.password}`,
    ].join('\n'))
    const reports = path.join(folder, 'target', 'surefire-reports')
    fs.rmSync(reports, { recursive: true, force: true })
    await toEnd(path.basename(workspace), 'mvn', ['-o', '-B', 'surefire:test', '-Dmaven.test.failure.ignore=true', `-Dsurefire.excludes=${excluded.join(',')}`], { cwd: folder, timeoutMs: 7_200_000 })
    return readReports(reports)
  },
}

async function fetchSource(): Promise<string> {
  return await once(`pgjdbc-${version}`, async (folder) => {
    await must('pgjdbc-archive', 'mvn', ['-q', '-B', 'dependency:get', `-Dartifact=org.postgresql:postgresql:${version}:tar.gz:jdbc-src`])
    const archive = path.join(os.homedir(), '.m2/repository/org/postgresql/postgresql', version, `postgresql-${version}-jdbc-src.tar.gz`)
    await must('pgjdbc-unpack', 'tar', ['xzf', archive, '-C', folder, '--strip-components=1'])
    await must('pgjdbc-compile', 'mvn', ['-q', '-B', 'test-compile'], { cwd: folder })
    await must('pgjdbc-surefire', 'mvn', ['-q', '-B', 'surefire:test', '-Dtest=PGTimeTest', '-Dsurefire.failIfNoSpecifiedTests=false', '-Dmaven.test.failure.ignore=true'], { cwd: folder })   // fetches the runner; runs offline from here on
  })
}

/** JUnit's XML, one file a class: a case with `<failure` or `<error` failed, one with `<skipped` did not run. */
function readReports(folder: string): Result {
  const passed: string[] = []
  const failed: string[] = []
  for (const name of fs.readdirSync(folder).filter((file) => file.endsWith('.xml'))) {
    const text = fs.readFileSync(path.join(folder, name), 'utf8')
    for (const [, attributes = '', isClosed, body = ''] of text.matchAll(/<testcase ([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)) {
      const title = `${/classname="([^"]*)"/.exec(attributes)?.[1]?.replace(/^.*\./, '')} ${/\bname="([^"]*)"/.exec(attributes)?.[1]}`
      if (isClosed !== '/>' && body.includes('<skipped')) continue
      if (isClosed !== '/>' && /<(failure|error)\b/.test(body)) failed.push(title)
      else passed.push(title)
    }
  }
  return { passed, failed }
}
