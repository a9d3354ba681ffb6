// The demo's OIDC provider (`oidc-provider`): people with passwords, a CI job with a key, a contractor's job with a secret.
import { createHash, timingSafeEqual } from 'node:crypto'
import http from 'node:http'
import type { Adapter, AdapterPayload, ClientMetadata, Configuration, JWK, Provider } from 'oidc-provider'
import { agentClient, ciJob, consoleClient, contractorJob, people, workloads } from './people.ts'

export interface ProviderOptions {
  readonly port: number
  /** Private signing key, ES256, kept in the demo's folder so that tokens outlive a restart. */
  readonly signingKey: JWK
  readonly passwords: Readonly<Record<string, string>>
  readonly contractorSecret: string
  readonly ciPublicKey: JWK
  /** Resource indicators (RFC 8707) that tokens may be asked for. */
  readonly resources: readonly string[]
  readonly consoleRedirectUri: string
}

export interface IdentityProvider { readonly issuer: string; retireContractor(): void; close(): Promise<void> }

const tokenTtlS = 3_600

export async function startProvider(options: ProviderOptions): Promise<IdentityProvider> {
  const issuer = `http://127.0.0.1:${options.port}`
  const clients = demoClients(options)
  const groupsOf = new Map<string, readonly string[]>([...people.map((person) => [person.name, person.groups] as const), ...workloads.map((job) => [job.clientId, job.groups] as const)])
  const configuration = (policy: NonNullable<Configuration['interactions']>['policy']): Configuration => ({
    adapter: memoryAdapter(clients),
    jwks: { keys: [options.signingKey] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: ['openid'],
    claims: { openid: ['sub', 'groups'] },
    pkce: { required: () => true },
    cookies: { keys: [createHash('sha256').update(JSON.stringify(options.signingKey)).digest('hex')] },
    ttl: { AccessToken: tokenTtlS, ClientCredentials: tokenTtlS, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: tokenTtlS, Grant: tokenTtlS },
    findAccount: (_context, id) => people.some((person) => person.name === id) ? { accountId: id, claims: () => ({ sub: id, groups: groupsOf.get(id) }) } : undefined,
    extraTokenClaims: (_context, token) => {
      const subject = 'accountId' in token ? token.accountId : token.clientId
      return { groups: groupsOf.get(subject ?? '') ?? [] }
    },
    loadExistingGrant: (context) => grantEverythingAsked(context.oidc.provider, context, options.resources),
    interactions: { ...(policy === undefined ? {} : { policy }), url: (_context, interaction) => `/sign-in/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context, client) => client.clientId === consoleClient.clientId ? [] : options.resources[0] ?? [],
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => ({ scope: 'mcp', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: tokenTtlS, jwt: { sign: { alg: 'ES256' } } }),
      },
    },
  })
  const provider: Provider = await quietly(async () => {
    const { default: OidcProvider, interactionPolicy } = await import('oidc-provider')
    const prompts = interactionPolicy.base()
    prompts.get('consent')?.checks.remove('native_client_prompt')
    return new OidcProvider(issuer, configuration(prompts))
  })
  const handle = provider.callback()
  const server = http.createServer((request, response) => {
    const signIn = /^\/sign-in\/[\w-]{1,64}$/.test(request.url ?? '')
    if (signIn) answerSignIn(provider, options.passwords, request, response).catch(() => { response.statusCode = 400; response.end('The sign-in has expired. Start again.') })
    else void handle(request, response)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, '127.0.0.1', resolve))
  return {
    issuer,
    retireContractor: () => { clients.delete(contractorJob.clientId) },
    close: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections() }),
  }
}

function demoClients(options: ProviderOptions): Map<string, ClientMetadata> {
  const machine = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] } as const
  return new Map<string, ClientMetadata>([
    [agentClient.clientId, { client_id: agentClient.clientId, application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: [agentClient.redirectUri], response_types: ['code'], grant_types: ['authorization_code'] }],
    [consoleClient.clientId, { client_id: consoleClient.clientId, application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: [options.consoleRedirectUri], response_types: ['code'], grant_types: ['authorization_code'] }],
    [ciJob.clientId, { ...machine, redirect_uris: [], response_types: [], grant_types: ['client_credentials'], client_id: ciJob.clientId, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: [options.ciPublicKey] } }],
    [contractorJob.clientId, { ...machine, redirect_uris: [], response_types: [], grant_types: ['client_credentials'], client_id: contractorJob.clientId, client_secret: options.contractorSecret, token_endpoint_auth_method: 'client_secret_basic' }],
  ])
}

/** The demo's people have consented beforehand: a bank's own provider would do the same for its own applications. */
async function grantEverythingAsked(provider: Provider, context: Parameters<NonNullable<Configuration['loadExistingGrant']>>[0], resources: readonly string[]) {
  const { client, session } = context.oidc
  if (client === undefined || session?.accountId === undefined) return undefined
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  grant.addOIDCScope('openid')
  for (const resource of resources) grant.addResourceScope(resource, 'mcp')
  await grant.save()
  return grant
}

async function answerSignIn(provider: Provider, passwords: Readonly<Record<string, string>>, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  await provider.interactionDetails(request, response)
  if (request.method !== 'POST') return showForm(response, 200, '')
  let body = ''
  for await (const chunk of request) {
    body += String(chunk)
    if (body.length > 4_096) return showForm(response, 413, 'That was too long.')
  }
  const form = new URLSearchParams(body)
  const name = form.get('name') ?? ''
  const expected = Object.hasOwn(passwords, name) ? passwords[name] ?? '' : ''
  if (expected === '' || !timingSafeEqual(digest(expected), digest(form.get('password') ?? ''))) return showForm(response, 403, 'Name or password is wrong.')
  await provider.interactionFinished(request, response, { login: { accountId: name, amr: ['pwd'] } }, { mergeWithLastSubmission: false })
}

const digest = (text: string) => createHash('sha256').update(text).digest()

function showForm(response: http.ServerResponse, status: number, problem: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action *" })
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in</title>
<style>body{font:16px/1.5 system-ui;max-width:22rem;margin:12vh auto;padding:0 1rem}label{display:block;margin:1rem 0 .25rem}input{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}button{font:inherit;margin-top:1.25rem;padding:.6rem 1.2rem}[role=alert]{color:#a30000}</style>
<h1>Demo bank sign-in</h1>${problem === '' ? '' : `<p role="alert">${problem}</p>`}
<form method="post"><label for="name">Name</label><input id="name" name="name" autocomplete="username" autofocus required maxlength="64"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required maxlength="128"><button>Sign in</button></form></html>`)
}

/** Tokens of the demo live in memory; clients come from the table above, so that retiring one takes effect at once. */
function memoryAdapter(clients: Map<string, ClientMetadata>): (name: string) => Adapter {
  return (name) => {
    const entries = new Map<string, AdapterPayload>()
    const byUid = new Map<string, string>()
    return {
      async upsert(id, payload) { entries.set(id, payload); if (payload.uid !== undefined) byUid.set(payload.uid, id) },
      async find(id) { return name === 'Client' ? clients.get(id) as AdapterPayload | undefined : entries.get(id) },
      async findByUid(uid) { return entries.get(byUid.get(uid) ?? '') },
      async findByUserCode() { return undefined },
      async consume(id) { const entry = entries.get(id); if (entry !== undefined) entry.consumed = Math.floor(Date.now() / 1000) },
      async destroy(id) { entries.delete(id) },
      async revokeByGrantId(grantId) { for (const [id, payload] of entries) if (payload.grantId === grantId) entries.delete(id) },
    }
  }
}

/** `oidc-provider` greets the terminal by itself; the tour's lines are the only ones that belong there. */
async function quietly<T>(make: () => Promise<T>): Promise<T> {
  const { info, warn } = console
  console.info = console.warn = () => {}
  try {
    return await make()
  } finally {
    console.info = info
    console.warn = warn
  }
}
