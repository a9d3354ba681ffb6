// Who is not let in, and what cannot be read: each has its code, its words and its frame, nothing leaks, and the next call is answered.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import test from 'ava'
import { SignJWT } from 'jose'
import { ssn } from './bank-upstream.ts'
import { bankOf, credential, publicUrl } from './gateway-kit.ts'
import { commit } from '../gateway/policy/policy-repository.ts'
import { eventually } from './recorded.ts'
import { mcpHeaders, startProcess } from './running.ts'
import type { Answer, Running } from './running.ts'

const bank = bankOf(test)
let gateway: Running
test.serial.before(async () => { gateway = await startProcess(await bank().home()) })

/** Said by each listener in its own words; what they have in common is the code behind them. */
const codeOf = (answer: Answer): unknown => answer.json['code'] ?? answer.json['error']?.['code']
const messageOf = (answer: Answer): unknown => answer.json['detail'] ?? answer.json['error']?.['message']

const lives = async (): Promise<boolean> => (await gateway.tool(await bank().token(), 'run_report', { report: 'daily' })).status === 200

const now = () => Math.floor(Date.now() / 1000)
const claims = (alg: string, typ = 'at+jwt', kid = 'ec') => new SignJWT({ groups: ['leads'], client_id: 'agent' }).setProtectedHeader({ alg, kid, typ })
  .setIssuer(bank().issuer).setSubject('mara').setAudience(`${publicUrl}/bank`).setIssuedAt(now()).setExpirationTime(now() + 600)

interface BadToken { readonly title: string; readonly token: () => Promise<string | undefined>; readonly code: string; readonly rpc: number; readonly message: string; readonly why?: string }
const badTokens: readonly BadToken[] = [
  { title: 'no token', token: async () => undefined, code: 'identity.token_missing', rpc: 4010, message: 'A bearer token is required' },
  { title: 'an expired token', token: () => bank().token({ expiresInS: -60 }), code: 'identity.token_expired', rpc: 4012, message: 'The token has expired' },
  { title: 'a token for another service', token: () => bank().token({ audience: 'https://payroll.bank.example' }), code: 'identity.audience', rpc: 4013, message: `The token was issued for another audience: here it has to be ${publicUrl}/bank` },
  { title: 'a token for another target of this gateway', token: () => bank().token({ audience: 'ledger' }), code: 'identity.audience', rpc: 4013, message: `The token was issued for another audience: here it has to be ${publicUrl}/bank` },
  { title: 'a token for the whole gateway', token: () => bank().token({ audience: publicUrl }), code: 'identity.audience', rpc: 4013, message: `The token was issued for another audience: here it has to be ${publicUrl}/bank` },
  { title: 'a token signed with an algorithm that is not allowed', token: () => claims('RS256', 'at+jwt', 'rsa').sign(bank().keys.rsa), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'its alg is not among the provider\'s algorithms in config.yaml' },
  { title: 'a token keyed with the public key', token: () => claims('HS256').sign(Buffer.from(bank().keys.publicPem)), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'its alg is not among the provider\'s algorithms in config.yaml' },
  { title: 'a token of a stranger\'s key', token: () => claims('ES256').sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'its signature does not hold' },
  { title: 'a token that is not signed', token: async () => [{ alg: 'none', typ: 'at+jwt' }, { iss: bank().issuer, sub: 'mara', aud: `${publicUrl}/bank`, client_id: 'agent', exp: now() + 600 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + '.', code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'its alg is not among the provider\'s algorithms in config.yaml' },
  { title: 'an ID token', token: () => claims('ES256', 'JWT').sign(bank().keys.ec), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'its typ is not at+jwt, as an access token\'s is (RFC 9068)' },
  { title: 'a token that is bound to a key of the sender', token: () => new SignJWT({ groups: ['leads'], client_id: 'agent', cnf: { jkt: 'a' } }).setProtectedHeader({ alg: 'ES256', kid: 'ec', typ: 'at+jwt' }).setIssuer(bank().issuer).setSubject('mara').setAudience(`${publicUrl}/bank`).setIssuedAt(now()).setExpirationTime(now() + 600).sign(bank().keys.ec), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'a claim has a form that is not taken: sub, client_id, groups, amr, acr or act, or it has a cnf' },
  { title: 'a token of half a letter', token: () => bank().token({ sub: 'ma\ud800' }), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'a claim has a form that is not taken: sub, client_id, groups, amr, acr or act, or it has a cnf' },
  { title: 'a token that is not valid yet', token: () => claims('ES256').setNotBefore(now() + 600).sign(bank().keys.ec), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'its claim nbf is missing or not as it must be' },
  { title: 'a token of another provider', token: () => bank().token({ issuer: 'https://elsewhere.example' }), code: 'identity.token_invalid', rpc: 4011, message: 'The token is not valid', why: 'its iss is not, letter by letter, an issuer of identity in config.yaml' },
]

for (const { title, token, code, rpc, message, why } of badTokens) {
  test(`${title} is refused at the door, counted on record, and reaches no upstream`, async (t) => {
    const presented = await token()
    const refused = await gateway.tool(presented, 'run_report', { report: 'at_the_door' })
    t.is(codeOf(refused), rpc)
    t.is(messageOf(refused), message)
    t.is(refused.status, 401)
    t.regex(refused.headers.get('www-authenticate') ?? '', /^Bearer resource_metadata="https:\/\/gateway\.bank\.example\/\.well-known\/oauth-protected-resource\/bank"/)
    t.is(refused.receipt, '')
    // The operator is told what the caller is not.
    if (why !== undefined) await eventually(() => gateway.log().includes(JSON.stringify(why)) || undefined, 'why, in the log')
    const frame = await eventually(() => gateway.frames().find(({ kind, event }) => kind === 'unauthenticated' && event?.['code'] === code && event['target'] === 'bank'), `the count of ${code}`)
    t.like(frame.event, { event: 'unauthenticated', source: '127.0.0.1' })
    if (presented !== undefined) t.false(gateway.log().includes(presented.slice(-20)) || JSON.stringify(gateway.frames()).includes(presented.slice(-20)), 'no part of a token is logged or recorded')
    t.false(bank().upstream.seen.some(({ body }) => body.includes('at_the_door')))
    t.true(await lives())
  })
}

test('someone off-boarded is refused with a token that has not expired, and named on record', async (t) => {
  const refused = await gateway.tool(await bank().token({ sub: 'gone' }), 'run_report', { report: 'daily' })
  t.is(refused.status, 403)
  t.is(codeOf(refused), 4014)
  t.is(messageOf(refused), 'The caller has been off-boarded')
  const frame = await eventually(() => gateway.frames().find(({ event }) => event?.['code'] === 'identity.off_boarded'), 'the off-boarded caller')
  t.like(frame.event, { event: 'refused', subject: `${bank().issuer}|gone`, target: 'bank' })
  t.true(await lives())
})

test('while the provider\'s keys cannot be had nobody is let in, and the gateway says it is not ready', async (t) => {
  const home = await bank().home()
  const config = path.join(home.policy, 'config.yaml')
  fs.writeFileSync(config, fs.readFileSync(config, 'utf8').replace(/jwks_uri: .*/, 'jwks_uri: http://127.0.0.1:1/jwks'))
  await commit(home.policy, bank().signer)
  const shut = await startProcess(home)
  const refused = await shut.tool(await bank().token(), 'run_report', { report: 'daily' })
  t.is(refused.status, 503)
  t.is(codeOf(refused), 5030)
  t.is(messageOf(refused), 'The identity provider cannot be reached')
  const ready = await fetch(`${home.admin}/readyz`)
  t.is(ready.status, 503)
  t.true((await ready.text()).includes(`{"name":"identity","ok":false,"reason":"no keys yet of ${bank().issuer}"}`))
  const open = await fetch(`${gateway.home.admin}/readyz`)
  t.is(open.status, 200)
  t.is((await eventually(() => shut.frames().find(({ event }) => event?.['code'] === 'identity.unavailable'), 'the count')).kind, 'unauthenticated')
})

test('before a policy is in force callers, probes, the log and the record are told just that', async (t) => {
  const home = await bank().home({ streams: ['appdb'] })
  fs.rmSync(home.directories.state, { recursive: true })
  fs.appendFileSync(path.join(home.policy, 'config.yaml'), '# nobody signs for this\n')
  await commit(home.policy, undefined)
  const gateway = await startProcess(home)
  const refused = await gateway.tool(await bank().token(), 'run_report', { report: 'daily' })
  t.is(refused.status, 503)
  t.is(messageOf(refused), 'No policy is in force')
  const { checks } = await (await fetch(`${home.admin}/readyz`)).json() as { checks: { name: string; ok: boolean; reason: string }[] }
  t.deepEqual(checks.find(({ name }) => name === 'identity'), { name: 'identity', ok: false, reason: 'no provider is known before a policy is in force' })
  const [host = '', port] = gateway.addresses[1]?.split(':') ?? []
  const socket = connect({ host, port: Number(port) })
  socket.on('error', () => undefined).resume()
  await once(socket, 'close')
  await eventually(() => gateway.log().includes('"target":"appdb","msg":"a listener hangs up: no policy is in force"') || undefined, 'the log')
  const { event } = await eventually(() => gateway.frames().find(({ event }) => event?.['target'] === 'appdb'), 'the count')
  t.is(event?.['code'], 'policy.unavailable')
})

const call = (args: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_report","arguments":${args}}}`
interface BadMessage { readonly title: string; readonly body: string | Uint8Array<ArrayBuffer>; readonly status: number; readonly rpc: number; readonly code: string; readonly message: string }
const badMessages: readonly BadMessage[] = [
  { title: 'a message that is not JSON', body: '{"jsonrpc":', status: 400, rpc: -32700, code: 'request.malformed', message: 'the JSON text is malformed (byte 11)' },
  { title: 'a message with a member given twice', body: call(`{"report":"daily","report":"${ssn}"}`), status: 400, rpc: -32700, code: 'request.malformed', message: 'an object has the same member twice (byte 106)' },
  { title: 'a message nested too deep', body: call(`${'['.repeat(40)}${']'.repeat(40)}`), status: 400, rpc: -32700, code: 'request.malformed', message: 'the JSON text is nested deeper than allowed (byte 118)' },
  { title: 'a message that is not UTF-8', body: Uint8Array.from([...Buffer.from('{"jsonrpc":"'), 0xff, 0xfe, 0x22, 0x7d]), status: 400, rpc: -32700, code: 'request.malformed', message: 'the JSON text is not UTF-8 (byte 0)' },
  { title: 'a message over the cap', body: call(`{"report":"${'x'.repeat(70_000)}"}`), status: 413, rpc: 4130, code: 'request.too_large', message: 'The message is too large' },
  { title: 'an unknown method', body: '{"jsonrpc":"2.0","id":1,"method":"tools/forget"}', status: 200, rpc: -32601, code: 'request.unknown_method', message: 'Method not found' },
]
for (const { title, body, status, rpc, code, message } of badMessages) {
  test(`${title} is refused, on record without its content, and reaches no upstream`, async (t) => {
    const before = bank().upstream.seen.length
    const refused = await gateway.send('/bank', { method: 'POST', token: await bank().token({ sub: 'malformed' }), headers: mcpHeaders, body })
    t.is(refused.status, status)
    t.is(codeOf(refused), rpc)
    t.is(messageOf(refused), message)
    const frame = await gateway.frame(refused.receipt)
    t.is(frame.kind, 'refusal')
    t.is(frame.structure?.['1'], code)
    t.deepEqual(frame.event, { event: 'refusal', code, message })
    t.false(refused.text.includes(ssn) || JSON.stringify(gateway.frames()).includes(ssn) || gateway.log().includes(ssn))
    t.true(bank().upstream.seen.slice(before).every(({ body: sent }) => !sent.includes('tools/forget') && !sent.includes(ssn)))
    t.true(await lives())
  })
}

test('a tool nobody declared is refused by policy and answers like one that does not exist', async (t) => {
  const refused = await gateway.tool(await bank().token(), 'steal_everything')
  t.is(refused.status, 200)
  t.is(codeOf(refused), -32602)
  t.is(messageOf(refused), 'Unknown tool: steal_everything')
  const frame = await gateway.frame(refused.receipt)
  t.is(frame.kind, 'refusal')
  t.is(frame.structure?.['1'], 'policy.denied')
  t.deepEqual(frame.decision?.reasons.map(({ id, msg }) => [id, msg]), [['countersign.access', 'The caller may not use this resource.']])
  t.false(bank().upstream.seen.some(({ body }) => body.includes('steal_everything')))
  t.true(await lives())
})

test('an HTTP request over an undeclared route is refused in problem+json and on record', async (t) => {
  const refused = await gateway.send('/ledger/vault/keys', { token: await bank().token({ audience: 'ledger' }) })
  t.is(refused.status, 403)
  t.is(codeOf(refused), 'policy.denied')
  t.is((await gateway.frame(refused.receipt)).structure?.['1'], 'policy.denied')
  t.true(await lives())
})

for (const [title, body, message] of [
  ['not JSON', '{"amount":', 'the JSON text is malformed (byte 10)'],
  ['with a member given twice', '{"amount":1,"amount":20000}', 'an object has the same member twice (byte 12)'],
  ['not UTF-8', Uint8Array.from([0x7b, 0xff, 0x7d]), 'the JSON text is not UTF-8 (byte 0)'],
  ['nested too deep', `${'['.repeat(40)}${']'.repeat(40)}`, 'the JSON text is nested deeper than allowed (byte 32)'],
] as const) {
  test(`an HTTP body that is ${title} is refused in problem+json, on record without its content`, async (t) => {
    const refused = await gateway.send('/ledger/transfers', { method: 'POST', token: await bank().token({ audience: 'ledger', sub: 'malformed' }), headers: { 'content-type': 'application/json' }, body })
    t.is(refused.status, 400)
    t.is(refused.headers.get('content-type'), 'application/problem+json')
    t.is(codeOf(refused), 'request.malformed')
    t.is(messageOf(refused), message)
    t.deepEqual((await gateway.frame(refused.receipt)).event, { event: 'refusal', code: 'request.malformed', message })
    t.false(bank().upstream.seen.some(({ path: where }) => where.includes('transfers')))
    t.true(await lives())
  })
}

test('a path outside every target, and a request that is no HTTP, are counted, not recorded one by one', async (t) => {
  const refused = await gateway.send('/nowhere', { token: await bank().token() })
  t.is(refused.status, 404)
  t.is(codeOf(refused), 'request.unknown_target')
  const frame = await eventually(() => gateway.frames().find(({ event }) => event?.['code'] === 'request.unknown_target'), 'the count')
  t.is(frame.kind, 'unauthenticated')
})

test('the upstream sees the gateway\'s credential and never the caller\'s', async (t) => {
  const token = await bank().token({ sub: 'jo' })
  const answered = await gateway.tool(token, 'run_report', { report: 'credentials' })
  t.is(answered.status, 200)
  t.false(answered.text.includes(ssn))
  const seen = bank().upstream.seen.find(({ body }) => body.includes('credentials'))
  t.is(seen?.headers['x-service-key'], credential)
  t.false(JSON.stringify(seen?.headers).includes(token.slice(-20)))
})
