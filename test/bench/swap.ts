// What a new policy costs the calls that are going on: `node test/bench/swap.ts [--rounds N]`. Commits of a policy repository are activated as a gateway does it
// (read, verified, tested, compiled, loaded, swapped), while this thread decides one uncached call a turn of the event loop. A wait is the time between
// two turns, without the time for which the kernel gave this thread no core (Linux). Beside each activation stands what the machine does to calls
// when another process activates the same commit: the difference is what an activation here costs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { parseGoverned } from '../../gateway/governed.ts'
import { parseGovernedAside } from '../../gateway/governed-thread.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository, withTreeThread, type Activation } from '../../gateway/policy/index.ts'
import { openDatabase } from '../../gateway/state/database.ts'
import { shippedCapabilities } from '../../rego/index.ts'
import { commit, config, initRepository, newSigner, write } from '../gateway/policy/policy-repository.ts'

/** `elsewhere`: this is the other process; the folder of the repository, and who signs. */
const { rounds: told, elsewhere } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, elsewhere: { type: 'string' } } }).values
const rounds = Number(told)
const idleMs = 6_000

const input = (call: number) => ({
  v: 1, phase: 'request', subject: { type: 'user', id: `https://idp.example/|user-${call}`, properties: { groups: ['analysts'], client_id: 'agent-1' } },
  action: { name: 'tools/call', properties: { effects: ['read'] } },
  resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank', env: 'demo', labels: [] } },
  request: { protocol: 'mcp', method: 'tools/call', tool: 'run_report', arguments: { report: `largest_accounts_${call}` }, bytes: 812 },
  findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context: { ip: '127.0.0.1' },
})

const root = fs.mkdtempSync(join(tmpdir(), 'swap-'))
const dir = elsewhere ?? join(root, 'policy')
const database = openDatabase(join(root, 'state.db'))
const ref = 'refs/heads/main'
const eli = newSigner('eli')
if (elsewhere === undefined) {
  await initRepository(dir, { 'config.yaml': config, allowed_signers: eli.line })
  await commit(dir, eli)
}
const isAnswering = (): boolean => elsewhere !== undefined || activation.active() !== undefined
const activation: Activation = createActivation({
  repository: withTreeThread(createPolicyRepository(dir, ref), { path: dir, ref }, isAnswering), memory: createPolicyMemory(database), bundles: createBundleStore(join(root, 'bundles')),
  pinned: { allowedSigners: fs.readFileSync(join(dir, 'allowed_signers'), 'utf8'), quorum: 1 }, evidence: { epoch: 0, lastActivation: () => undefined }, now: Date.now, capabilities: shippedCapabilities(),
  parseGoverned: text => isAnswering() ? parseGovernedAside(text, []) : parseGoverned(text, []), onEvent: () => Promise.resolve(), onActive: () => undefined,
})
await activation.start()
if (elsewhere !== undefined) {
  database.close()
  fs.rmSync(root, { recursive: true, force: true })
  process.exit(0)
}

let calls = 0, failed = 0
function decide(): void {
  const one = input(calls++)
  try {
    activation.active()?.policy.decide(one, JSON.stringify(one))
  } catch {
    failed++
  }
}

// Linux: ns on a core, ns of waiting for one, slices.
const schedstat = fs.openSync('/proc/thread-self/schedstat', 'r')
const line = Buffer.alloc(128)
function corelessMs(): number {
  const size = fs.readSync(schedstat, line, { position: 0 })
  return Number(line.toString('latin1', 0, size).split(' ')[1]) / 1e6
}

/** Made once: an array that grows would be collected in the middle of what is measured. */
const waits = new Float64Array(4_000_000)

/** Waits of calls, ms, while `work` goes on. */
async function meanwhile(work: Promise<unknown>): Promise<Float64Array> {
  let isDone = false
  let count = 0
  const settled = work.finally(() => { isDone = true })
  for (let last = performance.now(), lastCoreless = corelessMs(); !isDone;) {
    decide()
    await turn()
    const now = performance.now()
    const coreless = corelessMs()
    waits[count++] = Math.max(0, now - last - (coreless - lastCoreless))
    last = now
    lastCoreless = coreless
  }
  await settled
  return waits.slice(0, count)
}

const pause = () => new Promise(resolve => { setTimeout(resolve, idleMs) })

function say(what: string, waits: Float64Array): void {
  const sorted = waits.toSorted()
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2)
  process.stdout.write(`${what.padEnd(34)} p50 ${at(0.5)}  p99 ${at(0.99)}  p99.9 ${at(0.999)}  longest ${at(1)}, ${at((sorted.length - 2) / sorted.length)}, ${at((sorted.length - 3) / sorted.length)} ms  (${sorted.length} calls)\n`)
}

const rowsOf = (count: number, round: number) => JSON.stringify({ round, bench: Object.fromEntries(Array.from({ length: count }, (_, at) => [`account-${at}`, { owner: `person-${at % 997}`, limit: at, branch: 'Dayton', note: 'n'.repeat(20) }])) })

await meanwhile(pause())   // V8's optimising compiler is at work for the first calls
for (let round = 1; round <= rounds; round++) {
  say('nothing going on', await meanwhile(pause()))
  for (const rows of [0, 3_000, 30_000]) {
    const data = rowsOf(rows, round)
    write(dir, { 'data/zz_bench/data.json': data })
    await commit(dir, eli)
    const other = spawn(process.execPath, [import.meta.filename, '--elsewhere', dir], { stdio: 'inherit' })
    say(`elsewhere, ${(data.length / 1000).toFixed(0)} kB more data`, await meanwhile(once(other, 'exit')))
    const before = activation.active()?.serial
    const waits = await meanwhile(activation.poll())
    if (activation.active()?.serial === before) throw new Error(activation.status().refused?.message ?? 'nothing was activated')
    say('  the same here', waits)
    say('  and the first second after it', await meanwhile(new Promise(resolve => { setTimeout(resolve, 1_000) })))
  }
}
process.stdout.write(`${calls} calls, ${failed} failed\n`)
database.close()
fs.rmSync(root, { recursive: true, force: true })
if (failed > 0) process.exitCode = 1
