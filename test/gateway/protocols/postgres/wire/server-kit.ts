// A real PostgreSQL that asks each user for another proof, with TLS and an authority of its own.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Client } from 'pg'
import type { TargetConfig } from '../../../../../gateway/config.ts'
import type { StreamAccess } from '../../../../../gateway/protocol.ts'
import { openStream } from '../../../../../gateway/upstream/index.ts'
import { startCluster } from '../../../../e2e/cluster.ts'
import { newAuthority, type Authority } from './certificates.ts'

/** SASLprep makes another text of it (RFC 4013 §2.1 to 2.2). */
export const oddPassword = 'p\u00e4ss\u00a0w\u00adord\u2168'
/** User → password. `carol` has none: she has a certificate. */
export const passwords = { mia: 'md5 password', sven: 'scram password', odette: oddPassword, paul: 'plain password', stella: 'scram over tls' } as const

const rules = `host all bank 127.0.0.1/32 trust
host all mia 127.0.0.1/32 md5
host all sven,odette 127.0.0.1/32 scram-sha-256
host all paul 127.0.0.1/32 password
hostssl all stella 127.0.0.1/32 scram-sha-256
hostssl all carol 127.0.0.1/32 cert
`

export interface TestServer {
  readonly port: number
  readonly authority: Authority
  /** As governed config would say it. */
  access(upstream?: Partial<TargetConfig['upstream']> & { readonly password?: string; readonly authority?: Authority }): StreamAccess
  /** As the superuser, around the gateway. */
  query(text: string): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

export async function startServer(): Promise<TestServer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-postgres-'))
  const database = await startCluster(folder)
  const admin = new Client({ connectionString: database.url })
  await admin.connect()
  const query = async (text: string) => (await admin.query<Record<string, unknown>>(text)).rows
  const [{ data_directory: data } = {}] = await query('SHOW data_directory') as [{ data_directory: string }]
  const authority = newAuthority()
  const server = authority.issue('localhost', { dns: ['localhost'], ip: '127.0.0.1' })
  const { uid, gid } = fs.statSync(data!)
  const write = (name: string, text: string): void => {
    fs.writeFileSync(path.join(data!, name), text, { mode: 0o600 })
    fs.chownSync(path.join(data!, name), uid, gid)
  }
  write('test-ca.pem', authority.cert)
  write('test-server.pem', server.cert)
  write('test-server-key.pem', server.key)
  for (const [name, value] of [['ssl_ca_file', 'test-ca.pem'], ['ssl_cert_file', 'test-server.pem'], ['ssl_key_file', 'test-server-key.pem'], ['ssl', 'on']] as const) await query(`ALTER SYSTEM SET ${name} = '${value}'`)
  for (const [user, password] of Object.entries(passwords)) {
    await query(`SET password_encryption = '${user === 'mia' ? 'md5' : 'scram-sha-256'}'`)
    await query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`)
  }
  await query('CREATE ROLE carol LOGIN')
  write('pg_hba.conf', rules)
  await query('SELECT pg_reload_conf()')
  const { port } = database
  await untilTls(port)

  return {
    port, authority, query,
    access({ password, authority: trusted = authority, ...upstream } = {}) {
      const secrets: Record<string, string> = { ca: trusted.cert, ...password === undefined ? {} : { password } }
      if (upstream.tls?.cert === 'client') {
        const client = authority.issue('carol')
        Object.assign(secrets, { client: client.cert, 'client-key': client.key })
      }
      return openStream({
        name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'test', labels: [], durability: 'strict', catalogue: {},
        upstream: { url: `postgres://127.0.0.1:${port}/postgres`, timeoutMs: 20_000, insecureAllowPlaintext: false, ...password === undefined ? {} : { credential: { secret: 'password' } }, ...upstream },
        limits: { maxBodyBytes: 1, maxResultBytes: 1, maxDepth: 1 },
      }, (name) => secrets[name] ?? '')
    },
    async close() {
      await admin.end()
      await database.stop()
      fs.rmSync(folder, { recursive: true, force: true })
      if (!data!.startsWith(folder)) fs.rmSync(path.dirname(data!), { recursive: true, force: true })
    },
  }
}

/** A reload reaches the postmaster by a signal: the first connection under TLS says that it has come. */
async function untilTls(port: number): Promise<void> {
  for (;;) {
    const client = new Client({ host: '127.0.0.1', port, user: 'bank', database: 'postgres', ssl: { rejectUnauthorized: false } })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('does not support SSL')) throw error
    }
  }
}
