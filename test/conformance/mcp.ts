// The public MCP conformance suite, run twice for each revision: at the fixture itself, then through the gateway with every control on.
// What passes at the fixture must pass through the gateway, check by check; what a revision requires must pass at both.
import fs from 'node:fs'
import path from 'node:path'
import { verify } from '../e2e/recorded.ts'
import { frontServers } from './gateway.ts'
import { gatewayAsClient } from './mcp-client.ts'
import { startFixture } from './mcp-fixture.ts'
import type { Outcome } from './outcome.ts'
import { installPackages, run, type Installed } from './packages.ts'
import { sameBytes } from './same-bytes.ts'

const suite = '@modelcontextprotocol/conformance'
const suiteVersion = '0.2.0-alpha.12'
const revisions = ['2025-11-25', '2026-07-28'] as const
/** The suite does not score these; we do. The other unscored ones need the tasks extension, which the fixture's SDK does not serve. */
const alsoRequired = ['json-schema-2020-12', 'http-header-validation', 'http-custom-header-server-validation', 'server-session-lifecycle', 'server-sse-polling']

interface Check { readonly scenario: string; readonly id: string; readonly status: string; readonly message: string }
interface Run { readonly code: number | null; readonly checks: readonly Check[]; readonly output: string }

export async function mcpConformance(): Promise<Outcome[]> {
  await using installed = await installPackages([`${suite}@${suiteVersion}`])
  const fixture = await startFixture()
  const gateway = await frontServers({ mcp: fixture.url })
  const outcomes: Outcome[] = []
  try {
    for (const revision of revisions) {
      const direct = await runSuite(installed, fixture.url, revision)
      const through = await runSuite(installed, gateway.url('mcp'), revision, gateway.token)
      outcomes.push(required(`MCP ${revision}, the fixture itself`, direct), required(`MCP ${revision}, through the gateway`, through), superset(`MCP ${revision}, nothing is lost on the way`, direct, through))
    }
    outcomes.push(...await sameBytes(fixture.url, gateway.url('mcp'), gateway.token))
    const unknown = await fetch(gateway.url('mcp'), { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' })
    outcomes.push({ name: 'without a token nothing is reached', passed: unknown.status === 401, detail: `status ${unknown.status}` })
  } finally {
    const code = await gateway.stop()
    await fixture.close()
    outcomes.push({ name: 'the gateway drains and exits 0', passed: code === 0, detail: `exit ${code}` })
    const { falsities, checked, ...verdict } = await verify(gateway.directories)
    const gaps = verdict.gaps.filter(({ code }) => code !== 'trust.own_keys' && code !== 'witness.none')   // nobody outside has seen this log
    outcomes.push({
      name: 'the record of the run is sound and whole', passed: falsities.length + gaps.length === 0 && checked.intents > 0 && checked.outcomes === checked.intents,
      detail: [`${checked.frames} frames, ${checked.intents} intents, ${checked.outcomes} outcomes`, ...[...falsities, ...gaps].map((finding) => `${finding.code}: ${finding.message}`)].join('\n  '),
    })
    gateway.remove()
  }
  outcomes.push(...await gatewayAsClient(installed, suite))
  return outcomes
}

async function runSuite(installed: Installed, url: string, revision: string, token?: string): Promise<Run> {
  const results = path.join(installed.folder, `results-${revision}-${token === undefined ? 'direct' : 'through'}`)
  const env = token === undefined ? process.env : { ...process.env, MCP_TEST_TOKEN: token, NODE_OPTIONS: `--import ${path.join(import.meta.dirname, 'authorize.ts')}` }
  const { code, output } = await run(process.execPath, [installed.file(suite, 'dist/index.js'), 'server', '--url', url, '--requirements', revision, '-o', results], { cwd: installed.folder, env })
  return { code, output, checks: fs.readdirSync(results).flatMap((name) => readChecks(results, name)) }
}

/** One folder a scenario, named `server-<scenario>-<time>`. */
function readChecks(results: string, name: string): Check[] {
  const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '')
  const checks = JSON.parse(fs.readFileSync(path.join(results, name, 'checks.json'), 'utf8')) as { id: string; status: string; errorMessage?: string }[]
  return checks.map(({ id, status, errorMessage = '' }) => ({ scenario, id, status, message: errorMessage }))
}

const count = (run: Run, status: string) => run.checks.filter((check) => check.status === status).length
const name = ({ scenario, id, message }: Check) => `${scenario}: ${id}${message === '' ? '' : ` (${message})`}`

function required(title: string, run: Run): Outcome {
  const ours = run.checks.filter(({ scenario, status }) => status === 'FAILURE' && alsoRequired.includes(scenario)).map(name)
  const unscored = new Set(run.checks.filter(({ scenario, status }) => status === 'FAILURE' && !alsoRequired.includes(scenario)).map(({ scenario }) => scenario))
  const faults = run.code === 0 ? ours : [...ours, ...run.output.split('\n').filter((line) => line.startsWith('✗'))]
  const counts = `${count(run, 'SUCCESS')} passed, ${count(run, 'FAILURE')} failed, exit ${run.code}${unscored.size === 0 ? '' : `; failing, not required: ${[...unscored].join(', ')}`}`
  return { name: title, passed: run.code === 0 && ours.length === 0 && run.checks.length > 0, detail: [counts, ...faults].join('\n  ') }
}

/** An id repeats where a check runs in a loop: occurrences are matched in their order. */
function superset(title: string, direct: Run, through: Run): Outcome {
  const left = new Map<string, Check[]>()
  for (const check of through.checks) left.set(`${check.scenario} ${check.id}`, [...left.get(`${check.scenario} ${check.id}`) ?? [], check])
  const lost: string[] = []
  for (const check of direct.checks) {
    const same = left.get(`${check.scenario} ${check.id}`)?.shift()
    if (check.status === 'SUCCESS' && same?.status !== 'SUCCESS') lost.push(name(same ?? { ...check, message: 'not run' }))
  }
  return { name: title, passed: lost.length === 0, detail: lost.length === 0 ? `${count(direct, 'SUCCESS')} of ${count(direct, 'SUCCESS')} checks` : lost.join('\n  ') }
}
