// What the people of a quorum do, as they do it: stock Git, stock ssh-keygen, two checkouts, one remote.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createPolicyRepository, signerOf, type Statement } from '../../gateway/policy/index.ts'
import { judgeCommit } from '../../gateway/policy/judge.ts'
import { parseAllowedSigners } from '../../gateway/policy/allowed-signers.ts'
import { config, write } from './policy/policy-repository.ts'

const launcher = path.join(import.meta.dirname, '..', '..', 'gateway', 'countersign.js')
const missing = ['git', 'ssh-keygen'].find((tool) => !(process.env['PATH'] ?? '').split(':').some((folder) => fs.existsSync(path.join(folder, tool))))
const withTools = missing === undefined ? test : test.skip

const root = fs.mkdtempSync(path.join(tmpdir(), 'countersign-people-'))
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })

const environment = { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1' }
const git = (dir: string, ...args: string[]): string => execFileSync('git', ['-C', dir, '-c', 'user.name=Eli', '-c', 'user.email=eli@bank.example', '-c', 'init.defaultBranch=main', ...args], { env: environment, stdio: 'pipe' }).toString()

interface Ended { readonly code: number; readonly output: string; readonly errors: string }
function countersign(...args: string[]): Ended {
  try {
    return { code: 0, output: execFileSync(process.execPath, [launcher, 'policy', ...args], { env: environment, stdio: 'pipe' }).toString(), errors: '' }
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: Buffer; stderr: Buffer }
    return { code: status, output: stdout.toString(), errors: stderr.toString() }
  }
}

function repository(): { readonly remote: string; readonly checkout: string; readonly key: (name: string) => string } {
  const remote = path.join(root, 'remote.git'), checkout = path.join(root, 'eli')
  fs.mkdirSync(checkout)
  git(root, 'init', '--quiet', '--bare', remote)
  git(checkout, 'init', '--quiet')
  git(checkout, 'remote', 'add', 'origin', remote)
  const key = (name: string): string => path.join(root, `key-${name}`)
  for (const name of ['eli', 'lena']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key(name)])
  write(checkout, {
    'config.yaml': config, 'policy/a.rego': 'package countersign.request\n\ndecision := {"effect": "deny"}\n', 'policy/b.rego': 'package countersign.list\n\nvisible := []\n',
    'policy/a_test.rego': 'package countersign.request_test\n\ntest_denies if data.countersign.request.decision.effect == "deny"\n', 'data/data.json': '{}', 'schema/note.txt': '',
    allowed_signers: ['eli', 'lena'].map((name) => `${name}@bank.example ${fs.readFileSync(`${key(name)}.pub`, 'utf8')}`).join(''),
  })
  git(checkout, 'add', '--all')
  git(checkout, 'commit', '--quiet', '--message', 'policy: first')
  git(checkout, 'push', '--quiet', 'origin', 'main')
  return { remote, checkout, key }
}

withTools('two people test, build and sign a commit in checkouts of their own, and the remote has what a gateway asks for', async (t: ExecutionContext) => {
  t.timeout(120_000)
  const { remote, checkout, key } = repository()
  const other = path.join(root, 'lena')
  git(root, 'clone', '--quiet', remote, other)
  const revision = git(checkout, 'rev-parse', 'HEAD').trim()

  const told = countersign('statement', '--repository', checkout)
  t.is(told.code, 0, told.errors)
  const statement = JSON.parse(told.output) as Statement
  t.like(statement, { kind: 'activation', revision, serial: 1 })
  const tree = execFileSync('sh', ['-c', 'find allowed_signers config.yaml data policy schema -type f | LC_ALL=C sort | xargs sha256sum | sha256sum'], { cwd: checkout }).toString().slice(0, 64)
  t.is(statement.tree, tree, 'the tree\'s digest needs no tool of ours')
  t.is(statement.tests, createHash('sha256').update('pass  countersign.request_test.test_denies\n').digest('hex'))

  const eli = countersign('activate', '--repository', checkout, '--sign', key('eli'), '--push', 'origin')
  t.is(eli.code, 0, eli.errors)
  t.regex(eli.output, new RegExp(`^signed: activation of ${revision}, serial 1\\n  tree    ${tree}\\n`))
  t.true(eli.output.includes('\n  by      eli@bank.example\npushed to origin\n'))
  // Lena does not use our command to sign: ssh-keygen and git make the same.
  const file = path.join(root, 'statement')
  fs.writeFileSync(file, countersign('statement', '--repository', other).output)
  execFileSync('ssh-keygen', ['-Y', 'sign', '-q', '-n', 'countersign-activation', '-f', key('lena'), file], { stdio: 'pipe' })
  fs.writeFileSync(`${file}.signed`, Buffer.concat([fs.readFileSync(file), fs.readFileSync(`${file}.sig`)]))
  const blob = git(other, 'hash-object', '-w', `${file}.signed`).trim()
  git(other, 'push', '--quiet', 'origin', `${blob}:refs/countersign/activations/${revision}/${blob}`)

  const repositoryThere = createPolicyRepository(remote, 'refs/heads/main')
  const commit = await repositoryThere.readCommit(revision)
  const backing = judgeCommit(commit, await repositoryThere.endorsements(revision), { signers: parseAllowedSigners(fs.readFileSync(path.join(checkout, 'allowed_signers'), 'utf8')), rules: { quorum: 2 } }, Date.now())
  t.like(backing, { isEnough: true, signers: ['eli@bank.example', 'lena@bank.example'] })

  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'mallory', '-f', key('mallory')])
  execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-N', '', '-C', 'eli', '-f', key('rsa')])
  const alone = path.join(root, 'alone')
  git(root, 'clone', '--quiet', '--origin', 'elsewhere', remote, alone)
  git(alone, 'remote', 'remove', 'elsewhere')
  t.regex(countersign('activate', '--repository', alone, '--sign', key('mallory')).output, /\n {2}by {6}A KEY THAT IS IN NO LINE of this commit's allowed_signers: a gateway that goes by them does not count it\nGateways that read this very repository see it at once\.\n$/)
  t.like(countersign('activate', '--repository', alone, '--sign', key('nobody')), { code: 2, errors: `countersign: ERR_USAGE: --sign: ${key('nobody')} is not there\n` })
  const signed = (name: string): string => execFileSync('ssh-keygen', ['-Y', 'sign', '-q', '-n', 'countersign-activation', '-f', key(name)], { input: fs.readFileSync(file), stdio: 'pipe' }).toString()
  const list = fs.readFileSync(path.join(checkout, 'allowed_signers'), 'utf8')
  t.deepEqual([signerOf(statement, signed('lena'), list, Date.now()), signerOf(statement, signed('lena'), undefined, Date.now())], ['lena@bank.example', undefined])
  t.throws(() => signerOf(statement, signed('rsa'), list, Date.now()), { code: 'ERR_USAGE', message: 'the key is of a type that no gateway counts: it takes ssh-ed25519, in software or in a security key' })

  git(checkout, 'commit', '--quiet', '--allow-empty', '--message', 'policy: newer')
  git(checkout, 'push', '--quiet', 'origin', 'main')
  const newest = git(checkout, 'rev-parse', 'HEAD').trim()
  const unpulled = countersign('activate', '--repository', other, '--sign', key('lena'), '--push', 'origin')
  t.true(unpulled.output.includes(`\n  NOT THE NEWEST: the default branch of origin is at ${newest}, which this does not bring into force\npushed to origin\n`), unpulled.output)

  write(checkout, { 'policy/a_test.rego': 'package countersign.request_test\n\ntest_denies if 1 == 2\n' })
  git(checkout, 'commit', '--quiet', '--all', '--message', 'policy: broken')
  const broken = countersign('activate', '--repository', checkout, '--sign', key('eli'), '--json')
  t.is(broken.code, 1)
  t.like(JSON.parse(broken.output), { code: 'ERR_POLICY_TEST' })
  t.is(git(checkout, 'for-each-ref', 'refs/countersign').split('\n').length - 1, 1, 'nothing was signed')
})

const wrong: readonly (readonly [string, readonly string[], string])[] = [
  ['an emergency without a reason', ['--kind', 'emergency'], 'countersign: ERR_USAGE: an emergency change gives a reason\n'],
  ['a serial that is none', ['--serial', '-1'], 'countersign: ERR_USAGE: --serial: expected a number\n'],
  ['a folder that is not there', ['--repository', path.join(root, 'nowhere')], `countersign: ERR_USAGE: --repository: ${path.join(root, 'nowhere')} is not there\n`],
]
for (const [title, args, errors] of wrong) {
  test(`${title} ends with exit status 2 and says so`, (t) => {
    t.like(countersign('statement', ...args), { code: 2, output: '', errors })
  })
}
