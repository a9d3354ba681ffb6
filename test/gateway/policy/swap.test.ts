// While a commit comes into force calls are decided: by the old policy until the new one is ready, and by the old one still where something goes wrong.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import git from 'isomorphic-git'
import { ConfigError } from '../../../gateway/config-document.ts'
import { parseGoverned } from '../../../gateway/governed.ts'
import { parseGovernedAside } from '../../../gateway/governed-thread.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository, withTreeThread, type Activation, type ActivationEvent } from '../../../gateway/policy/index.ts'
import { openDatabase } from '../../../gateway/state/database.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { hostile, visible } from '../../rego/sources.ts'
import { commit, config, newSigner, write } from './policy-repository.ts'

const eli = newSigner('eli')
const root = fs.mkdtempSync(join(tmpdir(), 'swap-'))
const dir = join(root, 'policy'), ref = 'refs/heads/main'
const events: ActivationEvent[] = []
const database = openDatabase(join(root, 'state.db'))
const repository = withTreeThread(createPolicyRepository(dir, ref), { path: dir, ref }, () => true)
const activation: Activation = createActivation({
  repository, memory: createPolicyMemory(database), bundles: createBundleStore(join(root, 'bundles')),
  pinned: { allowedSigners: eli.line, quorum: 1 }, evidence: { epoch: 0, lastActivation: () => undefined }, now: Date.now, capabilities: shippedCapabilities(),
  parseGoverned: governed => parseGovernedAside(governed, []),
  onEvent: event => { events.push(event); return Promise.resolve() },
  onActive: () => undefined,
})
test.before(async () => {
  await git.init({ fs, dir, defaultBranch: 'main' })
  write(dir, { 'config.yaml': config, 'allowed_signers': eli.line, 'policy/visible.rego': visible, 'policy/decision.rego': `${hostile}\ndecision := object.union(good, {"limits": {"rows": data.rows}}) if mode == "rows"\n`, 'data/data.json': '{"rows": 1}' })
  await commit(dir, eli)
  await activation.start()
})
test.after.always(() => { database.close(); fs.rmSync(root, { recursive: true, force: true }) })

let asked = 0
/** The rows that the policy in force allows: which policy it is. */
function decide(): unknown {
  const input = { request: { arguments: { mode: 'rows', text: `${asked++}` } } }
  return activation.active()?.policy.decide(input, JSON.stringify(input)).decision.limits['rows']
}

/** What was decided while `work` went on, without repeats. */
async function meanwhile(work: Promise<unknown>): Promise<{ readonly said: unknown[]; readonly calls: number }> {
  const said: unknown[] = []
  let isDone = false, calls = 0
  const settled = work.finally(() => { isDone = true })
  while (!isDone) {
    const one = decide()
    if (said.at(-1) !== one) said.push(one)
    calls++
    await turn()
  }
  await settled
  return { said, calls }
}

test.serial('a swap under load fails no call, and each is decided by one policy or the other', async t => {
  write(dir, { 'data/data.json': JSON.stringify({ rows: 2, more: Array.from({ length: 5_000 }, (_, id) => ({ id })) }) })
  await commit(dir, eli)
  const { said, calls } = await meanwhile(activation.poll())
  t.like(events.at(-1), { event: 'activated', serial: 2 })
  t.true(calls > 100)
  t.deepEqual([...said, decide()].filter((one, at, all) => one !== all[at - 1]), [1, 2])
})

test.serial('whichever thread of an activation is killed, the old policy stays in force, and the next look tries again', async t => {
  write(dir, { 'data/data.json': '{"rows": 3}' })
  await commit(dir, eli)
  const before = activation.active()
  let left = 0
  const kill = (worker: Worker): void => { if (left-- === 0) void worker.terminate() }
  process.on('worker', kill)
  t.teardown(() => { process.off('worker', kill) })
  const reasons = []
  for (const [at, what] of ['reads the policy source', 'reads config.yaml', 'loads the policy'].entries()) {
    left = at
    const { said } = await meanwhile(activation.poll())
    t.deepEqual(said, [2], what)
    t.is(activation.active(), before)
    reasons.push(activation.status().refused?.message)
  }
  t.deepEqual(reasons, ['the thread that reads the policy source ended without an answer', 'the thread that reads config.yaml ended without an answer', 'the thread that loads the policy ended without an answer'])
  t.like(events.at(-1), { event: 'refused', reason: { code: 'ERR_TOOLCHAIN_FAULT' } })
  left = -1
  await activation.poll()
  t.like(events.at(-1), { event: 'activated', serial: 3 })
  t.is(decide(), 3)
})

test.serial('a tree read in a thread is the tree, and a fault of it keeps its code', async t => {
  const plain = createPolicyRepository(dir, ref)
  const head = await plain.readCommit(await plain.head())
  t.deepEqual(await repository.readTree(head), await plain.readTree(head))
  await t.throwsAsync(repository.readTree({ ...head, tree: '0'.repeat(40) }), { code: 'ERR_POLICY_REPOSITORY', message: new RegExp(`tree ${'0'.repeat(40)} cannot be read$`) })
})

const hasGit = (process.env['PATH'] ?? '').split(':').some(folder => fs.existsSync(join(folder, 'git')))
const withGit = hasGit ? test.serial : test.serial.skip

withGit('the tree of a mirror is read in a thread through Git', async t => {
  const plain = createPolicyRepository(dir, ref)
  const head = await plain.readCommit(await plain.head())
  const mirror = withTreeThread(plain, { path: join(dir, '.git'), ref, environment: process.env }, () => true)
  t.deepEqual(await mirror.readTree(head), await plain.readTree(head))
  const nowhere = withTreeThread(plain, { path: join(dir, '.git'), ref, environment: { PATH: root } }, () => true)
  await t.throwsAsync(nowhere.readTree(head), { code: 'ERR_POLICY_REPOSITORY', message: /cannot be read$/ })
})

test.serial('config parsed in a thread is the same, frozen, with the same problems', async t => {
  const aside = await parseGovernedAside(config, [])
  t.deepEqual(aside, parseGoverned(config, []))
  t.true(Object.isFrozen(aside.targets[0]?.limits))
  const wrong = config.replace('protocol: mcp', 'protocol: gopher')
  const problems = t.throws(() => parseGoverned(wrong, []), { instanceOf: ConfigError })?.problems
  t.deepEqual((await t.throwsAsync<ConfigError>(parseGovernedAside(wrong, []), { instanceOf: ConfigError, code: 'ERR_CONFIG_INVALID' }))?.problems, problems)
})
