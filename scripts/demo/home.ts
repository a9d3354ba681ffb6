// The demo's folder: what it keeps between starts, and where each part lives in it.
// The gateway's own directories are below `gateway/`; the examiner's and the people's are beside it, as they would be in a bank.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { JWK } from 'oidc-provider'
import { freePort, isFree } from './free-port.ts'
import { generateSshKey } from './openssh-key.ts'
import { people } from './people.ts'
import { claimFolder } from './running.ts'
import type { Running } from './running.ts'
import { StartError } from './start-error.ts'

/** Kept in `demo.json`, mode 0600: made once, so that a second start is the same bank with the same people. */
export interface Secrets {
  readonly passwords: Readonly<Record<string, string>>
  readonly contractorSecret: string
  readonly serviceKey: string
  /** Of the role that the gateway signs in with; nobody else has it. */
  readonly databasePassword: string
  readonly providerKey: JWK
  readonly ci: { readonly privateKey: JWK; readonly publicKey: JWK }
  readonly ports: Ports
}

/** `postgres` is the gateway's listener; `database` is the server behind it. */
export interface Ports { readonly gateway: number; readonly admin: number; readonly provider: number; readonly mcp: number; readonly ledger: number; readonly postgres: number; readonly database: number }

export interface Home {
  readonly dir: string
  readonly secrets: Secrets
  readonly isNew: boolean
  readonly policy: string
  readonly gateway: string
  readonly examiner: string
  readonly people: string
  readonly postgres: string
  /** Absent where only a look at a running demo is meant. */
  readonly running?: Running
}

/** People who sign policy commits; their keys are files that stock git can use. */
export const signers = ['eli', 'lena'] as const

/** @param isRunning true: somebody else serves these ports, take them as they are */
export async function openHome(dir: string, isRunning = false): Promise<Home> {
  const at = (name: string) => path.join(dir, name)
  try {
    fs.mkdirSync(dir, { recursive: true })
    fs.accessSync(dir, fs.constants.W_OK)
  } catch (error) {
    throw new StartError(`cannot write to ${dir}: ${(error as Error).message}. Choose another folder with --dir.`)
  }
  // Before ports are looked at: what an earlier start left behind may hold them.
  const running = isRunning ? {} : { running: await claimFolder(dir) }
  const file = at('demo.json')
  const isNew = !fs.existsSync(file)
  const kept = isNew ? await makeSecrets() : JSON.parse(fs.readFileSync(file, 'utf8')) as Secrets
  if (kept.ports.postgres === undefined) throw new StartError(`${dir} was made by an earlier version, without PostgreSQL behind the gateway. Choose another folder with --dir.`)
  const secrets = isRunning || isNew ? kept : { ...kept, ports: await movedPorts(kept.ports) }
  const home: Home = { dir, secrets, isNew, policy: at('policy'), gateway: at('gateway'), examiner: at('examiner'), people: at('people'), postgres: at('postgres'), ...running }
  if (isNew) {
    for (const folder of [home.gateway, home.examiner, home.people]) fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const name of signers) {
      const key = generateSshKey(`${name}@bank.example`)
      fs.writeFileSync(path.join(home.people, name), key.privateText, { mode: 0o600 })
      fs.writeFileSync(path.join(home.people, `${name}.pub`), `${key.publicLine} ${name}@bank.example\n`)
    }
  }
  if (isNew || secrets !== kept) fs.writeFileSync(file, JSON.stringify(secrets, null, 2), { mode: 0o600 })
  return home
}

async function makeSecrets(): Promise<Secrets> {
  return {
    passwords: Object.fromEntries(people.map(({ name }) => [name, randomBytes(9).toString('base64url')])),
    contractorSecret: randomBytes(32).toString('base64url'),
    serviceKey: randomBytes(32).toString('base64url'),
    databasePassword: randomBytes(24).toString('base64url'),
    providerKey: jwks('provider').privateKey,
    ci: jwks('ci'),
    ports: {
      gateway: await usable(7400), admin: await usable(7401), provider: await usable(7402), mcp: await usable(7403), ledger: await usable(7404),
      postgres: await usable(7405), database: await usable(7406),
    },
  }
}

/** The ports of the last start; another for each that is taken now. */
async function movedPorts(ports: Ports): Promise<Ports> {
  const moved: Record<string, number> = {}
  for (const [name, port] of Object.entries(ports)) moved[name] = await usable(port)
  return moved as unknown as Ports
}

function jwks(kid: string): { privateKey: JWK; publicKey: JWK } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const about = { kid, alg: 'ES256', use: 'sig' }
  return { privateKey: { ...privateKey.export({ format: 'jwk' }), ...about } as JWK, publicKey: { ...publicKey.export({ format: 'jwk' }), ...about } as JWK }
}

/** The wanted port, or another when it is taken. */
async function usable(wanted: number): Promise<number> {
  return await isFree(wanted) ? wanted : await freePort()
}
