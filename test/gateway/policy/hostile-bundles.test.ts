// A bundle that is not what it should be never comes into force, whichever way it gets to the gateway: the one in force goes on deciding.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import git from 'isomorphic-git'
import { parseGoverned } from '../../../gateway/governed.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository, type ActivationEvent } from '../../../gateway/policy/index.ts'
import { openDatabase } from '../../../gateway/state/database.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { changed, changedManifest, moduleOf, pack, unpack } from '../../rego/archive.ts'
import { hostile, visible } from '../../rego/sources.ts'
import { commit, config, newSigner, write } from './policy-repository.ts'

const eli = newSigner('eli')
const root = fs.mkdtempSync(join(tmpdir(), 'hostile-bundles-'))
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })

const input = { request: { arguments: { mode: 'good' } } }

test('hostile bundles in the gateway\'s store, and commits that compile to what cannot be loaded, leave the policy in force', async t => {
  t.timeout(100_000)
  const dir = join(root, 'policy')
  const state = join(root, 'state')
  const events: ActivationEvent[] = []
  const database = openDatabase(join(state, 'state.db'))
  const memory = createPolicyMemory(database)
  const bundles = createBundleStore(join(state, 'bundles'))
  const activation = createActivation({
    repository: createPolicyRepository(dir, 'refs/heads/main'), memory, bundles,
    pinned: { allowedSigners: eli.line, quorum: 1 }, evidence: { epoch: 0, lastActivation: () => undefined }, now: Date.now, capabilities: shippedCapabilities(), parseGoverned: governed => parseGoverned(governed, []),
    onEvent: event => { events.push(event); return Promise.resolve() },
    onActive: () => undefined,
  })
  await git.init({ fs, dir, defaultBranch: 'main' })
  write(dir, { 'config.yaml': config, 'allowed_signers': eli.line, 'policy/decision.rego': hostile, 'policy/visible.rego': visible, 'data/data.json': '{}' })
  await commit(dir, eli)
  await activation.start()
  t.like(events.at(-1), { event: 'activated', serial: 1 })
  const first = await bundles.read(events.at(-1)?.bundle ?? '') ?? new Uint8Array(0)
  const files = unpack(first)

  // What somebody with the state folder in hand could leave there, each under its own true digest, for the commit that comes next.
  const planted: readonly (readonly [string, Uint8Array])[] = [
    ['one of another commit', first],
    ['one that loops when it is loaded', pack(changed(files, '/policy.wasm', () => moduleOf([1, [1, 0x60, 0, 0]], [3, [1, 0]], [8, [0]], [10, [1, 7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]])))],
    ['one whose serial was raised', pack(changedManifest(files, manifest => { manifest.metadata['serial'] = 99 }))],
  ]
  for (const [at, [what, bytes]] of planted.entries()) {
    write(dir, { 'data/data.json': `{"turn": ${at}}` })
    const revision = await commit(dir, eli)
    memory.setBuild(revision, at + 2, { bundle: await bundles.write(bytes), tests: 'a'.repeat(64) })
    await activation.poll()
    // Compiled anew from the commit.
    t.like(events.at(-1), { event: 'activated', serial: at + 2, revision }, what)
    t.not(events.at(-1)?.bundle, undefined)
    t.deepEqual(JSON.parse(Buffer.from(unpack(await bundles.read(events.at(-1)?.bundle ?? '') ?? first)[0]?.bytes ?? []).toString()), { turn: at }, what)
  }

  const before = activation.active()
  const refused: readonly (readonly [string, Readonly<Record<string, string>>, string, RegExp])[] = [
    ['data that do not fit', { 'data/data.json': `{"list": [${'{},'.repeat(600_000)}1]}` }, 'ERR_POLICY_MEMORY', /^the evaluation wants more memory than it may have$/],
    ['data nested too deep', { 'data/data.json': `{"list": ${'['.repeat(200)}${']'.repeat(200)}}` }, 'ERR_BUNDLE_MALFORMED', /^the bundle is malformed: data\.json is not JSON: it is nested deeper than 128/],
  ]
  for (const [what, more, code, message] of refused) {
    write(dir, more)
    await commit(dir, eli)
    const event = await activation.poll()
    t.deepEqual([event?.event, event?.reason?.code], ['refused', code], what)
    t.regex(event?.reason?.message ?? '', message)
    t.is(activation.active(), before)
    t.is(activation.active()?.policy.decide(input, JSON.stringify(input)).decision.effect, 'allow')
  }
  database.close()
})
