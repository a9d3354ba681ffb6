// A policy repository that lies elsewhere: followed through Git's own transports, and never trusted for having answered.
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import git from 'isomorphic-git'
import { parseGoverned } from '../../../gateway/governed.ts'
import { signSsh } from '../../../evidence/repository/sshsig.ts'
import { activationNamespace, createActivation, createBundleStore, createMirror, createPolicyMemory, createPolicyRepository, leaveEndorsement, mirrorPath, proposeActivation, writeEndorsement, writeStatement, type Statement } from '../../../gateway/policy/index.ts'
import { openDatabase } from '../../../gateway/state/database.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { followRemote, type Follower } from './follower.ts'
import { startGitServer } from './git-server.ts'
import { leave, type Signer } from './policy-repository.ts'
import { eli, keep, lena, startedAt, type Kept } from './two-people.ts'

const hasGit = (process.env['PATH'] ?? '').split(':').some((folder) => fs.existsSync(join(folder, 'git')))
const withGit = hasGit ? test : test.skip

let kept: Kept
test.before(async (t) => {
  t.timeout(120_000)
  kept = await keep()
  const { statement } = await proposeActivation(kept.dir, { commit: 'main', kind: 'activation', capabilities: shippedCapabilities() })
  await kept.sign(statement, lena)
  await kept.activation.start()
  t.is(kept.activation.active()?.serial, 1)
})
test.after.always(() => { kept[Symbol.dispose]() })

const follow = (t: ExecutionContext, at: Kept, url: string, environment?: Readonly<Record<string, string | undefined>>): Follower => {
  const follower = followRemote(at, url, environment === undefined ? {} : { environment })
  t.teardown(() => { follower[Symbol.dispose]() })
  return follower
}

const copy = async (): Promise<Kept> => await keep(join(kept.dir, '..'))

withGit('a repository is followed over HTTP: commits and signatures as they come, and nothing is written while nothing moves', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const follower = follow(t, at, server.url('policy/.git'))
  await follower.activation.start()
  t.like(follower.activation.active(), { serial: 1, signers: ['eli@bank.example', 'lena@bank.example'] }, follower.said.join())
  t.like(follower.activation.status(), { staleS: 0, reviews: [] })

  const revision = await at.change({ 'README.md': 'two' }, eli)
  t.like(await follower.activation.poll(), { event: 'refused', revision, reason: { code: 'ERR_POLICY_QUORUM', message: '1 of 2 people have signed for it' } })
  await at.sign(await at.statement(revision), lena)
  t.like(await follower.activation.poll(), { event: 'activated', revision, serial: 2 })

  const packs = () => fs.readdirSync(join(follower.mirror, 'objects', 'pack')).toSorted()
  const before = packs(), asked = server.requests.length
  t.is(await follower.activation.poll(), undefined)
  t.deepEqual(packs(), before)
  t.deepEqual(server.requests.slice(asked).filter((request) => request.startsWith('GET')).length, 1, 'one look is one connection that fetches nothing')
})

withGit('a signature that was taken back before the second one came does not count', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const follower = follow(t, at, server.url('policy/.git'))
  await follower.activation.start()
  const revision = await at.change({ 'README.md': 'back' }, undefined)
  await at.sign(await at.statement(revision), lena)
  t.like(await follower.activation.poll(), { reason: { message: '1 of 2 people have signed for it; the commit is not signed' } })
  for (const name of await git.listRefs({ fs, dir: at.dir, filepath: `refs/countersign/activations/${revision}` })) await git.deleteRef({ fs, dir: at.dir, ref: `refs/countersign/activations/${revision}/${name}` })
  await at.sign(await at.statement(revision), eli)
  t.like(await follower.activation.poll(), { signers: ['eli@bank.example'], reason: { message: '1 of 2 people have signed for it; the commit is not signed' } })
})

withGit('a remote that is gone keeps the policy in force, is said once, and is followed again when it is back', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const follower = follow(t, at, server.url('policy/.git'))
  await follower.activation.start()
  server.instead = (_request, response) => { response.writeHead(503).end() }
  follower.clock.now += 90_000
  t.like(await follower.activation.poll(), { event: 'refused', revision: '', reason: { code: 'ERR_POLICY_REMOTE', message: 'the remote policy repository answered that it could not answer' } })
  t.is(await follower.activation.poll(), undefined)
  t.like(follower.activation.status(), { staleS: 90, fault: { code: 'ERR_POLICY_REMOTE' } })
  t.is(follower.activation.active()?.serial, 1)
  t.regex(follower.said.join(), /503/)
  t.is(follower.said.length, 1, 'two looks, one line in the log')
  server.instead = undefined
  const revision = await at.change({ 'README.md': 'again' }, eli)
  await at.sign(await at.statement(revision), lena)
  t.like(await follower.activation.poll(), { event: 'activated', revision })
  t.like(follower.activation.status(), { staleS: 0, fault: undefined })
})

withGit('a start does not wait for a remote that hangs, where a policy was in force', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const open: (() => void)[] = []
  server.instead = (_request, response) => { open.push(() => response.destroy()) }
  const mirror = mirrorPath(at.state)
  fs.cpSync(join(at.dir, '.git'), mirror, { recursive: true })
  const database = openDatabase(join(at.state, 'state.db'))
  const activation = createActivation({
    repository: createPolicyRepository(mirror, 'refs/heads/main', createMirror({ path: mirror, url: server.url('policy/.git'), ref: 'refs/heads/main', environment: { PATH: process.env['PATH'] }, now: Date.now, said: () => undefined })),
    memory: createPolicyMemory(database), bundles: createBundleStore(join(at.state, 'bundles')), pinned: { allowedSigners: '', quorum: 2 }, capabilities: shippedCapabilities(), evidence: { epoch: 1, lastActivation: () => undefined },
    now: () => startedAt, parseGoverned: (text) => parseGoverned(text, []), onActive: () => undefined, onEvent: () => Promise.resolve(),
  })
  await activation.start()
  t.is(activation.active()?.serial, 1)
  const looking = activation.poll()
  while (open.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.is(activation.active()?.serial, 1, 'a look in progress changes nothing')
  for (const drop of open) drop()
  t.like(await looking, { reason: { code: 'ERR_POLICY_REMOTE' } })
  database.close()
})

withGit('a rewritten remote is refused, also where the new history is signed', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const follower = follow(t, at, server.url('policy/.git'))
  await follower.activation.start()
  fs.rmSync(join(at.dir, '.git', 'refs', 'heads', 'main'))
  const revision = await at.change({ 'README.md': 'another beginning' }, eli)
  await at.sign(await at.statement(revision, { serial: 5 }), eli, lena)
  t.like(await follower.activation.poll(), { event: 'refused', revision, reason: { code: 'ERR_POLICY_HISTORY' } })
  t.is(follower.activation.active()?.serial, 1)
})

withGit('what unpacks to more than a policy may be is not taken in', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const follower = follow(t, at, server.url('policy/.git'))
  await follower.activation.start()
  const revision = await at.change({ 'data/bomb/data.json': ' '.repeat(8 * 1024 * 1024) }, eli)
  const { oid } = await git.readBlob({ fs, dir: at.dir, oid: revision, filepath: 'data/bomb/data.json' })
  await at.sign({ kind: 'activation', revision, tree: '0'.repeat(64), bundle: '0'.repeat(64), tests: '0'.repeat(64), serial: 2 }, lena)
  const event = await follower.activation.poll()
  t.is(event?.reason?.code, 'ERR_POLICY_REPOSITORY')
  t.true(event?.reason?.message.endsWith(`blob ${oid} cannot be read`), event?.reason?.message)
})

/** As `policy activate` leaves it: where gateways look for this signer's. */
const signed = async (at: Kept, statement: Statement, ...signers: readonly Signer[]): Promise<void> => {
  for (const signer of signers) await leaveEndorsement(at.dir, writeEndorsement(statement, signSsh(writeStatement(statement), signer.key, signer.publicKey, activationNamespace)))
}

withGit('statements that are larger than any statement cost only themselves, and are asked for once', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const follower = follow(t, at, server.url('policy/.git'))
  await follower.activation.start()
  const revision = await at.change({ 'README.md': 'large' }, undefined)
  await signed(at, await at.statement(revision), eli, lena)
  for (const name of ['0', 'f']) await git.writeRef({ fs, dir: at.dir, ref: `refs/countersign/activations/${revision}/${name.repeat(40)}`, value: await git.writeBlob({ fs, dir: at.dir, blob: randomBytes(3_000_000) }), force: true })
  t.like(await follower.activation.poll(), { event: 'activated', revision, serial: 2 }, follower.said.join())
  const size = (folder: string): number => fs.readdirSync(folder, { recursive: true, withFileTypes: true }).reduce((sum, file) => sum + (file.isFile() ? fs.statSync(join(file.parentPath, file.name)).size : 0), 0)
  t.true(size(join(follower.mirror, 'objects')) < 2_000_000)
  const asked = server.requests.length
  await leave(at.dir, revision, Buffer.from('junk'))
  await follower.activation.poll()
  t.true(server.requests.length - asked <= 8, 'what was no statement is not fetched again')
})

withGit('a list of refs that is flooded past its limit still shows the branch and what signers left', async (t) => {
  using at = await copy()
  await using server = await startGitServer(join(at.dir, '..'))
  const follower = follow(t, at, server.url('policy/.git'))
  await follower.activation.start()
  const revision = await at.change({ 'README.md': 'flooded' }, undefined)
  await signed(at, await at.statement(revision), eli, lena)
  const blob = await git.writeBlob({ fs, dir: at.dir, blob: Buffer.from('junk') })
  const refs = Array.from({ length: 36_000 }, (_, n) => `${blob} refs/countersign/activations/${revision}/${n.toString(16).padStart(40, '0')}\n`)
  fs.writeFileSync(join(at.dir, '.git', 'packed-refs'), `# pack-refs with: peeled fully-peeled sorted \n${refs.join('')}`)
  t.like(await follower.activation.poll(), { event: 'activated', revision, serial: 2 }, follower.said.join())
})

const answers: readonly (readonly [string, NonNullable<Awaited<ReturnType<typeof startGitServer>>['instead']>, RegExp])[] = [
  ['sends the gateway elsewhere', (_request, response) => { response.writeHead(302, { location: 'http://169.254.169.254/policy/.git/info/refs?service=git-upload-pack' }).end() }, /^the remote policy repository sends elsewhere, where Git does not follow$/],
  ['answers with something else', (_request, response) => { response.writeHead(200, { 'content-type': 'text/html' }).end('<p>sign in') }, /^the remote policy repository (has no refs\/heads\/main|could not be read: git ended with 128)$/],
  ['lists refs without end', (_request, response) => {
    const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text
    const oid = 'a'.repeat(40)
    response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' })
    const refs = Array.from({ length: 60_000 }, (_, n) => line(`${oid} refs/countersign/activations/${n.toString(16).padStart(40, '0')}/${'b'.repeat(40)}\n`))
    response.end(`${line('# service=git-upload-pack\n')}0000${line(`${oid} HEAD\0agent=git\n`)}${refs.join('')}0000`)
  }, /^the remote policy repository answered with more than 4194304 bytes$/],
  ['has no such branch', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' }).end(`001e# service=git-upload-pack\n0000004${(4 + 41 + 15).toString(16)[1]}${'a'.repeat(40)} refs/heads/x\0\n0000`)
  }, /^the remote policy repository (has no refs\/heads\/main|could not be read: git ended with 128)$/],
]
for (const [title, instead, message] of answers) {
  withGit(`a remote that ${title} is refused`, async (t) => {
    using at = await copy()
    await using server = await startGitServer(join(at.dir, '..'))
    server.instead = instead
    const follower = follow(t, at, server.url('policy/.git'))
    await follower.activation.start()
    t.is(follower.activation.active(), undefined)
    t.is(follower.events[0]?.reason?.code, 'ERR_POLICY_REMOTE')
    t.regex(follower.events[0]?.reason?.message ?? '', message)
  })
}

withGit('a repository is followed over SSH, by the command that the operator set', async (t) => {
  using at = await copy()
  const ssh = join(at.dir, '..', 'ssh')
  fs.writeFileSync(ssh, '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n', { mode: 0o755 })
  const follower = follow(t, at, `ssh://git@policy.bank.example${at.dir}/.git`, { PATH: process.env['PATH'], GIT_SSH_COMMAND: ssh })
  await follower.activation.start()
  t.like(follower.activation.active(), { serial: 1 }, follower.said.join())
})

withGit('Git runs with no hook, no prompt, and none of the gateway\'s own variables', async (t) => {
  using at = await copy()
  const ssh = join(at.dir, '..', 'ssh')
  const seen = join(at.dir, '..', 'seen')
  fs.writeFileSync(ssh, `#!/bin/sh\nenv > '${seen}'\nfor last; do :; done\nexec sh -c "$last"\n`, { mode: 0o755 })
  const follower = follow(t, at, `ssh://git@policy.bank.example${at.dir}/.git`, { PATH: process.env['PATH'], GIT_SSH_COMMAND: ssh, BANK_SECRET: 'hunter2', GIT_DIR: '/elsewhere', GIT_TRACE: '1', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.hooksPath', GIT_CONFIG_VALUE_0: '/tmp' })
  await follower.activation.start()
  t.is(follower.activation.active()?.serial, 1, follower.said.join())
  const environment = fs.readFileSync(seen, 'utf8')
  t.false(environment.includes('hunter2'))
  t.false(/^GIT_(TRACE|CONFIG_COUNT)=/m.test(environment))
  t.true(environment.includes('GIT_TERMINAL_PROMPT=0'))
  t.deepEqual(fs.existsSync(join(follower.mirror, 'hooks')), false)
})

test('without Git on PATH a remote is refused in words', async (t) => {
  using at = await copy()
  const follower = follow(t, at, 'https://127.0.0.1:9/policy.git', { PATH: at.dir })
  await follower.activation.start()
  t.like(follower.events[0], { event: 'refused', reason: { code: 'ERR_POLICY_REMOTE', message: 'the remote policy repository could not be asked: there is no git on PATH' } })
})
