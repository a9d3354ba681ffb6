// As whom Git comes to a policy repository elsewhere, and whom it takes for that repository: `policy.https` and `policy.ssh` of the bootstrap file.
// What stands there replaces the operator's own Git and SSH settings for it; where nothing does, theirs hold. No secret is ever an argument.
import { accessSync, constants, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RemoteConfig } from '../config.ts'
import { GatewayError } from '../errors.ts'

/** Before the deadline of a look, so that the message says what it waited for. */
const connectTimeoutS = 15

export interface RemoteAccess {
  /** `secret` with a `user` is a password, without one a bearer token. `ca`: a file of certificates, the only ones that sign for the server then. */
  readonly https?: { readonly ca?: string; readonly user?: string; readonly secret?: string }
  /** `key`: a private key's text. `knownHosts`: a file; a host that it does not hold is refused. */
  readonly ssh?: { readonly key: string; readonly knownHosts: string }
}

/** @param secret by its name */
export function remoteAccess({ https, ssh }: RemoteConfig, secret: (name: string) => string): RemoteAccess {
  return {
    ...https === undefined ? {} : { https: { ...https, ...https.secret === undefined ? {} : { secret: secret(https.secret) } } },
    ...ssh === undefined ? {} : { ssh: { key: secret(ssh.key), knownHosts: ssh.knownHosts } },
  }
}

/** What a child of Git is told for one visit. */
export interface Visit {
  readonly settings: readonly string[]
  readonly variables: Readonly<Record<string, string>>
  /** The operator's variables that do not hold for it. */
  readonly withheld: readonly string[]
}

/**
 * @param folder the mirror's own, 0700: a key lies in it, 0600, for as long as `visit` runs (OpenSSH takes a key from a file only, or from an agent)
 * @throws GatewayError ERR_POLICY_REMOTE where a file that config names cannot be read; and what `visit` throws
 */
export async function visitRemote<T>({ https, ssh }: RemoteAccess, { url, folder }: { readonly url: string; readonly folder: string }, visit: (told: Visit) => Promise<T>): Promise<T> {
  if (ssh !== undefined) {
    readable('policy.ssh.known_hosts', ssh.knownHosts)
    const key = join(folder, 'ssh-key')
    try {
      rmSync(key, { force: true })                         // a kill left it
      writeFileSync(key, `${ssh.key.trimEnd()}\n`, { mode: 0o600, flag: 'wx' })
      return await visit({ settings: [], variables: { GIT_SSH_COMMAND: sshCommand(key, ssh.knownHosts), GIT_SSH_VARIANT: 'ssh' }, withheld: ['GIT_SSH', 'SSH_AUTH_SOCK'] })
    } finally {
      rmSync(key, { force: true })
    }
  }
  const settings: string[] = [], withheld: string[] = [], variables: Record<string, string> = {}
  // Of this very address: nothing in the operator's settings is more specific.
  if (url.startsWith('https:')) settings.push(`http.${url}.sslVerify=true`)
  if (https?.ca !== undefined) {
    readable('policy.https.ca', https.ca)
    const none = join(folder, 'no-other-ca')
    mkdirSync(none, { recursive: true })
    settings.push(`http.${url}.sslCAInfo=${https.ca}`, `http.${url}.sslCAPath=${none}`)
    withheld.push('GIT_SSL_CAINFO', 'SSL_CERT_FILE', 'SSL_CERT_DIR')
  }
  if (https?.secret !== undefined) {
    const credential = https.user === undefined ? `Bearer ${https.secret}` : `Basic ${Buffer.from(`${https.user}:${https.secret}`).toString('base64')}`
    settings.push('credential.helper=')                    // it is this one or none
    Object.assign(variables, { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: `http.${url}.extraHeader`, GIT_CONFIG_VALUE_0: `Authorization: ${credential}` })
  }
  return await visit({ settings, variables, withheld })
}

/** Read by a shell, and then by SSH, which takes options apart at spaces and puts in what follows a percent sign. */
function sshCommand(key: string, knownHosts: string): string {
  const file = (path: string): string => `"${path.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`
  const options = [
    `IdentityFile=${file(key)}`, `UserKnownHostsFile=${file(knownHosts)}`, 'GlobalKnownHostsFile=/dev/null', 'StrictHostKeyChecking=yes', 'UpdateHostKeys=no', 'IdentitiesOnly=yes', 'IdentityAgent=none',
    'BatchMode=yes', 'PreferredAuthentications=publickey', 'ForwardAgent=no', 'ClearAllForwardings=yes', 'PermitLocalCommand=no', 'LogLevel=ERROR', `ConnectTimeout=${connectTimeoutS}`, 'ServerAliveInterval=15',
  ]
  return ['ssh', '-F', '/dev/null', ...options.flatMap((option) => ['-o', option])].map((word) => `'${word.replaceAll('\'', '\'\\\'\'')}'`).join(' ')
}

function readable(name: string, path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (cause) {
    throw new GatewayError('ERR_POLICY_REMOTE', `${name}: ${path} cannot be read`, { cause })
  }
}
