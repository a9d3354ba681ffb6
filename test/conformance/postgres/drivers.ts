// `npm run conformance -- postgres-drivers`: stock drivers doing a day's work, at the server itself and then under the shipped policy with masks on.
// A check that passes direct and not through is a failure; so is one that fails only direct: then the check is wrong.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { frontPostgres } from '../../e2e/postgres-gateway.ts'
import type { Outcome } from '../outcome.ts'
import { isInstalled, once } from './fetched.ts'
import { startServer } from './server.ts'
import { libpqEnvironment, must, toEnd } from './suite.ts'
import type { Address } from './suite.ts'

const here = fileURLToPath(new URL('./drivers/', import.meta.url))
const pgjdbc = '42.7.7'
const wheels = ['psycopg[binary]==3.3.9', 'psycopg2-binary==2.9.13', 'asyncpg==0.32.0', 'sqlalchemy==2.1.9', 'django==5.2.19']
const catalogue = { 'public.customers': { result: { ssn: 'US_SSN', email: 'EMAIL', pin: 'US_ACCOUNT' } } }
const schema = [
  'create role app login', 'grant create on schema public to app', 'set role app',
  'create table customers (id int primary key, name text, ssn text, email text, pin int)',
  "insert into customers select g, 'Customer ' || g, '123-45-6789', 'c@example.org', 1 from generate_series(1, 50) g",
  'create table orders (id serial primary key, customer_id int references customers, total int)', 'insert into orders (customer_id, total) select 1 + g % 50, g from generate_series(1, 40) g',
  'create table notes (id bigint generated always as identity primary key, body text)',
  'create view customer_totals as select c.id, c.ssn, sum(o.total) total from customers c join orders o on o.customer_id = c.id group by 1, 2',
  "create type mood as enum ('ok', 'bad')", "create function add_one(i int) returns int language sql immutable as 'select i + 1'",
]

interface Driver {
  readonly name: string
  readonly tools: readonly string[]
  /** @param isDirect nothing is masked or refused */
  run(address: Address, isDirect: boolean): Promise<string>
}

const drivers: readonly Driver[] = [
  { name: 'psql', tools: ['psql'], run: psql },
  { name: 'psycopg, psycopg2, asyncpg, SQLAlchemy, Django', tools: ['python3'], run: python },
  { name: 'pgjdbc', tools: ['mvn', 'javac'], run: java },
  { name: 'pgx, lib/pq', tools: ['go'], run: go },
]

/** @returns undefined where there is no server to run them against */
export async function driversConformance(): Promise<Outcome[] | undefined> {
  if (!isInstalled('/usr/lib/postgresql/15/bin/postgres')) return undefined
  const outcomes: Outcome[] = []
  for (const driver of drivers) {
    const missing = driver.tools.filter((tool) => !isInstalled(tool))
    outcomes.push(missing.length > 0 ? { name: driver.name, passed: true, detail: `skipped: needs ${missing.join(', ')}` } : await compare(driver))
  }
  return outcomes
}

async function compare(driver: Driver): Promise<Outcome> {
  const direct = checksOf(await onNewServer(driver, true))
  const through = checksOf(await onNewServer(driver, false))
  const failed = [...direct.failed.map((line) => `direct: ${line}`), ...through.failed.map((line) => `through: ${line}`), ...direct.passed.filter((name) => !through.all.has(name)).map((name) => `never came to: ${name}`)]
  return { name: driver.name, passed: failed.length === 0 && through.passed.length > 0, detail: [`${direct.passed.length} checks direct, ${through.passed.length} through`, ...failed].join('\n  ') }
}

async function onNewServer(driver: Driver, isDirect: boolean): Promise<string> {
  const server = await startServer(`drivers-${isDirect ? 'direct' : 'through'}`, { setup: { database: 'postgres', sql: schema } })
  try {
    const address = { ...server.address, user: 'app' }
    if (isDirect) return await driver.run(address, true)
    const gateway = await frontPostgres(server.address, [{ name: 'appdb', durability: 'bounded', catalogue }], { groups: ['leads'], user: 'app' })
    try {
      return await driver.run({ ...address, host: gateway.host, port: gateway.port('appdb'), password: gateway.token }, false)
    } finally {
      await gateway.stop()
      gateway.remove()
    }
  } finally {
    await server.stop()
  }
}

function checksOf(output: string): { readonly passed: readonly string[]; readonly failed: readonly string[]; readonly all: ReadonlySet<string> } {
  const lines = output.split('\n')
  const passed = lines.filter((line) => line.startsWith('ok ')).map((line) => line.slice(3))
  const failed = lines.filter((line) => line.startsWith('FAIL ')).map((line) => line.slice(5))
  return { passed, failed, all: new Set([...passed, ...failed.map((line) => line.split(': ')[0] ?? '')]) }
}

/** Through the gateway nothing but DROP TABLE may be refused, and no number may come out. */
async function psql(address: Address, isDirect: boolean): Promise<string> {
  const script = fs.readFileSync(path.join(here, 'session.sql'), 'utf8')
  const { output } = await toEnd('drivers-psql', 'psql', ['-X', '-a', '-f', path.join(here, 'session.sql')], { env: { ...libpqEnvironment(address), PSQLRC: '/dev/null', PAGER: 'cat' }, timeoutMs: 60_000 })
  const errors = output.split('\n').filter((line) => / ERROR: |FATAL|^\\!|invalid command/.test(line))
  const checks = [
    ['ends with its last line', output.trimEnd().endsWith('(1 row)') && output.includes(' alive after reconnecting')],
    ['one refusal at most', errors.length <= 1 && errors.every((line) => /DROP|drop|Creating, changing or dropping|cannot drop/.test(line))],
    ['what is masked', isDirect ? output.includes('gset 123-45-6789') : output.includes('gset [REDACTED:pg.ssn]') && !output.includes('123-45-6789')],
    ['every line was said', script.split('\n').filter((line) => line.startsWith('select ')).every((line) => output.includes(line))],
  ] as const
  return checks.map(([name, isRight]) => isRight ? `ok psql ${name}` : `FAIL psql ${name}: ${errors.slice(0, 3).join(' ')}`).join('\n')
}

async function python(address: Address, isDirect: boolean): Promise<string> {
  const folder = await once('drivers-python', async (at) => {
    await must('drivers-venv', 'python3', ['-m', 'venv', at])
    await must('drivers-wheels', path.join(at, 'bin/python'), ['-m', 'pip', 'install', '-q', ...wheels])
  })
  return (await toEnd('drivers-python', path.join(folder, 'bin/python'), ['-W', 'ignore', path.join(here, 'python.py'), ...isDirect ? ['direct'] : []], { env: { ...libpqEnvironment(address), PYTHONDONTWRITEBYTECODE: '1' }, timeoutMs: 180_000 })).output
}

async function java(address: Address, isDirect: boolean): Promise<string> {
  const jar = path.join(os.homedir(), '.m2/repository/org/postgresql/postgresql', pgjdbc, `postgresql-${pgjdbc}.jar`)
  const folder = await once('drivers-java', async (at) => {
    if (!fs.existsSync(jar)) await must('drivers-jar', 'mvn', ['-q', '-B', 'dependency:get', `-Dartifact=org.postgresql:postgresql:${pgjdbc}`])
    await must('drivers-javac', 'javac', ['-cp', jar, '-d', at, path.join(here, 'Drivers.java')])
  })
  return (await toEnd('drivers-java', 'java', ['-cp', `${jar}:${folder}`, 'Drivers', ...isDirect ? ['direct'] : []], { env: libpqEnvironment(address), timeoutMs: 180_000 })).output
}

async function go(address: Address, isDirect: boolean): Promise<string> {
  const folder = await once('drivers-go', async (at) => { await must('drivers-go-build', 'go', ['build', '-p', '1', '-o', path.join(at, 'drivers'), '.'], { cwd: here }) })
  return (await toEnd('drivers-go', path.join(folder, 'drivers'), isDirect ? ['direct'] : [], { env: libpqEnvironment(address), timeoutMs: 120_000 })).output
}
