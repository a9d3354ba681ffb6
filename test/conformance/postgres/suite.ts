// What a suite of other people's tests over PostgreSQL is to us: it is run against an address, and says which of its tests passed.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { cacheFolder } from './fetched.ts'

/** Where a suite connects. The password is what the gateway takes as a token; a server that trusts ignores it. */
export interface Address { readonly host: string; readonly port: number; readonly user: string; readonly password: string; readonly database: string }
export interface Result { readonly passed: readonly string[]; readonly failed: readonly string[] }

export interface Suite {
  readonly name: string
  /** What this machine lacks for it, or undefined. */
  missing(): string | undefined
  /** Downloads and builds once, below the cache folder. */
  fetch(): Promise<void>
  /** Settings of the server it runs against. */
  readonly settings?: readonly string[]
  /** SQL that a superuser runs in `postgres`, then in the suite's own database, before it, on the server itself. */
  readonly setup?: { readonly database: string; readonly sql: readonly string[] }
  /** Tests that a gateway answers otherwise by design, each with the reason. */
  readonly declared?: Readonly<Record<string, string>>
  /** @param workspace an empty folder that the server's user may write to */
  run(address: Address, workspace: string): Promise<Result>
}

/** The user that servers and their own test programs run as: PostgreSQL refuses uid 0. */
export function serverIdentity(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const [, , uid = '65534', gid = '65534'] = fs.readFileSync('/etc/passwd', 'utf8').split('\n').find((line) => line.startsWith('postgres:'))?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

export const libpqEnvironment = ({ host, port, user, password, database }: Address): Record<string, string> =>
  ({ PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database, PGSSLMODE: 'disable' })

export interface Ended { readonly code: number | null; readonly output: string }

/** Runs to the end, both streams together; the whole goes to a file of its name below the cache, for whoever looks into a failure. */
export async function toEnd(label: string, command: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly asServer?: boolean; readonly timeoutMs?: number } = {}): Promise<Ended> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'], ...options.cwd === undefined ? {} : { cwd: options.cwd }, env: { ...process.env, ...options.env }, ...options.asServer === true ? serverIdentity() : {},
    timeout: options.timeoutMs ?? 540_000, killSignal: 'SIGKILL',
  })
  const parts: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => parts.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const output = Buffer.concat(parts).toString()
  fs.writeFileSync(path.join(cacheFolder(), `${label}.log`), output)
  return { code, output }
}

/** @throws with the end of its output when it fails */
export async function must(label: string, command: string, args: readonly string[], options: Parameters<typeof toEnd>[3] = {}): Promise<string> {
  const { code, output } = await toEnd(label, command, args, options)
  if (code !== 0) throw new Error(`${label}: ${command} ended with ${code}: ${output.slice(-2_000)}`)
  return output
}
