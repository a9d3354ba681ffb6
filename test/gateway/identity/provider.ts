// A real OpenID provider on loopback for tests: people who sign in without a password form, workloads, and its signing key, so that
// a test can also make the tokens that a provider never would.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import type { Configuration, JWK } from 'oidc-provider'
import type { IdentityProviderConfig } from '../../../gateway/config.ts'

export interface TestProvider {
  readonly issuer: string
  /** What governed config would say of it. */
  readonly config: IdentityProviderConfig
  readonly key: CryptoKey
  readonly kid: string
  /** By client credentials: `sub` is the client. */
  token(client: string, resource: string): Promise<string>
  /** Signed with the provider's own key: whatever the test wants. */
  forge(claims: JWTPayload, header?: { readonly typ?: string; readonly alg?: string; readonly kid?: string }, key?: CryptoKey | Uint8Array): Promise<string>
  /** Who the next browser signs in as. */
  person: string
  close(): Promise<void>
}

export interface TestProviderOptions {
  readonly resources: readonly string[]
  /** Client → groups; each may ask for tokens with the secret `secret`. */
  readonly clients?: Readonly<Record<string, readonly string[]>>
  /** Person → groups, for the console. */
  readonly people?: Readonly<Record<string, readonly string[]>>
  readonly consoleRedirectUri?: string
  /** Groups only at the userinfo endpoint, not in the ID token. */
  readonly groupsAtUserinfo?: boolean
}

export async function startTestProvider({ resources, clients = {}, people = {}, consoleRedirectUri, groupsAtUserinfo = false }: TestProviderOptions): Promise<TestProvider> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const kid = 'test-1'
  const jwk = { ...await exportJWK(privateKey), kid, alg: 'ES256', use: 'sig' } as JWK
  const server = http.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const state = { person: '' }

  const configuration: Configuration = {
    jwks: { keys: [jwk] },
    clients: [
      ...Object.keys(clients).map((client_id) => ({ client_id, client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] })),
      ...consoleRedirectUri === undefined ? [] : [{ client_id: 'countersign-console', application_type: 'native' as const, token_endpoint_auth_method: 'none' as const, redirect_uris: [consoleRedirectUri], grant_types: ['authorization_code'], response_types: ['code' as const] }],
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: ['openid', 'groups'], claims: { openid: ['sub'], groups: ['groups'] }, conformIdTokenClaims: groupsAtUserinfo,
    cookies: { keys: ['test'] },
    ttl: { AccessToken: 600, ClientCredentials: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, groups: [...people[id] ?? []] }) }),
    extraTokenClaims: (_context, token) => ({ groups: clients[token.clientId ?? ''] ?? [] }),
    async loadExistingGrant(context) {
      const { client, session, provider } = context.oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope('openid groups')
      await grant.save()
      return grant
    },
    features: {
      devInteractions: { enabled: false }, clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, defaultResource: () => [], getResourceServerInfo: (_context, resource) => ({ scope: '', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } } }) },
    },
  }
  const { info, warn } = console
  console.info = console.warn = () => undefined          // it greets the terminal by itself
  const { default: Provider, interactionPolicy } = await import('oidc-provider')
  const prompts = interactionPolicy.base()
  prompts.get('consent')?.checks.remove('native_client_prompt')   // it would ask again at each sign-in of a public client
  const provider = new Provider(issuer, { ...configuration, interactions: { policy: prompts, url: (_context, interaction) => `/sign-in/${interaction.uid}` } })
  console.info = info
  console.warn = warn
  const handle = provider.callback()
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/sign-in/') === true) {
      void provider.interactionDetails(request, response).then(() => provider.interactionFinished(request, response, { login: { accountId: state.person, amr: ['pwd'] } }, { mergeWithLastSubmission: false }))
    } else void handle(request, response)
  })

  return {
    issuer, key: privateKey, kid,
    config: { issuer, jwksUri: `${issuer}/jwks`, audiences: resources, algorithms: ['ES256'], groupsClaim: 'groups', clockSkewS: 0, services: Object.keys(clients) },
    async token(client, resource) {
      const response = await fetch(`${issuer}/token`, { method: 'POST', headers: { authorization: `Basic ${Buffer.from(`${client}:secret`).toString('base64')}` }, body: new URLSearchParams({ grant_type: 'client_credentials', resource }) })
      const { access_token: token } = await response.json() as { access_token?: string }
      if (token === undefined) throw new Error(`the provider answered ${response.status}`)
      return token
    },
    forge: (claims, header = {}, key = privateKey) => new SignJWT({ iss: issuer, aud: resources[0] ?? '', sub: 'ana', client_id: 'desk', iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 300, ...claims })
      .setProtectedHeader({ alg: header.alg ?? 'ES256', typ: header.typ ?? 'at+jwt', kid: header.kid ?? kid }).sign(key),
    get person() { return state.person },
    set person(name) { state.person = name },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
    },
  }
}
