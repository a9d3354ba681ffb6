// What governed config says of a PostgreSQL target beside what every target has: its upstream's address and TLS, and the block `postgres`.
import type { PostgresConfig, UpstreamTls } from './config.ts'
import type { ConfigProblem } from './config-document.ts'
import type { WrittenCalled, WrittenPostgres, WrittenTls } from './governed-target.ts'

/** Seconds that a statement waits for a human before its connection hears that it is still pending. */
export const defaultApprovalWaitS = 60
/** NAMEDATALEN - 1 of PostgreSQL: a longer name is cut there, and would be another one here. */
const maxNameBytes = 63

/** The safe answer to everything that is not said. */
export function postgresOf(written: WrittenPostgres = {}, machinePrefix?: string): PostgresConfig {
  return {
    ...machinePrefix !== undefined && asksByName(written) ? { machinePrefix } : {},
    ...written.databases === undefined ? {} : { databases: written.databases },
    unparsed: written.unparsed ?? 'deny', unknownOrigin: written.unknown_origin ?? 'mask', onExpiry: written.on_expiry ?? 'finish',
    approvalWaitS: written.approval_wait_s ?? defaultApprovalWaitS, signIn: written.sign_in ?? ['token'], parameters: written.parameters ?? 'known',
  }
}

/** A server asks one question, before it is told anything but the user name (PostgreSQL 18 §54.2.1). */
export function asksByName({ sign_in: signIn = [] }: WrittenPostgres = {}): boolean {
  return signIn.includes('token') && signIn.includes('scram')
}

export function upstreamTlsOf({ ca, cert, key, server_name: serverName, direct }: WrittenTls): UpstreamTls {
  return { ...ca === undefined ? {} : { ca }, ...cert === undefined ? {} : { cert }, ...key === undefined ? {} : { key }, ...serverName === undefined ? {} : { serverName }, isDirect: direct ?? false }
}

/** `postgres://host:port/database`: no user and no password, which would be in the repository and in every error. */
const urlForm = /^postgres(?:ql)?:\/\/(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?(?:\/([^/@]*))?$/

export function postgresProblems({ upstream, postgres }: WrittenCalled, at: string, secrets: ReadonlySet<string>): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const say = (path: string, message: string): void => { problems.push({ path: `${at}.${path}`, message }) }
  const parts = urlForm.exec(upstream.url)
  if (parts === null || !isPort(parts[1] ?? '5432')) say('upstream.url', 'expected postgres://host:port/database, without user and password')
  else if (!isName(parts[2] ?? '')) say('upstream.url', `expected a database name of at most ${maxNameBytes} bytes, percent-encoded`)
  for (const key of ['header', 'scheme'] as const) if (upstream.credential?.[key] !== undefined) say(`upstream.credential.${key}`, 'is for http and mcp alone: the secret is the password')
  if (upstream.user !== undefined && !fits(upstream.user)) say('upstream.user', `expected at most ${maxNameBytes} bytes`)
  if (postgres?.sign_in?.includes('token') === true && postgres.sign_in.includes('oauthbearer')) say('postgres.sign_in', 'token and oauthbearer are two questions, and a person is asked one')
  postgres?.databases?.forEach((name, i) => { if (!fits(name)) say(`postgres.databases[${i}]`, `expected at most ${maxNameBytes} bytes`) })
  const { tls } = upstream
  if (tls === undefined) return problems
  if (upstream.insecure_allow_plaintext === true) say('upstream.insecure_allow_plaintext', 'contradicts upstream.tls')
  if ((tls.cert === undefined) !== (tls.key === undefined)) say('upstream.tls', 'cert and key go together')
  for (const key of ['ca', 'cert', 'key'] as const) {
    const name = tls[key]
    if (name !== undefined && !secrets.has(name)) say(`upstream.tls.${key}`, 'no secret of this name in the bootstrap file')
  }
  return problems
}

function isPort(text: string): boolean {
  return Number(text) >= 1 && Number(text) <= 65_535
}

function isName(encoded: string): boolean {
  try {
    return fits(decodeURIComponent(encoded))
  } catch {
    return false
  }
}

function fits(name: string): boolean {
  return Buffer.byteLength(name) <= maxNameBytes && !name.includes('\0')
}
