// `countersign doctor` as an operator runs it: beside a gateway's own files, against a real server.
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import pg from 'pg'
import { stringify, parse } from 'yaml'
import { startCluster } from './cluster.ts'
import type { Database } from '../../scripts/demo/postgres.ts'
import { commit, write } from '../gateway/policy/policy-repository.ts'
import { bankConfig, openBank } from './gateway-kit.ts'
import type { Bank, Home } from './gateway-kit.ts'

const launcher = path.join(import.meta.dirname, '..', '..', 'gateway', 'countersign.js')
interface Ended { readonly code: number; readonly stdout: string; readonly stderr: string }
const doctor = (home: Home, ...args: string[]): Promise<Ended> => promisify(execFile)(process.execPath, [launcher, 'doctor', '--config', home.config, ...args])
  .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }))
interface Said { readonly check: string; readonly level: string; readonly about?: string; readonly message: string }
const amiss = ({ stdout }: Ended) => (JSON.parse(stdout) as Said[]).filter(({ level }) => level !== 'fine').map(({ level, about, check }) => `${level} ${about ?? 'node'} ${check}`)

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-doctor-cli-'))
let server: Database
let bank: Bank

test.before(async () => {
  server = await startCluster(folder)
  await query(`
    revoke temporary on database postgres from public; create role app login; create role lesser login;
    create table customers (id int primary key, name text, ssn text); grant select on customers to app; grant select (id, name) on customers to lesser`)
  bank = await openBank((about) => {
    const config = bankConfig(about) as { targets: object[] }
    config.targets.push(databaseTarget('appdb', { url: `postgres://127.0.0.1:${server.port}/postgres`, user: 'app' }))
    return config
  })
})
test.after.always(async () => {
  await bank?.close()
  await server?.stop()
  fs.rmSync(folder, { recursive: true, force: true })
})

test('each check is told in a line, what is amiss is marked, and the exit code says that something is', async (t) => {
  const home = await openHome(undefined, ['appdb'])
  const { code, stdout } = await doctor(home)
  t.is(code, 1)
  t.regex(stdout, /^ok {4}listener: 127\.0\.0\.1:0 is for target appdb$/m)
  t.regex(stdout, /^ok {4}appdb\/postgres {2}sign_in: the database lets the gateway in as app$/m)
  t.regex(stdout, /^WARN {2}appdb\/postgres {2}raw_columns: masks alone stand between callers and public\.customers\.ssn: app can read them\./m)
  t.regex(stdout, /\n\d+ checks, 1 to mend\n$/)
  t.deepEqual(amiss(await doctor(home, '--json')), ['warn appdb/postgres raw_columns'])
})

test('with nothing to mend it ends with 0', async (t) => {
  const home = await openHome([{ url: `postgres://127.0.0.1:${server.port}/postgres`, user: 'lesser' }])
  const { code, stdout } = await doctor(home)
  t.is(code, 0, stdout)
  t.regex(stdout, /\n\d+ checks, nothing to mend\n$/)
})

test('a secret that others can read is warned of, and one that is missing is a failure', async (t) => {
  const home = await openHome()
  fs.chmodSync(path.join(home.dir, 'service-key'), 0o644)
  t.deepEqual(amiss(await doctor(home, '--json')), ['warn node secret', 'warn appdb/postgres raw_columns'])
  fs.rmSync(path.join(home.dir, 'service-key'))
  const { code, stdout } = await doctor(home)
  t.is(code, 1)
  t.regex(stdout, /^FAIL {2}secret: secret service-key: .* cannot be read$/m)
})

test('a database that does not let the gateway in is a failure, in the database\'s words', async (t) => {
  const home = await openHome([{ url: `postgres://127.0.0.1:${server.port}/postgres`, user: 'nobody_here' }, { url: `postgres://127.0.0.1:${server.port}/no_such`, user: 'app' }])
  const ended = await doctor(home, '--json')
  t.deepEqual(amiss(ended), ['fail db0/postgres sign_in', 'fail db1/no_such sign_in'])
  t.true(ended.stdout.includes('The database does not exist (3D000)'))
})

test('where the client\'s own name goes through, nobody is looked at unless one is named', async (t) => {
  const home = await openHome([{ url: `postgres://127.0.0.1:${server.port}` }])
  t.deepEqual(amiss(await doctor(home, '--json')), ['warn db0/postgres sign_in'])
  t.deepEqual(amiss(await doctor(home, '--json', '--user', 'lesser')), [])
  const { code, stderr } = await doctor(home, '--grants', 'db0')
  t.is(code, 2)
  t.regex(stderr, /ERR_USAGE: target db0 lets the client's own user name through: say which with --user/)
})

test('what an unsigned commit says is not followed: no password goes to a server that a stranger wrote into the branch', async (t) => {
  let connections = 0
  const trap = net.createServer((socket) => { connections++; socket.destroy() })
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
  const home = await openHome()
  await configure(home, [{ url: `postgres://127.0.0.1:${(trap.address() as AddressInfo).port}/postgres`, user: 'app' }], undefined)
  t.deepEqual(amiss(await doctor(home, '--json')), ['warn node policy', 'warn appdb/postgres raw_columns'])
  // Before the first start there is no policy in force to fall back to.
  fs.rmSync(home.directories.state, { recursive: true })
  const { code, stderr } = await doctor(home)
  t.is(code, 2)
  t.regex(stderr, /ERR_POLICY_QUORUM: [0-9a-f]{40}: 0 of 1 people have signed for it; the commit is not signed/)
  t.is(connections, 0)
  t.false(fs.existsSync(home.directories.state))
  trap.close()
})

test('before a gateway has run, the head is looked at if a pinned signer signed it', async (t) => {
  const home = await openHome()
  fs.rmSync(home.directories.state, { recursive: true })
  const { code, stdout } = await doctor(home)
  t.is(code, 1)
  t.regex(stdout, /^ok {4}policy: [0-9a-f]{40} will be the first in force, signed by lena@bank\.example$/m)
})

test('the SQL that it prints makes a role that cannot read the declared columns, and a doctor with nothing to warn of', async (t) => {
  const home = await openHome()
  const { code, stdout } = await doctor(home, '--grants', 'appdb', '--role', 'app_masked')
  t.is(code, 0)
  t.is((JSON.parse((await doctor(home, '--grants', 'appdb', '--role', 'app_masked', '--json')).stdout) as { sql: string }).sql, stdout)
  await query(stdout)
  t.deepEqual(await query('select has_column_privilege(\'app_masked\', \'customers\', \'ssn\', \'SELECT\') as ssn, has_column_privilege(\'app_masked\', \'customers\', \'name\', \'SELECT\') as name'), [{ ssn: false, name: true }])
  t.deepEqual(amiss(await doctor(await openHome([{ url: `postgres://127.0.0.1:${server.port}/postgres`, user: 'app_masked' }]), '--json')), [])
})

test('a name that is no PostgreSQL target, and a file that is not there, are said, and nothing was looked at', async (t) => {
  const home = await openHome()
  const unknown = await doctor(home, '--grants', 'ledger')
  t.is(unknown.code, 2)
  t.regex(unknown.stderr, /ERR_USAGE: config\.yaml has no PostgreSQL target ledger/)
  const missing = await doctor({ ...home, config: path.join(home.dir, 'none.yaml') })
  t.is(missing.code, 2)
  t.regex(missing.stderr, /ERR_CONFIG_UNREADABLE: .*none\.yaml cannot be read/)
})

async function query(text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows ?? []
  } finally {
    await client.end()
  }
}

function databaseTarget(name: string, upstream: object): object {
  return { name, protocol: 'postgres', prefix: `/${name}`, env: 'test', upstream, catalogue: { 'public.customers': { result: { ssn: 'US_SSN' } } } }
}

/** @param upstreams of targets `db0`, `db1` … in place of `appdb`, signed; before a first start, so that nothing need be compiled for it */
async function openHome(upstreams?: readonly object[], streams?: readonly string[]): Promise<Home> {
  const home = await bank.home(streams && { streams })
  fs.chmodSync(path.join(home.dir, 'service-key'), 0o600)
  if (upstreams === undefined) return home
  fs.rmSync(home.directories.state, { recursive: true })
  await configure(home, upstreams, bank.signer)
  return home
}

async function configure(home: Home, upstreams: readonly object[], signer: Bank['signer'] | undefined): Promise<void> {
  const config = parse(fs.readFileSync(path.join(home.policy, 'config.yaml'), 'utf8')) as { targets: { protocol: string }[] }
  const targets = [...config.targets.filter(({ protocol }) => protocol !== 'postgres'), ...upstreams.map((upstream, i) => databaseTarget(`db${i}`, upstream))]
  write(home.policy, { 'config.yaml': stringify({ ...config, targets }, { aliasDuplicateObjects: false }) })
  await commit(home.policy, signer)
}
