// A real PostgreSQL that trusts, a bank in it, and readings of it as any role.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import type { TargetConfig } from '../../../../../gateway/config.ts'
import { examineDatabase, readDatabase, type CheckName, type DatabaseReading } from '../../../../../gateway/protocols/postgres/doctor/index.ts'
import { openStream } from '../../../../../gateway/upstream/index.ts'
import { startCluster } from '../../../../e2e/cluster.ts'

export interface Patient {
  /** As the superuser, or as any role. @throws pg.DatabaseError */
  query(text: string, user?: string): Promise<readonly Record<string, unknown>[]>
  read(user: string, catalogue?: TargetConfig['catalogue']): Promise<DatabaseReading>
  /** Which checks warn, of a role. */
  warnings(user: string, catalogue?: TargetConfig['catalogue']): Promise<readonly CheckName[]>
  /** What is said of one check. */
  says(user: string, check: CheckName, catalogue?: TargetConfig['catalogue']): Promise<string>
  close(): Promise<void>
}

export const declares = (result: Readonly<Record<string, string>>): TargetConfig['catalogue'][string] => ({ effects: [], labels: [], request: {}, result } as unknown as TargetConfig['catalogue'][string])
export const declared = { 'public.customers': declares({ ssn: 'US_SSN', email: 'EMAIL' }) }

export async function openPatient(): Promise<Patient> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-doctor-'))
  const server = await startCluster(folder)
  return await admit(server, async () => { await server.stop(); fs.rmSync(folder, { recursive: true, force: true }) })
}

/** @param server with a superuser `bank`, who is let in from this machine as anybody is */
export async function admit(server: { readonly port: number }, close: () => Promise<void>): Promise<Patient> {
  const patient: Patient = {
    async query(text, user = 'bank') {
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user, database: 'postgres' })
      await client.connect()
      try {
        return (await client.query<Record<string, unknown>>(text)).rows ?? []
      } finally {
        await client.end()
      }
    },
    read: (user, catalogue = declared) => readDatabase(openStream({
      name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'test', labels: [], durability: 'strict', catalogue,
      upstream: { url: `postgres://127.0.0.1:${server.port}/postgres`, timeoutMs: 20_000, insecureAllowPlaintext: false, user }, limits: { maxBodyBytes: 1, maxResultBytes: 1, maxDepth: 1 },
    }, () => ''), user, 'postgres'),
    async warnings(user, catalogue) {
      const reading = await patient.read(user, catalogue)
      return examineDatabase(reading, reading.clockMs).filter(({ level }) => level === 'warn').map(({ check }) => check)
    },
    async says(user, check, catalogue) {
      const reading = await patient.read(user, catalogue)
      return examineDatabase(reading, reading.clockMs).filter((one) => one.check === check).map(({ message }) => message).join('\n')
    },
    close,
  }
  await patient.query(`
    revoke temporary on database postgres from public;
    create role plain login;
    create table customers (id int primary key, name text, ssn text, email text);
    insert into customers values (1, 'Ann', '123-45-6789', 'ann@example.org');
    create table branches (id serial primary key, town text);
    grant select, insert, update, delete on customers, branches to plain;
    grant usage on sequence branches_id_seq to plain`)
  return patient
}
