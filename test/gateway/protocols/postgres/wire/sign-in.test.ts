// Clients say who they are: tokens as passwords and by OAUTHBEARER, machine users by SCRAM; with real drivers, a real provider and a real server.
import test, { type ExecutionContext } from 'ava'
import { spawn } from 'node:child_process'
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Client, type ClientConfig } from 'pg'
import { createMachines, type Machines } from '../../../../../gateway/identity/index.ts'
import { encodePassword, encodeSaslInitial, encodeSaslResponse, parseAuthentication } from '../../../../../gateway/protocols/postgres/messages.ts'
import { maxCredentialBytes } from '../../../../../gateway/protocols/postgres/wire/credential.ts'
import { chooseMechanism, scramClient } from '../../../../../gateway/protocols/postgres/wire/scram-client.ts'
import { startTestProvider, type TestProvider } from '../../../identity/provider.ts'
import { newAuthority } from './certificates.ts'
import { audience, callOn, openFront, spoken, startup, type Front, type FrontOptions, type Stranger } from './front-kit.ts'
import { startServer, type TestServer } from './server-kit.ts'

const authority = newAuthority()
let server: TestServer
let provider: TestProvider
test.serial.before(async () => {
  [server, provider] = await Promise.all([startServer(), startTestProvider({ resources: [audience] })])
})
test.after.always(async () => { await Promise.all([server.close(), provider.close()]) })

/** As `CREATE ROLE … PASSWORD` would store it. */
function verifierFor(password: string, iterations = 4096): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const key = (label: string) => createHmac('sha256', salted).update(label).digest()
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${createHash('sha256').update(key('Client Key')).digest('base64')}:${key('Server Key').toString('base64')}`
}

function machinesOf(password = 'machine password'): Machines {
  const machines = createMachines({ now: Date.now, nodeSecret: randomBytes(32), secret: () => verifierFor(password) })
  machines.trust({ machines: [{ name: 'nightly', verifier: 'nightly-verifier', groups: ['jobs'], targets: ['appdb'] }], offBoarded: [], sponsors: {} })
  return machines
}

const open = async (t: ExecutionContext, options: FrontOptions = {}): Promise<Front> => {
  const at = await openFront({ provider, upstream: server.access(), ...options })
  t.teardown(() => at.close())
  return at
}
const pg = (t: ExecutionContext, at: Front, config: ClientConfig): Client => {
  const client = new Client({ host: '127.0.0.1', port: at.port, database: 'postgres', user: 'ana', ...config })
  client.on('error', () => undefined)
  t.teardown(() => void client.end().catch(() => undefined))
  return client
}
const token = (claims: object = {}) => provider.forge({ sub: 'ana', ...claims })

for (const [what, options, ssl] of [
  ['in plaintext on loopback', {}, false],
  ['under TLS', { tls: authority }, { ca: authority.cert }],
] as const) {
  test(`node-postgres signs in with a token as its password, ${what}`, async (t) => {
    const at = await open(t, options)
    const client = pg(t, at, { password: await token(), ssl, host: ssl === false ? '127.0.0.1' : 'localhost' })
    await client.connect()
    t.deepEqual((await client.query('SELECT 1 + 1 AS two')).rows, [{ two: 2 }])
    t.is(at.signedIn[0]?.kind === 'entered' && at.signedIn[0].gate.id, `${provider.issuer}|ana`)
    t.is(at.presented[0]?.from.ip, '127.0.0.1')
  })
}

for (const [what, password, code, message] of [
  ['an expired token', () => token({ exp: 1 }), '28P01', 'The token has expired'],
  ['a token for another resource', () => token({ aud: 'https://gateway.bank.example/other' }), '28P01', 'The token was issued for another audience: here it has to be https://gateway.bank.example/appdb'],
  ['a password that is no token', async () => 'hunter2', '28P01', 'The token is not valid'],
  ['an empty password', async () => '', '28000', 'A bearer token is required'],
] as const) {
  test(`${what} is refused in words a driver can show`, async (t) => {
    const at = await open(t)
    const stranger = await callOn(at.port)
    stranger.send(startup({ user: 'ana' }))
    await stranger.hear(9)
    stranger.send(encodePassword(await password()))
    t.is(spoken(await stranger.end()), `FATAL ${code} ${message}`)
    t.deepEqual(at.signedIn, [{ kind: 'ended', reason: message }])
    const client = pg(t, at, { password: await password() || ' ' })
    await t.throwsAsync(client.connect(), { message: what === 'an empty password' ? 'The token is not valid' : message })
  })
}

for (const [what, bytes, said] of [
  ['a query before it is known', Buffer.from('Q\0\0\0\x0dSELECT 1\0'), 'FATAL 08P01 expected a password or SASL response'],
  ['a password longer than the maximum', Buffer.from([0x70, 0, 1, 0, 4]), `FATAL 08P01 a message is not 5 to ${maxCredentialBytes + 5} bytes long`],
  ['a password with something behind it', Buffer.from('p\0\0\0\x08a\0b\0'), 'FATAL 08P01 PasswordMessage message is not one string'],
  ['a password without its end', Buffer.from('p\0\0\0\x05a'), 'FATAL 08P01 PasswordMessage message is not one string'],
] as const) {
  test(`${what} ends the connection`, async (t) => {
    const at = await open(t)
    const stranger = await callOn(at.port)
    stranger.send(startup({ user: 'ana' }))
    await stranger.hear(9)
    stranger.send(bytes)
    t.is(spoken(await stranger.end()), said)
    t.deepEqual(at.presented, [], 'nothing was presented to identity')
  })
}

test('a password as long as the maximum is judged, not cut', async (t) => {
  const at = await open(t)
  const stranger = await callOn(at.port)
  stranger.send(startup({ user: 'ana' }), encodePassword('x'.repeat(maxCredentialBytes - 1)))
  await stranger.hear(9)
  t.is(spoken(await stranger.end()), 'FATAL 28P01 The token is not valid')
  t.is(at.presented[0]?.kind === 'bearer' && at.presented[0].token.length, maxCredentialBytes - 1)
})

const tokensFrom = { configuration: 'https://idp.bank.example/.well-known/openid-configuration', scope: 'openid' }
/** Up to the list of mechanisms. */
async function sasl(t: ExecutionContext, options: FrontOptions, user = 'ana'): Promise<{ at: Front; stranger: Stranger; offered: readonly string[] }> {
  const at = await open(t, options)
  const stranger = await callOn(at.port)
  t.teardown(() => { stranger.socket.destroy() })
  stranger.send(startup({ user }))
  const asked = parseAuthentication(await wholeFrom(stranger))
  return { at, stranger, offered: asked.kind === 'sasl' ? asked.mechanisms : [] }
}
async function wholeFrom(stranger: Stranger): Promise<Uint8Array> {
  const head = Buffer.from(await stranger.hear(5))
  return Buffer.concat([head, await stranger.hear(head.readInt32BE(1) - 4)])
}
const bearer = (value: string, gs2 = 'n,,') => encodeSaslInitial({ mechanism: 'OAUTHBEARER', response: Buffer.from(`${gs2}\u0001auth=${value}\u0001\u0001`) })
const dataOf = async (stranger: Stranger): Promise<string> => {
  const message = parseAuthentication(await wholeFrom(stranger))
  return 'data' in message ? Buffer.from(message.data).toString() : message.kind
}

test('OAUTHBEARER lets a token in', async (t) => {
  const { at, stranger, offered } = await sasl(t, { methods: ['oauthbearer'], tokensFrom })
  t.deepEqual(offered, ['OAUTHBEARER'])
  stranger.send(bearer(`Bearer ${await token()}`, 'y,,'))
  t.is(await dataOf(stranger), 'ok')
  t.is(at.signedIn[0]?.kind === 'entered' && at.signedIn[0].gate.id, `${provider.issuer}|ana`)
})

test('OAUTHBEARER without an initial response, and with fields beside the token, is the same', async (t) => {
  const { stranger } = await sasl(t, { methods: ['oauthbearer'], tokensFrom })
  stranger.send(encodeSaslInitial({ mechanism: 'OAUTHBEARER', response: null }))
  t.is(await dataOf(stranger), '')
  stranger.send(encodeSaslResponse(Buffer.from(`n,,\u0001host=db\u0001port=5432\u0001auth=bearer ${await token()}\u0001\u0001`)))
  t.is(await dataOf(stranger), 'ok')
})

test('OAUTHBEARER without a token is told where to get one, and nothing is presented to identity', async (t) => {
  const { at, stranger } = await sasl(t, { methods: ['oauthbearer'], tokensFrom })
  stranger.send(bearer(''))
  t.deepEqual(JSON.parse(await dataOf(stranger)), { status: 'invalid_token', 'openid-configuration': tokensFrom.configuration, scope: 'openid' })
  stranger.send(encodeSaslResponse(Uint8Array.of(1)))
  t.is(spoken(await stranger.end()), 'FATAL 28000 a bearer token is required')
  t.deepEqual(at.presented, [])
})

test('OAUTHBEARER with a bad token is told where to get one, then why', async (t) => {
  const { stranger } = await sasl(t, { methods: ['oauthbearer'], tokensFrom })
  stranger.send(bearer(`Bearer ${await token({ exp: 1 })}`))
  t.is((JSON.parse(await dataOf(stranger)) as { status: string }).status, 'invalid_token')
  stranger.send(encodeSaslResponse(Uint8Array.of(1)))
  t.is(spoken(await stranger.end()), 'FATAL 28P01 The token has expired')
})

for (const [what, first] of [
  ['a message bound to the channel', Buffer.from('p=tls-exporter,,\u0001auth=Bearer x\u0001\u0001')],
  ['a message that acts for somebody else', Buffer.from('n,a=eve,\u0001auth=Bearer x\u0001\u0001')],
  ['two tokens', Buffer.from('n,,\u0001auth=Bearer x\u0001auth=Bearer y\u0001\u0001')],
  ['no token field', Buffer.from('n,,\u0001host=x\u0001\u0001')],
  ['another scheme', Buffer.from('n,,\u0001auth=Basic eA==\u0001\u0001')],
  ['a token with a line break', Buffer.from('n,,\u0001auth=Bearer x\r\ny\u0001\u0001')],
  ['no end', Buffer.from('n,,\u0001auth=Bearer x\u0001')],
  ['nothing', Buffer.alloc(0)],
] as const) {
  test(`OAUTHBEARER with ${what} is malformed`, async (t) => {
    const { at, stranger } = await sasl(t, { methods: ['oauthbearer'], tokensFrom })
    stranger.send(encodeSaslInitial({ mechanism: 'OAUTHBEARER', response: first }))
    t.is(spoken(await stranger.end()), 'FATAL 08P01 the OAUTHBEARER message is malformed')
    t.deepEqual(at.presented, [])
  })
}

test('an answer to the OAUTHBEARER error that RFC 7628 does not know ends the connection', async (t) => {
  const { stranger } = await sasl(t, { methods: ['oauthbearer'], tokensFrom })
  stranger.send(bearer(''))
  await dataOf(stranger)
  stranger.send(encodeSaslResponse(Buffer.from('n,,')))
  t.is(spoken(await stranger.end()), 'FATAL 08P01 the client did not answer the OAUTHBEARER error as RFC 7628 asks')
})

test('a mechanism that was not offered, and a length that is not the rest, end the connection', async (t) => {
  const { stranger } = await sasl(t, { methods: ['oauthbearer'], machines: machinesOf() })
  stranger.send(encodeSaslInitial({ mechanism: 'SCRAM-SHA-256', response: Buffer.from('n,,n=,r=abc') }))
  t.is(spoken(await stranger.end()), 'FATAL 08P01 the client chose a SASL mechanism that was not offered')
  const { stranger: other } = await sasl(t, { methods: ['oauthbearer'] })
  other.send(Buffer.from('p\0\0\0\x14OAUTHBEARER\0\x7f\xff\xff\xff', 'latin1'))
  t.is(spoken(await other.end()), 'FATAL 08P01 SASLInitialResponse message has 0 bytes for a response of length 2147483647')
})

test('a listener that has no way to sign in says so', async (t) => {
  const { at, stranger } = await (async () => {
    const front = await open(t, { methods: ['scram'] })
    const one = await callOn(front.port)
    one.send(startup({ user: 'ana' }))
    return { at: front, stranger: one }
  })()
  t.is(spoken(await stranger.end()), 'FATAL 28000 this listener has no way to sign in')
  t.is(at.signedIn[0]?.kind, 'ended')
})

test('a machine user signs in with node-postgres and its password, and is a service', async (t) => {
  const at = await open(t, { methods: ['oauthbearer', 'scram'], machines: machinesOf(), tokensFrom })
  const client = pg(t, at, { user: 'nightly', password: 'machine password' })
  await client.connect()
  t.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  t.like(at.signedIn[0]?.kind === 'entered' && at.signedIn[0].gate, { type: 'service', id: 'machine|nightly', clientId: 'nightly', groups: ['jobs'], amr: ['pwd'] })
})

test('a wrong password and a name nobody has are refused alike', async (t) => {
  const machines = machinesOf()
  for (const user of ['nightly', 'nobody']) {
    const at = await open(t, { methods: ['scram'], machines })
    const error = await t.throwsAsync<Error & { code?: string }>(pg(t, at, { user, password: 'wrong' }).connect(), { message: 'The password is not valid' })
    t.is(error.code, '28P01')
    t.is(at.presented[0]?.kind, 'machine', 'a failed proof is on record too')
  }
})

test('people and jobs share a listener: a user name with the prefix of machines proves a password, any other is asked for a token', async (t) => {
  const at = await open(t, { methods: ['token', 'scram'], machinePrefix: 'night', machines: machinesOf() })
  for (const config of [{ user: 'nightly', password: 'machine password' }, { user: 'ana', password: await token() }]) {
    const client = pg(t, at, config)
    await client.connect()
    t.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  }
  t.deepEqual(at.signedIn.map((who) => who.kind === 'entered' && who.gate.id), ['machine|nightly', `${provider.issuer}|ana`])
})

test('on a shared listener no name with the prefix of machines is asked for a password in the clear, whether or not there is such a machine', async (t) => {
  const gone = machinesOf()
  gone.trust({ machines: [], offBoarded: [], sponsors: {} })
  for (const [user, machines] of [['nightly', machinesOf()], ['nightly', gone], ['nightwatch', machinesOf()], ['night', machinesOf()]] as const) {
    const options = { methods: ['token', 'scram'], machinePrefix: 'night', machines } as const
    t.deepEqual((await sasl(t, options, user)).offered, ['SCRAM-SHA-256'], user)
    const error = await t.throwsAsync<Error & { code?: string }>(pg(t, await open(t, options), { user, password: 'wrong' }).connect(), { message: 'The password is not valid' })
    t.is(error.code, '28P01')
    // The token of a person is no password, either.
    const { stranger, at } = await sasl(t, options, user)
    stranger.send(encodePassword(await token()))
    t.regex(spoken(await stranger.end()), /^FATAL 08P01 SASLInitialResponse message/)
    t.deepEqual(at.presented, [])
  }
})

test('on a shared listener a name without the prefix proves no password, also where it is a machine’s', async (t) => {
  const { at, stranger } = await sasl(t, { methods: ['token', 'scram'], machinePrefix: 'job-', machines: machinesOf() }, 'nightly')
  stranger.send(encodeSaslInitial({ mechanism: 'SCRAM-SHA-256', response: Buffer.from('n,,n=,r=abcdefgh') }))
  t.is(spoken(await stranger.end()), 'FATAL 08P01 PasswordMessage message is not one string')
  t.deepEqual(at.presented, [])
})

for (const [what, spoil] of [
  ['SCRAM bound to a channel that was not offered', { first: 'p=tls-server-end-point,,n=,r=abcdefgh' }],
  ['SCRAM with a mandatory extension', { first: 'n,,m=x,n=,r=abcdefgh' }],
  ['SCRAM without a nonce', { first: 'n,,n=,r=' }],
  ['SCRAM with a message longer than any', { first: `n,,n=,r=${'a'.repeat(2_100)}` }],
  ['SCRAM that ends with another nonce', { nonce: 'x' }],
  ['SCRAM that ends with another channel', { binding: 'eSws' }],
  ['SCRAM that ends with half a proof', { proof: 'AAAA' }],
] as const) {
  test(`${what} is malformed`, async (t) => {
    const { at, stranger } = await sasl(t, { methods: ['scram'], machines: machinesOf() }, 'nightly')
    const scram = scramClient('machine password', chooseMechanism(['SCRAM-SHA-256'], undefined)!)
    stranger.send(encodeSaslInitial({ mechanism: 'SCRAM-SHA-256', response: Buffer.from('first' in spoil ? spoil.first : scram.first) }))
    if (!('first' in spoil)) {
      let final = await scram.final(await dataOf(stranger)) ?? ''
      if ('nonce' in spoil) final = final.replace(/r=./, 'r=\u0021')
      if ('binding' in spoil) final = final.replace('c=biws', `c=${spoil.binding}`)
      if ('proof' in spoil) final = final.replace(/p=.*/, `p=${spoil.proof}`)
      stranger.send(encodeSaslResponse(Buffer.from(final)))
    }
    t.is(spoken(await stranger.end()), 'FATAL 08P01 the SCRAM message is malformed, or asks for what is not offered')
    t.deepEqual(at.presented, [])
  })
}

test('a cancel from a driver ends its own statement, and a guess ends nobody’s', async (t) => {
  const at = await open(t)
  const client = pg(t, at, { password: await token() })
  await client.connect()
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const slow = t.throwsAsync<Error & { code?: string }>(client.query("SELECT pg_sleep(60) /* cancel me */"))
  while ((await server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%cancel me%' AND pid <> pg_backend_pid()")).length === 0) { /* not asleep yet */ }
  const guess = await callOn(at.port)
  const request = (key: number) => { const bytes = Buffer.alloc(16); bytes.writeInt32BE(16, 0); bytes.writeInt32BE(80877102, 4); bytes.writeInt32BE(processID, 8); bytes.writeInt32BE(key, 12); return bytes }
  guess.send(request(secretKey ^ 1))
  await guess.end()
  const right = await callOn(at.port)
  right.send(request(secretKey))
  await right.end()
  t.is((await slow)?.code, '57014')
  t.deepEqual(at.cancels, ['unknown', 'session'])
  t.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'the session goes on')
})

/** libpq, where there is one. */
const withPsql = ['/usr/bin/psql', '/usr/local/bin/psql'].some((file) => existsSync(file)) ? test : test.skip
function psql(t: ExecutionContext, conninfo: string, environment: Record<string, string>): Promise<{ out: string; err: string }> {
  const child = spawn('psql', ['-X', '-A', '-t', '-c', 'SELECT 40 + 2', conninfo], { env: { PATH: '/usr/bin:/usr/local/bin', LC_ALL: 'C.UTF-8', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill() })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => { out += String(chunk) })
  child.stderr.on('data', (chunk) => { err += String(chunk) })
  return new Promise((resolve) => { child.once('close', () => resolve({ out: out.trim(), err: err.trim() })) })
}

withPsql('stock psql signs in with a token in PGPASSWORD: in plaintext, under verified TLS, and after asking for GSS first', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'countersign-psql-'))
  t.teardown(() => { rmSync(dir, { recursive: true, force: true }) })
  writeFileSync(path.join(dir, 'ca.pem'), authority.cert)
  const PGPASSWORD = await token()
  const plain = await open(t)
  for (const options of ['sslmode=disable', 'sslmode=prefer', 'sslmode=disable gssencmode=prefer', "sslmode=disable options='-c statement_timeout=5s'"]) {
    t.deepEqual(await psql(t, `host=127.0.0.1 port=${plain.port} user=ana dbname=postgres ${options}`, { PGPASSWORD }), { out: '42', err: '' }, options)
  }
  const secured = await open(t, { tls: authority })
  for (const options of [`sslmode=verify-full sslrootcert=${dir}/ca.pem`, 'sslmode=require gssencmode=prefer']) {
    t.deepEqual(await psql(t, `host=localhost port=${secured.port} user=ana dbname=postgres ${options}`, { PGPASSWORD, HOME: dir }), { out: '42', err: '' }, options)
  }
  t.regex((await psql(t, `host=localhost port=${secured.port} user=ana dbname=postgres sslmode=disable`, { PGPASSWORD })).err, /FATAL: {2}this listener takes TLS connections only\nHINT: {2}Set sslmode=require or stricter\.$/)
  t.regex((await psql(t, `host=127.0.0.1 port=${plain.port} user=ana dbname=postgres sslmode=disable`, { PGPASSWORD: 'wrong' })).err, /FATAL: {2}The token is not valid\nHINT: {2}Connect with a fresh token/)
})

withPsql('stock psql proves a machine user’s password by SCRAM', async (t) => {
  const at = await open(t, { methods: ['scram'], machines: machinesOf(), tls: authority })
  t.deepEqual(await psql(t, `host=localhost port=${at.port} user=nightly dbname=postgres sslmode=require`, { PGPASSWORD: 'machine password' }), { out: '42', err: '' })
  t.regex((await psql(t, `host=localhost port=${at.port} user=nightly dbname=postgres sslmode=require`, { PGPASSWORD: 'other' })).err, /FATAL: {2}The password is not valid/)
})
