// Policies that fail at run time, and policies that may not come into force: silence is deny, and the last good one stays.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { bankOf } from '../e2e/gateway-kit.ts'
import type { Home } from '../e2e/gateway-kit.ts'
import { eventually } from '../e2e/recorded.ts'
import { startHere, startProcess } from '../e2e/running.ts'
import type { Answer, Json, Running } from '../e2e/running.ts'
import { commit, newSigner, write } from '../gateway/policy/policy-repository.ts'

const bank = bankOf(test)

/** The shipped policy's own tests have a file of their own, and every commit here would run them again. */
const withoutTests = (home: Home): Home => {
  for (const name of fs.readdirSync(path.join(home.policy, 'policy'), { recursive: true, encoding: 'utf8' })) if (name.endsWith('_test.rego')) fs.rmSync(path.join(home.policy, 'policy', name))
  return home
}

const refusalIn = (said: Answer): Json => said.json['result']?.['_meta']?.['countersign/refusal'] ?? {}
const report = async (gateway: Running, name = 'daily'): Promise<Answer> => gateway.tool(await bank().token(), 'run_report', { report: name })

/** A decision with one member replaced: what a hostile or careless author could return. */
const decision = (members: string): string => `package countersign.request

decision := {"effect": "allow", "reasons": [], "approval": null, "mask": [], "limits": {}, "record": {"level": "body", "retention": ""}, "obligations": []${members}}
`
const bad: readonly { readonly title: string; readonly word: string; readonly rego: string; readonly fault: string }[] = [
  { title: 'is undefined', word: 'undefined', rego: 'package countersign.request\n\ndecision := {} if input.request.arguments.report == "never"\n', fault: 'ERR_POLICY_UNDEFINED' },
  { title: 'contradicts itself', word: 'conflict', rego: 'package countersign.request\n\ndecision := "allow" if input.v == 1\n\ndecision := "deny" if input.request.protocol == "mcp"\n', fault: 'ERR_POLICY_TRAP' },
  { title: 'never ends', word: 'endless', rego: 'package countersign.request\n\ndecision := "allow" if {\n\tsome a in many\n\tsome b in many\n\tsome c in many\n\tc < 0\n}\n\nmany := numbers.range(1, 1000)\n', fault: 'ERR_POLICY_(?:TIMEOUT|MEMORY)' },
  { title: 'asks for an unknown obligation', word: 'obligation', rego: decision('').replace('"obligations": []', '"obligations": [{"id": "fly"}]'), fault: 'ERR_POLICY_MALFORMED' },
  { title: 'answers with a malformed decision', word: 'malformed', rego: decision('').replace('"effect": "allow"', '"effect": "yes"'), fault: 'ERR_POLICY_MALFORMED' },
  { title: 'answers with a number', word: 'number', rego: 'package countersign.request\n\ndecision := 1\n', fault: 'ERR_POLICY_MALFORMED' },
]

for (const { title, word, rego, fault } of bad) {
  test(`a policy that ${title} allows nothing, and says so on record`, async (t) => {
    const home = await bank().home()
    fs.rmSync(path.join(home.policy, 'policy'), { recursive: true })
    write(home.policy, { 'policy/decision.rego': rego.replace(/\ndecision := /, '\n# METADATA\n# entrypoint: true\ndecision := '), 'policy/visible.rego': 'package countersign.list\n\n# METADATA\n# entrypoint: true\nvisible := []\n' })
    await commit(home.policy, bank().signer)
    const gateway = await startHere(home)
    const activated = await eventually(() => gateway.frames().findLast(({ kind }) => kind === 'policy'), 'the activation')
    t.is(activated.event?.['event'] as unknown, 'activated', JSON.stringify(activated.event))
    for (const _ of [1, 2]) {
      const refused = await report(gateway, `policy_${word}`)
      t.is(refusalIn(refused)['code'] as unknown, 'policy.error')
      t.regex(refused.text, new RegExp(`The policy could not decide \\(${fault}\\)\\.`))
      const frame = await gateway.frame(refused.receipt)
      t.is(frame.structure?.['1'], 'policy.error')
      t.deepEqual(frame.decision?.reasons.map(({ id }) => id), ['policy.error'])
    }
    t.false(bank().upstream.seen.some(({ body }) => body.includes(`policy_${word}`)))
    await gateway.stop()
  })
}

test('a commit that does not compile, fails its tests or is signed by a stranger is refused on record, and the last good policy stays', async (t) => {
  const home = withoutTests(await bank().home())
  const gateway = await startProcess(home)
  t.is((await report(gateway)).status, 200)
  const refuse = async (files: Record<string, string>, code: string, message: RegExp, signer = bank().signer) => {
    write(home.policy, files)
    const revision = await commit(home.policy, signer)
    gateway.signal('SIGHUP')
    const frame = await eventually(() => gateway.frames().find(({ kind, event }) => kind === 'policy' && event?.['revision'] === revision), `the refusal of ${revision}`)
    t.is(frame.event?.['event'] as unknown, 'refused')
    t.is((frame.event?.['reason'] as { code: string }).code, code)
    t.regex((frame.event?.['reason'] as { message: string }).message, message)
    t.is((await report(gateway)).status, 200, 'the last good policy answers')
  }
  await refuse({ 'policy/broken.rego': 'package policies.broken\n\ndeny contains x if {\n' }, 'ERR_POLICY_CHECK', /broken\.rego:\d+/)
  await refuse({ 'policy/broken.rego': 'package policies.broken\n\ndeny contains 1 if http.send({"url": "https://x.example", "method": "get"})\n' }, 'ERR_POLICY_CHECK', /http\.send/)
  await refuse({ 'policy/broken.rego': 'package policies.broken_test\n\ntest_fails if 1 == 2\n' }, 'ERR_POLICY_TEST', /test_fails/)
  await refuse({ 'policy/broken.rego': 'package policies.broken\n' }, 'ERR_POLICY_QUORUM', /^0 of 1 people have signed for it; the commit's signer is not one that the policy in force allows, or not now$/, newSigner('mallory'))
  t.is(await gateway.stop(), 0)
})

test('SIGHUP brings a new policy into force, on record with its revision', async (t) => {
  const home = withoutTests(await bank().home())
  const gateway = await startProcess(home)
  t.is((await report(gateway)).json['result']?.['isError'] as unknown, undefined)
  write(home.policy, { 'policy/freeze.rego': 'package policies.freeze\n\ndeny contains {"id": "freeze.all", "msg": "Nothing is read during the freeze.", "controls": []} if input.request.arguments.report == "frozen"\n' })
  const revision = await commit(home.policy, bank().signer)
  gateway.signal('SIGHUP')
  const frame = await eventually(() => gateway.frames().find(({ kind, event }) => kind === 'policy' && event?.['revision'] === revision), 'the activation')
  t.is(frame.event?.['event'] as unknown, 'activated')
  const refused = await report(gateway, 'frozen')
  t.is(refusalIn(refused)['code'] as unknown, 'policy.denied')
  t.true(refused.text.includes('Nothing is read during the freeze.'))
  t.is(await gateway.stop(), 0)
})

test('a policy swapped under load drops no call: each is answered by the one or the other', async (t) => {
  const home = withoutTests(await bank().home())
  const gateway = await startProcess(home)
  const token = await bank().token()
  write(home.policy, { 'policy/freeze.rego': 'package policies.freeze\n\ndeny contains {"id": "freeze.all", "msg": "Frozen.", "controls": []} if input.request.arguments.report == "frozen"\n' })
  await commit(home.policy, bank().signer)
  const said: Answer[] = []
  let isFrozen = false
  gateway.signal('SIGHUP')
  await Promise.all([1, 2, 3, 4].map(async () => {
    for (let extra = 0; extra < 20; extra += isFrozen ? 1 : 0) {
      const one = await gateway.tool(token, 'run_report', { report: 'frozen' })
      said.push(one)
      isFrozen ||= refusalIn(one)['code'] as unknown === 'policy.denied'
      if (said.length > 10_000) return
    }
  }))
  t.true(isFrozen)
  t.deepEqual(said.filter((one) => one.status !== 200 || one.receipt === '').map(({ status, text }) => [status, text]), [])
  const answered = said.filter((one) => refusalIn(one)['code'] === undefined)
  t.true(answered.every((one) => one.json['result']?.['structuredContent'] !== undefined))
  t.is(await gateway.stop(), 0)
  const frames = new Set(gateway.frames().map(({ session, seq }) => `${session}/${seq}`))
  t.true(said.every(({ receipt }) => frames.has(receipt)), 'every call is on record')
})
