// A candidate beside live calls: it holds up none of them, outlives an outage, and not the trust in who signed it.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import git from 'isomorphic-git'
import { compareDecisions } from '../../../evidence/index.ts'
import type { DecidedCall } from '../../../gateway/call.ts'
import { createPolicyRepository, createShadow, type PolicyRepository, type Shadow, type ShadowStatus } from '../../../gateway/policy/index.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { commit, config, newSigner, write } from './policy-repository.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'countersign-shadow-'))
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })
const eli = newSigner('eli'), lena = newSigner('lena')

const decision = { effect: 'allow', reasons: [], approval: null, mask: [], limits: {}, record: { level: 'body', retention: '7y' }, obligations: [] } as const
const visible = 'package countersign.list\n\n# METADATA\n# entrypoint: true\nvisible := [true | some _ in input.items]\n'
const calm = `package countersign.request\n\n# METADATA\n# entrypoint: true\ndecision := object.union(${JSON.stringify(decision)}, {"effect": "deny"})\n`
/** Nine million turns. */
const greedy = `package countersign.request\n\n# METADATA\n# entrypoint: true\ndecision := ${JSON.stringify(decision)} if {\n\tcount([i | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i * j == input.request.bytes]) >= 0\n}\n`

const call = (n = 7, pad = ''): DecidedCall => {
  const input = { request: { bytes: n, pad } }
  return { input, inputText: JSON.stringify(input), decision, canonicalDecision: Buffer.from(JSON.stringify({ approval: null, effect: 'allow', limits: {}, mask: [], obligations: [], reasons: [], record: { level: 'body', retention: '7y' } })) } as unknown as DecidedCall
}

interface Bench { readonly dir: string; readonly repository: PolicyRepository & { isDown: boolean }; readonly shadow: Shadow; signers: string }

async function bench(rego: string): Promise<Bench> {
  const dir = fs.mkdtempSync(join(root, 'policy-'))
  await git.init({ fs, dir, defaultBranch: 'main' })
  write(dir, { 'config.yaml': config, 'policy/request.rego': rego, 'policy/list.rego': visible, 'data/data.json': '{}' })
  await commit(dir, eli)
  const real = createPolicyRepository(dir, 'refs/heads/main')
  const repository = { ...real, isDown: false, refresh: async (endorsed: readonly string[]) => { if (repository.isDown) throw Object.assign(new Error('the remote is not there'), { code: 'ERR_POLICY_REMOTE' }); await real.refresh(endorsed) } }
  const it: Bench = {
    dir, repository, signers: eli.line,
    shadow: createShadow({ repository, signers: () => it.signers, capabilities: shippedCapabilities(), now: Date.now, clock: () => performance.now(), compare: compareDecisions, onDifference: () => Promise.resolve() }),
  }
  await it.shadow.poll()
  return it
}

async function until(shadow: Shadow, isSo: (status: ShadowStatus) => boolean): Promise<ShadowStatus> {
  for (let turn = 0; turn < 2_000 && !isSo(shadow.status()); turn++) await sleep(5)
  return shadow.status()
}

test('a candidate that takes more steps than it may beside calls is given up, and is no difference', async (t) => {
  t.timeout(60_000)
  const { shadow } = await bench(greedy)
  t.is(shadow.status().refused, undefined)
  for (let n = 0; n < 64; n++) shadow.see(call(n), `s/${n}`)
  const status = await until(shadow, ({ candidate }) => candidate === undefined)
  t.is(status.candidate, undefined)
  t.deepEqual(status.refused, { code: 'ERR_POLICY_TIMEOUT', message: 'the candidate takes more steps for a decision than it may beside live calls' })
  t.is(status.differed, 0)
  await shadow.poll()
  t.is(shadow.status().candidate, undefined, 'the same commit is not tried again')
})

test('what waits to be compared is bounded by its size, too', async (t) => {
  t.timeout(60_000)
  const { shadow } = await bench(calm)
  for (let n = 0; n < 40; n++) shadow.see(call(n, 'x'.repeat(1024 * 1024)), `s/${n}`)
  t.true(shadow.status().skipped >= 24)
  const status = await until(shadow, ({ compared }) => compared >= 15)
  t.is(status.compared + status.skipped, 40)
  t.deepEqual(status.differences.map(({ flips: [flip] }) => flip?.kind), ['allow_to_deny'])
  shadow.close()
})

test('a candidate goes on while nobody can look whether there is a newer one', async (t) => {
  t.timeout(60_000)
  const { shadow, repository } = await bench(calm)
  const { candidate } = shadow.status()
  repository.isDown = true
  await shadow.poll()
  t.like(shadow.status(), { candidate, refused: { code: 'ERR_POLICY_REMOTE', message: 'the remote is not there' } })
  repository.isDown = false
  await shadow.poll()
  t.like(shadow.status(), { candidate, refused: undefined })
  shadow.close()
})

test('a candidate ends with the trust in its signer, and comes with it', async (t) => {
  t.timeout(60_000)
  const it = await bench(calm)
  it.signers = lena.line
  await it.shadow.poll()
  t.is(it.shadow.status().candidate, undefined)
  t.deepEqual(it.shadow.status().refused, { code: 'ERR_POLICY_SOURCE', message: 'the candidate is not signed by anybody whom the policy in force allows' })
  it.signers = lena.line + eli.line
  await it.shadow.poll()
  t.like(it.shadow.status(), { refused: undefined })
  t.is(typeof it.shadow.status().candidate, 'string')
  it.shadow.close()
})

test('a candidate whose branch is gone is gone', async (t) => {
  t.timeout(60_000)
  const { shadow, dir } = await bench(calm)
  await git.branch({ fs, dir, ref: 'elsewhere', checkout: true })
  await git.deleteBranch({ fs, dir, ref: 'main' })
  await shadow.poll()
  t.like(shadow.status(), { candidate: undefined, refused: { code: 'ERR_POLICY_REPOSITORY' } })
})

test('a gateway that stops while a candidate is compiled is left without one', async (t) => {
  t.timeout(60_000)
  const { shadow, dir } = await bench(calm)
  write(dir, { 'data/data.json': '{"n": 1}' })
  await commit(dir, eli)
  const looking = shadow.poll()
  shadow.close()
  await looking
  t.is(shadow.status().candidate, undefined)
})
