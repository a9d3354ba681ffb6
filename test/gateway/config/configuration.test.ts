import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parseBootstrap } from '../../../gateway/bootstrap.ts'
import { ConfigError, type ConfigProblem } from '../../../gateway/config-document.ts'
import { parseGoverned } from '../../../gateway/governed.ts'
import { resolveSecrets } from '../../../gateway/secrets.ts'

const bootstrap = `
node: gw-1
listen:
  - { host: 127.0.0.1, port: 8080 }
admin: { host: 127.0.0.1, port: 8081 }
public_url: http://127.0.0.1:8080/
directories: { journal: j, keys: k, sealer: s, evidence: e, state: st }
policy: { repository: policy, allowed_signers: signers }
secrets: { bank-key: { env: BANK_KEY }, file-key: { file: key } }
`
const governed = `
identity:
  - { issuer: 'https://idp.example', jwks_uri: 'https://idp.example/jwks', audiences: ['https://gw.example/bank'] }
targets:
  - name: bank
    protocol: mcp
    prefix: /bank
    env: prod
    upstream: { url: 'https://bank.internal/mcp', credential: { header: authorization, secret: bank-key, scheme: Bearer } }
    catalogue:
      export: { effects: [read, export], result: { ssn: US_SSN } }
      rename: {}
approvals:
  lead: { groups: [{ any_of: [leads] }] }
`

function problems(parse: () => unknown): readonly ConfigProblem[] {
  try {
    parse()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const said = (parse: () => unknown): string[] => problems(parse).map(({ path, message }) => `${path}: ${message}`)

test('a bootstrap file is read whole, with defaults and with paths from where it lies', (t) => {
  const config = parseBootstrap(bootstrap, '/etc/countersign/gateway.yaml')
  t.is(config.directories.journal, '/etc/countersign/j')
  t.is(config.policy.ref, 'refs/heads/main')
  t.is(config.publicUrl, 'http://127.0.0.1:8080')
  t.is(config.evidence.intervalS, 10)
  t.deepEqual(config.secrets['file-key'], { file: '/etc/countersign/key' })
  t.is(config.digest.length, 32)
})

test('configuration is frozen to its last member', (t) => {
  const config = parseGoverned(governed, ['bank-key'])
  t.true(Object.isFrozen(config.targets[0]!.catalogue['export']!.effects))
  t.throws(() => { (config.targets as unknown[]).push(1) }, { instanceOf: TypeError })
})

test('what the catalogue does not declare is a write', (t) => {
  const { catalogue } = parseGoverned(governed, ['bank-key']).targets[0]!
  t.deepEqual(catalogue['rename']!.effects, ['write'])
  t.deepEqual(catalogue['export']!.effects, ['read', 'export'])
})

test('every error of a governed file is told at once, each with its path', (t) => {
  t.deepEqual(said(() => parseGoverned(`
identity: []
targets:
  - { name: a, protocol: smtp, prefix: /a, env: prod, upstream: { url: 'https://a.example' } }
  - { name: b, protocol: http, prefix: b/, env: prod, upstream: { url: 'https://b.example', retries: 3 } }
approvals: { lead: { groups: [{ any_of: [leads], min: none }] } }
`, [])).sort(), [
    'approvals.lead.groups[0].min: expected a whole number',
    'identity: must NOT have fewer than 1 items',
    'targets[0].protocol: expected one of mcp, http, postgres, authzen',
    'targets[1].prefix: expected a path such as /bank, without a trailing slash',
    'targets[1].upstream.retries: unknown key',
  ])
})

const governedFaults: readonly (readonly [string, string, string, string])[] = [
  ['a secret that the bootstrap file does not have', 'secret: bank-key', 'secret: other', 'targets[0].upstream.credential.secret: no secret of this name in the bootstrap file'],
  ['an upstream in plaintext off loopback', 'https://bank.internal/mcp', 'http://bank.internal/mcp', 'targets[0].upstream.url: expected https off loopback, or insecure_allow_plaintext: true'],
  ['keys fetched in plaintext', 'https://idp.example/jwks', 'http://idp.example/jwks', 'identity[0].jwks_uri: expected https off loopback'],
  ['an approver template that asks no group', 'any_of: [leads]', 'any_of: []', 'approvals.lead.groups[0].any_of: must NOT have fewer than 1 items'],
  ['a template without groups', 'groups: [{ any_of: [leads] }]', 'ttl_s: 60', 'approvals.lead.groups: is required'],
  ['a symmetric algorithm', "jwks_uri: 'https://idp.example/jwks'", "algorithms: [HS256], jwks_uri: 'https://idp.example/jwks'", 'identity[0].algorithms[0]: expected one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519'],
]
for (const [title, from, to, problem] of governedFaults) {
  test(`${title} is refused with its path`, (t) => {
    t.true(governed.includes(from))
    t.deepEqual(said(() => parseGoverned(governed.replace(from, to), ['bank-key'])), [problem])
  })
}

test('targets whose prefixes overlap are refused: one would answer for the other', (t) => {
  const second = "  - { name: inner, protocol: http, prefix: /bank/inner, env: prod, upstream: { url: 'https://x.example' } }\napprovals:"
  t.deepEqual(said(() => parseGoverned(governed.replace('approvals:', second), ['bank-key'])), ['targets[1].prefix: overlaps the prefix of another target'])
})

const bootstrapFaults: readonly (readonly [string, string, string, string])[] = [
  ['a listener without TLS off loopback', 'host: 127.0.0.1, port: 8080', 'host: 0.0.0.0, port: 8080', 'listen[0].tls: is required off loopback: bearer tokens never travel in plaintext'],
  ['an admin listener off loopback', 'admin: { host: 127.0.0.1', 'admin: { host: 10.0.0.1', 'admin.host: expected a loopback address: reach it through a TLS proxy, named in admin.public_url'],
  ['a public address in plaintext', 'http://127.0.0.1:8080/', 'http://gw.example', 'public_url: expected https off loopback'],
  ['a secret with its value in the file', '{ env: BANK_KEY }', '{ value: hunter2 }', 'secrets.bank-key.value: unknown key'],
  ['an unknown key', 'node: gw-1', 'node: gw-1\nnodes: 3', 'nodes: unknown key'],
  ['a missing key', 'node: gw-1', '', 'node: is required'],
]
for (const [title, from, to, problem] of bootstrapFaults) {
  test(`${title} is refused in the bootstrap file with its path`, (t) => {
    t.true(bootstrap.includes(from))
    t.deepEqual(said(() => parseBootstrap(bootstrap.replace(from, to), 'gateway.yaml')), [problem])
  })
}

test('a key that stands twice is refused with its line', (t) => {
  t.deepEqual(said(() => parseBootstrap(`${bootstrap}node: gw-2\n`, 'gateway.yaml')), [': line 10: a key stands twice in one mapping'])
})

test('YAML aliases are refused: a short file could grow without end', (t) => {
  t.deepEqual(said(() => parseBootstrap('node: &a [x]\nlisten: *a\n', 'gateway.yaml')), [': aliases are not accepted'])
})

test('an error message never repeats a value, which may be a secret in the wrong place', (t) => {
  const error = t.throws(() => parseGoverned(governed.replace('secret: bank-key', 'secret: "s3cret value!"'), ['bank-key']), { instanceOf: ConfigError })
  t.is(error.code, 'ERR_CONFIG_INVALID')
  t.false(error.message.includes('s3cret'))
  t.true(error.message.includes('targets[0].upstream.credential.secret'))
})

test('secrets come from files and named variables, without the line break at a file\'s end', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-secret-'))
  t.teardown(() => { rmSync(directory, { recursive: true }) })
  writeFileSync(join(directory, 'key'), 'from-file\n')
  const secrets = resolveSecrets({ a: { env: 'A_KEY' }, b: { file: join(directory, 'key') } }, { A_KEY: 'from-variable' })
  t.deepEqual([...secrets], [['a', 'from-variable'], ['b', 'from-file']])
})

test('a secret that cannot be had stops the start and names the secret, not its value', (t) => {
  t.throws(() => resolveSecrets({ a: { env: 'A_KEY' } }, {}), { code: 'ERR_SECRET_UNRESOLVED', message: 'secret a: environment variable A_KEY is not set' })
  t.throws(() => resolveSecrets({ a: { file: '/nonexistent/key' } }, {}), { code: 'ERR_SECRET_UNRESOLVED', message: 'secret a: /nonexistent/key cannot be read' })
  t.throws(() => resolveSecrets({ a: { env: 'A_KEY' } }, { A_KEY: 'x\r\nX-Injected: 1' }), { code: 'ERR_SECRET_UNRESOLVED', message: 'secret a contains a control character' })
})

test('a key of several lines may be a secret, and only one of RFC 7468 may', (t) => {
  const key = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'
  t.deepEqual([...resolveSecrets({ a: { env: 'A_KEY' } }, { A_KEY: key })], [['a', key]])
  t.throws(() => resolveSecrets({ a: { env: 'A_KEY' } }, { A_KEY: `x\n${key}` }), { code: 'ERR_SECRET_UNRESOLVED', message: 'secret a contains a control character' })
  t.throws(() => resolveSecrets({ a: { env: 'A_KEY' } }, { A_KEY: `${key}\u0000` }), { code: 'ERR_SECRET_UNRESOLVED', message: 'secret a contains a control character' })
})

test('an issuer that could be read as another with a longer subject is refused', (t) => {
  t.deepEqual(said(() => parseGoverned(governed.replace("issuer: 'https://idp.example'", "issuer: 'https://idp.example/a|b'"), ['bank-key'])), ['identity[0].issuer: expected an issuer without |'])
})

test('the bootstrap file that the README shows is one, and its comments say the defaults', (t) => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const text = /```yaml\n(node: [^`]*)```/.exec(readme)?.[1] ?? t.fail('no bootstrap file') as never
  const shown = parseBootstrap(text, '/srv/gateway.yaml')
  t.is(shown.directories.evidence, '/srv/data/evidence')
  t.like(shown.policy, { ref: 'refs/heads/main', quorum: 2, pollS: 10 })
  const spelled = parseBootstrap(text.replaceAll(/^# /gm, ''), '/srv/gateway.yaml')
  t.deepEqual({ ...shown, digest: spelled.digest }, spelled)
})
