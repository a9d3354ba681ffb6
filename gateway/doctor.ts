// `countersign doctor`: looks at what the gateway depends on and cannot enforce, from beside it. It changes nothing and decides no call.
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { parseBootstrap } from './bootstrap.ts'
import type { Bootstrap, Governed, TargetConfig } from './config.ts'
import { GatewayError } from './errors.ts'
import { examineListeners } from './doctor-listeners.ts'
import { parseGoverned } from './governed.ts'
import { createPolicyMemory, createPolicyRepository, mirrorPath, readInForce, type InForce } from './policy/index.ts'
import { examineDatabase, maskedRoleSql, readDatabase, type CheckName, type DatabaseReading } from './protocols/postgres/doctor/index.ts'
import { RefusalError } from './refusal.ts'
import { resolveSecrets } from './secrets.ts'
import { openDatabase } from './state/database.ts'
import { openStream } from './upstream/index.ts'

export interface DoctorFinding {
  readonly check: 'secret' | 'listener' | 'certificate' | 'policy' | 'sign_in' | 'readable' | CheckName
  /** `warn`: works, and should be mended; `fail`: does not work. */
  readonly level: 'fine' | 'warn' | 'fail'
  /** `target/database`; absent: the node. */
  readonly about?: string
  readonly message: string
}

export interface DoctorOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** ms since the Unix epoch */
  readonly now: () => number
  /** For targets where the client's own user name goes through. */
  readonly user?: string
}

/** A database of a target; `reading` where the gateway was let in. */
interface Examined { readonly about: string; readonly reading?: DatabaseReading; readonly findings: readonly DoctorFinding[] }

/** PostgreSQL's own first database, for a target that names none. */
const defaultDatabase = 'postgres'

/** @throws ConfigError, GatewayError: without config in force there is nothing to look at */
export async function examine(file: string, options: DoctorOptions): Promise<readonly DoctorFinding[]> {
  const { bootstrap, secrets, secretFindings, inForce, governed } = await open(file, options)
  const policy: DoctorFinding = inForce.revision !== inForce.head
    ? { check: 'policy', level: 'warn', message: `${inForce.revision} is in force, signed by ${inForce.signers.join(' and ')}; the head of ${bootstrap.policy.ref}, ${inForce.head}, is not: refused, or not tried yet` }
    : { check: 'policy', level: 'fine', message: `${inForce.revision} ${inForce.isActive ? 'is in force' : 'will be the first in force'}, signed by ${inForce.signers.join(' and ')}` }
  const examined: Examined[] = []
  for (const target of governed.targets) if (target.protocol === 'postgres') examined.push(...await examineTarget(target, secrets, options))
  return [...secretFindings, ...examineListeners(bootstrap.listen, governed.targets, options.now()), policy, ...examined.flatMap(({ findings }) => findings)]
}

/** SQL for each database of a target. @throws ConfigError, GatewayError `ERR_USAGE` for a name that is no PostgreSQL target; RefusalError where a database lets nobody in */
export async function grants(file: string, name: string, role: string, options: DoctorOptions): Promise<string> {
  const { secrets, inForce, governed } = await open(file, options)
  const target = governed.targets.find((one) => one.name === name && one.protocol === 'postgres')
  if (target === undefined) throw new GatewayError('ERR_USAGE', `config.yaml has no PostgreSQL target ${name}`)
  const texts: string[] = []
  for (const database of databasesOf(target)) {
    const { user, access } = connect(target, secrets, options)
    if (user === undefined) throw new GatewayError('ERR_USAGE', `target ${name} lets the client's own user name through: say which with --user`)
    texts.push(maskedRoleSql(await readDatabase(access, user, database), `config.yaml of ${inForce.revision}`, role))
  }
  return texts.join('\n')
}

interface Opened { readonly bootstrap: Bootstrap; readonly secrets: ReadonlyMap<string, string>; readonly secretFindings: readonly DoctorFinding[]; readonly inForce: InForce; readonly governed: Governed }

async function open(file: string, { environment, now }: DoctorOptions): Promise<Opened> {
  const bootstrap = parseBootstrap(readText(file), file)
  const { secrets, findings } = lookAtSecrets(bootstrap, environment)
  const inForce = await policyOf(bootstrap, now())
  return { bootstrap, secrets, secretFindings: findings, inForce, governed: parseGoverned(inForce.config, Object.keys(bootstrap.secrets)) }
}

/** Of config in force only: what a stranger put into a branch must not make the doctor show a password to a server of the stranger's. */
async function policyOf({ policy, directories }: Bootstrap, now: number): Promise<InForce> {
  const file = path.join(directories.state, 'state.db')
  // Of a repository elsewhere, what the gateway fetched: looking must not change what it follows.
  const repository = createPolicyRepository(policy.isRemote ? mirrorPath(directories.state) : policy.repository, policy.ref)
  const pinned = { allowedSigners: readText(policy.allowedSigners), quorum: policy.quorum }
  if (!existsSync(file)) return await readInForce(repository, undefined, pinned, now)
  const database = openDatabase(file)
  try {
    return await readInForce(repository, createPolicyMemory(database).active(), pinned, now)
  } finally {
    database.close()
  }
}

function lookAtSecrets({ secrets: sources }: Bootstrap, environment: DoctorOptions['environment']): { readonly secrets: ReadonlyMap<string, string>; readonly findings: readonly DoctorFinding[] } {
  const secrets = new Map<string, string>()
  const findings = Object.entries(sources).map(([name, source]): DoctorFinding => {
    try {
      for (const [, value] of resolveSecrets({ [name]: source }, environment)) secrets.set(name, value)
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      return { check: 'secret', level: 'fail', message: cause.message }
    }
    if ('file' in source && process.platform !== 'win32' && (statSync(source.file).mode & 0o077) !== 0) return { check: 'secret', level: 'warn', message: `secret ${name}: ${source.file} is open to other users of this machine (chmod 600)` }
    return { check: 'secret', level: 'fine', message: `secret ${name} is there` }
  })
  return { secrets, findings }
}

async function examineTarget(target: TargetConfig, secrets: ReadonlyMap<string, string>, options: DoctorOptions): Promise<Examined[]> {
  const examined: Examined[] = []
  for (const database of databasesOf(target)) {
    const about = `${target.name}/${database}`
    const { user, access } = connect(target, secrets, options)
    if (user === undefined) {
      examined.push({ about, findings: [{ check: 'sign_in', level: 'warn', about, message: 'not looked at: the client\'s own user name goes through; say which with --user' }] })
      continue
    }
    try {
      const reading = await readDatabase(access, user, database)
      const signedIn: DoctorFinding = { check: 'sign_in', level: 'fine', about, message: `the database lets the gateway in as ${reading.role}` }
      examined.push({ about, reading, findings: [signedIn, ...examineDatabase(reading, options.now()).map((finding) => ({ ...finding, about }))] })
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause
      const check = cause instanceof RefusalError ? 'sign_in' : 'readable'
      examined.push({ about, findings: [{ check, level: 'fail', about, message: cause.message }] })
    }
  }
  return examined
}

function connect(target: TargetConfig, secrets: ReadonlyMap<string, string>, { user }: DoctorOptions) {
  return { user: target.upstream.user ?? user, access: openStream(target, (name) => secrets.get(name) ?? '') }
}

/** The one that the URL names, else those that clients may name. */
function databasesOf({ upstream, postgres }: TargetConfig): readonly string[] {
  const named = decodeURIComponent(new URL(upstream.url).pathname.slice(1))
  return named !== '' ? [named] : postgres?.databases ?? [defaultDatabase]
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new GatewayError('ERR_CONFIG_UNREADABLE', `${file} cannot be read`, { cause })
  }
}
