// `policy.https` and `policy.ssh` of a bootstrap file: how a node comes to a policy repository elsewhere.
import test from 'ava'
import { parseBootstrap } from '../../../gateway/bootstrap.ts'
import { ConfigError } from '../../../gateway/config-document.ts'
import type { Bootstrap } from '../../../gateway/config.ts'

const parse = (policy: string): Bootstrap => parseBootstrap(`
node: gw-1
listen: [{ host: 127.0.0.1, port: 8080 }]
admin: { host: 127.0.0.1, port: 8081 }
public_url: http://127.0.0.1:8080/
directories: { journal: j, keys: k, sealer: s, evidence: e, state: st }
policy: { allowed_signers: signers, ${policy} }
secrets: { git-token: { env: GIT_TOKEN }, git-key: { file: key } }
`, '/etc/countersign/gateway.yaml')

function problems(policy: string): string[] {
  try {
    parse(policy)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

test('an authority, a user and a secret\'s name for https; a key\'s name and host keys for ssh', (t) => {
  t.deepEqual(parse('repository: https://git.bank.example/policy.git, https: { ca: bank.pem, user: countersign, secret: git-token }').policy.https, { ca: '/etc/countersign/bank.pem', user: 'countersign', secret: 'git-token' })
  t.deepEqual(parse('repository: https://git.bank.example/policy.git, https: { secret: git-token }').policy.https, { secret: 'git-token' })
  for (const repository of ['ssh://git@git.bank.example/policy.git', 'git@git.bank.example:policy.git']) {
    t.deepEqual(parse(`repository: '${repository}', ssh: { key: git-key, known_hosts: known_hosts }`).policy.ssh, { key: 'git-key', knownHosts: '/etc/countersign/known_hosts' })
  }
  const plain = parse('repository: policy').policy
  t.is(plain.https, undefined)
  t.is(plain.ssh, undefined)
})

const refused: readonly (readonly [string, string])[] = [
  ['repository: policy, https: { ca: bank.pem }', 'policy.https: expected a policy.repository of https://…'],
  ['repository: ssh://git@git.bank.example/policy.git, https: { ca: bank.pem }', 'policy.https: expected a policy.repository of https://…'],
  ['repository: https://git.bank.example/policy.git, ssh: { key: git-key, known_hosts: k }', 'policy.ssh: expected a policy.repository of ssh://… or user@host:path'],
  ['repository: policy, ssh: { key: git-key, known_hosts: k }', 'policy.ssh: expected a policy.repository of ssh://… or user@host:path'],
  ['repository: https://git.bank.example/policy.git, https: { secret: nowhere }', 'policy.https.secret: no secret of this name'],
  ['repository: ssh://git@git.bank.example/policy.git, ssh: { key: nowhere, known_hosts: k }', 'policy.ssh.key: no secret of this name'],
  ['repository: ssh://git@git.bank.example/policy.git, ssh: { key: git-key }', 'policy.ssh.known_hosts: is required'],
  ['repository: https://git.bank.example/policy.git, https: { user: countersign }', 'policy.https: must have property secret when property user is present'],
  ['repository: https://git.bank.example/policy.git, https: { user: "a:b", secret: git-token }', 'policy.https.user: expected a user name without a colon: the secret is its password'],
  ['repository: https://hunter2@git.bank.example/policy.git', 'policy.repository: expected an address without credentials: policy.https has room for them, and Git asks its credential helper'],
]
for (const [policy, problem] of refused) test(`it is said where nothing would read it, or something is missing: ${policy}`, (t) => { t.deepEqual(problems(policy), [problem]) })
