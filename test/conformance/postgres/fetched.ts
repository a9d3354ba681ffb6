// Where fetched trees, built libraries and logs of the suites are kept: a cache outside the repository, readable by the server's user.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export function cacheFolder(...below: string[]): string {
  const folder = path.join(os.tmpdir(), 'countersign-conformance-postgres', ...below)
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 })
  return folder
}

/** Runs `fill` for a cache entry that is not there yet; what it leaves half done is never taken for whole. */
export async function once(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = path.join(cacheFolder(), name)
  if (fs.existsSync(path.join(folder, '.complete'))) return folder
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 })
  await fill(folder)
  fs.writeFileSync(path.join(folder, '.complete'), '')
  return folder
}

export const isInstalled = (command: string): boolean => command.includes('/') ? fs.existsSync(command)
  : (process.env['PATH'] ?? '').split(path.delimiter).some((folder) => fs.existsSync(path.join(folder, command)))
