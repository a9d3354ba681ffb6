// The load generator, a process of its own: closed loop with a number of connections, or open loop at a rate. One command a line on stdin, one answer a line.
import { createInterface } from 'node:readline'
import { Pool } from 'undici'

export interface LoadCommand {
  readonly origin: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** `%N` becomes a number that rises with every request. */
  readonly body: string
  readonly connections: number
  readonly ms: number
  /** Requests per second; absent: as fast as answers come. */
  readonly rate?: number
}

export interface LoadResult { readonly done: number; readonly errors: number; readonly seconds: number; readonly p50: number; readonly p99: number; readonly firstError: string }

let sequence = 0

async function run(command: LoadCommand): Promise<LoadResult> {
  const pool = new Pool(command.origin, { connections: command.connections, pipelining: 1 })
  const latencies: number[] = []
  let errors = 0
  let firstError = ''
  const isNumbered = command.body.includes('%N')
  const whole = Buffer.from(command.body)
  const once = (from: number) => new Promise<void>((resolve) => {
    const body = isNumbered ? Buffer.from(command.body.replaceAll('%N', String(1_000_000 + sequence++))) : whole
    const headers = { ...command.headers, 'content-length': String(body.length) }
    let status = 0
    let text = ''
    pool.dispatch({ method: 'POST', path: command.path, headers, body }, {
      onRequestStart() {},
      onResponseStart(_controller, code) { status = code },
      onResponseData(_controller, chunk) { if (status !== 200 || chunk.includes('"isError":true')) text += chunk.toString() },
      onResponseEnd() {
        if (status !== 200 || text !== '') { errors++; firstError ||= `${status} ${text.slice(0, 300)}` } else latencies.push(performance.now() - from)
        resolve()
      },
      onResponseError(_controller, error) { errors++; firstError ||= String(error); resolve() },
    })
  })
  const startedAt = performance.now()
  const end = startedAt + command.ms
  if (command.rate === undefined) {
    await Promise.all(Array.from({ length: command.connections }, async () => { while (performance.now() < end) await once(performance.now()) }))
  } else {
    const pending: Promise<void>[] = []
    const total = Math.floor(command.rate * command.ms / 1000)
    // Latency counts from when a request was due, so that a stall is not hidden by the wait it causes.
    for (let index = 0; index < total;) {
      const due = startedAt + index * 1000 / command.rate
      if (performance.now() >= due) { pending.push(once(due)); index++ } else await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now() - 0.5)))
    }
    await Promise.all(pending)
  }
  const seconds = (performance.now() - startedAt) / 1000
  await pool.close()
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { done: latencies.length, errors, seconds, p50: at(0.5), p99: at(0.99), firstError }
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as LoadCommand))}\n`)
}
