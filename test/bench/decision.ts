// What one decision costs at 1 KB: `node test/bench/decision.ts`. CPU time of this process; minimum, median and maximum over rounds.
import { hostBuiltins } from '../../rego/builtins/index.ts'
import { createEvaluator } from '../../rego/evaluator.ts'
import { loadPolicy, readBundle } from '../../rego/index.ts'
import { createPruner } from '../../rego/prune.ts'
import { compileShipped } from '../rego/sources.ts'

const rounds = 40
const callsPerRound = 500
const bundle = readBundle(await compileShipped())
const input = {
  v: 1, phase: 'request', decision_id: '00', session: { id: 's', seq: 1, started_at: '2026-11-21T10:00:00Z' },
  subject: { type: 'user', id: 'https://idp.example/|user-1', properties: { groups: ['analysts'], client_id: 'agent-1', acr: '', amr: ['pwd'], claims: {} } },
  action: { name: 'tools/call', properties: { effects: ['read'] } },
  resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank', env: 'demo', labels: [] } },
  request: { protocol: 'mcp', method: 'tools/call', tool: 'run_report', arguments: { report: 'largest_accounts', filler: 'y'.repeat(350) }, bytes: 812 },
  findings: { pii: { status: 'ok', classes: [] }, projected: [] },
  context: { time: '2026-11-21T10:00:00Z', ip: '127.0.0.1', ticket: '', approval: null, grants: [], break_glass: false },
}
const text = JSON.stringify(input)
const pruner = createPruner(bundle.inputs['countersign/request/decision'] ?? [])
const pruned = pruner.write(input)
const evaluator = createEvaluator({ wasm: bundle.wasm, data: bundle.data, builtins: hostBuiltins, maxMemoryPages: 1_024, fuel: 50_000_000 })
const uncached = loadPolicy(bundle, { cacheEntries: 0 })
const cached = loadPolicy(bundle)
const pieces: Record<string, () => unknown> = {
  'prune': () => pruner.write(input),
  'evaluate, pruned': () => evaluator.evaluate('countersign/request/decision', pruned),
  'evaluate, whole': () => evaluator.evaluate('countersign/request/decision', text),
  'decide, uncached': () => uncached.decide(input, text),
  'decide, cached': () => cached.decide(input, text),
}
const rows = new Map(Object.keys(pieces).map(name => [name, [] as number[]]))
for (let round = -10; round < rounds; round++) {
  for (const [name, run] of Object.entries(pieces)) {
    const before = process.cpuUsage()
    for (let i = 0; i < callsPerRound; i++) run()
    const { user, system } = process.cpuUsage(before)
    if (round >= 0) rows.get(name)?.push((user + system) / callsPerRound)
  }
}
process.stdout.write(`input ${text.length} B, pruned ${pruned.length} B; µs of CPU a call, min/median/max of ${rounds} rounds\n`)
for (const [name, values] of rows) {
  values.sort((a, b) => a - b)
  process.stdout.write(`${name.padEnd(18)} ${[values[0], values[values.length >> 1], values.at(-1)].map(value => value?.toFixed(2)).join(' / ')}\n`)
}
