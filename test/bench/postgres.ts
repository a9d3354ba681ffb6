// `node test/bench/postgres.ts [--rounds N --seconds S --only NAME --idle N --skip-bulk --no-net]`: pgbench's one-row read through each peer in turn; then much data, then many idle sessions.
// Ratios are taken inside a round; the first round warms up and is dropped. Nothing here decides a test.
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { startServer } from '../conformance/postgres/server.ts'
import { PostgresClient } from '../e2e/postgres-client.ts'
import { startOurs, startPass, startPgbouncer } from './postgres-peers.ts'
import type { PostgresPeer } from './postgres-peers.ts'
import { cpuMicroseconds, machine, residentBytes } from './processes.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '4' }, only: { type: 'string' }, idle: { type: 'string', default: '1000' }, 'skip-bulk': { type: 'boolean', default: false }, 'skip-ours': { type: 'boolean', default: false }, 'no-net': { type: 'boolean', default: false } } })
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const cases = [1, 16].flatMap((clients) => (['simple', 'prepared'] as const).map((mode) => ({ clients, mode })))
const script = '\\set aid random(1, 100000)\nSELECT aid, filler FROM pgbench_accounts WHERE aid = :aid;\n'
/** Of transactions: each writes a line of pgbench's log. */
const samplingRate = '0.2'

await using stack = new AsyncDisposableStack()
const server = await startServer(`bench-${process.pid}`, { settings: ['max_connections=1300', 'shared_buffers=256MB'] })
stack.defer(async () => { await server.stop(); fs.rmSync(server.workspace, { recursive: true, force: true }) })
const { workspace, address } = server
const file = path.join(workspace, 'read.sql')
fs.writeFileSync(file, script)
await pgbench(address.port, '', ['-i', '-q', '-s', '1'])
const { pgbouncer, pass, ours } = await startPeers()
const peers: PostgresPeer[] = [{ name: 'direct', port: address.port, password: '', pids: () => [] }, ...pgbouncer === undefined ? [] : [pgbouncer], pass, ...ours].filter(({ name }) => values.only === undefined || name === 'direct' || name === 'pgbouncer' || name.includes(values.only))

/** V8's optimising compiler is at work for the first tens of thousands of statements: the first case would be measured in its shadow. */
const warmUpS = 5
for (const mode of ['simple', 'prepared'] as const) for (const peer of peers) await measure(peer, 16, mode, warmUpS)

interface Measured { readonly tps: number; readonly p50: number; readonly cpu: number }
const measured = new Map<string, Measured[]>()
for (const { clients, mode } of cases) {
  for (let round = 0; round <= rounds; round++) {
    for (const peer of peers) {
      const result = await measure(peer, clients, mode, round === 0 ? Math.min(seconds, 3) : seconds)
      if (round > 0) append(measured, `${peer.name} c=${clients} ${mode}`, result)
    }
    process.stderr.write(`c=${clients} ${mode}: round ${round} of ${rounds}\n`)
  }
}
const bulk = values['skip-bulk'] ? [] : await measureBulk()
const idle = Number(values.idle) === 0 ? [] : await measureIdle(Number(values.idle))
report()

async function startPeers(): Promise<{ pgbouncer: PostgresPeer | undefined; pass: PostgresPeer; ours: readonly PostgresPeer[] }> {
  const upstream = { host: address.host, port: address.port }
  return { pgbouncer: await startPgbouncer(upstream, workspace, stack), pass: await startPass(upstream, stack), ours: values['skip-ours'] ? [] : (await startOurs(upstream, stack, !values['no-net'])).peers }
}

async function pgbench(port: number, password: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('pgbench', ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', ...args, 'postgres'], { cwd: workspace, maxBuffer: 1 << 26, env: { ...process.env, PGPASSWORD: password, PGSSLMODE: 'disable' } })
  return stdout
}

async function measure(peer: PostgresPeer, clients: number, mode: string, forSeconds: number): Promise<Measured> {
  const before = cpuMicroseconds(peer.pids())
  const prefix = path.join(workspace, 'log')
  const output = await pgbench(peer.port, peer.password, ['-n', '-f', file, '-c', String(clients), '-j', '1', '-T', String(forSeconds), '-M', mode, '-l', `--log-prefix=${prefix}`, `--sampling-rate=${samplingRate}`])
  const done = Number(/transactions actually processed: (\d+)/.exec(output)?.[1])
  const latencies: number[] = []
  for (const name of fs.readdirSync(workspace).filter((entry) => entry.startsWith('log.'))) {
    for (const line of fs.readFileSync(path.join(workspace, name), 'utf8').split('\n')) if (line !== '') latencies.push(Number(line.split(' ')[2]))
    fs.rmSync(path.join(workspace, name))
  }
  return { tps: Number(/tps = ([\d.]+)/.exec(output)?.[1]), p50: median(latencies), cpu: (cpuMicroseconds(peer.pids()) - before) / done }
}

interface Bulk { readonly peer: string; readonly what: string; readonly ms: number; readonly mebibytes: number; readonly rssBefore: number; readonly rssPeak: number; readonly rssAfter: number }

/** Best of three; RSS of the peer's first process. */
async function measureBulk(): Promise<Bulk[]> {
  const setUp = await PostgresClient.connect({ port: address.port, user: 'postgres', database: 'postgres' })
  await setUp.simple("create table big as select g as id, 'row ' || g as filler, '219-09-' || lpad((g % 10000)::text, 4, '0') as ssn, g * 3 as amount from generate_series(1, 1000000) g")
  await setUp.simple('vacuum analyze big')
  setUp.destroy()
  const works = [{ what: '1,000,000 rows', sql: 'select id, filler, ssn, amount from big' }, { what: 'COPY of 500,000 rows', sql: 'copy (select id, filler, ssn, amount from big where id <= 500000) to stdout' }, { what: 'COPY of the table', sql: 'copy big to stdout' }]
  const results: Bulk[] = []
  for (const { what, sql } of works) {
    const best = new Map<string, Bulk>()
    for (let round = 0; round < 3; round++) {
      for (const { name, port, password, pids } of peers) {
        const client = await PostgresClient.connect({ port, password, user: 'postgres', database: 'postgres' })
        const [pid] = pids()
        const rss = () => pid === undefined ? 0 : residentBytes(pid)
        const rssBefore = rss()
        let rssPeak = rssBefore
        const sampling = setInterval(() => { rssPeak = Math.max(rssPeak, rss()) }, 50)
        const startedAt = performance.now()
        const bytes = await client.drain(sql)
        const ms = performance.now() - startedAt
        clearInterval(sampling)
        client.destroy()
        if (ms < (best.get(name)?.ms ?? Infinity)) best.set(name, { peer: name, what, ms, mebibytes: bytes / 1_048_576, rssBefore, rssPeak, rssAfter: rss() })
      }
    }
    results.push(...best.values())
  }
  return results
}

/** Bytes of resident memory that one signed-in session that does nothing costs. */
async function measureIdle(sessions: number): Promise<{ peer: string; bytes: number; sessions: number; refused: number }[]> {
  const results: { peer: string; bytes: number; sessions: number; refused: number }[] = []
  for (const { name, port, password, pids } of peers.filter(({ pids }) => pids().length > 0)) {
    const rss = () => pids().reduce((sum, pid) => sum + residentBytes(pid), 0)
    const before = rss()
    const clients: PostgresClient[] = []
    let refused = 0
    for (let at = 0; at < sessions; at += 20) {
      const opened = await Promise.allSettled(Array.from({ length: Math.min(20, sessions - at) }, () => PostgresClient.connect({ port, password, user: 'postgres', database: 'postgres' })))
      for (const one of opened) if (one.status === 'fulfilled') clients.push(one.value); else refused++
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    results.push({ peer: name, bytes: (rss() - before) / Math.max(1, clients.length), sessions: clients.length, refused })
    await Promise.all(clients.map((client) => client.end()))
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return results
}

function report(): void {
  const bar = (clients: number, mode: string) => measured.get(`pgbouncer c=${clients} ${mode}`) ?? []
  const directOf = (clients: number, mode: string) => measured.get(`direct c=${clients} ${mode}`) ?? []
  const rows = cases.flatMap(({ clients, mode }) => peers.map(({ name }) => {
    const mine = measured.get(`${name} c=${clients} ${mode}`) ?? []
    return {
      peer: name, clients, mode, tps: median(mine.map(({ tps }) => tps)), ofPgbouncer: median(mine.map(({ tps }, round) => tps / (bar(clients, mode)[round]?.tps ?? NaN))),
      p50Us: median(mine.map(({ p50 }) => p50)), addedP50Us: median(mine.map(({ p50 }, round) => p50 - (directOf(clients, mode)[round]?.p50 ?? NaN))), cpuUs: median(mine.map(({ cpu }) => cpu)),
    }
  }))
  const folder = path.join(import.meta.dirname, 'results')
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, values.only === undefined ? 'postgres.json' : 'postgres.local.json'), `${JSON.stringify({ at: new Date().toISOString(), machine: machine(), rounds, seconds, rows, bulk, idle }, null, 2)}\n`)
  const cell = (value: number, digits = 0) => Number.isNaN(value) ? '–' : value.toFixed(digits)
  const directMs = (what: string) => bulk.find((one) => one.what === what && one.peer === 'direct')?.ms ?? NaN
  process.stdout.write(`${machine()}; ${rounds} rounds of ${seconds} s\n\n| peer | c | mode | tps | × pgbouncer | p50 µs | p50 added µs | CPU µs a round trip |\n|---|---|---|---|---|---|---|---|\n`)
  for (const row of rows) process.stdout.write(`| ${row.peer} | ${row.clients} | ${row.mode} | ${cell(row.tps)} | ${cell(row.ofPgbouncer, 2)} | ${cell(row.p50Us)} | ${cell(row.addedP50Us)} | ${row.peer === 'direct' ? '–' : cell(row.cpuUs, 1)} |\n`)
  if (bulk.length > 0) process.stdout.write('\n| peer | what | ms | × direct | MiB | RSS before/peak/after MiB |\n|---|---|---|---|---|---|\n')
  const mib = (bytes: number) => (bytes / 1_048_576).toFixed(0)
  for (const one of bulk) process.stdout.write(`| ${one.peer} | ${one.what} | ${cell(one.ms)} | ${cell(one.ms / directMs(one.what), 2)} | ${cell(one.mebibytes)} | ${one.peer === 'direct' ? '–' : `${mib(one.rssBefore)}/${mib(one.rssPeak)}/${mib(one.rssAfter)}`} |\n`)
  for (const one of idle) process.stdout.write(`\n${one.peer}: ${(one.bytes / 1024).toFixed(1)} KiB a session, ${one.sessions} idle sessions${one.refused === 0 ? '' : `, ${one.refused} refused`}`)
  process.stdout.write('\n')
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  map.set(key, [...map.get(key) ?? [], value])
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? NaN
}
