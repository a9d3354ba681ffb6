// Revisions of a policy repository, made by Git itself and read without it.
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readRevision } from '../../../../evidence/audit/replay/revision.ts'
import { openVersion } from '../../../../evidence/audit/replay/version.ts'
import { readPolicyFolder } from '../../../../rego/index.ts'
import { Toolchain } from '../../../../rego/toolchain/process.ts'
import { goldenFiles } from './golden.ts'

const root = mkdtempSync(join(tmpdir(), 'replay-revision-'))
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })

function git(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', ['-C', root, '-c', 'user.name=eli', '-c', 'user.email=eli@bank.example', ...args], { encoding: 'utf8', env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' } })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}

function put(name: string, text: string | Uint8Array): void {
  mkdirSync(join(root, name, '..'), { recursive: true })
  writeFileSync(join(root, name), text)
}

git('init', '-q', '-b', 'main')
for (const [name, bytes] of goldenFiles) put(name, bytes)
put('allowed_signers', 'exporter@bank.example ssh-ed25519 AAAA\n')
put('config.yaml', 'targets: {}\n')
symlinkSync('/etc/passwd', join(root, 'policy', 'link.rego'))
git('add', '-A')
git('commit', '-q', '-m', 'one')
const first = git('rev-parse', 'HEAD')
git('tag', '-a', 'v1', '-m', 'one')
put('config.yaml', 'targets: { bank: {} }\n')
put('policy/more_test.rego', 'package more_test\n\ntest_more if true\n')
git('add', '-A')
git('commit', '-q', '-m', 'two')
const second = git('rev-parse', 'HEAD')
git('branch', 'release/1', first)
// As a clone has them: in a pack, with deltas.
git('gc', '-q', '--aggressive', '--prune=now')

const of = async (name: string) => (await readRevision(root, name))?.revision

test('a branch, a tag, an id, the start of one and what is before it are revisions', async (t) => {
  for (const name of ['main', 'HEAD', second, second.slice(0, 10), 'refs/heads/main']) t.is(await of(name), second, name)
  for (const name of ['v1', 'release/1', 'main~1', 'HEAD^', `${second}~1`, first]) t.is(await of(name), first, name)
})

test('a linked worktree has the same revisions, and a HEAD of its own', async (t) => {
  const worktree = join(root, 'worktree')
  git('worktree', 'add', '-q', '--detach', worktree, first)
  for (const [name, revision] of [['HEAD', first], ['main', second], ['v1', first], [second.slice(0, 10), second]] as const) t.is((await readRevision(worktree, name))?.revision, revision, name)
  git('worktree', 'add', '-q', '-b', 'work', `${worktree}-2`, second)
  t.is((await readRevision(`${worktree}-2`, 'HEAD~1'))?.revision, first)
})

test('what is no revision is none, and what is not there is told', async (t) => {
  t.is(await of('nothing'), undefined)
  t.is((await readRevision(tmpdir(), 'main'))?.revision, undefined)
  await t.throwsAsync(of('main~2'), { code: 'ERR_EVIDENCE_REPLAY', message: /has no commit 2 before it/ })
  await t.throwsAsync(of('0'.repeat(40)), { code: 'ERR_EVIDENCE_REPLAY', message: /is missing; a shallow clone may lack it/ })
})

test('a commit is the policy that a checkout of it is, and says what stands beside it', async (t) => {
  const [found, before] = await Promise.all([readRevision(root, 'main'), readRevision(root, first)])
  const folder = readPolicyFolder(root)
  t.deepEqual([...found?.files.keys() ?? []].toSorted(), [...folder.keys()].toSorted())
  for (const [name, bytes] of folder) t.deepEqual(Buffer.from(found?.files.get(name) ?? []), Buffer.from(bytes), name)
  t.true(found?.beside.has('policy/link.rego'), 'a link is no policy')
  t.not(found?.beside.get('config.yaml'), before?.beside.get('config.yaml'))
  t.is(found?.signers, 'exporter@bank.example ssh-ed25519 AAAA\n')
})

test('a folder that is called as a commit is not taken for it', async (t) => {
  using toolchain = new Toolchain()
  mkdirSync(join(root, first, 'policy'), { recursive: true })
  writeFileSync(join(root, first, 'policy', 'fake.rego'), 'package countersign.request\n')
  const version = await openVersion(first, root, toolchain)
  t.deepEqual([version.kind, version.revision], ['revision', first])
  version.engine.close()
  await t.throwsAsync(openVersion('nothing', root, toolchain), { code: 'ERR_EVIDENCE_REPLAY', message: /is no revision of .*, no folder and no bundle$/ })
})
