// Getting tokens from the demo's provider the way real clients do: authorization code with PKCE for people, client credentials for workloads.
import { createHash, randomBytes } from 'node:crypto'
import { SignJWT, importJWK } from 'jose'
import type { JWK } from 'jose'
import { agentClient, ciJob, contractorJob } from './people.ts'
import { StartError } from './start-error.ts'

const maxRedirects = 10

/** Signs a person in as a browser would, cookies and all. @returns an access token for `resource` */
export async function personToken(issuer: string, name: string, password: string, resource: string): Promise<string> {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    client_id: agentClient.clientId, redirect_uri: agentClient.redirectUri, response_type: 'code', scope: 'openid mcp', resource,
    state: randomBytes(8).toString('hex'), code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  })
  const code = await followToCode(new URL(`/auth?${query}`, issuer), new URLSearchParams({ name, password }))
  return await askToken(issuer, new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: agentClient.redirectUri, client_id: agentClient.clientId, code_verifier: verifier, resource }))
}

/** The CI job's token (RFC 7523 private_key_jwt). */
export async function ciToken(issuer: string, privateKey: object, resource: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const assertion = await new SignJWT({ jti: randomBytes(12).toString('hex') })
    .setProtectedHeader({ alg: 'ES256' }).setIssuer(ciJob.clientId).setSubject(ciJob.clientId).setAudience(issuer).setIssuedAt(now).setExpirationTime(now + 60)
    .sign(await importJWK(privateKey as JWK, 'ES256'))
  return await askToken(issuer, new URLSearchParams({
    grant_type: 'client_credentials', resource, scope: 'mcp', client_id: ciJob.clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion,
  }))
}

/** The contractor's job with its shared secret. @throws StartError naming the provider's error once the client is gone */
export async function contractorToken(issuer: string, secret: string, resource: string): Promise<string> {
  const basic = Buffer.from(`${contractorJob.clientId}:${secret}`).toString('base64')
  return await askToken(issuer, new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'mcp' }), { authorization: `Basic ${basic}` })
}

async function askToken(issuer: string, body: URLSearchParams, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(new URL('/token', issuer), { method: 'POST', body, headers })
  const answer = await response.json() as { access_token?: string; error?: string; error_description?: string }
  if (!response.ok || answer.access_token === undefined) throw new StartError(`the identity provider answered ${response.status} ${answer.error ?? ''}`.trim())
  return answer.access_token
}

async function followToCode(start: URL, credentials: URLSearchParams): Promise<string> {
  const cookies = new Map<string, string>()
  let url = start
  let form: URLSearchParams | undefined
  for (let hop = 0; hop < maxRedirects; hop++) {
    const response = await fetch(url, {
      redirect: 'manual', method: form === undefined ? 'GET' : 'POST',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { body: form }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const at = pair.indexOf('=')
      cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    const location = response.headers.get('location')
    if (location !== null) {
      form = undefined
      url = new URL(location, url)
      const code = url.searchParams.get('code')
      if (code !== null) return code
      const error = url.searchParams.get('error')
      if (error !== null) throw new StartError(`the identity provider answered ${error}: ${url.searchParams.get('error_description') ?? ''}`)
      continue
    }
    if (response.status === 403) throw new StartError('the identity provider refused the name or password')
    if (response.status !== 200 || form !== undefined) throw new StartError(`the identity provider answered ${response.status} while signing in`)
    form = credentials
  }
  throw new StartError('the identity provider kept redirecting')
}
