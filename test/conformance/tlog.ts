// The exported evidence log before Go's golang.org/x/mod/sumdb: opened whole, and refused with any one bit flipped. Needs Go; run by `npm run conformance`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportTlog } from '../../evidence/repository/export.ts'
import { startSealer } from '../../evidence/seal/spawn.ts'
import { JournalFixture, SessionFixture } from '../evidence/seal/journal-fixture.ts'

/** A full tile, a partial one, and a second level. */
const batches = 300
/** One bit in each of this many places of every file, spread over it. */
const flipsPerFile = 12

export interface Outcome { readonly name: string; readonly passed: boolean; readonly detail: string }

/** Undefined where Go is not at hand. */
export async function tlogConformance(): Promise<Outcome[] | undefined> {
  const dir = mkdtempSync(path.join(tmpdir(), 'countersign-tlog-'))
  try {
    const program = path.join(dir, 'tlog')
    if (!build(program)) return undefined
    const out = path.join(dir, 'export')
    await sealSome(dir)
    await exportTlog(path.join(dir, 'evidence'), out)
    const whole = accepts(program, out)
    // Not the key: it is the reader's own, and the letters of its id may be of either case.
    const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'log.vkey').map((entry) => path.join(entry.parentPath, entry.name))
    return [
      { name: 'x/mod/sumdb opens the exported log', passed: whole.accepted && whole.output === `${batches} entries\n`, detail: whole.output },
      ...files.map((file) => flipped(program, out, file)),
    ]
  } finally { rmSync(dir, { recursive: true, force: true }) }
}

function build(program: string): boolean {
  try { execFileSync('go', ['version'], { stdio: 'ignore' }) } catch { return false }
  execFileSync('go', ['build', '-o', program, '.'], { cwd: fileURLToPath(new URL('./tlog', import.meta.url)), stdio: ['ignore', 'inherit', 'inherit'] })
  return true
}

function flipped(program: string, out: string, file: string): Outcome {
  const name = path.relative(out, file)
  const bytes = readFileSync(file)
  const places = Array.from({ length: Math.min(flipsPerFile, bytes.length) }, (_, i) => Math.floor((i + 0.5) * bytes.length / Math.min(flipsPerFile, bytes.length)))
  const unnoticed = places.filter((at, i) => {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ (1 << (i % 8))
    writeFileSync(file, changed)
    return accepts(program, out).accepted
  })
  writeFileSync(file, bytes)
  return { name: `x/mod/sumdb refuses ${name} with a bit flipped`, passed: unnoticed.length === 0, detail: unnoticed.length === 0 ? `${places.length} flips` : `unnoticed at ${unnoticed.join(', ')}` }
}

function accepts(program: string, out: string): { accepted: boolean; output: string } {
  try { return { accepted: true, output: execFileSync(program, [out], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }) } } catch { return { accepted: false, output: '' } }
}

function sealSome(dir: string): Promise<void> {
  const journal = new JournalFixture(path.join(dir, 'journal'))
  const session = new SessionFixture(1)
  journal.write([session.epoch(journal)])
  for (let i = 0; i < batches; i++) {
    if (i % 3 === 1) journal.write([session.intent()])
    journal.cut()
  }
  const place = journal.sync()
  return new Promise((resolve, reject) => {
    const config = { node: 'conformance', journal: path.join(dir, 'journal'), evidence: path.join(dir, 'evidence'), sealer: path.join(dir, 'sealer') }
    const sealer = startSealer(config, { message: () => {}, exited: (reason) => { if (reason === 'exit 0') resolve(); else reject(new Error(reason)) } })
    sealer.durable(place.segment, place.offset)
    sealer.end()
  })
}

if (import.meta.main) {
  const outcomes = await tlogConformance()
  for (const { name, passed, detail } of outcomes ?? []) process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${name}: ${detail.trim()}\n`)
  if (outcomes === undefined) process.stdout.write('skip: no Go here\n')
  process.exitCode = outcomes?.every(({ passed }) => passed) === false ? 1 : 0
}
