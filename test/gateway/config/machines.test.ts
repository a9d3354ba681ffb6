// What governed config may say of machine users, and what it is told when it says something else.
import test from 'ava'
import { ConfigError } from '../../../gateway/config-document.ts'
import { parseGoverned } from '../../../gateway/governed.ts'

const parse = (machines: string, more = '') => parseGoverned(`
identity:
  - { issuer: 'https://idp.example', jwks_uri: 'https://idp.example/jwks', audiences: ['https://gw.example/appdb'] }
targets:
  - { name: appdb, protocol: postgres, prefix: /appdb, env: prod, upstream: { url: 'postgres://db.internal/app' } }
  - { name: bank, protocol: http, prefix: /bank, env: prod, upstream: { url: 'https://bank.internal' } }
machines:
${machines}
${more}
`, ['nightly-verifier'])
const problems = (machines: string, more = ''): string[] => {
  try { parse(machines, more) } catch (error) { if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`); throw error }
  return []
}
const nightly = '  - { name: nightly, verifier: nightly-verifier, groups: [jobs], targets: [appdb] }'

test('a machine user has a name, a verifier by the name of its secret, groups and targets', (t) => {
  t.deepEqual(parse(nightly).machines, [{ name: 'nightly', verifier: 'nightly-verifier', groups: ['jobs'], targets: ['appdb'] }])
  t.deepEqual(parse(nightly.replace(' groups: [jobs],', '')).machines[0]?.groups, [])
})

test('a machine user can be off-boarded and answered for, and answers for nobody', (t) => {
  const said = parse(nightly, "off_boarded: ['machine|nightly']\nsponsors: { 'machine|nightly': 'https://idp.example|eli' }")
  t.deepEqual(said.offBoarded, ['machine|nightly'])
  t.deepEqual(said.sponsors, { 'machine|nightly': 'https://idp.example|eli' })
  t.deepEqual(problems(nightly, "sponsors: { 'https://idp.example|job': 'machine|nightly' }"), ['sponsors["https://idp.example|job"]: expected a person, issuer|subject'])
})

test('a target for people and machines tells them apart by the beginning of the user name, which every machine then has', (t) => {
  const both = (signIn: string, prefix?: string) => parseGoverned(`
identity: [{ issuer: 'https://idp.example', jwks_uri: 'https://idp.example/jwks', audiences: ['https://gw.example/appdb'] }]
targets: [{ name: appdb, protocol: postgres, prefix: /appdb, env: prod, upstream: { url: 'postgres://db.internal/app' }, postgres: { sign_in: ${signIn} } }]
machines: [{ name: job-nightly, verifier: nightly-verifier, targets: [appdb] }]
${prefix === undefined ? '' : `machine_prefix: ${prefix}`}
`, ['nightly-verifier'])
  t.is(both('[token, scram]', 'job-').targets[0]?.postgres?.machinePrefix, 'job-')
  t.is(both('[scram]', 'job-').targets[0]?.postgres?.machinePrefix, undefined, 'where only machines come, nobody need be told apart')
  for (const [signIn, prefix, said] of [
    ['[token, scram]', undefined, 'targets[0].postgres.sign_in: token and scram together need machine_prefix: who is asked for what'],
    ['[token, scram]', 'svc-', 'machines[0].name: does not begin with machine_prefix'],
    ['[scram]', 'svc-', 'machines[0].name: does not begin with machine_prefix'],
    ['[token, oauthbearer]', undefined, 'targets[0].postgres.sign_in: token and oauthbearer are two questions, and a person is asked one'],
    ['[token]', "''", 'machine_prefix: expected the beginning of a user name: letters, digits, dot, dash and underscore, at most 32'],
  ] as const) {
    const error = t.throws(() => both(signIn, prefix), { instanceOf: ConfigError }, said)
    t.deepEqual(error.problems.map(({ path, message }) => `${path}: ${message}`), [said])
  }
})

for (const [what, machines, said] of [
  ['a secret that the bootstrap file does not resolve', nightly.replace('nightly-verifier', 'other'), ['machines[0].verifier: no secret of this name in the bootstrap file']],
  ['a target that there is not', nightly.replace('[appdb]', '[appdb, ledger]'), ['machines[0].targets[1]: no postgres target has this name']],
  ['a target of a protocol that has tokens', nightly.replace('[appdb]', '[bank]'), ['machines[0].targets[0]: no postgres target has this name']],
  ['two of one name', `${nightly}\n${nightly}`, ['machines[1].name: another machine has this name']],
  ['no target', nightly.replace('[appdb]', '[]'), ['machines[0].targets: must NOT have fewer than 1 items']],
  ['a name with the sign that ends an issuer', nightly.replace('name: nightly', "name: 'a|b'"), ['machines[0].name: expected a user name of letters, digits, dot, dash and underscore, at most 63']],
] as const) {
  test(`machine users are refused with ${what}`, (t) => {
    t.deepEqual(problems(machines), said)
  })
}
