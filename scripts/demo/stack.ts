// Everything the demo runs, started in order and stopped in the opposite one.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { Cleanup } from '../../evidence/index.ts'
import { createBank, gatewayRole } from './bank.ts'
import { adminUrl, bootstrapYaml, governedYaml, issuerUrl, resources } from './configuration.ts'
import { endorse } from './endorsement.ts'
import { keepCheckpoint } from './examination.ts'
import { startGatewayProcess } from './gateway-process.ts'
import type { GatewayProcess } from './gateway-process.ts'
import type { Home } from './home.ts'
import { startLedger } from './ledger.ts'
import { syncPolicyRepository } from './policy-repository.ts'
import { startPostgres } from './postgres.ts'
import { startProvider } from './provider.ts'
import type { IdentityProvider } from './provider.ts'
import { contractorToken } from './sign-in.ts'
import { StartError } from './start-error.ts'

export interface Stack extends AsyncDisposable {
  readonly gateway: GatewayProcess
  readonly provider: IdentityProvider
  readonly contractorToken: string
  isTable(name: string): Promise<boolean>
}

export async function startStack(home: Home, report: (line: string) => void): Promise<Stack> {
  await using stopLater = new Cleanup()
  const { ports } = home.secrets
  stopLater.defer(() => home.running?.ended())
  await syncPolicyRepository(home, governedYaml(ports))
  // Testing and building take seconds at the first start; the database is made meanwhile.
  const endorsed = endorse(home)
  endorsed.catch(() => undefined)
  const provider = await startProvider({
    port: ports.provider, signingKey: home.secrets.providerKey, passwords: home.secrets.passwords, contractorSecret: home.secrets.contractorSecret,
    ciPublicKey: home.secrets.ci.publicKey, resources: resources(ports), consoleRedirectUri: `${adminUrl(ports)}/sign-in/callback`,
  })
  stopLater.defer(() => provider.close())
  const database = await startPostgres(home.postgres, report, { port: ports.database, role: gatewayRole })
  home.running?.started(database.pid)
  stopLater.defer(() => database.stop())
  await createBank(database.url, home.secrets.databasePassword)
  const ledger = await startLedger(ports.ledger, database.url, home.secrets.serviceKey)
  stopLater.defer(() => ledger.close())
  const mcp = await startMcpServer(ports.mcp, database.url, home.secrets.serviceKey)
  stopLater.defer(mcp.stop)
  report(`identity provider ${issuerUrl(ports)}, PostgreSQL on port ${database.port}, MCP server and ledger behind it`)

  const resource = resources(ports)[0] ?? ''
  const lastToken = await contractorToken(provider.issuer, home.secrets.contractorSecret, resource)
  provider.retireContractor()

  const configFile = path.join(home.gateway, 'gateway.yaml')
  fs.writeFileSync(configFile, bootstrapYaml(home))
  fs.writeFileSync(path.join(home.gateway, 'service-key'), home.secrets.serviceKey, { mode: 0o600 })
  fs.writeFileSync(path.join(home.gateway, 'appdb-password'), home.secrets.databasePassword, { mode: 0o600 })
  fs.copyFileSync(path.join(home.policy, 'allowed_signers'), path.join(home.gateway, 'allowed_signers'))
  await endorsed
  const gateway = await startGatewayProcess(configFile, path.join(home.gateway, 'gateway.log'))
  home.running?.started(gateway.pid)
  stopLater.defer(async () => { await gateway.stop() })
  await keepCheckpoint(home)

  const stop = stopLater.move()
  return {
    gateway, provider, contractorToken: lastToken,
    async isTable(name) {
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      try {
        return (await client.query('select to_regclass($1) is not null as it', [name])).rows[0].it === true
      } finally {
        await client.end()
      }
    },
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  }
}

async function startMcpServer(port: number, databaseUrl: string, serviceKey: string): Promise<{ stop(): Promise<void> }> {
  const script = path.join(import.meta.dirname, `mcp-server${path.extname(import.meta.filename)}`)
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: { ...process.env, PORT: String(port), DATABASE_URL: databaseUrl, SERVICE_KEY: serviceKey } })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-2_000) })
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new StartError(`the demo's MCP server ended with ${code}: ${errors.trim()}`)))
    createInterface({ input: child.stdout }).once('line', () => resolve())
  })
  return {
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}
