// Debian's PostgreSQL 15, a new cluster for each run: what one run leaves behind changes nothing for the next.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { freePort } from '../../../scripts/demo/free-port.ts'
import { cacheFolder } from './fetched.ts'
import { libpqEnvironment, must, serverIdentity } from './suite.ts'
import type { Address, Suite } from './suite.ts'

export const bin = '/usr/lib/postgresql/15/bin'
const readyTimeoutMs = 60_000

export interface Server { readonly address: Address; readonly workspace: string; stop(): Promise<void> }

/** @param workspaceName below the cache; emptied first */
export async function startServer(workspaceName: string, { settings = [], setup }: Pick<Suite, 'settings' | 'setup'> = {}): Promise<Server> {
  const workspace = cacheFolder(`run-${workspaceName}`)
  fs.rmSync(workspace, { recursive: true, force: true })
  fs.mkdirSync(workspace, { mode: 0o755 })
  const { uid, gid } = serverIdentity()
  if (uid !== undefined && gid !== undefined) fs.chownSync(workspace, uid, gid)
  const data = path.join(workspace, 'data')
  await must(`${workspaceName}-initdb`, path.join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8'], { cwd: workspace, asServer: true })
  const port = await freePort()
  const flags = ['listen_addresses=127.0.0.1', `unix_socket_directories=${workspace}`, 'fsync=off', 'max_connections=200', ...settings].flatMap((setting) => ['-c', setting])
  const child = spawn(path.join(bin, 'postgres'), ['-D', data, '-p', String(port), ...flags], { cwd: workspace, stdio: ['ignore', 'ignore', 'pipe'], ...serverIdentity() })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => { if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT'); await ended }
  const log = fs.createWriteStream(path.join(cacheFolder(), `${workspaceName}-server.log`))
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`PostgreSQL was not ready after ${readyTimeoutMs} ms`)), readyTimeoutMs)
      child.once('error', reject).once('exit', (code) => reject(new Error(`PostgreSQL ended with ${code}`)))
      child.stderr.on('data', (chunk: Buffer) => { log.write(chunk); if (chunk.includes('ready to accept connections')) { clearTimeout(timer); resolve() } })
    })
    const address: Address = { host: '127.0.0.1', port, user: 'postgres', password: 'unused', database: 'postgres' }
    if (setup !== undefined) {
      const psql = (database: string, sql: readonly string[]) => must(`${workspaceName}-setup`, 'psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...sql.flatMap((statement) => ['-c', statement])], { env: libpqEnvironment({ ...address, database }) })
      if (setup.database !== 'postgres') await psql('postgres', [`create database ${setup.database}`])
      if (setup.sql.length > 0) await psql(setup.database, setup.sql)
    }
    return { address: { ...address, database: setup?.database ?? 'postgres' }, workspace, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
