// A new policy repository with every pack, linted as its owner would with Regal on PATH: nothing to mend, and a fault is Regal's and in its place.
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Outcome } from '../outcome.ts'

const program = path.resolve(import.meta.dirname, '../../../gateway/countersign.js')
/** A scaffold's file. */
const house = 'policy/house/house.rego'

/** Undefined where there is no regal on PATH. */
export function regalOutcomes(): Promise<Outcome[] | undefined> {
  const version = spawnSync('regal', ['version'], { encoding: 'utf8' })
  if (version.error !== undefined) return Promise.resolve(undefined)
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-regal-'))
  const dir = path.join(folder, 'policy')
  const run = (...args: string[]) => spawnSync(process.execPath, [program, 'policy', ...args], { encoding: 'utf8', cwd: folder })
  try {
    const made = run('new', '--pack', 'mcp', 'http', 'pg', 'grpc', 'ffiec', '--', dir)
    if (made.status !== 0) throw new Error(made.stderr)
    const clean = run('lint', dir)
    appendFileSync(path.join(dir, house), '\nnot_used(x) := y if y := x == true\n')
    const faulty = run('lint', '--format', 'json', dir)
    writeFileSync(path.join(dir, '.regal', 'config.yaml'), 'rules: [')
    const unset = run('lint', dir)
    return Promise.resolve([
      { name: 'nothing to mend in a new repository', passed: clean.status === 0 && clean.stdout.includes('regal too'), detail: clean.stdout + clean.stderr },
      { name: 'what it finds is said where it is, and fails', passed: faulty.status === 1 && new RegExp(`"regal/[a-z-]+"[^}]*${house}`).test(faulty.stdout), detail: `exit ${faulty.status}` },
      { name: 'settings that it cannot read are said in its words', passed: unset.status !== 0 && /regal is on PATH but ended with 1: .*user-provided config/.test(unset.stderr + unset.stdout), detail: (unset.stderr + unset.stdout).slice(0, 200) },
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
