// Where policy comes from, and what it takes to bring it into force: the two places in configuration that say so.
import test from 'ava'
import { parseBootstrap } from '../../../gateway/bootstrap.ts'
import { ConfigError } from '../../../gateway/config-document.ts'
import { parseGoverned } from '../../../gateway/governed.ts'

const bootstrap = (policy: string): string => `node: gw-1
listen: [{ host: 127.0.0.1, port: 8080 }]
admin: { host: 127.0.0.1, port: 8081 }
public_url: http://127.0.0.1:8080
directories: { journal: j, keys: k, sealer: s, evidence: e, state: st }
policy: { allowed_signers: signers, ${policy} }
`
const governed = (activation: string): string => `identity: [{ issuer: 'https://idp.example', jwks_uri: 'https://idp.example/jwks', audiences: [a] }]
targets: [{ name: bank, protocol: mcp, prefix: /bank, env: prod, upstream: { url: 'https://bank.internal/mcp' } }]
${activation}
`

function said(parse: () => unknown): string[] {
  try {
    parse()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

test('two people bring the first commit and every other into force, unless config says another number', (t) => {
  t.is(parseBootstrap(bootstrap('repository: policy'), '/etc/c/gw.yaml').policy.quorum, 2)
  t.is(parseBootstrap(bootstrap('repository: policy, quorum: 1'), '/etc/c/gw.yaml').policy.quorum, 1)
  t.deepEqual(parseGoverned(governed(''), []).activation, { quorum: 2 })
  t.deepEqual(parseGoverned(governed('activation: { quorum: 3, emergency: { signers: [a@b, c@d], review_within_s: 3600 } }'), []).activation, { quorum: 3, emergency: { quorum: 1, signers: ['a@b', 'c@d'], reviewWithinS: 3600 } })
})

test('a path is taken from where the bootstrap file lies, an address as it stands', (t) => {
  t.like(parseBootstrap(bootstrap('repository: policy'), '/etc/c/gw.yaml').policy, { repository: '/etc/c/policy', isRemote: false })
  for (const address of ['https://git.bank.example/policy.git', 'ssh://git@git.bank.example:2222/policy.git', 'git@git.bank.example:policy.git', 'http://127.0.0.1:3000/policy.git']) {
    t.like(parseBootstrap(bootstrap(`repository: '${address}'`), '/etc/c/gw.yaml').policy, { repository: address, isRemote: true })
  }
})

const addresses: readonly (readonly [string, string, string])[] = [
  ['a password in it', 'https://ci:hunter2@git.bank.example/policy.git', 'expected an address without credentials: policy.https has room for them, and Git asks its credential helper'],
  ['a token in it', 'https://ghp_x@git.bank.example/policy.git', 'expected an address without credentials: policy.https has room for them, and Git asks its credential helper'],
  ['plaintext abroad', 'http://git.bank.example/policy.git', 'expected https off loopback'],
  ['another transport', 'ext::sh -c id://x', 'expected a path, https://…, ssh://… or user@host:path'],
  ['a file URL', 'file:///srv/policy.git', 'expected a path, https://…, ssh://… or user@host:path'],
  ['an option for a host', 'ssh://-oProxyCommand=id/policy.git', 'expected a path, https://…, ssh://… or user@host:path'],
  ['an option for a user', 'ssh://-oProxyCommand@git.bank.example/policy.git', 'expected a host name'],
  ['an option after the colon', 'git@git.bank.example:--upload-pack', 'expected a path, https://…, ssh://… or user@host:path'],
  ['white space', 'https://git.bank.example/a b', 'expected a path, https://…, ssh://… or user@host:path'],
]
for (const [title, address, message] of addresses) {
  test(`an address of the policy repository with ${title} is refused, and never repeated`, (t) => {
    const problems = said(() => parseBootstrap(bootstrap(`repository: '${address}'`), '/etc/c/gw.yaml'))
    t.deepEqual(problems, [`policy.repository: ${message}`])
  })
}

const rules: readonly (readonly [string, string, readonly string[]])[] = [
  ['a quorum of nobody', 'activation: { quorum: 0 }', ['activation.quorum: must be >= 1']],
  ['a quorum of a crowd', 'activation: { quorum: 6 }', ['activation.quorum: must be <= 5']],
  ['an emergency without signers', 'activation: { emergency: { review_within_s: 60 } }', ['activation.emergency.signers: is required']],
  ['an emergency that nobody reviews', 'activation: { emergency: { signers: [a@b] } }', ['activation.emergency.review_within_s: is required']],
  ['an emergency quorum above its signers', 'activation: { emergency: { quorum: 2, signers: [a@b], review_within_s: 60 } }', ['activation.emergency.quorum: is more than the signers it names']],
  ['a key that nobody knows', 'activation: { quroum: 2 }', ['activation.quroum: unknown key']],
]
for (const [title, activation, problems] of rules) {
  test(`${title} is refused with its path`, (t) => { t.deepEqual(said(() => parseGoverned(governed(activation), [])), problems) })
}
