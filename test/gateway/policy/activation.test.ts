import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import git from 'isomorphic-git'
import { ConfigError } from '../../../gateway/config-document.ts'
import { parseGoverned } from '../../../gateway/governed.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository, type Activation, type ActivationEvent } from '../../../gateway/policy/index.ts'
import { openDatabase } from '../../../gateway/state/database.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { commit, config, newSigner, write } from './policy-repository.ts'
import { smallPolicy } from './two-people.ts'

const eli = newSigner('eli'), lena = newSigner('lena'), mallory = newSigner('mallory')
const root = fs.mkdtempSync(join(tmpdir(), 'countersign-policy-'))

interface Bench extends AsyncDisposable { readonly dir: string; readonly state: string; readonly activation: Activation; readonly events: ActivationEvent[]; isRecordDown: boolean; open(): Activation }

/** A repository and a state folder of its own, copied from one whose first policy is in force already: compiling takes a second. */
function bench(from?: string): Bench {
  const home = fs.mkdtempSync(join(root, 'bench-'))
  if (from !== undefined) fs.cpSync(from, home, { recursive: true })
  const dir = join(home, 'policy'), state = join(home, 'state')
  const events: ActivationEvent[] = []
  const database = openDatabase(join(state, 'state.db'))
  const open = (): Activation => createActivation({
    repository: createPolicyRepository(dir, 'refs/heads/main'), memory: createPolicyMemory(database), bundles: createBundleStore(join(state, 'bundles')),
    pinned: { allowedSigners: eli.line + lena.line, quorum: 1 }, evidence: { epoch: 0, lastActivation: () => undefined }, now: Date.now, capabilities: shippedCapabilities(), parseGoverned: (text) => parseGoverned(text, []),
    onEvent(event) { if (it.isRecordDown) return Promise.reject(new Error('the journal is full')); events.push(event); return Promise.resolve() },
    onActive: () => undefined,
  })
  const it: Bench = { dir, state, events, isRecordDown: false, activation: open(), open, [Symbol.asyncDispose]() { database.close(); return Promise.resolve() } }
  return it
}

let first = ''
test.before(async (t) => {
  t.timeout(120_000)
  await using made = bench()
  fs.mkdirSync(made.dir)
  await git.init({ fs, dir: made.dir, defaultBranch: 'main' })
  write(made.dir, { ...smallPolicy, 'config.yaml': config, 'allowed_signers': eli.line + lena.line })
  await commit(made.dir, eli)
  await made.activation.start()
  t.like(made.events[0], { event: 'activated', serial: 1, signers: ['eli@bank.example'] })
  first = join(made.dir, '..')
})
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })

/** A second commit that must not come into force. */
async function refusedAfter(t: ExecutionContext, at: Bench, code: string, message: string | RegExp): Promise<void> {
  await at.activation.start()
  const before = at.activation.active()
  t.is(before?.serial, 1)
  const event = at.events.at(-1)
  t.is(event?.event, 'refused')
  t.is(event?.reason?.code, code)
  if (typeof message === 'string') t.is(event?.reason?.message, message)
  else t.regex(event?.reason?.message ?? '', message)
  t.is(at.activation.active()?.revision, before?.revision)
  const count = at.events.length
  t.is(await at.activation.poll(), undefined)
  t.is(at.events.length, count)
}

test('a restart brings back the policy in force without compiling it again', async (t) => {
  await using at = bench(first)
  const [bundle = ''] = fs.readdirSync(join(at.state, 'bundles'))
  await at.activation.start()
  t.is(`${Buffer.from(at.activation.active()?.digest ?? []).toString('hex')}.tar.gz`, bundle)
  t.deepEqual(at.events.map(({ event, serial }) => [event, serial]), [['activated', 1]])
})

test('a bundle changed on disk is not loaded: the commit is compiled again to the same bytes', async (t) => {
  await using at = bench(first)
  const [bundle = ''] = fs.readdirSync(join(at.state, 'bundles'))
  const path = join(at.state, 'bundles', bundle)
  const bytes = fs.readFileSync(path)
  bytes[100]! ^= 1
  fs.writeFileSync(path, bytes)
  await at.activation.start()
  t.is(`${Buffer.from(at.activation.active()?.digest ?? []).toString('hex')}.tar.gz`, bundle)
})

test('a commit signed by an allowed signer comes into force, with a serial one higher', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'config.yaml': `${config}off_boarded: ['https://idp.example|gone']\n` })
  const revision = await commit(at.dir, lena)
  await at.activation.start()
  t.like(at.activation.active(), { revision, serial: 2, signers: ['lena@bank.example'] })
  t.deepEqual(at.activation.active()?.governed.offBoarded, ['https://idp.example|gone'])
})

test('an unsigned commit is refused, and the last good policy stays', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'data/extra/data.json': '{}' })
  await commit(at.dir, undefined)
  await refusedAfter(t, at, 'ERR_POLICY_QUORUM', '0 of 1 people have signed for it; the commit is not signed')
})

test('a commit signed by a stranger is refused', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'allowed_signers': mallory.line })
  await commit(at.dir, mallory)
  await refusedAfter(t, at, 'ERR_POLICY_QUORUM', '0 of 1 people have signed for it; the commit\'s signer is not one that the policy in force allows, or not now')
})

test('a signature over other bytes is refused', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'data/extra/data.json': '{}' })
  await commit(at.dir, eli, (payload) => Buffer.concat([payload, Buffer.from(' ')]))
  await refusedAfter(t, at, 'ERR_POLICY_QUORUM', '0 of 1 people have signed for it; the commit\'s signature is not a valid SSH signature of it')
})

test('the commit in force says who may sign the next one: a signer it dropped is refused', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'allowed_signers': lena.line })
  await commit(at.dir, eli)
  await at.activation.start()
  t.is(at.activation.active()?.serial, 2)
  write(at.dir, { 'README.md': 'changed' })
  await commit(at.dir, eli)
  const event = await at.activation.poll()
  t.deepEqual([event?.event, event?.reason?.message], ['refused', '0 of 1 people have signed for it; the commit\'s signer is not one that the policy in force allows, or not now'])
  t.is(at.activation.active()?.serial, 2)
})

test('a commit that would leave nobody to sign is refused', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'allowed_signers': '# nobody\n' })
  await commit(at.dir, eli)
  await refusedAfter(t, at, 'ERR_POLICY_UNTRUSTED', 'its allowed_signers names 0 people who may sign activations and its quorum is 1, so nothing could ever follow it')
})

test('a rewritten history is refused', async (t) => {
  await using at = bench(first)
  fs.rmSync(join(at.dir, '.git', 'refs', 'heads', 'main'))
  write(at.dir, { 'README.md': 'another beginning' })
  await commit(at.dir, eli)
  await refusedAfter(t, at, 'ERR_POLICY_HISTORY', /^[0-9a-f]{40}, which is in force, is not on its first-parent line: history goes on, it is not rewritten$/)
})

test('an older commit does not return, also not after a restart', async (t) => {
  await using at = bench(first)
  const old = await git.resolveRef({ fs, dir: at.dir, ref: 'refs/heads/main' })
  write(at.dir, { 'README.md': 'newer' })
  await commit(at.dir, eli)
  await at.activation.start()
  t.is(at.activation.active()?.serial, 2)
  await git.writeRef({ fs, dir: at.dir, ref: 'refs/heads/main', value: old, force: true })
  const restarted = at.open()
  await restarted.start()
  t.is(restarted.active()?.serial, 2)
  t.is(at.events.at(-1)?.reason?.code, 'ERR_POLICY_HISTORY')
})

test('a policy that does not compile is refused with file, row and column', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'policy/broken/broken.rego': 'package policies.broken\n\nallow if input.no_such_member.at_all\n' })
  await commit(at.dir, eli)
  await refusedAfter(t, at, 'ERR_POLICY_CHECK', /policy\/broken\/broken\.rego:3:\d+: /)
})

test('a policy whose own tests fail is refused', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'policy/tested/tested_test.rego': 'package policies.tested_test\n\ntest_that_fails if 1 == 2\n' })
  await commit(at.dir, eli)
  await refusedAfter(t, at, 'ERR_POLICY_TEST', '1 policy test fails: policies.tested_test.test_that_fails')
})

test('a governed config that is not valid is refused with the paths', async (t) => {
  await using at = bench(first)
  write(at.dir, { 'config.yaml': config.replace('protocol: mcp', 'protocol: smtp') })
  await commit(at.dir, eli)
  await refusedAfter(t, at, 'ERR_CONFIG_INVALID', new ConfigError('config.yaml', [{ path: 'targets[0].protocol', message: 'expected one of mcp, http, postgres, authzen' }]).message)
})

test('a link in the policy source is refused', async (t) => {
  await using at = bench(first)
  fs.symlinkSync('/etc/passwd', join(at.dir, 'policy', 'link.rego'))
  await commit(at.dir, eli)
  await refusedAfter(t, at, 'ERR_POLICY_REPOSITORY', /policy\/link\.rego is neither file nor folder: links and submodules are not policy$/)
})

test('an activation that cannot be recorded does not happen, and is tried again', async (t) => {
  await using at = bench(first)
  await at.activation.start()
  write(at.dir, { 'README.md': 'newer' })
  await commit(at.dir, eli)
  at.isRecordDown = true
  await t.throwsAsync(at.activation.poll(), { message: 'the journal is full' })
  t.is(at.activation.active()?.serial, 1)
  at.isRecordDown = false
  t.like(await at.activation.poll(), { event: 'activated', serial: 2 })
})

test('a repository that cannot be read is said once, and the last good policy stays', async (t) => {
  await using at = bench(first)
  await at.activation.start()
  fs.rmSync(join(at.dir, '.git', 'refs', 'heads', 'main'))
  t.like(await at.activation.poll(), { event: 'refused', reason: { code: 'ERR_POLICY_REPOSITORY' } })
  t.is(await at.activation.poll(), undefined)
  t.is(at.activation.active()?.serial, 1)
})

test('a commit that stock git signed with ssh-keygen comes into force', async (t) => {
  const missing = ['git', 'ssh-keygen'].find((tool) => !(process.env['PATH'] ?? '').split(':').some((folder) => fs.existsSync(join(folder, tool))))
  if (missing !== undefined) {
    t.log(`not run: no ${missing} here`)
    return t.pass()
  }
  await using at = bench(first)
  const key = join(at.dir, '..', 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'kim', '-f', key])
  write(at.dir, { 'allowed_signers': `kim@bank.example namespaces="git",valid-after="20200101" ${fs.readFileSync(`${key}.pub`, 'utf8')}` })
  await commit(at.dir, eli)
  await at.activation.start()
  write(at.dir, { 'README.md': 'by hand' })
  const run = (...args: string[]): void => { execFileSync('git', ['-C', at.dir, '-c', 'user.name=Kim', '-c', 'user.email=kim@bank.example', '-c', 'gpg.format=ssh', '-c', `user.signingkey=${key}`, ...args], { env: { PATH: process.env['PATH'], HOME: root }, stdio: 'pipe' }) }
  run('add', '--all')
  run('commit', '--quiet', '--gpg-sign', '--message', 'policy: by hand')
  t.like(await at.activation.poll(), { event: 'activated', serial: 3, signers: ['kim@bank.example'] })
})
