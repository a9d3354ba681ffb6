// OpenSSH's own server on loopback, with host keys and an authorized_keys of ours, run by whoever runs the suite.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import { freePort } from '../../../scripts/demo/free-port.ts'

/** Debian keeps it out of the PATH of ordinary users; sshd insists on being called by its whole name. */
export const sshdProgram = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin', ...(process.env['PATH'] ?? '').split(':')].map((folder) => path.join(folder, 'sshd')).find((file) => existsSync(file))

/** @returns the key's file; its public half is beside it */
export function newKey(folder: string, name: string, passphrase = ''): string {
  const file = path.join(folder, name)
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', name, '-f', file], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`)
  return file
}

export interface Sshd extends AsyncDisposable {
  readonly port: number
  /** What it logged. */
  readonly log: () => string
}

/** @param authorized public keys' files */
export async function startSshd(program: string, folder: string, hostKey: string, authorized: readonly string[], port?: number): Promise<Sshd> {
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })   // where a root's sshd locks itself in
  const at = port ?? await freePort()
  const keys = path.join(folder, 'authorized_keys')
  writeFileSync(keys, authorized.map((file) => readFileSync(file, 'utf8')).join(''), { mode: 0o600 })
  const config = path.join(folder, 'sshd_config')
  writeFileSync(config, [
    `Port ${at}`, 'ListenAddress 127.0.0.1', `HostKey ${hostKey}`, `AuthorizedKeysFile ${keys}`, 'PidFile none', 'StrictModes no', 'UsePAM no', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password', 'AcceptEnv GIT_PROTOCOL', 'LogLevel VERBOSE', '',
  ].join('\n'))
  const child: ChildProcess = spawn(program, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  const ended = new Promise<void>((resolve) => child.once('close', () => { resolve() }))
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject).once('close', () => { reject(new Error(`sshd ended: ${log}`)) })
    child.stderr?.on('data', (chunk: Buffer) => { log += chunk.toString(); if (log.includes('Server listening on')) resolve() })
  })
  return { port: at, log: () => log, async [Symbol.asyncDispose]() { child.kill(); await ended } }
}

/** A line of known_hosts. */
export function knownHost(port: number, hostKey: string): string {
  const [type = '', key = ''] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ')
  return `[127.0.0.1]:${port} ${type} ${key}\n`
}
