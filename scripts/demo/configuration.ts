// The two configurations of the demo: the gateway's bootstrap file, and the governed config that goes into the policy repository.
import path from 'node:path'
import { stringify } from 'yaml'
import { gatewayRole } from './bank.ts'
import { signers } from './home.ts'
import type { Home, Ports } from './home.ts'
import { ciJob, contractorJob } from './people.ts'

export const node = 'demo-1'
/** Short, so that a newcomer sees batches sealed while watching. */
const intervalS = 2

export const issuerUrl = (ports: Ports): string => `http://127.0.0.1:${ports.provider}`
export const publicUrl = (ports: Ports): string => `http://127.0.0.1:${ports.gateway}`
export const adminUrl = (ports: Ports): string => `http://127.0.0.1:${ports.admin}`
export const resources = (ports: Ports): string[] => [`${publicUrl(ports)}/bank`, `${publicUrl(ports)}/ledger`, `${publicUrl(ports)}/appdb`, adminUrl(ports)]

export function bootstrapYaml(home: Home): string {
  const { ports } = home.secrets
  const below = (name: string) => path.join(home.gateway, name)
  return yaml({
    node,
    listen: [{ host: '127.0.0.1', port: ports.gateway }, { host: '127.0.0.1', port: ports.postgres, target: 'appdb' }],
    admin: { host: '127.0.0.1', port: ports.admin },
    public_url: publicUrl(ports),
    directories: { journal: below('journal'), keys: below('keys'), sealer: below('sealer'), evidence: below('evidence'), state: below('state') },
    policy: { repository: home.policy, ref: 'refs/heads/main', allowed_signers: below('allowed_signers'), quorum: 2, poll_s: 2 },
    evidence: { interval_s: intervalS },
    drain_s: 5,
    secrets: { 'service-key': { file: below('service-key') }, 'appdb-password': { file: below('appdb-password') } },
  })
}

export function governedYaml(ports: Ports): string {
  const issuer = issuerUrl(ports)
  const person = (name: string) => `${issuer}|${name}`
  const pii = { ssn: 'US_SSN', email: 'EMAIL', phone: 'PHONE', born: 'DOB', card: 'PAN', account: 'US_ACCOUNT', number: 'US_ACCOUNT' }
  const credential = (header: string, scheme?: string) => ({ header, secret: 'service-key', ...(scheme === undefined ? {} : { scheme }) })
  return yaml({
    identity: [{
      issuer, jwks_uri: `${issuer}/jwks`, audiences: resources(ports), algorithms: ['ES256'], groups_claim: 'groups',
      services: [ciJob.clientId, contractorJob.clientId],
    }],
    targets: [
      {
        name: 'bank', protocol: 'mcp', prefix: '/bank', env: 'prod', labels: ['pii'], durability: 'bounded',
        upstream: { url: `http://127.0.0.1:${ports.mcp}/mcp`, credential: credential('authorization', 'Bearer'), timeout_ms: 30_000 },
        catalogue: {
          run_report: { effects: ['read'], result: pii },
          lookup_customer: { effects: ['read'], labels: ['pii'], request: { '/ssn': 'US_SSN' }, result: pii },
          export_customers: { effects: ['read', 'export'], labels: ['bulk', 'pii'], result: pii },
          delete_customer: { effects: ['delete'] },
          drop_table: { effects: ['ddl'] },
          deploy_model: { effects: ['write', 'deploy'] },
        },
      },
      {
        name: 'ledger', protocol: 'http', prefix: '/ledger', env: 'prod', labels: ['pii'], durability: 'bounded',
        upstream: { url: `http://127.0.0.1:${ports.ledger}`, credential: credential('x-service-key'), timeout_ms: 30_000 },
        catalogue: {
          'GET /accounts/{id}': { effects: ['read'], result: pii },
          'GET /accounts': { effects: ['read'], result: pii },
          'POST /transfers': { effects: ['write'] },
        },
      },
      {
        name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'prod', labels: ['pii'], durability: 'bounded',
        upstream: { url: `postgres://127.0.0.1:${ports.database}/postgres`, user: gatewayRole, credential: { secret: 'appdb-password' }, timeout_ms: 30_000 },
        catalogue: {
          'public.customers': { result: { ssn: 'US_SSN', email: 'EMAIL', phone: 'PHONE', born: 'DOB' } },
          'public.accounts': { result: { number: 'US_ACCOUNT', card: 'PAN' } },
        },
        postgres: { databases: ['postgres'], approval_wait_s: 60 },
      },
    ],
    approvals: {
      lead: { groups: [{ any_of: ['leads'], min: 1 }], ttl_s: 900 },
      'engineers-lead': { groups: [{ any_of: ['engineers-lead', 'leads'], min: 1 }], ttl_s: 900 },
    },
    // Either of the two may go ahead alone in an emergency; both then sign a review within a day.
    activation: { quorum: 2, emergency: { quorum: 1, signers: signers.map((name) => `${name}@bank.example`), review_within_s: 86_400 } },
    off_boarded: [person(contractorJob.clientId)],
    sponsors: { [person(ciJob.clientId)]: person(ciJob.sponsor), [person(contractorJob.clientId)]: person(contractorJob.sponsor) },
  })
}

/** Written out in full: the gateway refuses YAML aliases. */
function yaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false })
}
