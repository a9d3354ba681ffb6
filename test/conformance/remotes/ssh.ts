// A policy repository behind OpenSSH's server: followed by key and known_hosts of the bootstrap file, and refused in words by each way in which it can be wrong.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { userInfo } from 'node:os'
import path from 'node:path'
import { proposeActivation } from '../../../gateway/policy/index.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { followRemote } from '../../gateway/policy/follower.ts'
import { eli, keep, lena, type Kept } from '../../gateway/policy/two-people.ts'
import type { Outcome } from '../outcome.ts'
import { knownHost, newKey, sshdProgram, startSshd } from './sshd.ts'

/** Longer than OpenSSH's own time to connect. */
const listMs = 25_000
/** Shorter: a remote that hangs is hung up on by us. */
const shortMs = 3_000

/** Undefined where there is no sshd. */
export async function sshOutcomes(): Promise<Outcome[] | undefined> {
  const program = sshdProgram
  if (program === undefined || spawnSync('git', ['version']).status !== 0 || spawnSync('ssh', ['-V']).status !== 0) return undefined
  using kept = await keep()
  const { statement } = await proposeActivation(kept.dir, { commit: 'main', kind: 'activation', capabilities: shippedCapabilities() })
  await kept.sign(statement, lena)
  await kept.activation.start()
  return await visits(program, kept)
}

async function visits(program: string, kept: Kept): Promise<Outcome[]> {
  const folder = path.join(kept.dir, '..', 'ssh 100%')                // names that SSH's options would take apart
  mkdirSync(folder)
  const file = (name: string, text: string): string => { writeFileSync(path.join(folder, name), text); return path.join(folder, name) }
  const hostKey = newKey(path.join(folder, '..'), 'host-key'), otherHostKey = newKey(path.join(folder, '..'), 'other-host-key')
  const key = newKey(path.join(folder, '..'), 'key'), stranger = newKey(path.join(folder, '..'), 'stranger'), locked = newKey(path.join(folder, '..'), 'locked', 'hunter2')
  await using sshd = await startSshd(program, path.join(folder, '..'), hostKey, [`${key}.pub`, `${locked}.pub`])
  const url = `ssh://${userInfo().username}@127.0.0.1:${sshd.port}${kept.dir}/.git`
  const knownHosts = file('known hosts', knownHost(sshd.port, hostKey))
  const outcomes: Outcome[] = []
  const mirrors: string[] = []

  /** One gateway's first look. */
  async function look(name: string, options: { readonly key?: string; readonly knownHosts?: string; readonly url?: string; readonly environment?: Readonly<Record<string, string>>; readonly listMs?: number; readonly byOperator?: boolean }, expected: RegExp): Promise<void> {
    const before = performance.now()
    using follower = followRemote(kept, options.url ?? url, {
      environment: { PATH: process.env['PATH'], HOME: folder, ...options.environment }, limits: { listMs: options.listMs ?? listMs },
      ...options.byOperator === true ? {} : { access: { ssh: { key: readFileSync(options.key ?? key, 'utf8'), knownHosts: options.knownHosts ?? knownHosts } } },
    })
    mirrors.push(follower.mirror)
    await follower.activation.start()
    const reason = follower.events[0]?.reason
    const said = follower.activation.active() !== undefined ? 'followed' : `${reason?.code}: ${reason?.message}`
    const passed = expected.test(said)
    outcomes.push({ name, passed, detail: `${said} (${((performance.now() - before) / 1000).toFixed(1)} s)${passed ? '' : `\n    ${follower.said.join()}`}` })
  }

  await look('followed with a key and known_hosts of our own, whose path has spaces and a percent sign', {}, /^followed$/)
  await look('user@host:path is another form of it, on a port that only ssh_config could name', { url: `${userInfo().username}@127.0.0.1:${kept.dir}/.git` }, /^ERR_POLICY_REMOTE: .* could not be connected to$|^ERR_POLICY_REMOTE_UNTRUSTED/)
  await look('a host key that has changed', { knownHosts: file('changed', knownHost(sshd.port, otherHostKey)) }, /^ERR_POLICY_REMOTE_UNTRUSTED: .* shows another host key than the one that is known/)
  await look('a host key that is not known', { knownHosts: file('empty', '') }, /^ERR_POLICY_REMOTE_UNTRUSTED: .* known_hosts has none for it$/)
  await look('a known_hosts that is not there', { knownHosts: path.join(folder, 'nowhere') }, /^ERR_POLICY_REMOTE: policy\.ssh\.known_hosts: .* cannot be read$/)
  await look('a key that may not', { key: stranger }, /^ERR_POLICY_REMOTE: .* does not let the gateway in/)
  await look('a key with a passphrase, which nobody is asked for', { key: locked }, /^ERR_POLICY_REMOTE: .* does not let the gateway in/)
  await look('no repository at the path', { url: `${url}-other` }, /^ERR_POLICY_REMOTE: .* is not at this address/)

  const agent = await startAgent(path.join(folder, '..', 'agent'), key)
  try {
    await look('the operator\'s agent holds a key that may: ours alone counts', { key: stranger, environment: { SSH_AUTH_SOCK: agent.socket } }, /^ERR_POLICY_REMOTE: .* does not let the gateway in/)
    mkdirSync(path.join(folder, '.ssh'), { mode: 0o700 })
    copyFileSync(knownHosts, path.join(folder, '.ssh', 'known_hosts'))
    const operator = `ssh -F /dev/null -o 'UserKnownHostsFile="${path.join(folder, '.ssh', 'known_hosts').replace('%', '%%')}"'`
    await look('with nothing in the bootstrap file the operator\'s own agent and known_hosts do', { byOperator: true, environment: { SSH_AUTH_SOCK: agent.socket, GIT_SSH_COMMAND: operator } }, /^followed$/)
    rmSync(path.join(folder, '.ssh', 'known_hosts'))
    await look('and an unknown host is refused there, too, without a question', { byOperator: true, environment: { SSH_AUTH_SOCK: agent.socket, GIT_SSH_COMMAND: operator } }, /^ERR_POLICY_REMOTE_UNTRUSTED: .* known_hosts has none for it$/)
  } finally {
    agent.end()
  }

  await using silent = await startSilent('')
  await look('a server that takes the connection and says nothing, until SSH gives it up', { url: url.replace(String(sshd.port), String(silent.port)) }, /^ERR_POLICY_REMOTE: .* could not be connected to in time$/)
  await look('or until we do', { url: url.replace(String(sshd.port), String(silent.port)), listMs: shortMs }, /^ERR_POLICY_REMOTE: .* did not answer within 3 s$/)
  await using greeting = await startSilent('SSH-2.0-OpenSSH_9.2\r\n')
  await look('a server that greets, and then says nothing', { url: url.replace(String(sshd.port), String(greeting.port)), listMs: shortMs }, /^ERR_POLICY_REMOTE: .* did not answer within 3 s$/)
  await look('nobody listens', { url: url.replace(String(sshd.port), '1') }, /^ERR_POLICY_REMOTE: .* could not be connected to$/)

  outcomes.push(await change(kept, url, { key: readFileSync(key, 'utf8'), knownHosts }))
  const left = mirrors.flatMap((mirror) => existsSync(mirror) ? readdirSync(mirror).filter((name) => name === 'ssh-key') : [])
  outcomes.push({ name: 'no key is left in a mirror', passed: left.length === 0, detail: `${mirrors.length} mirrors` })
  const told = outcomes.some(({ detail }) => detail.includes('hunter2'))
  outcomes.push({ name: 'the server saw no way in but a public key', passed: !told && !/Accepted (password|keyboard)/.test(sshd.log()) && /Accepted publickey/.test(sshd.log()), detail: `${sshd.log().match(/Accepted publickey/g)?.length ?? 0} logins` })
  return outcomes
}

/** A change and its signatures come in over SSH. */
async function change(kept: Kept, url: string, ssh: { readonly key: string; readonly knownHosts: string }): Promise<Outcome> {
  using follower = followRemote(kept, url, { access: { ssh } })
  await follower.activation.start()
  const revision = await kept.change({ 'README.md': 'two' }, eli)
  const waits = await follower.activation.poll()
  await kept.sign(await kept.statement(revision), lena)
  const comes = await follower.activation.poll()
  return { name: 'a commit waits for its second person, and comes into force by a pushed statement', passed: waits?.reason?.code === 'ERR_POLICY_QUORUM' && comes?.event === 'activated' && comes.revision === revision, detail: `${waits?.reason?.message}; then ${comes?.event}` }
}

/** Takes connections, sends `greeting`, and nothing more. */
async function startSilent(greeting: string): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => { sockets.add(socket.on('error', () => undefined)); socket.write(greeting) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function startAgent(socket: string, key: string): Promise<{ readonly socket: string; end(): void }> {
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20))
  const { status, stderr } = spawnSync('ssh-add', [key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, encoding: 'utf8' })
  if (status !== 0) throw new Error(`ssh-add: ${stderr}`)
  return { socket, end: () => child.kill() }
}
