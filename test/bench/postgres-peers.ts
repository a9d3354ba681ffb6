// Who stands between pgbench and PostgreSQL: nobody, pgbouncer in session mode, a pass-through, the gateway.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { frontPostgres } from '../e2e/postgres-gateway.ts'
import type { PostgresGateway } from '../e2e/postgres-gateway.ts'
import { freePort } from '../../scripts/demo/free-port.ts'
import { family, script, startPeer } from './processes.ts'

export interface PostgresPeer {
  readonly name: string
  readonly port: number
  readonly password: string
  /** Everything that is not PostgreSQL and not the client. */
  readonly pids: () => number[]
}
interface Upstream { readonly host: string; readonly port: number }

/** @returns undefined where it is not installed */
export async function startPgbouncer(upstream: Upstream, folder: string, stack: AsyncDisposableStack): Promise<PostgresPeer | undefined> {
  try { execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' }) } catch { return undefined }
  const port = await freePort()
  const file = path.join(folder, 'pgbouncer.ini')
  fs.writeFileSync(file, `[databases]
* = host=${upstream.host} port=${upstream.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
default_pool_size = 1500
max_client_conn = 3000
ignore_startup_parameters = extra_float_digits
logfile = ${folder}/pgbouncer.log
`)
  const peer = startPeer('pgbouncer', [...process.getuid?.() === 0 ? ['-u', 'postgres'] : [], '-q', file])
  stack.defer(() => peer.stop())
  await new Promise((resolve) => setTimeout(resolve, 500))
  return { name: 'pgbouncer', port, password: '', pids: () => family(peer.pid) }
}

export async function startPass(upstream: Upstream, stack: AsyncDisposableStack): Promise<PostgresPeer> {
  const peer = startPeer(process.execPath, [script('pass.ts'), upstream.host, String(upstream.port)])
  stack.defer(() => peer.stop())
  const { port } = JSON.parse(await peer.line()) as { port: number }
  return { name: 'Node pass-through', port, password: '', pids: () => family(peer.pid) }
}

/** THE GATEWAY: production command, shipped policies, one declared column; each durability a listener of the same process. */
export async function startOurs(upstream: Upstream, stack: AsyncDisposableStack, hasNet: boolean): Promise<{ readonly gateway: PostgresGateway; readonly peers: readonly PostgresPeer[] }> {
  const catalogue = { 'public.pgbench_accounts': { result: { filler: 'US_ACCOUNT' } }, 'public.big': { result: { ssn: 'US_SSN' } } }
  const gateway = await frontPostgres(upstream, [{ name: 'bounded', durability: 'bounded', catalogue }, { name: 'strict', durability: 'strict', catalogue }], { hasNet })
  stack.defer(async () => { await gateway.stop(); gateway.remove() })
  return { gateway, peers: (['bounded', 'strict'] as const).map((name) => ({ name: `ours, ${name}`, port: gateway.port(name), password: gateway.token, pids: () => family(gateway.pid) })) }
}
