// Which commit a name stands for: what Git itself says, in checkouts, bare repositories and linked worktrees; and nothing that could be two.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { deflateSync } from 'node:zlib'
import anyTest from 'ava'
import { readCommitSource } from '../../../gateway/policy/commit-source.ts'
import { gitFolders, resolveCommit } from '../../../gateway/policy/revision.ts'

// One after the other: they share a repository.
const test = anyTest.serial
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-revision-'))
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })

const env = { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'Eli', GIT_AUTHOR_EMAIL: 'eli@bank.example', GIT_COMMITTER_NAME: 'Eli', GIT_COMMITTER_EMAIL: 'eli@bank.example' }
const git = (cwd: string, ...args: string[]): string => execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
const resolved = async (at: string, named: string): Promise<string> => await resolveCommit(at, gitFolders(at), named)

const repository = path.join(root, 'repository')
fs.mkdirSync(path.join(repository, 'policy'), { recursive: true })
git(repository, 'init', '-q', '-b', 'main')
const commit = (n: number): string => {
  fs.writeFileSync(path.join(repository, 'config.yaml'), `targets: [] # ${n}\n`)
  fs.writeFileSync(path.join(repository, 'policy', 'a.rego'), `package policies.a\n\nn := ${n}\n`)
  git(repository, 'add', '.')
  git(repository, 'commit', '-q', '-m', `policy: ${n}`)
  return git(repository, 'rev-parse', 'HEAD')
}
const first = commit(1)
git(repository, 'tag', '-a', '-m', 'release', 'v1')
git(repository, 'tag', '-a', '-m', 'of a tag', 'v1-again', 'v1')
git(repository, 'tag', 'light')
const second = commit(2)
git(repository, 'checkout', '-q', '-b', 'team/next', first)
const side = commit(3)
git(repository, 'merge', '-q', '-s', 'ours', '-m', 'merge', second)
git(repository, 'checkout', '-q', 'main')
git(repository, 'update-ref', 'refs/remotes/origin/main', first)
const worktree = path.join(root, 'worktree')
git(repository, 'worktree', 'add', '-q', worktree, 'team/next')
const bare = path.join(root, 'bare.git')
git(root, 'clone', '-q', '--bare', repository, bare)
git(bare, 'gc', '-q')                                       // packed refs, packed objects, tags among them

const names = [first, first.slice(0, 12), second.slice(0, 7), 'main', 'refs/heads/main', 'heads/main', 'team/next', 'v1', 'tags/v1', 'refs/tags/v1', 'v1-again', 'light', 'HEAD', '@', 'HEAD~1', 'main^', 'main^0', 'main~0', 'v1^{}', 'v1^{commit}', 'team/next^2', 'team/next^1~1', 'team/next^2^{commit}~', '@~']
for (const [what, at] of [['a checkout', repository], ['a bare repository with everything packed', bare], ['a linked worktree', worktree]] as const) {
  test(`in ${what} each name stands for the commit that Git says`, async (t) => {
    for (const name of names) t.is(await resolved(at, name), git(at, 'rev-parse', '--verify', `${name}^{commit}`), name)
  })
}

test('a linked worktree has its own HEAD, and its commit is read from the objects of all', async (t) => {
  t.is(git(worktree, 'rev-parse', 'HEAD~1'), side)
  const { revision, files } = await readCommitSource(worktree, 'HEAD~1')
  t.deepEqual([revision, Buffer.from(files.get('policy/a.rego') ?? []).toString()], [side, 'package policies.a\n\nn := 3\n'])
  t.is(await resolved(repository, 'origin/main'), first)
})

const message = async (at: string, named: string): Promise<string> => {
  try { return await resolved(at, named) } catch (error) { return (error as Error).message.replace(/^policy repository .*?: /, '') }
}

test('a name that stands for nothing, or for something else than a commit, is told as what it is', async (t) => {
  const tree = git(repository, 'rev-parse', 'HEAD^{tree}')
  git(repository, 'tag', 'a-tree', tree)
  git(repository, 'tag', '-a', '-m', 'tree', 'told-tree', tree)
  t.is(await message(repository, 'nowhere'), '"nowhere" is no commit, branch or tag of it')
  t.is(await message(repository, 'dead'.repeat(3)), '"deaddeaddead" is no commit, branch or tag of it')
  t.is(await message(repository, tree.slice(0, 12)), `"${tree.slice(0, 12)}" is no commit, branch or tag of it`)
  t.is(await message(repository, tree), `"${tree}" is a tree, not a commit`)
  t.is(await message(repository, 'a-tree'), '"refs/tags/a-tree" is a tree, not a commit')
  t.is(await message(repository, 'told-tree'), '"refs/tags/told-tree" is a tree, not a commit')
  t.is(await message(repository, '0'.repeat(40)), `${'0'.repeat(40)} is not in it; a shallow clone may lack it`)
  t.is(await message(repository, 'main~9'), `"main~9": commit ${first} has no parent 1`)
  t.is(await message(repository, 'main^2'), `"main^2": commit ${second} has no parent 2`)
  for (const odd of ['main..team/next', ':/policy', 'main@{1}', 'main:policy', '', '^main', '-main', '../../etc/passwd', 'main^{tree}', 'a\nb', 'x'.repeat(300)]) t.regex(await message(repository, odd), /is not understood: name a commit, a branch or a tag, and ~n or \^n behind it$/s, odd)
  t.is(await message(root, 'main'), 'it is no Git repository')
})

test('a name that could be two commits is refused, where Git would pick one', async (t) => {
  git(repository, 'branch', 'v1', second)
  git(repository, 'branch', first.slice(0, 8), second)
  t.is(await message(repository, 'v1'), '"v1" is more than one commit: refs/tags/v1, refs/heads/v1')
  t.is(await message(repository, first.slice(0, 8)), `"${first.slice(0, 8)}" is more than one commit: refs/heads/${first.slice(0, 8)}, commit ${first}`)
  git(repository, 'branch', '-q', second.slice(0, 8), second)
  t.is(await message(repository, second.slice(0, 8)), second, 'both are the same')
  // A whole id is that commit, whatever branch is called so: the push of one cannot make it another.
  fs.writeFileSync(path.join(repository, '.git', 'refs', 'heads', first), `${second}\n`)
  t.is(await message(repository, first), first)
  t.is(await message(repository, 'refs/heads/v1'), second)
})

test('the start of two commits is refused with both, and of a commit and a file it is the commit', async (t) => {
  const at = path.join(root, 'alike.git')
  git(root, 'init', '-q', '--bare', at)
  const put = (type: string, body: string): string => {
    const bytes = Buffer.from(`${type} ${Buffer.byteLength(body)}\0${body}`)
    const id = createHash('sha1').update(bytes).digest('hex')
    fs.mkdirSync(path.join(at, 'objects', id.slice(0, 2)), { recursive: true })
    fs.writeFileSync(path.join(at, 'objects', id.slice(0, 2), id.slice(2)), deflateSync(bytes))
    return id
  }
  const body = (n: number): string => `tree ${'4b825dc642cb6eb9a060e54bf8d69288fbee4904'}\nauthor E <e> 1 +0000\ncommitter E <e> 1 +0000\n\n${n}\n`
  const start = (type: string, text: string): string => createHash('sha1').update(`${type} ${Buffer.byteLength(text)}\0${text}`).digest('hex').slice(0, 4)
  const seen = new Map<string, number>()
  let pair: readonly [number, number] | undefined
  for (let n = 0; pair === undefined; n++) {
    const other = seen.get(start('commit', body(n)))
    if (other !== undefined) pair = [other, n]
    seen.set(start('commit', body(n)), n)
  }
  const ids = [put('commit', body(pair[0])), put('commit', body(pair[1]))].toSorted()
  const short = ids[0]!.slice(0, 4)
  const told = await message(at, short)
  t.is(told.replace(/commit [0-9a-f]{40}/g, ''), `"${short}" is more than one commit: , `)
  t.true(ids.every((id) => told.includes(id)))
  const alone = put('commit', body(-1))
  let blob = 0
  while (start('blob', String(blob)) !== alone.slice(0, 4)) blob++
  put('blob', String(blob))
  t.is(await message(at, alone.slice(0, 4)), alone)
})

test('a .git file that points nowhere, or says something else, is told by its name', async (t) => {
  const at = path.join(root, 'pointing')
  fs.mkdirSync(at)
  fs.writeFileSync(path.join(at, '.git'), 'gitdir: ../no-such-place\n')
  t.throws(() => gitFolders(at), { code: 'ERR_POLICY_REPOSITORY', message: `policy repository ${at}: there is no Git repository at ${path.join(root, 'no-such-place')}` })
  fs.writeFileSync(path.join(at, '.git'), 'hello\n')
  t.throws(() => gitFolders(at), { code: 'ERR_POLICY_REPOSITORY', message: `policy repository ${at}: ${path.join(at, '.git')} does not say where its repository is` })
})
