// Bootstrap configuration: one node's own file, `countersign gateway --config FILE`. Nothing in it decides a call.
// Keys are snake_case in YAML; paths are relative to the file. Schema: schema/bootstrap.schema.json.
import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import type { Bootstrap, RemoteConfig, SecretSource } from './config.ts'
import { ConfigError, createConfigParser, deepFreeze, type ConfigProblem } from './config-document.ts'
import schema from './schema/bootstrap.schema.json' with { type: 'json' }

/** Seconds between two looks at the policy repository. */
export const defaultPollS = 10
/** People who must sign for the first commit: its author alone is not enough. */
export const defaultQuorum = 2
/** The branch that is policy. */
export const defaultRef = 'refs/heads/main'
/** Seconds between two batches: what a lost disk can cost, against commits per day (8,640). */
export const defaultIntervalS = 10
/** Beyond this much unsealed evidence new calls are refused `evidence_lag`. */
export const defaultMaxUnsealedBytes = 2 * 1024 ** 3
export const defaultMaxUnsealedS = 900
/** Seconds that calls in flight get at SIGTERM. */
export const defaultDrainS = 30

/** ms that a call is held back at most while the decision log takes no more. */
export const defaultDecisionLogWaitMs = 1_000
export const defaultDecisionLogBytes = 256 * 1024 * 1024
/** Files of the decision log beside the one that is written. */
export const defaultDecisionLogKeep = 4

const parseDocument = createConfigParser(schema)

interface Written {
  readonly node: string
  readonly listen: readonly { readonly host: string; readonly port: number; readonly tls?: { readonly cert: string; readonly key: string }; readonly target?: string }[]
  readonly admin: { readonly host: string; readonly port: number; readonly public_url?: string }
  readonly public_url: string
  readonly directories: Bootstrap['directories']
  readonly policy: { readonly repository: string; readonly ref?: string; readonly shadow_ref?: string; readonly allowed_signers: string; readonly quorum?: number; readonly poll_s?: number } & WrittenRemote
  readonly evidence?: { readonly interval_s?: number; readonly max_unsealed_bytes?: number; readonly max_unsealed_s?: number }
  readonly drain_s?: number
  readonly decision_log?: WrittenDecisionLog
  readonly secrets?: Readonly<Record<string, SecretSource>>
}

type WrittenRemote = { readonly https?: { readonly ca?: string; readonly user?: string; readonly secret?: string }; readonly ssh?: { readonly key: string; readonly known_hosts: string } }

type WrittenDecisionLog = { readonly wait_ms?: number; readonly file?: { readonly path: string; readonly max_bytes?: number; readonly keep?: number }; readonly http?: { readonly url: string; readonly token?: string } }

/**
 * @param text the file's whole text
 * @param path where it lies: relative paths in it start there, and errors name it
 * @throws ConfigError with every problem
 */
export function parseBootstrap(text: string, path: string): Bootstrap {
  const written = parseDocument(text, path) as Written
  const problems = crossCheck(written)
  if (problems.length > 0) throw new ConfigError(path, problems)
  const at = (name: string): string => resolve(dirname(path), name)
  const { directories: d, policy, evidence } = written
  const bootstrap: Bootstrap = {
    node: written.node,
    listen: written.listen.map(({ host, port, tls, target }) => ({ host, port, ...tls === undefined ? {} : { tls: { cert: at(tls.cert), key: at(tls.key) } }, ...target === undefined ? {} : { target } })),
    admin: { host: written.admin.host, port: written.admin.port, ...written.admin.public_url === undefined ? {} : { publicUrl: trimSlash(written.admin.public_url) } },
    publicUrl: trimSlash(written.public_url),
    directories: { journal: at(d.journal), keys: at(d.keys), sealer: at(d.sealer), evidence: at(d.evidence), state: at(d.state) },
    policy: {
      ...isElsewhere(policy.repository) ? { repository: policy.repository, isRemote: true } : { repository: at(policy.repository), isRemote: false },
      ref: policy.ref ?? defaultRef, ...policy.shadow_ref === undefined ? {} : { shadowRef: policy.shadow_ref }, allowedSigners: at(policy.allowed_signers), quorum: policy.quorum ?? defaultQuorum, pollS: policy.poll_s ?? defaultPollS, ...remoteOf(policy, at),
    },
    evidence: { intervalS: evidence?.interval_s ?? defaultIntervalS, maxUnsealedBytes: evidence?.max_unsealed_bytes ?? defaultMaxUnsealedBytes, maxUnsealedS: evidence?.max_unsealed_s ?? defaultMaxUnsealedS },
    drainS: written.drain_s ?? defaultDrainS,
    ...decisionLogOf(written.decision_log, at),
    secrets: Object.fromEntries(Object.entries(written.secrets ?? {}).map(([name, source]) => [name, 'file' in source ? { file: at(source.file) } : source])),
    digest: new Uint8Array(createHash('sha256').update(text).digest()),
  }
  return deepFreeze(bootstrap)
}

function remoteOf({ https, ssh }: WrittenRemote, at: (name: string) => string): RemoteConfig {
  return {
    ...https === undefined ? {} : { https: { ...https, ...https.ca === undefined ? {} : { ca: at(https.ca) } } },
    ...ssh === undefined ? {} : { ssh: { key: ssh.key, knownHosts: at(ssh.known_hosts) } },
  }
}

/** The schema has seen that it is one of the two. */
function decisionLogOf(written: WrittenDecisionLog | undefined, at: (name: string) => string): Pick<Bootstrap, 'decisionLog'> {
  if (written === undefined) return {}
  const { file, http, wait_ms: waitMs = defaultDecisionLogWaitMs } = written
  if (file !== undefined) return { decisionLog: { to: 'file', path: at(file.path), maxBytes: file.max_bytes ?? defaultDecisionLogBytes, keep: file.keep ?? defaultDecisionLogKeep, waitMs } }
  return http === undefined ? {} : { decisionLog: { to: 'http', url: trimSlash(http.url), ...http.token === undefined ? {} : { token: http.token }, waitMs } }
}

/** True for hosts that only this machine can reach: there plaintext carries no token over a wire. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
}

function crossCheck(written: Written): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const seen = new Set<string>()
  written.listen.forEach(({ host, port, tls }, i) => {
    if (tls === undefined && !isLoopback(host)) problems.push({ path: `listen[${i}].tls`, message: 'is required off loopback: bearer tokens never travel in plaintext' })
    const address = `${host}:${port}`
    if (port !== 0 && seen.has(address)) problems.push({ path: `listen[${i}].port`, message: 'another listener has this address' })
    seen.add(address)
  })
  if (!isLoopback(written.admin.host)) problems.push({ path: 'admin.host', message: 'expected a loopback address: reach it through a TLS proxy, named in admin.public_url' })
  if (written.admin.port !== 0 && seen.has(`${written.admin.host}:${written.admin.port}`)) problems.push({ path: 'admin.port', message: 'a listener has this address' })
  const sink = written.decision_log
  if (sink !== undefined && (sink.file === undefined) === (sink.http === undefined)) problems.push({ path: 'decision_log', message: 'expected file or http, one of them' })
  if (sink?.http !== undefined && isPlaintextAbroad(sink.http.url)) problems.push({ path: 'decision_log.http.url', message: 'expected https off loopback' })
  if (sink?.http?.token !== undefined && written.secrets?.[sink.http.token] === undefined) problems.push({ path: 'decision_log.http.token', message: 'no secret of this name' })
  if (isPlaintextAbroad(written.public_url)) problems.push({ path: 'public_url', message: 'expected https off loopback' })
  problems.push(...repositoryProblems(written.policy.repository), ...remoteProblems(written))
  if (written.admin.public_url !== undefined && isPlaintextAbroad(written.admin.public_url)) problems.push({ path: 'admin.public_url', message: 'expected https off loopback' })
  return problems
}

/** An address that Git fetches from, as against a path: a scheme, or `user@host:path`. */
function isElsewhere(repository: string): boolean {
  return repository.includes('://') || /^[^/\\]+@[^/\\]+:/.test(repository)
}

function repositoryProblems(repository: string): ConfigProblem[] {
  const path = 'policy.repository'
  if (!isElsewhere(repository)) return []
  // One character set for every form: nothing that a shell, Git or SSH would read as an option or another transport.
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[A-Za-z0-9._~/][A-Za-z0-9._~/+-]{0,1000}$/.test(repository)) return []
  if (!URL.canParse(repository) || !/^(https?|ssh):\/\/[A-Za-z0-9._~:/@+%[\]-]{1,2000}$/.test(repository)) return [{ path, message: 'expected a path, https://…, ssh://… or user@host:path' }]
  const url = new URL(repository)
  if (/^-|^$/.test(url.hostname) || url.username.startsWith('-')) return [{ path, message: 'expected a host name' }]
  if (url.password !== '' || (url.protocol !== 'ssh:' && url.username !== '')) return [{ path, message: 'expected an address without credentials: policy.https has room for them, and Git asks its credential helper' }]
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) return [{ path, message: 'expected https off loopback' }]
  return []
}

/** A setting that nothing would read is a mistake: whoever wrote it counts on it. */
function remoteProblems({ policy: { repository, https, ssh }, secrets = {} }: Written): ConfigProblem[] {
  const isHttp = /^https?:/.test(repository)
  const wrong = [
    https !== undefined && !isHttp ? { path: 'policy.https', message: 'expected a policy.repository of https://…' } : [],
    ssh !== undefined && (isHttp || !isElsewhere(repository)) ? { path: 'policy.ssh', message: 'expected a policy.repository of ssh://… or user@host:path' } : [],
    https?.secret !== undefined && !Object.hasOwn(secrets, https.secret) ? { path: 'policy.https.secret', message: 'no secret of this name' } : [],
    ssh !== undefined && !Object.hasOwn(secrets, ssh.key) ? { path: 'policy.ssh.key', message: 'no secret of this name' } : [],
  ]
  return wrong.flat()
}

/** @internal also for governed config */
export function isPlaintextAbroad(text: string): boolean {
  if (!URL.canParse(text)) return true
  const url = new URL(text)
  return url.protocol !== 'https:' && !isLoopback(url.hostname)
}

function trimSlash(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url
}
