// What configuration may say of a PostgreSQL target and of its listener, and what it is told when it says something else.
import test from 'ava'
import { parseBootstrap } from '../../../gateway/bootstrap.ts'
import { ConfigError } from '../../../gateway/config-document.ts'
import { parseGoverned } from '../../../gateway/governed.ts'

const target = "  - { name: appdb, protocol: postgres, prefix: /appdb, env: prod, upstream: { url: 'postgres://db.internal/app' } }"
const governed = (of: string): string => `
identity:
  - { issuer: 'https://idp.example', jwks_uri: 'https://idp.example/jwks', audiences: ['https://gw.example/appdb'] }
targets:
${of}
`
const parse = (of: string) => parseGoverned(governed(of), ['db-password', 'db-ca', 'db-cert', 'db-key']).targets[0]!
const problems = (of: string): string[] => {
  try { parse(of) } catch (error) { if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`); throw error }
  return []
}

test('a PostgreSQL target says little and gets the safe answer to all else', (t) => {
  t.deepEqual(parse(target).postgres, { unparsed: 'deny', unknownOrigin: 'mask', onExpiry: 'finish', approvalWaitS: 60, signIn: ['token'], parameters: 'known' })
  t.is(parse(target).upstream.tls, undefined)
})

test('a PostgreSQL target says everything that it may', (t) => {
  const said = parse(`  - { name: appdb, protocol: postgres, prefix: /appdb, env: prod,
      upstream: { url: 'postgresql://[2001:db8::1]:6432/my%20app', user: gateway, credential: { secret: db-password }, tls: { ca: db-ca, cert: db-cert, key: db-key, server_name: db.internal, direct: true } },
      postgres: { databases: [app, "Über"], unparsed: transparent, unknown_origin: deny, on_expiry: close, approval_wait_s: 0, sign_in: [oauthbearer, scram], parameters: any } }`)
  t.deepEqual(said.upstream, {
    url: 'postgresql://[2001:db8::1]:6432/my%20app', timeoutMs: 30_000, insecureAllowPlaintext: false, user: 'gateway', credential: { secret: 'db-password' },
    tls: { ca: 'db-ca', cert: 'db-cert', key: 'db-key', serverName: 'db.internal', isDirect: true },
  })
  t.deepEqual(said.postgres, { databases: ['app', 'Über'], unparsed: 'transparent', unknownOrigin: 'deny', onExpiry: 'close', approvalWaitS: 0, signIn: ['oauthbearer', 'scram'], parameters: 'any' })
})

const url = "url: 'postgres://db.internal/app'"
const faults: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['an upstream of another protocol', url, "url: 'https://db.internal/app'", ['targets[0].upstream.url: expected postgres://host:port/database, without user and password']],
  ['a password in the URL', url, "url: 'postgres://gw:hunter2@db.internal/app'", ['targets[0].upstream.url: expected postgres://host:port/database, without user and password']],
  ['a port that is none', url, "url: 'postgres://db.internal:70000/app'", ['targets[0].upstream.url: expected postgres://host:port/database, without user and password']],
  ['several hosts', url, "url: 'postgres://a,b/app'", ['targets[0].upstream.url: expected postgres://host:port/database, without user and password']],
  ['a path below the database', url, "url: 'postgres://db.internal/app/public'", ['targets[0].upstream.url: expected postgres://host:port/database, without user and password']],
  ['options of a driver', url, "url: 'postgres://db.internal/app?sslmode=disable'", ['targets[0].upstream.url: expected an http, https or postgres URL without query or fragment']],
  ['a database name with a broken escape', url, "url: 'postgres://db.internal/a%zz'", ['targets[0].upstream.url: expected a database name of at most 63 bytes, percent-encoded']],
  ['a database name that PostgreSQL would cut', url, `url: 'postgres://db.internal/${'a'.repeat(64)}'`, ['targets[0].upstream.url: expected a database name of at most 63 bytes, percent-encoded']],
  ['a header for the password', url, `${url}, credential: { secret: db-password, header: authorization }`, ['targets[0].upstream.credential.header: is for http and mcp alone: the secret is the password']],
  ['a scheme for the password', url, `${url}, credential: { secret: db-password, scheme: Bearer }`, ['targets[0].upstream.credential.scheme: is for http and mcp alone: the secret is the password']],
  ['a password that the bootstrap file does not have', url, `${url}, credential: { secret: other }`, ['targets[0].upstream.credential.secret: no secret of this name in the bootstrap file']],
  ['certificates that the bootstrap file does not have', url, `${url}, tls: { ca: other, cert: third, key: fourth }`, [
    'targets[0].upstream.tls.ca: no secret of this name in the bootstrap file', 'targets[0].upstream.tls.cert: no secret of this name in the bootstrap file', 'targets[0].upstream.tls.key: no secret of this name in the bootstrap file']],
  ['a certificate without its key', url, `${url}, tls: { cert: db-cert }`, ['targets[0].upstream.tls: cert and key go together']],
  ['TLS together with leave for plaintext', url, `${url}, insecure_allow_plaintext: true, tls: {}`, ['targets[0].upstream.insecure_allow_plaintext: contradicts upstream.tls']],
  ['a mode that would not verify the server', url, `${url}, tls: { mode: require }`, ['targets[0].upstream.tls.mode: unknown key']],
  ['a role name that PostgreSQL would cut', url, `${url}, user: "${'ü'.repeat(32)}"`, ['targets[0].upstream.user: expected at most 63 bytes']],
  ['a wait longer than an hour', 'env: prod', 'env: prod, postgres: { approval_wait_s: 3601 }', ['targets[0].postgres.approval_wait_s: must be <= 3600']],
  ['a way to sign in that there is not', 'env: prod', 'env: prod, postgres: { sign_in: [md5] }', ['targets[0].postgres.sign_in[0]: expected one of token, oauthbearer, scram']],
  ['no prefix, which names the audience of its tokens', 'prefix: /appdb, ', '', ['targets[0].prefix: is required']],
  ['its block on a target of another protocol', 'protocol: postgres', 'protocol: http, postgres: {}', ['targets[0].upstream.url: expected an http or https URL', 'targets[0].postgres: is for protocol postgres alone']],
  ['its role and TLS on a target of another protocol', `protocol: postgres, prefix: /appdb, env: prod, upstream: { ${url}`, "protocol: mcp, prefix: /appdb, env: prod, upstream: { url: 'https://x.example', user: gw, tls: {}", ['targets[0].upstream.user: is for protocol postgres alone', 'targets[0].upstream.tls: is for protocol postgres alone']],
  ['a credential of an HTTP target without a header', `protocol: postgres, prefix: /appdb, env: prod, upstream: { ${url}`, "protocol: http, prefix: /appdb, env: prod, upstream: { url: 'https://x.example', credential: { secret: db-password }", ['targets[0].upstream.credential.header: is required']],
]
for (const [title, from, to, expected] of faults) {
  test(`${title} is refused with its path`, (t) => {
    t.true(target.includes(from))
    t.deepEqual(problems(target.replace(from, to)), expected)
  })
}

test('a fault in an upstream\'s URL is told without the password in it', (t) => {
  const error = t.throws(() => parse(target.replace(url, "url: 'postgres://gw:hunter2@db.internal/app'")), { instanceOf: ConfigError })
  t.false(error.message.includes('hunter2'))
})

const bootstrap = `
node: gw-1
listen:
  - { host: 127.0.0.1, port: 8080 }
  - { host: 127.0.0.1, port: 5432, target: appdb }
  - { host: 0.0.0.0, port: 5432, target: appdb, tls: { cert: c.pem, key: k.pem } }
admin: { host: 127.0.0.1, port: 8081 }
public_url: http://127.0.0.1:8080/
directories: { journal: j, keys: k, sealer: s, evidence: e, state: st }
policy: { repository: policy, allowed_signers: signers }
`

test('a listener belongs to one target where its configuration names it, and to HTTP otherwise', (t) => {
  t.deepEqual(parseBootstrap(bootstrap, '/etc/gw.yaml').listen.map(({ target: of, tls }) => [of, tls?.cert]), [[undefined, undefined], ['appdb', undefined], ['appdb', '/etc/c.pem']])
})

test('a target\'s own listener carries passwords: off loopback it has a certificate', (t) => {
  const error = t.throws(() => parseBootstrap(bootstrap.replace(', tls: { cert: c.pem, key: k.pem }', ''), 'gw.yaml'), { instanceOf: ConfigError })
  t.deepEqual(error.problems, [{ path: 'listen[2].tls', message: 'is required off loopback: bearer tokens never travel in plaintext' }])
})
