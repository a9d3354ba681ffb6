// What a decision costs here, in plain `@open-policy-agent/opa-wasm` and over OPA's HTTP server: `node test/bench/policy.ts [--opa BINARY] [--rounds N]`.
// The same shipped policies and inputs, one round after another; of the server its own CPU and the caller's. Without a binary it is built, where Go is at hand.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import type { loadPolicySync } from '@open-policy-agent/opa-wasm'
import { Pool } from 'undici'
import { shippedFolder } from '../../rego/folder.ts'
import { loadPolicy, readBundle } from '../../rego/index.ts'
import { freePort } from '../../scripts/demo/free-port.ts'
import { compileShipped } from '../rego/sources.ts'
import { cpuMicroseconds, family, machine, startPeer, type Peer } from './processes.ts'

const { values } = parseArgs({ options: { opa: { type: 'string' }, rounds: { type: 'string', default: '20' } } })
const rounds = Number(values.rounds)
const callsPerRound = 500
/** Calls of the server that are under way at once: a caller with one pays the round trip's waiting, not its work. */
const inFlight = 8
const entrypoint = 'countersign/request/decision'

/** An MCP call whose arguments policy reads; `bytes` of text in all. */
function inputOf(bytes: number): object {
  const input = (rows: number) => ({
    v: 1, phase: 'request', decision_id: '00', session: { id: 's', seq: 1, started_at: '2026-11-21T10:00:00Z' },
    subject: { type: 'user', id: 'https://idp.example/|user-1', properties: { groups: ['analysts'], client_id: 'agent-1', acr: '', amr: ['pwd'], claims: {} } },
    action: { name: 'tools/call', properties: { effects: ['read'] } },
    resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank', env: 'demo', labels: [] } },
    request: { protocol: 'mcp', method: 'tools/call', tool: 'run_report', arguments: { report: 'largest_accounts', rows: Array.from({ length: rows }, (_, n) => ({ branch: `Branch ${n}`, from: n, note: 'quarterly' })) }, bytes: 812 },
    findings: { pii: { status: 'ok', classes: [] }, projected: [] },
    context: { time: '2026-11-21T10:00:00Z', ip: '127.0.0.1', ticket: '', approval: null, grants: [], break_glass: false },
  })
  let rows = 0
  while (JSON.stringify(input(rows)).length < bytes) rows++
  return input(rows)
}

interface Row { readonly cpu: number[]; readonly caller: number[]; readonly latencies: number[] }
interface Subject { readonly name: string; readonly pids: () => number[]; run(calls: number, latencies: number[]): Promise<void> | void }

const bundle = readBundle(await compileShipped())
const server = await startServer()
process.stdout.write(`${machine()}\n| input | engine | CPU µs a decision (min/median/max) | of it the caller's | p50 µs |\n|---|---|---|---|---|\n`)
for (const bytes of [1024, 4096]) await measure(bytes)
await server?.peer.stop()

async function measure(bytes: number): Promise<void> {
  const input = inputOf(bytes)
  const text = JSON.stringify(input)
  const uncached = loadPolicy(bundle, { cacheEntries: 0 })
  const cached = loadPolicy(bundle)
  const require = createRequire(import.meta.url)
  const plain = (require('@open-policy-agent/opa-wasm') as { loadPolicySync: typeof loadPolicySync }).loadPolicySync(bundle.wasm)
  plain.setData(JSON.parse(bundle.data) as object)
  const here = (name: string, ask: () => unknown): Subject => ({ name, pids: () => [], run(calls, latencies) {
    for (let i = 0; i < calls; i++) {
      const before = performance.now()
      ask()
      latencies.push((performance.now() - before) * 1000)
    }
  } })
  const subjects: Subject[] = [
    here('ours, cached', () => cached.decide(input, text)),
    here('ours', () => uncached.decide(input, text)),
    here('opa-wasm as it comes', () => plain.evaluate(input, entrypoint)),
    ...server === undefined ? [] : [overHttp(server.origin, JSON.stringify({ input }), server.peer)],
  ]
  const rows = new Map<string, Row>(subjects.map(({ name }) => [name, { cpu: [], caller: [], latencies: [] }]))
  for (let round = -10; round < rounds; round++) {
    for (const { name, pids, run } of subjects) {
      const calls = name === 'OPA HTTP server' ? callsPerRound * 4 : callsPerRound   // its CPU is counted in ticks of 10 ms
      const latencies: number[] = []
      const [other, own] = [cpuMicroseconds(pids()), process.cpuUsage()]
      await run(calls, latencies)
      const { user, system } = process.cpuUsage(own)
      if (round < 0) continue
      const row = rows.get(name)
      row?.caller.push((user + system) / calls)
      row?.cpu.push((user + system + cpuMicroseconds(pids()) - other) / calls)
      row?.latencies.push(...latencies)
    }
  }
  for (const [name, { cpu, caller, latencies }] of rows) process.stdout.write(`| ${text.length} B | ${name} | ${spread(cpu)} | ${name.startsWith('OPA') ? spread(caller) : ''} | ${middle(latencies).toFixed(1)} |\n`)
}

/** Of an engine's answer only that it is there is looked at: tests compare them. */
function overHttp(origin: string, body: string, { pid }: Peer): Subject {
  const pool = new Pool(origin, { connections: inFlight })
  const ask = async (): Promise<void> => {
    const { statusCode, body: answer } = await pool.request({ method: 'POST', path: `/v1/data/${entrypoint}`, headers: { 'content-type': 'application/json' }, body })
    const { result } = await answer.json() as { result?: unknown }
    if (statusCode !== 200 || result === undefined) throw new Error(`OPA answered ${statusCode} without a decision`)
  }
  return { name: 'OPA HTTP server', pids: () => family(pid), async run(calls, latencies) {
    let left = calls
    await Promise.all(Array.from({ length: inFlight }, async () => {
      while (left-- > 0) {
        const before = performance.now()
        await ask()
        latencies.push((performance.now() - before) * 1000)
      }
    }))
  } }
}

async function startServer(): Promise<{ readonly origin: string; readonly peer: Peer } | undefined> {
  const binary = values.opa ?? builtOpa()
  if (binary === undefined) return undefined
  const origin = `http://127.0.0.1:${await freePort()}`
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-opa-'))
  for (const part of ['policy', 'data']) fs.cpSync(path.join(shippedFolder, part), path.join(folder, part), { recursive: true, filter: (file) => !file.endsWith('_test.rego') })
  const peer = startPeer(binary, ['run', '--server', '--addr', new URL(origin).host, '--log-level', 'error', '--skip-version-check', path.join(folder, 'policy'), path.join(folder, 'data', 'data.json')])
  for (let tries = 0; ; tries++) {
    const isUp = await fetch(`${origin}/health`).then(({ ok }) => ok, () => false)
    if (isUp) return { origin, peer }
    if (tries > 100) throw new Error('OPA does not come up')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function builtOpa(): string | undefined {
  const folder = path.join(os.tmpdir(), 'countersign-opa-1.22.0')
  const binary = path.join(folder, 'opa')
  if (fs.existsSync(binary)) return binary
  try {
    execFileSync('go', ['install', '-trimpath', '-ldflags=-s -w', 'github.com/open-policy-agent/opa@v1.22.0'], { stdio: 'inherit', env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' } })
    return binary
  } catch {
    process.stderr.write('no Go, no OPA server: only what runs in this process is measured\n')
    return undefined
  }
}

function middle(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}

function spread(numbers: number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  return [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((number) => number?.toFixed(1)).join(' / ')
}
