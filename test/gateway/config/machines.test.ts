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
