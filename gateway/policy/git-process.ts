// The one place where Git runs: as a child with nobody's hooks, no prompt, few variables, and limits on time, memory and the size of a file.
// System and user configuration hold (credential helpers, proxies, SSH keys are the operator's); a repository's never brings anything to execute.
import { spawn, type ChildProcess } from 'node:child_process'
import { GatewayError } from '../errors.ts'
import { gitFault } from './git-fault.ts'
import type { Visit } from './remote-access.ts'

/** As `ulimit -f` counts. */
const fileBlockBytes = 512
/** KiB of address space. Objects that unpack to more end the child, not the gateway. */
const maxMemoryKiB = 2 * 1024 * 1024
const maxErrorChars = 4_096

/** What a child may know of the gateway's environment: where programs and credentials are, and the way out. */
const kept = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'SSH_AUTH_SOCK', 'GIT_SSH_COMMAND', 'GIT_SSH', 'GIT_SSL_CAINFO', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy', 'TMPDIR'] as const
const fixed = {
  LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', SSH_ASKPASS_REQUIRE: 'never', GIT_NO_REPLACE_OBJECTS: '1', GIT_NO_LAZY_FETCH: '1',
  GIT_DEFAULT_HASH: 'sha1', GIT_DEFAULT_REF_FORMAT: 'files', GIT_OPTIONAL_LOCKS: '0',
} as const
const settings = [
  'core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.bigFileThreshold=1m', 'core.packedGitWindowSize=64m', 'core.packedGitLimit=256m',
  'protocol.allow=never', 'protocol.https.allow=always', 'protocol.ssh.allow=always', 'protocol.version=2', 'http.followRedirects=false', 'http.sslVersion=tlsv1.2',
  'fetch.fsckObjects=true', 'fetch.unpackLimit=1', 'fetch.recurseSubmodules=false', 'transfer.bundleURI=false', 'pack.threads=1', 'gc.auto=0', 'maintenance.auto=false',
]

export type Environment = Readonly<Record<string, string | undefined>>

export interface GitOptions {
  readonly gitdir: string
  readonly environment: Environment
  /** Of any file that it writes. */
  readonly maxFileBytes: number
  /** http: to loopback, where nothing goes over a wire. */
  readonly allowsHttp?: boolean
}

/**
 * A gateway that is killed ends no child, and a fetch that a remote drips to would go on alone. So whoever holds the other end of stdin is watched:
 * with its end the whole group ends, whatever Git waits for.
 */
const watched = 'exec 3<&0; (read -r never <&3; kill -KILL 0) >/dev/null 2>&1 & exec git "$@" 3<&- </dev/null'

/** stdin, stdout and stderr are pipes; a process group of its own, so that its end is everybody's. `takesInput`: stdin is Git's, which ends when it ends. */
export function spawnGit({ gitdir, environment, maxFileBytes, allowsHttp = false }: GitOptions, args: readonly string[], { visit, takesInput }: { readonly visit?: Visit; readonly takesInput: boolean }): ChildProcess {
  const all = [...settings, ...allowsHttp ? ['protocol.http.allow=always'] : [], ...visit?.settings ?? []].flatMap((setting) => ['-c', setting])
  const passed = kept.filter((name) => environment[name] !== undefined && visit?.withheld.includes(name) !== true)
  const env = { ...Object.fromEntries(passed.map((name) => [name, environment[name]])), ...fixed, ...visit?.variables }
  const child = spawn('/bin/sh', ['-c', `ulimit -f ${Math.ceil(maxFileBytes / fileBlockBytes)} && ulimit -v ${maxMemoryKiB} && ${takesInput ? 'exec git "$@"' : `{ ${watched}; }`}`, 'git', ...all, `--git-dir=${gitdir}`, ...args], { stdio: 'pipe', detached: true, env })
  child.stdin?.on('error', () => undefined)                // it ended before it read: its exit says so
  return child
}

/** Ends a child and whatever it started. */
export function endGit(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')                                  // the group is gone already
  }
}

/**
 * Runs Git to its end.
 * @param said what it wrote to stderr, for the operator's log: a server's words may be in it
 * @returns stdout
 * @throws GatewayError ERR_POLICY_REMOTE, ERR_POLICY_REMOTE_UNTRUSTED
 */
export async function runGit(options: GitOptions, args: readonly string[], { timeoutMs, maxOutputBytes, said, visit }: { readonly timeoutMs: number; readonly maxOutputBytes: number; readonly said: (words: string) => void; readonly visit?: Visit }): Promise<string> {
  const child = spawnGit(options, args, { takesInput: false, ...visit === undefined ? {} : { visit } })
  const chunks: Buffer[] = []
  let bytes = 0, errors = '', why = ''
  const timer = setTimeout(() => { why = `did not answer within ${timeoutMs / 1000} s`; endGit(child) }, timeoutMs)
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= maxOutputBytes) chunks.push(chunk)
    else { why = `answered with more than ${maxOutputBytes} bytes`; endGit(child) }
  })
  child.stderr?.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString('latin1')).slice(-maxErrorChars) })
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => { why = 'could not be asked: there is no /bin/sh'; resolve(null) })
    child.once('close', resolve)
  })
  clearTimeout(timer)
  if (code === 0 && why === '') return Buffer.concat(chunks).toString('utf8')
  said(printable(errors))
  throw why === '' ? gitFault(errors, code ?? undefined) : new GatewayError('ERR_POLICY_REMOTE', `the remote policy repository ${why}`)
}

function printable(words: string): string {
  return words.replace(/[^\x20-\x7e]+/g, ' ').trim()
}
