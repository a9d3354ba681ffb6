import test from 'ava'
import { exportJWK, generateKeyPair } from 'jose'
import type { Principal } from '../../../gateway/call.ts'
import { challenge, createIdentity, metadataUrl, resourceMetadata, type Identity, type Trust } from '../../../gateway/identity/index.ts'
import { isRefusal, refusalWords, type Refusal, type RefusalCode } from '../../../gateway/refusal.ts'
import { startTestProvider, type TestProvider } from './provider.ts'

const bank = 'https://gw.example/bank'
const from = { ip: '127.0.0.1', port: 1 }
const bearer = (token: string) => ({ kind: 'bearer', token, from }) as const

let provider: TestProvider
test.before(async () => { provider = await startTestProvider({ resources: [bank, 'https://gw.example/admin'], clients: { 'ci-job': ['ci'] } }) })
test.after.always(async () => { await provider.close() })

function identityOf(trust: Partial<Trust> = {}, now: () => number = Date.now): Identity {
  return createIdentity({ providers: [provider.config], offBoarded: [], sponsors: {}, now, ...trust })
}

async function refused(t: { deepEqual(a: unknown, b: unknown): unknown }, answer: Principal | Refusal | Promise<Principal | Refusal>, code: RefusalCode, message: string = refusalWords[code].title): Promise<void> {
  const given = await answer
  t.deepEqual(isRefusal(given) ? [given.code, given.message] : given, [code, message])
}

test('a workload\'s own token makes a service with its sponsor', async (t) => {
  const id = `${provider.issuer}|ci-job`
  const identity = identityOf({ sponsors: { [id]: `${provider.issuer}|eli` } })
  const principal = await identity.verify(bearer(await provider.token('ci-job', bank)))
  t.false(isRefusal(principal))
  t.like(principal, { type: 'service', id, clientId: 'ci-job', groups: ['ci'], sponsor: `${provider.issuer}|eli` })
})

test('a token seen before is answered at once, until it expires', async (t) => {
  let at = Date.now()
  const identity = identityOf({}, () => at)
  const token = await provider.token('ci-job', bank)
  const first = await identity.verify(bearer(token))
  t.is(identity.verify(bearer(token)), first)
  at = Date.now() + 601_000                                  // from behind its making, however long that took
  const late = identity.verify(bearer(token))
  t.true(late instanceof Promise)
  await refused(t, late, 'identity.token_expired')
})

test('a call without a token is refused', async (t) => {
  await refused(t, identityOf().verify({ kind: 'none', from }), 'identity.token_missing')
})

test('an expired token is refused', async (t) => {
  const now = Math.floor(Date.now() / 1000)
  await refused(t, identityOf().verify(bearer(await provider.forge({ iat: now - 120, exp: now - 60 }))), 'identity.token_expired')
})

test('a token for another resource is refused', async (t) => {
  await refused(t, identityOf().verify(bearer(await provider.forge({ aud: 'https://other.example' }))), 'identity.audience')
})

test('a token for one resource does not open another, also when it is known', async (t) => {
  const identity = identityOf()
  const token = await provider.forge({ aud: bank })
  t.false(isRefusal(await identity.verify(bearer(token), bank)))
  await refused(t, identity.verify(bearer(token), 'https://gw.example/admin'), 'identity.audience', 'The token was issued for another audience: here it has to be https://gw.example/admin')
})

const forgeries: readonly (readonly [string, () => Promise<string>])[] = [
  ['an ID token presented as an access token', () => provider.forge({}, { typ: 'JWT' })],
  ['a token with a wrong algorithm', async () => provider.forge({}, { alg: 'RS256' }, (await generateKeyPair('RS256')).privateKey)],
  ['a token signed with the shared text of a public key', () => provider.forge({}, { alg: 'HS256' }, new TextEncoder().encode('the public key as a secret, thirty-two bytes and more'))],
  ['a token signed by a stranger under a known key id', async () => provider.forge({}, {}, (await generateKeyPair('ES256')).privateKey)],
  ['a token with an unknown key id', () => provider.forge({}, { kid: 'nobody' })],
  ['a token of an issuer that nobody configured', () => provider.forge({ iss: 'https://evil.example' })],
  ['a token whose issuer differs by a slash', () => provider.forge({ iss: `${provider.issuer}/` })],
  ['a token without a client', () => provider.forge({ client_id: undefined })],
  ['a token without a subject', () => provider.forge({ sub: undefined })],
  ['a token that never expires', () => provider.forge({ exp: undefined })],
  ['a token whose groups are not a list', () => provider.forge({ groups: 'admin' })],
  ['a token with an actor of unknown form', () => provider.forge({ act: 'agent' })],
  ['a token with too long a chain of actors', () => provider.forge({ act: Array.from({ length: 9 }).reduce<object>((act, _, i) => ({ sub: `a${i}`, act }), { sub: 'a' }) })],
  ['an unsigned token', async () => { const [, payload] = (await provider.forge({})).split('.'); return `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.` }],
  ['junk', () => Promise.resolve('junk')],
  ['a token longer than any', () => Promise.resolve('a'.repeat(20_000))],
]
for (const [title, forge] of forgeries) {
  test(`${title} is refused`, async (t) => {
    await refused(t, identityOf().verify(bearer(await forge())), 'identity.token_invalid')
  })
}

test('an off-boarded caller is refused with a token that is still valid', async (t) => {
  const identity = identityOf({ offBoarded: [`${provider.issuer}|ci-job`] })
  await refused(t, identity.verify(bearer(await provider.token('ci-job', bank))), 'identity.off_boarded')
})

test('off-boarding reaches a token that is already known, at the next call', async (t) => {
  const identity = identityOf()
  const token = await provider.token('ci-job', bank)
  const principal = await identity.verify(bearer(token))
  t.false(isRefusal(principal))
  identity.trust({ providers: [provider.config], offBoarded: [`${provider.issuer}|ci-job`], sponsors: {} })
  await refused(t, identity.verify(bearer(token)), 'identity.off_boarded')
  await refused(t, identity.verify(bearer(token)), 'identity.off_boarded')
  await refused(t, identity.admit(principal as Principal), 'identity.off_boarded')
})

test('a workload whose sponsor has left is refused', async (t) => {
  const identity = identityOf({ sponsors: { [`${provider.issuer}|ci-job`]: `${provider.issuer}|eli` }, offBoarded: [`${provider.issuer}|eli`] })
  await refused(t, identity.verify(bearer(await provider.token('ci-job', bank))), 'identity.off_boarded')
})

test('an agent that acts for a person is told from the person, outermost actor first', async (t) => {
  const principal = await identityOf().verify(bearer(await provider.forge({ act: { sub: 'agent-1', act: { sub: 'agent-0' } } })))
  t.like(principal, { type: 'agent', id: `${provider.issuer}|ana`, actor: { type: 'agent', id: `${provider.issuer}|agent-1`, chain: [`${provider.issuer}|agent-0`] } })
})

test('a client declared as an agent makes an agent, whatever its token leaves out', async (t) => {
  const principal = await identityOf({ providers: [{ ...provider.config, agents: ['desk'] }] }).verify(bearer(await provider.forge({})))
  t.like(principal, { type: 'agent', id: `${provider.issuer}|ana`, actor: { type: 'agent', id: 'desk', chain: [] } })
})

test('only claims that governed config names go further', async (t) => {
  const claims = { email: 'ana@bank.example', repository_id: '456' }
  const principal = await identityOf({ providers: [{ ...provider.config, claims: ['repository_id'] }] }).verify(bearer(await provider.forge(claims)))
  t.deepEqual((principal as Principal).claims, { repository_id: '456' })
})

/** An identity of its own whose fetches of keys are counted. */
function counted(): { identity: Identity; fetches: () => number } {
  let fetches = 0
  const identity = createIdentity({ providers: [provider.config], offBoarded: [], sponsors: {}, now: Date.now, fetch: (...request) => { fetches++; return fetch(...request) } })
  return { identity, fetches: () => fetches }
}

test('unknown key ids cause no flood at the provider', async (t) => {
  const { identity, fetches } = counted()
  await identity.verify(bearer(await provider.forge({})))
  for (let i = 0; i < 20; i++) await refused(t, identity.verify(bearer(await provider.forge({}, { kid: `junk-${i}` }))), 'identity.token_invalid')
  t.is(fetches(), 1)
})

test('a provider that is down: unknown tokens are refused as unavailable, known keys go on for an hour', async (t) => {
  let at = Date.now(), isDown = false
  const fetchKeys: typeof fetch = (...request) => isDown ? Promise.reject(new TypeError('fetch failed')) : fetch(...request)
  const identity = createIdentity({ providers: [provider.config], offBoarded: [], sponsors: {}, now: () => at, fetch: fetchKeys })
  isDown = true
  await refused(t, identity.verify(bearer(await provider.forge({}))), 'identity.unavailable')
  isDown = false
  at += 2_000
  t.false(isRefusal(await identity.verify(bearer(await provider.forge({ sub: 'ben' })))))
  isDown = true
  at += 1_800_000
  const seconds = Math.floor(at / 1000)
  t.false(isRefusal(await identity.verify(bearer(await provider.forge({ sub: 'cleo', iat: seconds, exp: seconds + 60 })))))
  at += 3_600_000
  await refused(t, identity.verify(bearer(await provider.forge({ sub: 'dora', iat: seconds, exp: seconds + 9_000 }))), 'identity.unavailable')
})

test('a token under a key that the provider withdrew is refused, also when it is known, whatever its expiry', async (t) => {
  let at = Date.now(), keys: object | undefined
  const fetch: typeof globalThis.fetch = async (...asked) => keys === undefined ? await globalThis.fetch(...asked) : Response.json(keys)
  const identity = createIdentity({ providers: [provider.config], offBoarded: [], sponsors: {}, now: () => at, fetch: fetch as never })
  const token = await provider.forge({ exp: Math.floor(at / 1000) + 365 * 86_400 })
  t.false(isRefusal(await identity.verify(bearer(token))))
  keys = { keys: [{ ...await exportJWK((await generateKeyPair('ES256')).publicKey), kid: 'another', alg: 'ES256', use: 'sig' }] }
  at += 301_000
  t.false(isRefusal(await identity.verify(bearer(token))), 'the keys of five minutes ago, while new ones are fetched')
  await identity.warm()
  at += 120_000
  await refused(t, identity.verify(bearer(token)), 'identity.token_invalid')
})

test('a burst of first calls shares one fetch of the keys', async (t) => {
  const { identity, fetches } = counted()
  const tokens = await Promise.all(Array.from({ length: 10 }, (_, i) => provider.forge({ sub: `p${i}` })))
  const answers = await Promise.all(tokens.map((token) => identity.verify(bearer(token))))
  t.true(answers.every((answer) => !isRefusal(answer)))
  t.is(fetches(), 1)
})

test('a client without a token is told where to get one (RFC 9728), and of an error only when it sent one', (t) => {
  t.deepEqual(resourceMetadata('https://gw.example', '/bank', ['https://idp.example']), { resource: bank, authorization_servers: ['https://idp.example'], bearer_methods_supported: ['header'] })
  const at = metadataUrl('https://gw.example', '/bank')
  t.is(at, 'https://gw.example/.well-known/oauth-protected-resource/bank')
  t.is(challenge('identity.token_missing', at), `Bearer resource_metadata="${at}"`)
  t.is(challenge('identity.token_expired', at), `Bearer error="invalid_token", resource_metadata="${at}"`)
  t.is(challenge('identity.off_boarded', at), undefined)
})
