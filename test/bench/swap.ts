// What a new policy costs the calls that are going on: `node test/bench/swap.ts [--rounds N]`. Commits of a policy repository are activated as a gateway does it
// (read, verified, tested, compiled, loaded, swapped), while this thread decides one uncached call a turn of the event loop. A wait is the time between
// two turns, wall clock: it counts what else the machine does. So each round begins without an activation, once alone and once beside a
// process that keeps a core as busy as a compiler does.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { parseGoverned } from '../../gateway/governed.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository } from '../../gateway/policy/index.ts'
import { openDatabase } from '../../gateway/state/database.ts'
import { shippedCapabilities } from '../../rego/index.ts'
import { commit, config, initRepository, newSigner, write } from '../gateway/policy/policy-repository.ts'

const { rounds: told } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } }).values
const rounds = Number(told)
const idleMs = 4_000

const input = (call: number) => ({
  v: 1, phase: 'request', subject: { type: 'user', id: `https://idp.example/|user-${call}`, properties: { groups: ['analysts'], client_id: 'agent-1' } },
  action: { name: 'tools/call', properties: { effects: ['read'] } },
  resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank', env: 'demo', labels: [] } },
  request: { protocol: 'mcp', method: 'tools/call', tool: 'run_report', arguments: { report: `largest_accounts_${call}` }, bytes: 812 },
  findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context: { ip: '127.0.0.1' },
})

const root = fs.mkdtempSync(join(tmpdir(), 'swap-'))
const dir = join(root, 'policy')
const eli = newSigner('eli')
await initRepository(dir, { 'config.yaml': config, allowed_signers: eli.line })
await commit(dir, eli)
const database = openDatabase(join(root, 'state.db'))
const activation = createActivation({
  repository: createPolicyRepository(dir, 'refs/heads/main'), memory: createPolicyMemory(database), bundles: createBundleStore(join(root, 'bundles')),
  pinned: { allowedSigners: eli.line, quorum: 1 }, evidence: { epoch: 0, lastActivation: () => undefined }, now: Date.now, capabilities: shippedCapabilities(),
  parseGoverned: text => parseGoverned(text, []), onEvent: () => Promise.resolve(), onActive: () => undefined,
})
await activation.start()

let calls = 0, failed = 0
function decide(): void {
  const one = input(calls++)
  try {
    activation.active()?.policy.decide(one, JSON.stringify(one))
  } catch {
    failed++
  }
}

/** Waits of calls, ms, while `work` goes on. */
async function meanwhile(work: Promise<unknown>): Promise<number[]> {
  let isDone = false
  const waits: number[] = []
  const settled = work.finally(() => { isDone = true })
  for (let last = performance.now(); !isDone;) {
    decide()
    await turn()
    const now = performance.now()
    waits.push(now - last)
    last = now
  }
  await settled
  return waits
}

const pause = () => new Promise(resolve => { setTimeout(resolve, idleMs) })

async function besideAnother(): Promise<number[]> {
  const busy = spawn(process.execPath, ['-e', 'for (;;);'])
  try {
    return await meanwhile(pause())
  } finally {
    busy.kill('SIGKILL')
  }
}

function say(what: string, waits: readonly number[]): void {
  const sorted = waits.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2)
  process.stdout.write(`${what.padEnd(34)} p50 ${at(0.5)}  p99 ${at(0.99)}  p99.9 ${at(0.999)}  longest ${at(1)} ms  (${sorted.length} calls)\n`)
}

const rowsOf = (count: number, round: number) => JSON.stringify({ round, bench: Object.fromEntries(Array.from({ length: count }, (_, at) => [`account-${at}`, { owner: `person-${at % 997}`, limit: at, branch: 'Dayton', note: 'n'.repeat(20) }])) })

await meanwhile(pause())   // V8's optimising compiler is at work for the first calls
for (let round = 1; round <= rounds; round++) {
  say('nothing going on', await meanwhile(pause()))
  say('another process busy', await besideAnother())
  for (const rows of [0, 3_000, 30_000]) {
    const data = rowsOf(rows, round)
    write(dir, { 'data/zz_bench/data.json': data })
    await commit(dir, eli)
    const before = activation.active()?.serial
    const waits = await meanwhile(activation.poll())
    if (activation.active()?.serial === before) throw new Error(activation.status().refused?.message ?? 'nothing was activated')
    say(`activation, ${(data.length / 1000).toFixed(0)} kB more data`, waits)
    say('  and the first second after it', await meanwhile(new Promise(resolve => { setTimeout(resolve, 1_000) })))
  }
}
process.stdout.write(`${calls} calls, ${failed} failed\n`)
database.close()
fs.rmSync(root, { recursive: true, force: true })
if (failed > 0) process.exitCode = 1
