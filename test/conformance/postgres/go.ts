// The test suites of the two Go drivers, out of the module cache: modules carry their tests. All packages, one after another.
import { once } from './fetched.ts'
import { libpqEnvironment, must, toEnd } from './suite.ts'
import { isInstalled } from './fetched.ts'
import type { Address, Result, Suite } from './suite.ts'
import path from 'node:path'

const pgx = 'github.com/jackc/pgx/v5@v5.12.0'
const pq = 'github.com/lib/pq@v1.12.3'

export const pgxSuite: Suite = suiteOf('pgx', pgx, {
  database: 'pgx_test',
  sql: [
    'create extension hstore', 'create extension ltree', 'create domain uint64 as numeric(20,0)',
    ...['pgx_md5', 'pgx_pw', 'pgx_scram', 'pgx_ssl'].map((user) => `create user ${user} superuser password 'secret'`), `create user " tricky, ' } "" \\ test user " superuser password 'secret'`,
  ],
}, (address) => {
  const connection = `host=${address.host} port=${address.port} user=${address.user} password=${address.password} dbname=${address.database} sslmode=disable`
  return { PGX_TEST_DATABASE: connection, PGX_TEST_TCP_CONN_STRING: connection, PGX_TEST_PLAIN_PASSWORD_CONN_STRING: connection }
}, {
  'pgx/v5/pgconn TestConnectProtocolVersion32': 'the gateway speaks 3.2 to its client, with the long key that comes with it, whatever the server speaks',
})

/** The driver's tests name the user and the database. */
export const pqSuite: Suite = suiteOf('pq', pq, { database: 'pqgo', sql: ["create user pqgo superuser password 'unused'", 'create extension hstore'] }, (address) => libpqEnvironment({ ...address, user: 'pqgo' }), {
  'pq TestAuth/end_to_end/user=pqgounknown_password=wordpass': 'a password that is no token is refused before the server is asked whether there is such a role',
})

function suiteOf(name: string, module: string, setup: NonNullable<Suite['setup']>, environment: (address: Address) => Record<string, string>, declared: Suite['declared'] & object = {}): Suite {
  const fetched = async () => {
    await once(`go-${name}`, async () => { await must(`go-${name}`, 'go', ['mod', 'download', module]) })
    const described = await must(`go-${name}-folder`, 'go', ['mod', 'download', '-json', module])
    return (JSON.parse(described) as { Dir: string }).Dir
  }
  return {
    name, setup, declared,
    missing: () => isInstalled('go') ? undefined : 'go',
    fetch: async () => { await fetched() },
    async run(address, workspace): Promise<Result> {
      const { output } = await toEnd(path.basename(workspace), 'go', ['test', '-json', '-p', '1', '-parallel', '1', '-count', '1', '-timeout', '55m', './...'], { cwd: await fetched(), env: environment(address), timeoutMs: 3_600_000 })
      const events = output.split('\n').filter((line) => line.startsWith('{"Time"')).map((line) => JSON.parse(line) as { Action: string; Package: string; Test?: string })
      const named = (action: string) => [...new Set(events.filter(({ Action, Test }) => Action === action && Test !== undefined).map(({ Package, Test }) => `${Package.replace(/^.*\/(pgx\/v5|pq)/, '$1')} ${Test?.replaceAll(/\/tmp\/\w+/g, '<temporary>')}`))]
      return { passed: named('pass'), failed: named('fail') }
    },
  }
}
