// `npm run conformance [-- mcp | inspector | tlog | postgres | postgres-ci | postgres-drivers | rego | replay | attacks | bundles | remotes …]`: other people's judges over our work. Prints what ran; exits 1 when anything failed.
import { grantedAttacks } from '../bypass/postgres/granted.ts'
import { bundlesConformance } from './bundles.ts'
import { inspectorConformance } from './inspector.ts'
import { mcpConformance } from './mcp.ts'
import type { Outcome } from './outcome.ts'
import { postgresCiConformance, postgresConformance } from './postgres/index.ts'
import { driversConformance } from './postgres/drivers.ts'
import { regoConformance } from './rego/index.ts'
import { remotesConformance } from './remotes/index.ts'
import { replayConformance } from './replay.ts'
import { tlogConformance } from './tlog.ts'

/** Undefined: what the suite needs is not on this machine. */
const suites: Readonly<Record<string, () => Promise<readonly Outcome[] | undefined>>> = { mcp: mcpConformance, inspector: inspectorConformance, tlog: tlogConformance, postgres: () => postgresConformance(), 'postgres-ci': postgresCiConformance, attacks: () => grantedAttacks(), 'postgres-drivers': driversConformance, rego: regoConformance, replay: replayConformance, bundles: bundlesConformance, remotes: remotesConformance }

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !Object.hasOwn(suites, name))
if (unknown.length > 0) {
  process.stderr.write(`no such suite: ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}\n`)
  process.exit(2)
}
let failed = 0
for (const [name, run] of Object.entries(suites)) {
  if (asked.length > 0 ? !asked.includes(name) : name === 'postgres-ci') continue           // a part of `postgres`
  process.stdout.write(`${name}\n`)
  const outcomes = await run()
  if (outcomes === undefined) process.stdout.write('  skip: what it needs is not here\n')
  for (const outcome of outcomes ?? []) {
    process.stdout.write(`  ${outcome.passed ? 'ok  ' : 'FAIL'} ${outcome.name}: ${outcome.detail.trim()}\n`)
    if (!outcome.passed) failed++
  }
}
if (failed > 0) process.stdout.write(`${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
