// What a new policy costs the calls that are going on: `node test/bench/swap.ts`. A bundle is made in a child process, read and loaded on the main
// thread, and swapped in by one assignment, as the activation does it. Calls are decided all the while. The waits are wall clock
// and count what else the machine does; the parts are CPU time of this thread.
import { setImmediate as turn } from 'node:timers/promises'
import { compileBundle, createDecisionReader, loadPolicy, readBundle, shippedCapabilities, type Policy } from '../../rego/index.ts'
import { shipped } from '../rego/sources.ts'

const input = {
  v: 1, phase: 'request', subject: { type: 'user', id: 'https://idp.example/|user-1', properties: { groups: ['analysts'], client_id: 'agent-1' } },
  action: { name: 'tools/call', properties: { effects: ['read'] } },
  resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank', env: 'demo', labels: [] } },
  request: { protocol: 'mcp', method: 'tools/call', tool: 'run_report', arguments: { report: 'largest_accounts' }, bytes: 812 },
  findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context: { ip: '127.0.0.1' },
}
const text = JSON.stringify(input)
const capabilities = shippedCapabilities()
const readDecision = createDecisionReader()
const rowsOf = (count: number) => JSON.stringify({ bench: Object.fromEntries(Array.from({ length: count }, (_, at) => [`account-${at}`, { owner: `person-${at % 997}`, limit: at, branch: 'Dayton', note: 'n'.repeat(20) }])) })
const filesOf = (rows: number) => new Map([...shipped, ...(rows === 0 ? [] : [['data/zz_bench/data.json', new TextEncoder().encode(rowsOf(rows))] as const])])

let policy: Policy = loadPolicy(readBundle(await compileBundle({ files: filesOf(0), revision: 'first', serial: 1, capabilities })), { cacheEntries: 0, readDecision })
const decideFor = (ms: number) => { const end = performance.now() + ms; while (performance.now() < end) policy.decide(input, text) }
decideFor(2_000)

/** Decides once a turn of the event loop until `work` is done; the longest time between two decisions, how many there were, and how many failed. */
async function meanwhile<Result>(work: Promise<Result>): Promise<{ result: Result; longestMs: number; calls: number; failed: number }> {
  let isDone = false
  let longestMs = 0, calls = 0, failed = 0
  const settled = work.finally(() => { isDone = true })
  for (let last = performance.now(); !isDone;) {
    try {
      policy.decide(input, text)
      calls++
    } catch {
      failed++
    }
    await turn()
    const now = performance.now()
    longestMs = Math.max(longestMs, now - last)
    last = now
  }
  return { result: await settled, longestMs, calls, failed }
}

const idle = await meanwhile(new Promise(resolve => { setTimeout(resolve, 2_000) }))
process.stdout.write(`nothing going on: longest wait of a call ${idle.longestMs.toFixed(1)} ms, ${idle.calls} calls\n`)
for (const rows of [0, 3_000, 30_000]) {
  const parts = { read: 0, load: 0, first: 0 }
  const timed = <Value>(part: keyof typeof parts, run: () => Value): Value => {
    const before = process.threadCpuUsage()
    const value = run()
    const { user, system } = process.threadCpuUsage(before)
    parts[part] = (user + system) / 1000
    return value
  }
  const { longestMs, calls, failed, result } = await meanwhile((async () => {
    const bytes = await compileBundle({ files: filesOf(rows), revision: `rows-${rows}`, serial: rows + 2, capabilities })
    await turn()
    const bundle = timed('read', () => readBundle(bytes))
    policy = timed('load', () => loadPolicy(bundle, { cacheEntries: 0, readDecision }))
    timed('first', () => policy.decide(input, text))
    return bundle.data.length
  })())
  const told = Object.entries(parts).map(([part, ms]) => `${part} ${ms.toFixed(1)}`).join(', ')
  process.stdout.write(`${(result / 1000).toFixed(0)} kB of data: longest wait of a call ${longestMs.toFixed(1)} ms (${told}); ${calls} calls, ${failed} failed, serial ${policy.serial}\n`)
}
