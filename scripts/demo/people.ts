// Who appears in the demo. People sign in with a password at the embedded provider; workloads hold a key or a secret.
export interface Person { readonly name: string; readonly fullName: string; readonly groups: readonly string[] }

export const people: readonly Person[] = [
  { name: 'ana', fullName: 'Ana Alvarez, credit analyst', groups: ['analysts'] },
  { name: 'lena', fullName: 'Lena Kowalski, head of data', groups: ['leads', 'engineers-lead'] },
  { name: 'eli', fullName: 'Eli Santos, platform engineer', groups: ['engineers'] },
]

export interface Workload { readonly clientId: string; readonly groups: readonly string[]; readonly method: 'private_key_jwt' | 'client_secret_basic'; readonly sponsor: string }

export const ciJob: Workload = { clientId: 'ci-model-release', groups: ['ci'], method: 'private_key_jwt', sponsor: 'eli' }
/** A contractor's nightly export; the contract has ended. */
export const contractorJob: Workload = { clientId: 'nightly-export', groups: ['contractors'], method: 'client_secret_basic', sponsor: 'lena' }
export const workloads: readonly Workload[] = [ciJob, contractorJob]

/** The client that people's agents use: public, authorization code with PKCE (RFC 8252 loopback redirect). */
export const agentClient = { clientId: 'desk-agent', redirectUri: 'http://127.0.0.1/callback' } as const
export const consoleClient = { clientId: 'countersign-console' } as const
