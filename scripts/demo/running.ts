// What a start of the demo leaves in `running.json` while it is up: so that a second one in the same folder says so,
// and the next one after a kill -9 ends what was left behind.
import fs from 'node:fs'
import path from 'node:path'
import { StartError } from './start-error.ts'

const waitMs = 15_000

export interface Running { started(pid: number | undefined): void; ended(): void }

export async function claimFolder(dir: string): Promise<Running> {
  const file = path.join(dir, 'running.json')
  if (fs.existsSync(file)) {
    const { main, children } = JSON.parse(fs.readFileSync(file, 'utf8')) as { main: number; children: number[] }
    if (main !== process.pid && isOurs(main, 'demo')) throw new StartError(`another start is running in ${dir} (process ${main}); stop it first, or give another --dir`)
    await Promise.all(children.filter((pid) => isOurs(pid, dir)).map(endLeftover))
  }
  const children: number[] = []
  const write = () => fs.writeFileSync(file, JSON.stringify({ main: process.pid, children }), { mode: 0o600 })
  write()
  return {
    started(pid) { if (pid !== undefined) { children.push(pid); write() } },
    ended: () => fs.rmSync(file, { force: true }),
  }
}

/** Whether a process is alive and names `mark` in its command line: a pid may have been given to somebody else since. Without /proc, alive must do. */
function isOurs(pid: number, mark: string): boolean {
  try { process.kill(pid, 0) } catch { return false }
  try { return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark) } catch { return !fs.existsSync('/proc') }
}

async function endLeftover(pid: number): Promise<void> {
  // SIGINT: PostgreSQL's fast shutdown; the gateway drains.
  process.kill(pid, 'SIGINT')
  for (const deadline = performance.now() + waitMs; performance.now() < deadline;) {
    try { process.kill(pid, 0) } catch { return }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new StartError(`process ${pid} of an earlier start does not end`)
}
