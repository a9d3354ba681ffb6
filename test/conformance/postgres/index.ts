// Independent suites, each run twice over new servers of one kind: at the server itself, then through what is given. Any test that differs is a failure.
import type { Outcome } from '../outcome.ts'
import { asyncpgSuite } from './asyncpg.ts'
import { startServer } from './server.ts'
import { pgxSuite, pqSuite } from './go.ts'
import { pgjdbcSuite } from './pgjdbc.ts'
import { isolationCiSuite, isolationSuite, regressCiSuite, regressSuite } from './regress.ts'
import { startGatewayBetween } from './through-gateway.ts'
import { psycopg2Suite } from './psycopg2.ts'
import type { Result, Suite } from './suite.ts'
import type { Start } from './through.ts'

export const postgresSuites: readonly Suite[] = [regressSuite, isolationSuite, pgxSuite, pqSuite, pgjdbcSuite, asyncpgSuite, psycopg2Suite]

/** What needs Debian's packages alone, and a few minutes. */
export const postgresCiSuites: readonly Suite[] = [regressCiSuite, isolationCiSuite]

/** Their packages carry no tests, and their repositories are not reached from here. */
const unreached = ['postgres.js', 'node-postgres', 'psycopg 3', 'Npgsql']

/** @param named all of them when undefined */
export async function postgresConformance(named?: readonly string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const suite of postgresSuites) if (named === undefined || named.includes(suite.name)) outcomes.push(...await runTwice(suite, startGatewayBetween))
  if (named === undefined) for (const name of unreached) outcomes.push({ name, passed: true, detail: 'skipped: needs its repository' })
  return outcomes
}

export async function postgresCiConformance(): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const suite of postgresCiSuites) outcomes.push(...await runTwice(suite, startGatewayBetween))
  return outcomes
}

export async function runTwice(suite: Suite, start: Start): Promise<Outcome[]> {
  const missing = suite.missing()
  if (missing !== undefined) return [{ name: suite.name, passed: true, detail: `skipped: needs ${missing}` }]
  await suite.fetch()
  const direct = await runOnce(suite, 'direct')
  const through = await runOnce(suite, 'through', start)
  const { declared = {} } = suite
  const missed = direct.passed.filter((test) => !through.passed.includes(test))
  const lost = missed.filter((test) => declared[test] === undefined)
  const gained = through.passed.filter((test) => !direct.passed.includes(test))
  const detail = `direct ${count(direct)}, through ${count(through)}`
  return [{
    name: suite.name, passed: direct.passed.length > 0 && lost.length === 0,
    detail: [detail, ...direct.failed.map((test) => `fails direct: ${test}`), ...missed.map((test) => declared[test] === undefined ? `lost on the way: ${test}` : `differs by design: ${test}: ${declared[test]}`), ...gained.map((test) => `passes only through: ${test}`)].join('\n  '),
  }]
}

async function runOnce(suite: Suite, kind: 'direct' | 'through', start?: Start): Promise<Result & { readonly seconds: number }> {
  const server = await startServer(`${suite.name}-${kind}`, suite)
  try {
    const through = await start?.(server.address)
    try {
      const startedAt = performance.now()
      const result = await suite.run({ ...server.address, ...through === undefined ? {} : { host: through.host, port: through.port, password: through.password } }, server.workspace)
      return { ...result, seconds: (performance.now() - startedAt) / 1000 }
    } finally {
      await through?.stop()
    }
  } finally {
    await server.stop()
  }
}

const count = ({ passed, failed, seconds }: Result & { readonly seconds: number }) => `${passed.length} of ${passed.length + failed.length} in ${seconds.toFixed(0)} s`
