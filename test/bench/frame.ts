// What one frame costs: two frames a call (intent with 1 KB request and its decision; outcome with 1 KB result), all in, CPU of the whole process.
// `node test/bench/frame.ts [strict|bounded] [calls a flush] [calls]`
import { mkdtempSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { frameKind, openRecorder, type Durability } from '../../evidence/index.ts'
import { instantSealer } from '../evidence/instant-sealer.ts'

const durability = (process.argv[2] ?? 'bounded') as Durability
const width = Number(process.argv[3] ?? 16)
const calls = Number(process.argv[4] ?? 20_000)
const directory = mkdtempSync(path.join(tmpdir(), 'frame-bench-'))
const at = (name: string): string => path.join(directory, name)
const recorder = await openRecorder({
  node: 'bench', directories: { journal: at('journal'), keys: at('keys'), sealer: at('sealer'), evidence: at('evidence') },
  intervalMs: 3_600_000, maxUnsealedBytes: Infinity, maxUnsealedMs: Infinity, now: Date.now, spawnSealer: instantSealer().start,
})
const session = recorder.openSession(Buffer.from('{}'))
const [request, decision, result, decisionId, bundle] = [randomBytes(1024), randomBytes(400), randomBytes(1024), randomBytes(16), randomBytes(32)]
const delivered = new Map([[1, 0]])

async function call(): Promise<void> {
  const { seq } = session.append({ kind: frameKind.intent, time: Date.now(), request, decision, decisionId, bundle })
  await recorder.commit(durability)
  session.append({ kind: frameKind.outcome, time: Date.now(), result, ref: seq, structure: delivered })
  await recorder.commit(durability)
}

async function round(count: number): Promise<{ cpuUs: number, wallUs: number }> {
  let left = count
  const cpu = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: width }, async () => { while (left-- > 0) await call() }))
  const used = process.cpuUsage(cpu)
  return { cpuUs: (used.user + used.system) / count / 2, wallUs: (performance.now() - start) * 1000 / count / 2 }
}

await round(calls / 4)
const rounds: { cpuUs: number, wallUs: number }[] = []
for (let i = 0; i < 5; i++) rounds.push(await round(calls / 5))
const show = (of: (one: { cpuUs: number, wallUs: number }) => number): string => rounds.map(of).sort((a, b) => a - b).map((us) => us.toFixed(1)).join(' ')
console.log(`${durability}, ${width} calls at a time: CPU µs a frame ${show(({ cpuUs }) => cpuUs)}; wall ${show(({ wallUs }) => wallUs)}`)
await recorder.stop()
rmSync(directory, { recursive: true })
