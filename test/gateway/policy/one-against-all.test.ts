// What one signer, or somebody who signs nothing, does to those who want a change: hold it up, take it back, or blur who stood behind it.
import fs from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import git from 'isomorphic-git'
import { PolicyError, shippedCapabilities } from '../../../rego/index.ts'
import { signSsh } from '../../../evidence/repository/sshsig.ts'
import { activationNamespace, leaveEndorsement, proposeActivation, writeEndorsement, writeStatement } from '../../../gateway/policy/index.ts'
import { leave } from './policy-repository.ts'
import { eli, keep, lena, omar, twoOf, type Kept } from './two-people.ts'

let first = ''
let kept: Kept | undefined
test.before(async (t) => {
  t.timeout(120_000)
  kept = await keep()
  const { statement } = await proposeActivation(kept.dir, { commit: 'main', kind: 'activation', capabilities: shippedCapabilities() })
  await kept.sign(statement, lena)
  await kept.activation.start()
  t.is(kept.activation.active()?.serial, 1)
  first = join(kept.dir, '..')
})
test.after.always(() => { kept?.[Symbol.dispose]() })

async function running(): Promise<Kept> {
  const it = await keep(first)
  await it.activation.start()
  return it
}

test('a policy that was slow to resume does not come back over a newer one', async (t) => {
  using it = await keep(first)
  const busy = () => { throw new PolicyError('ERR_TOOLCHAIN_DEADLINE', 'busy') }
  it.onParse = busy
  await it.reopen().start()
  t.is(it.activation.active(), undefined)
  const revision = await it.change({ 'README.md': 'newer' }, eli)
  await it.sign(await it.statement(revision), lena)
  let times = 0
  it.onParse = () => { if (times++ === 0) busy() }          // the old one once more, then the machine has time
  t.like(await it.activation.poll(), { event: 'activated', serial: 2 })
  await it.activation.poll()
  t.like(it.activation.active(), { serial: 2, revision })
  t.deepEqual(it.events.filter(({ event }) => event === 'activated').map(({ serial }) => serial).slice(-1), [2])
})

const nonsense: readonly (readonly [string, object])[] = [
  ['a serial that leaps', { serial: 10 ** 15 }],
  ['another tree', { serial: 9, tree: '9'.repeat(64) }],
  ['another bundle', { serial: 2, bundle: '9'.repeat(64) }],
]
for (const [title, more] of nonsense) {
  test(`one signer cannot keep the others' change out by a newer statement with ${title}`, async (t) => {
    using it = await running()
    const revision = await it.change({ allowed_signers: eli.line + omar.line, 'config.yaml': twoOf() }, eli)   // lena is to go
    const statement = await it.statement(revision)
    await it.sign({ ...statement, ...more }, lena)
    await it.sign(statement, omar)
    t.like(await it.activation.poll(), { event: 'activated', serial: 2, signers: ['eli@bank.example', 'omar@bank.example'], bundle: statement.bundle })
  })
}

test('copies of one person\'s signature do not crowd the other\'s out of the record', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'two' }, undefined)
  const statement = await it.statement(revision)
  await it.sign(statement, eli)
  const [name] = await git.listRefs({ fs, dir: it.dir, filepath: `refs/countersign/activations/${revision}` })
  const { blob } = await git.readBlob({ fs, dir: it.dir, oid: name ?? '' })
  const text = Buffer.from(blob).toString(), body = text.indexOf('SIGNATURE-----\n') + 15
  for (let at = 1; at <= 20; at++) await leave(it.dir, revision, Buffer.from(`${text.slice(0, body + at)}\n${text.slice(body + at)}`))
  await it.sign(statement, lena)
  const event = await it.activation.poll()
  t.like(event, { event: 'activated', signers: ['eli@bank.example', 'lena@bank.example'] })
  t.is(event?.endorsements?.length, 2)
})

test('a commit that was refused is looked at again once who may sign has changed', async (t) => {
  using it = await running()
  const names = await it.change({ 'config.yaml': twoOf(), allowed_signers: eli.line + lena.line }, eli)
  await it.sign(await it.statement(names), lena)
  const more = await it.change({ 'README.md': 'x', allowed_signers: eli.line + lena.line + omar.line }, eli)
  const point = (value: string) => git.writeRef({ fs, dir: it.dir, ref: 'refs/heads/main', value, force: true })
  const signature = await it.statement(more, { serial: 3, tree: '9'.repeat(64) })
  await it.sign(signature, lena)
  t.like(await it.activation.poll(), { event: 'refused', revision: more })
  await point(names)
  t.like(await it.activation.poll(), { event: 'activated', revision: names })
  await point(more)
  t.like(await it.activation.poll(), { event: 'refused', revision: more }, 'judged anew')
})

test('a tag that is called like a branch, or like the short id of a commit, is not signed in its place', async (t) => {
  using it = await running()
  const named = await it.change({ 'README.md': 'meant' }, eli)
  const other = await it.change({ 'README.md': 'not meant' }, undefined)
  const ask = (commit: string) => proposeActivation(it.dir, { commit, kind: 'activation', serial: -1, capabilities: {} })
  const short = named.slice(0, 7)
  await git.writeRef({ fs, dir: it.dir, ref: 'refs/heads/release', value: named })
  for (const name of [short, 'release']) await git.tag({ fs, dir: it.dir, ref: name, object: other })
  await t.throwsAsync(ask(short), { code: 'ERR_POLICY_REPOSITORY', message: new RegExp(`: "${short}" is more than one commit: refs/tags/${short}, commit ${named}$`) })
  await t.throwsAsync(ask('release'), { code: 'ERR_POLICY_REPOSITORY', message: /: "release" is more than one commit: refs\/tags\/release, refs\/heads\/release$/ })
  await t.throwsAsync(ask('nowhere'), { code: 'ERR_POLICY_REPOSITORY', message: /: "nowhere" is no commit, branch or tag of it$/ })
})

test('a policy whose commit cannot be read at the start is in force again once it can', async (t) => {
  using it = await keep(first)
  const away = join(it.dir, '..', 'away')
  fs.renameSync(it.dir, away)
  await it.reopen().start()
  t.is(it.activation.active(), undefined)
  t.deepEqual(it.events.map(({ reason }) => reason?.code), ['ERR_POLICY_REPOSITORY', 'ERR_POLICY_REPOSITORY'])
  for (let look = 0; look < 9; look++) await it.activation.poll()
  t.is(it.events.length, 2, 'said once')
  fs.renameSync(away, it.dir)
  await it.activation.poll()
  t.like(it.activation.active(), { serial: 1 })
})

test('a state directory copied while the gateway ran, and put back, does not bring the older policy back', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'two' }, eli)
  const statement = await it.statement(revision)
  // The copy knows the first policy; in the same epoch the second came into force, and is on record.
  it.epoch++
  const asked: unknown[] = []
  it.onRecord = (...about) => { asked.push(about[0]); return { serial: 2, bundle: statement.bundle } }
  await it.reopen().start()
  t.deepEqual(asked, [-1])
  t.is(it.activation.active(), undefined)
  t.like(it.events.find(({ isResumed, event }) => isResumed === true && event === 'refused'), { reason: { code: 'ERR_POLICY_SERIAL' } })
  await it.sign(statement, lena)
  t.like(await it.activation.poll(), { event: 'activated', serial: 2 })
})

const junk = (n: number): Buffer => Buffer.from(`junk ${n}\n`)

test('a flood of statements by nobody keeps no change out that enough people signed where gateways look for theirs', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'flooded' }, undefined)
  const statement = await it.statement(revision)
  const blob = await git.writeBlob({ fs, dir: it.dir, blob: junk(0) })
  const refs = join(it.dir, '.git', 'refs', 'countersign', 'activations', revision)
  fs.mkdirSync(refs, { recursive: true })
  for (let n = 0; n < 300; n++) fs.writeFileSync(join(refs, n.toString(16).padStart(40, '0')), `${blob}\n`)
  for (const signer of [eli, lena]) await leaveEndorsement(it.dir, writeEndorsement(statement, signSsh(writeStatement(statement), signer.key, signer.publicKey, activationNamespace)))
  t.like(await it.activation.poll(), { event: 'activated', serial: 2, signers: ['eli@bank.example', 'lena@bank.example'] })
})

test('a review that is overdue is closed beside a flood, too', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'in a hurry' }, undefined)
  const statement = await it.statement(revision, { kind: 'emergency', reason: 'INC-7' })
  await it.sign(statement, lena)
  t.like(await it.activation.poll(), { event: 'emergency' })
  it.now += 3_601_000
  await it.activation.poll()
  const blob = await git.writeBlob({ fs, dir: it.dir, blob: junk(0) })
  for (let n = 0; n < 70; n++) fs.writeFileSync(join(it.dir, '.git', 'refs', 'countersign', 'activations', revision, n.toString(16).padStart(40, '0')), `${blob}\n`)
  const { reason: _, ...same } = statement
  const review = { ...same, kind: 'after-review' as const }
  for (const signer of [eli, omar]) await leaveEndorsement(it.dir, writeEndorsement(review, signSsh(writeStatement(review), signer.key, signer.publicKey, activationNamespace)))
  await it.activation.poll()
  t.is(it.events.at(-1)?.event, 'reviewed')
  t.deepEqual(it.activation.status().reviews, [])
})

test('junk that comes and goes beside a refused commit makes no frame, no test run and no compilation', async (t) => {
  using it = await running()
  let parsed = 0
  it.onParse = () => { parsed++ }
  const revision = await it.change({ 'README.md': 'false' }, undefined)
  await it.sign({ ...await it.statement(revision), tests: '9'.repeat(64) }, eli, lena)
  t.like(await it.activation.poll(), { event: 'refused', reason: { code: 'ERR_POLICY_STATEMENT' } })
  const before = it.events.length, looked = parsed
  const [name] = await git.listRefs({ fs, dir: it.dir, filepath: `refs/countersign/activations/${revision}` })
  const { blob } = await git.readBlob({ fs, dir: it.dir, oid: await git.resolveRef({ fs, dir: it.dir, ref: `refs/countersign/activations/${revision}/${name}` }) })
  const text = Buffer.from(blob).toString(), body = text.indexOf('SIGNATURE-----\n') + 15
  // Nonsense, and a person's own signature in another wrapping.
  for (let n = 1; n <= 5; n++) {
    await leave(it.dir, revision, n % 2 === 0 ? junk(n) : Buffer.from(`${text.slice(0, body + n)}\n${text.slice(body + n)}`))
    t.is(await it.activation.poll(), undefined)
  }
  t.deepEqual([it.events.length, parsed], [before, looked])
  await it.sign(await it.statement(revision), omar)
  t.like(await it.activation.poll(), { event: 'refused' }, 'a signature that counts is looked at')
})

test('a statement whose signature is none is not left for gateways', async (t) => {
  using it = await running()
  const statement = await it.statement(await it.change({ 'README.md': 'unsigned' }, undefined))
  await t.throwsAsync(leaveEndorsement(it.dir, writeEndorsement(statement, signSsh(writeStatement(statement), eli.key, eli.publicKey, 'git'))), { code: 'ERR_USAGE', message: /^the signature is not one of this statement, by an Ed25519 key, under the namespace countersign-activation$/ })
})
