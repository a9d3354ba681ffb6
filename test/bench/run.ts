// `npm run bench [-- --rounds N --seconds S --only NAME]`: one call of 1 KB through each peer, interleaved, and what each costs in CPU and time.
// Ratios are taken inside a round; the first round warms up and is dropped. Nothing here decides a test.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import type { LoadCommand, LoadResult } from './load.ts'
import { httpSearch, mcpCall, mcpHeaders } from './requests.ts'
import { cpuMicroseconds, family, machine, residentBytes, script, startPeer } from './processes.ts'
import { startSubject } from './subject.ts'
import { assertRecorded } from './recorded.ts'
import { freePort } from '../../scripts/demo/free-port.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '2' }, only: { type: 'string' }, 'skip-latency': { type: 'boolean', default: false } } })
const rounds = Number(values.rounds)
const ms = Number(values.seconds) * 1000
/** Before the first round, each peer: V8's optimising compiler is at work for the first tens of thousands of calls. */
const warmUpMs = 10_000

interface Peer { readonly name: string; readonly pids: () => number[]; readonly command: Pick<LoadCommand, 'origin' | 'path' | 'headers' | 'body'> }
interface Round { readonly cpu: number; readonly perSecond: number; readonly p50: number; readonly p99: number }

await using stack = new AsyncDisposableStack()
const adopt = <T extends { stop(): Promise<void> }>(peer: T): T => { stack.defer(() => peer.stop()); return peer }
const upstream = adopt(startPeer(process.execPath, [script('upstream.ts')]))
const upstreamOrigin = `http://127.0.0.1:${(JSON.parse(await upstream.line()) as { port: number }).port}`
const hop = adopt(startPeer(process.execPath, [script('hop.ts'), '0', upstreamOrigin]))
const hopOrigin = `http://127.0.0.1:${(JSON.parse(await hop.line()) as { port: number }).port}`
const generator = adopt(startPeer(process.execPath, [script('load.ts')]))
const nginx = await startNginx(upstreamOrigin)
const subject = adopt(await startSubject(upstreamOrigin))
const bearer = { authorization: `Bearer ${subject.token}` }

const direct = { headers: mcpHeaders, body: mcpCall('branch_balances') }
const ours = (target: string, body: string, isMcp: boolean) => ({ origin: subject.origin, path: isMcp ? `/${target}` : `/${target}/search`, headers: { ...(isMcp ? mcpHeaders : { 'content-type': 'application/json' }), ...bearer }, body })
const all: Peer[] = [
  { name: 'direct', pids: () => [], command: { origin: upstreamOrigin, path: '/mcp', ...direct } },
  ...(nginx === undefined ? [] : [{ name: 'nginx', pids: nginx.pids, command: { origin: nginx.origin, path: '/mcp', ...direct } }]),
  { name: 'http-proxy-3', pids: () => [hop.pid], command: { origin: hopOrigin, path: '/mcp', ...direct } },
  { name: 'ours, MCP, bounded', pids: subject.pids, command: ours('bank', mcpCall('branch_balances'), true) },
  { name: 'ours, MCP, bounded, uncached', pids: subject.pids, command: ours('bank', mcpCall('r_%N'), true) },
  { name: 'ours, MCP, strict', pids: subject.pids, command: ours('bank-strict', mcpCall('branch_balances'), true) },
  { name: 'ours, HTTP, bounded', pids: subject.pids, command: ours('ledger', httpSearch('balances'), false) },
  { name: 'ours, HTTP, strict', pids: subject.pids, command: ours('ledger-strict', httpSearch('balances'), false) },
]
const peers = all.filter(({ name }) => values.only === undefined || name === 'http-proxy-3' || name.includes(values.only))

const measured = new Map<string, Round[]>(peers.map(({ name }) => [name, []]))
for (let round = 0; round <= rounds; round++) {
  for (const peer of peers) {
    const before = cpuMicroseconds(peer.pids())
    const result = await load({ ...peer.command, connections: 64, ms: round === 0 ? warmUpMs : ms })
    if (result.errors > 0) throw new Error(`${peer.name}: ${result.errors} errors, first: ${result.firstError}`)
    const cpu = (cpuMicroseconds(peer.pids()) - before) / result.done
    if (round > 0) measured.get(peer.name)?.push({ cpu, perSecond: result.done / result.seconds, p50: result.p50, p99: result.p99 })
  }
  process.stderr.write(`round ${round} of ${rounds}\r`)
}

interface Latency { readonly openP50: number; readonly openP99: number; readonly oneP50: number }
const latencies = new Map<string, Latency>()
if (!values['skip-latency']) {
  const open = new Map<string, LoadResult[]>()
  const one = new Map<string, LoadResult[]>()
  for (let round = 0; round < 3; round++) {
    for (const peer of peers) {
      append(open, peer.name, await load({ ...peer.command, connections: 64, ms: 2_000, rate: 1_000 }))
      append(one, peer.name, await load({ ...peer.command, connections: 1, ms: 1_500 }))
    }
  }
  for (const { name } of peers) latencies.set(name, { openP50: median((open.get(name) ?? []).map(({ p50 }) => p50)), openP99: median((open.get(name) ?? []).map(({ p99 }) => p99)), oneP50: median((one.get(name) ?? []).map(({ p50 }) => p50)) })
}
const memory = residentBytes(subject.pid)
await subject.stop()
const recorded = await assertRecorded(subject.home)

const bar = measured.get('http-proxy-3') ?? []
const floor = measured.get('nginx')
const rows = peers.map(({ name }) => {
  const mine = measured.get(name) ?? []
  const latency = latencies.get(name)
  return {
    name,
    cpuUs: spread(mine.map(({ cpu }) => cpu)),
    ofHttpProxy3: median(mine.map(({ cpu }, index) => cpu / (bar[index]?.cpu ?? NaN))),
    ofNginx: floor === undefined ? null : median(mine.map(({ cpu }, index) => cpu / (floor[index]?.cpu ?? NaN))),
    callsPerSecond: median(mine.map(({ perSecond }) => perSecond)), p50: median(mine.map(({ p50 }) => p50)), p99: median(mine.map(({ p99 }) => p99)),
    ...latency,
    addedOpenP50: latency === undefined ? null : latency.openP50 - (latencies.get('direct')?.openP50 ?? NaN),
  }
})
const report = { at: new Date().toISOString(), machine: machine(), rounds, seconds: ms / 1000, gatewayRssBytes: memory, recorded, rows }
const folder = path.join(import.meta.dirname, 'results')
fs.mkdirSync(folder, { recursive: true })
fs.writeFileSync(path.join(folder, values.only === undefined ? 'calls.json' : 'calls.local.json'), `${JSON.stringify(report, null, 2)}\n`)
print()

async function load(command: LoadCommand): Promise<LoadResult> {
  generator.say(JSON.stringify(command))
  return JSON.parse(await generator.line()) as LoadResult
}

async function startNginx(origin: string): Promise<{ origin: string; pids: () => number[] } | undefined> {
  try { execFileSync('nginx', ['-v'], { stdio: 'ignore' }) } catch { return undefined }
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-nginx-'))
  const port = await freePort()
  fs.writeFileSync(path.join(dir, 'nginx.conf'), `daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  upstream up { server ${new URL(origin).host}; keepalive 128; }
  server { listen 127.0.0.1:${port}; keepalive_requests 1000000; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
`)
  const peer = adopt(startPeer('nginx', ['-c', path.join(dir, 'nginx.conf'), '-e', path.join(dir, 'error.log')]))
  await new Promise((resolve) => setTimeout(resolve, 500))
  return { origin: `http://127.0.0.1:${port}`, pids: () => family(peer.pid) }
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  map.set(key, [...map.get(key) ?? [], value])
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? NaN
}

function spread(figures: readonly number[]): { min: number; median: number; max: number } {
  return { min: Math.min(...figures), median: median(figures), max: Math.max(...figures) }
}

function print(): void {
  const cell = (value: number | null | undefined, digits = 2) => value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits)
  process.stdout.write(`${report.machine}; ${rounds} rounds of ${ms / 1000} s, 64 connections; gateway RSS after load ${(memory / 1048576).toFixed(0)} MB\n\n`)
  process.stdout.write('| peer | CPU µs a call (min/median/max) | × http-proxy-3 | × nginx | calls/s | p50 ms | p99 ms | p50 ms added at 1,000/s | p99 ms at 1,000/s | p50 ms at c=1 |\n|---|---|---|---|---|---|---|---|---|---|\n')
  for (const row of rows) {
    process.stdout.write(`| ${row.name} | ${row.name === 'direct' ? '–' : `${cell(row.cpuUs.min, 0)}/${cell(row.cpuUs.median, 0)}/${cell(row.cpuUs.max, 0)}`} | ${row.name === 'direct' ? '–' : cell(row.ofHttpProxy3)} | ${row.name === 'direct' ? '–' : cell(row.ofNginx, 1)} | ${cell(row.callsPerSecond, 0)} | ${cell(row.p50)} | ${cell(row.p99)} | ${cell(row.addedOpenP50)} | ${cell(row.openP99)} | ${cell(row.oneP50)} |\n`)
  }
  process.stdout.write(`\nFrom the record: ${JSON.stringify(recorded)}\n`)
}
