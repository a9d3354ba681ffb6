// What may follow the policy in force, and who says so: quorum, statement, serial, history, roll-back, emergency and its review.
import fs from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import git from 'isomorphic-git'
import { proposeActivation } from '../../../gateway/policy/index.ts'
import { PolicyError, shippedCapabilities } from '../../../rego/index.ts'
import { leave } from './policy-repository.ts'
import { eli, keep, lena, omar, twoOf, withEmergency, type Kept } from './two-people.ts'

let first = ''
let kept: Kept | undefined
test.before('two people bring the first commit into force, and the gateway gets the very bundle that they signed', async (t) => {
  t.timeout(120_000)
  kept = await keep()
  await kept.activation.start()
  t.like(kept.events[0], { event: 'refused', serial: 0, signers: ['eli@bank.example'], reason: { code: 'ERR_POLICY_QUORUM', message: '1 of 2 people have signed for it' } })
  t.deepEqual(kept.activation.status().pending, { signed: 1, needed: 2 })
  t.is(kept.activation.active(), undefined)
  const { statement } = await proposeActivation(kept.dir, { commit: 'main', kind: 'activation', capabilities: shippedCapabilities() })
  await kept.sign(statement, lena)
  const meanwhile: unknown[] = []
  kept.onParse = () => { const { refused, pending } = kept?.activation.status() ?? {}; meanwhile.push({ refused, pending }) }
  t.like(await kept.activation.poll(), { event: 'activated', serial: 1, signers: ['eli@bank.example', 'lena@bank.example'], bundle: statement.bundle, tree: statement.tree, tests: statement.tests })
  t.is(kept.events[1]?.endorsements?.length, 1)
  t.is(kept.activation.status().pending, undefined)
  t.deepEqual(meanwhile, [{ refused: undefined, pending: undefined }], 'what enough people signed is not told as refused while it is built')
  kept.onParse = undefined
  first = join(kept.dir, '..')
})
test.after.always(() => { kept?.[Symbol.dispose]() })

/** A copy with the first policy in force. */
async function running(): Promise<Kept> {
  const it = await keep(first)
  await it.activation.start()
  return it
}

async function refused(t: ExecutionContext, it: Kept, code: string, message: string | RegExp): Promise<void> {
  const before = it.activation.active()
  const event = await it.activation.poll()
  t.is(event?.event, 'refused')
  t.is(event?.reason?.code, code)
  if (typeof message === 'string') t.is(event?.reason?.message, message)
  else t.regex(event?.reason?.message ?? '', message)
  t.is(it.activation.active(), before)
  t.like(it.activation.status().refused, { code })
  t.is(await it.activation.poll(), undefined, 'nothing moved: it is not tried again')
}

test('a commit that one person has signed waits for the second, and comes into force when she signs', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'two' }, eli)
  await refused(t, it, 'ERR_POLICY_QUORUM', '1 of 2 people have signed for it')
  await it.sign(await it.statement(revision), lena)
  t.like(await it.activation.poll(), { event: 'activated', serial: 2, signers: ['eli@bank.example', 'lena@bank.example'] })
  t.like(it.activation.active(), { revision, serial: 2 })
  t.is(it.activation.status().refused, undefined)
})

const wrong: readonly (readonly [string, object, string, string | RegExp])[] = [
  ['another tree than the commit\'s', { tree: '9'.repeat(64) }, 'ERR_POLICY_STATEMENT', 'the tree that was signed is not the one of this commit'],
  ['another bundle than the commit compiles to', { bundle: '9'.repeat(64) }, 'ERR_POLICY_STATEMENT', 'the bundle that was signed is not the one that this commit compiles to here'],
  ['another test report than the tests give', { tests: '9'.repeat(64) }, 'ERR_POLICY_STATEMENT', 'the test report that was signed is not the one that its tests give here'],
  ['a serial that does not rise', { serial: 1 }, 'ERR_POLICY_SERIAL', 'serial 1 does not rise above 1, which is in force'],
  ['a serial that would use up those to come', { serial: 5_000_000 }, 'ERR_POLICY_SERIAL', 'serial 5000000 leaps: at most 1000000 above 1'],
]
for (const [title, more, code, message] of wrong) {
  test(`a statement that two people signed over ${title} is refused`, async (t) => {
    using it = await running()
    const revision = await it.change({ 'data/a/data.json': '{"a": 1}' }, undefined)
    await it.sign(await it.statement(revision, more), eli, lena)
    await refused(t, it, code, message)
  })
}

test('a commit that was rewound comes back neither by its old statement nor by a new one', async (t) => {
  using it = await running()
  const old = await git.resolveRef({ fs, dir: it.dir, ref: 'refs/heads/main' })
  const revision = await it.change({ 'README.md': 'newer' }, eli)
  await it.sign(await it.statement(revision), lena)
  t.like(await it.activation.poll(), { event: 'activated', serial: 2 })
  await git.writeRef({ fs, dir: it.dir, ref: 'refs/heads/main', value: old, force: true })
  await refused(t, it, 'ERR_POLICY_HISTORY', `${revision}, which is in force, is not on its first-parent line: history goes on, it is not rewritten`)
  await it.sign(await it.statement(old, { serial: 9 }), eli, lena)
  await refused(t, it, 'ERR_POLICY_HISTORY', /is not on its first-parent line/)
  t.is((await it.reopen().start(), it.activation.active()?.serial), 2)
})

test('an older tree under a new serial is a roll-back, and is recorded as one', async (t) => {
  using it = await running()
  const changed = await it.change({ 'data/a/data.json': '{"a": 1}' }, eli)
  await it.sign(await it.statement(changed), lena)
  await it.activation.poll()
  fs.rmSync(join(it.dir, 'data'), { recursive: true })
  const back = await it.change({}, eli)
  await it.sign(await it.statement(back), lena)
  t.like(await it.activation.poll(), { event: 'rolled_back', serial: 3, rollsBackTo: 1, revision: back })
})

test('fewer signatures are asked for only once as many as before have agreed to it', async (t) => {
  using it = await running()
  const lowered = await it.change({ 'config.yaml': twoOf().replace('quorum: 2', 'quorum: 1') }, eli)
  await refused(t, it, 'ERR_POLICY_QUORUM', '1 of 2 people have signed for it')
  await it.sign(await it.statement(lowered), lena)
  t.like(await it.activation.poll(), { event: 'activated', serial: 2 })
  const next = await it.change({ 'README.md': 'alone' }, eli)
  await it.statement(next)
  t.like(await it.activation.poll(), { event: 'activated', serial: 3, signers: ['eli@bank.example'] })
})

test('a new signer counts from the commit after the one that names him', async (t) => {
  using it = await running()
  await it.change({ 'config.yaml': twoOf(), allowed_signers: eli.line + omar.line }, eli)
  const revision = await it.change({ 'README.md': 'x' }, omar)
  await it.sign(await it.statement(revision), lena)
  t.like(await it.activation.poll(), { event: 'activated', signers: ['lena@bank.example', 'omar@bank.example'] })
  const next = await it.change({ 'README.md': 'y' }, eli)
  await it.sign(await it.statement(next), lena)
  await refused(t, it, 'ERR_POLICY_QUORUM', '1 of 2 people have signed for it; a statement is signed by a key that the policy in force does not allow, or not now')
})

test('a commit whose quorum its own signers could never reach is refused', async (t) => {
  using it = await running()
  const revision = await it.change({ 'config.yaml': twoOf().replace('quorum: 2', 'quorum: 4') }, eli)
  await it.sign(await it.statement(revision), lena)
  await refused(t, it, 'ERR_POLICY_UNTRUSTED', 'its allowed_signers names 3 people who may sign activations and its quorum is 4, so nothing could ever follow it')
})

test('what a stranger leaves beside a commit does not keep it from coming into force', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'z' }, eli)
  await leave(it.dir, revision, Buffer.from('not a statement'))
  await git.writeRef({ fs, dir: it.dir, ref: `refs/countersign/activations/${revision}/0`, value: revision, force: true })
  await refused(t, it, 'ERR_POLICY_QUORUM', '1 of 2 people have signed for it; a statement is no file of at most 8192 bytes; a statement has no signature')
  await it.sign(await it.statement(revision), lena)
  t.like(await it.activation.poll(), { event: 'activated', serial: 2 })
})

test('a ref that names no commit is refused', async (t) => {
  using it = await running()
  const blob = await git.writeBlob({ fs, dir: it.dir, blob: Buffer.from('policy') })
  await git.writeRef({ fs, dir: it.dir, ref: 'refs/heads/main', value: blob, force: true })
  await refused(t, it, 'ERR_POLICY_REPOSITORY', new RegExp(`${blob} is no commit$`))
})

test('in an emergency the one who is named goes ahead, and the review is open until two have signed it', async (t) => {
  using it = await running()
  const revision = await it.change({ 'data/a/data.json': '{"stop": true}' }, eli)
  const emergency = await it.statement(revision, { kind: 'emergency', reason: 'INC-77: exports stopped' })
  await it.sign(emergency, lena)
  const event = await it.activation.poll()
  t.like(event, { event: 'emergency', serial: 2, signers: ['lena@bank.example'], why: 'INC-77: exports stopped', reviewDue: '2026-11-21T01:00:00.000Z' })
  t.is(event?.endorsements?.length, 1)
  t.like(it.activation.status().reviews, [{ serial: 2, revision, state: 'open' }])

  await it.sign({ ...emergency, kind: 'after-review', reason: 'looked at; stays' }, lena)
  await it.activation.poll()
  t.is(it.activation.status().reviews.length, 1, 'one of two is not enough')
  await it.sign({ ...emergency, kind: 'after-review', reason: 'looked at; stays', tree: '9'.repeat(64) }, eli, lena)
  await it.activation.poll()
  t.is(it.activation.status().reviews.length, 1, 'a review of something else is none')
  await it.sign({ ...emergency, kind: 'after-review', reason: 'looked at; stays' }, eli)
  await it.activation.poll()
  t.like(it.events.at(-1), { event: 'reviewed', serial: 2, signers: ['eli@bank.example', 'lena@bank.example'], why: 'looked at; stays' })
  t.deepEqual(it.activation.status().reviews, [])
})

test('a review whose time has passed is said once, survives a restart, and holds up everything until it is signed', async (t) => {
  using it = await running()
  const revision = await it.change({ 'data/a/data.json': '{"stop": true}' }, eli)
  const emergency = await it.statement(revision, { kind: 'emergency', reason: 'INC-78' })
  await it.sign(emergency, lena)
  await it.activation.poll()
  it.now += 3_600_000
  it.reopen()
  await it.activation.start()
  await it.activation.poll()
  t.deepEqual(it.events.map(({ event }) => event).slice(-3), ['emergency', 'activated', 'review_overdue'])
  const next = await it.change({ 'README.md': 'next' }, eli)
  await it.sign(await it.statement(next), lena)
  await refused(t, it, 'ERR_POLICY_REVIEW', 'the after-review of the emergency change with serial 2 is overdue: nothing new comes into force before it is signed')
  await it.sign({ ...emergency, kind: 'after-review' }, eli, omar)
  t.like(await it.activation.poll(), { event: 'activated', revision: next, serial: 3 })
  t.is(it.events.at(-2)?.event, 'reviewed')
})

test('an emergency change by somebody whom the policy does not name is refused', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'e' }, eli)
  await it.sign(await it.statement(revision, { kind: 'emergency', reason: 'I am in a hurry' }), eli, omar)
  await refused(t, it, 'ERR_POLICY_QUORUM', '1 of 2 people have signed for it')
})

for (const [what, files] of [['who signs', { allowed_signers: lena.line }], ['how many must', { 'config.yaml': withEmergency.replace('quorum: 2', 'quorum: 1') }]] as const) {
  test(`an emergency change cannot change ${what}`, async (t) => {
    using it = await running()
    const revision = await it.change(files, lena)
    await it.sign(await it.statement(revision, { kind: 'emergency', reason: 'mine now' }), lena)
    await refused(t, it, 'ERR_POLICY_EMERGENCY', 'an emergency change may change neither allowed_signers nor the activation rules')
  })
}

test('where the policy in force names no emergency way there is none', async (t) => {
  using it = await running()
  const without = await it.change({ 'config.yaml': twoOf() }, eli)
  await it.sign(await it.statement(without), lena)
  await it.activation.poll()
  const revision = await it.change({ 'README.md': 'e' }, undefined)
  await it.sign(await it.statement(revision, { kind: 'emergency', reason: 'no way' }), lena)
  await refused(t, it, 'ERR_POLICY_QUORUM', '0 of 2 people have signed for it; the commit is not signed; the policy in force knows no emergency change')
})

test('an end in the middle of an activation leaves the old policy or the new one, never neither', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'cut' }, eli)
  await it.sign(await it.statement(revision), lena)
  // Before the frame, and after it but before the node's own memory: what a kill leaves is what the disk has.
  it.onEvent = () => Promise.reject(new Error('gone'))
  await t.throwsAsync(it.activation.poll(), { message: 'gone' })
  it.onEvent = () => Promise.resolve()
  t.is((await it.reopen().start(), it.activation.active()?.serial), 2)
  t.deepEqual(it.events.slice(-2).map(({ event, serial, isResumed }) => [event, serial, isResumed]), [['activated', 1, true], ['activated', 2, undefined]])

  const third = await it.change({ 'README.md': 'cut again' }, eli)
  await it.sign(await it.statement(third), lena)
  let recorded: (() => void) | undefined
  it.onEvent = (event) => event.serial === 3 ? new Promise<void>((_, reject) => { recorded = () => reject(new Error('killed')) }) : Promise.resolve()
  const half = it.activation.poll()
  while (recorded === undefined) await new Promise((resolve) => setImmediate(resolve))
  t.is(it.activation.active()?.serial, 2, 'until it is on record, the old one decides')
  recorded()
  await t.throwsAsync(half, { message: 'killed' })
  it.onEvent = () => Promise.resolve()
  t.is((await it.reopen().start(), it.activation.active()?.serial), 3)
})

test('a node whose state is an older copy does not run the older policy: the record says what was in force', async (t) => {
  using it = await keep(first)
  const asked: number[] = []
  it.epoch = 7
  it.onRecord = (afterEpoch) => { asked.push(afterEpoch); return { serial: 2, bundle: undefined } }
  const revision = await it.change({ 'README.md': 'two' }, eli)
  const statement = await it.statement(revision)
  await it.reopen().start()
  t.deepEqual(asked, [-1])
  t.is(it.activation.active(), undefined)
  t.like(it.events[0], { event: 'refused', serial: 1, reason: { code: 'ERR_POLICY_SERIAL', message: 'this node\'s state has serial 1, and its record 2: the state is an older copy' } })
  await it.sign(statement, lena)
  await refused(t, it, 'ERR_POLICY_SERIAL', 'serial 2 is on record for another bundle')
  it.onRecord = () => ({ serial: 2, bundle: statement.bundle })
  await it.reopen().start()
  t.like(it.activation.active(), { serial: 2, revision })
  it.activation.stop()
  it.epoch = 8
  it.onRecord = () => t.fail('nothing to ask: the state saw the epoch before this one') as never
  await it.reopen().start()
  t.is(it.activation.active()?.serial, 2)
})

test('a node that lost its state takes no policy older than its record\'s', async (t) => {
  using it = await keep(first)
  const statement = await it.statement(await it.change({ 'README.md': 'two' }, eli))
  await it.sign(statement, lena)
  it.forget()
  it.onRecord = (afterEpoch) => afterEpoch === -1 ? { serial: 3, bundle: statement.bundle } : undefined
  await it.reopen().start()
  t.like(it.events[0], { event: 'refused', serial: 2, reason: { code: 'ERR_POLICY_SERIAL', message: 'serial 2 does not rise above 3, which is on record' } })
  t.is(it.activation.active(), undefined)
})

test('a compiler that runs out of time on a busy machine is asked again, and told of once', async (t) => {
  using it = await running()
  const revision = await it.change({ 'README.md': 'busy' }, eli)
  await it.sign(await it.statement(revision), lena)
  let times = 0
  it.onParse = () => { if (times++ < 3) throw new PolicyError('ERR_TOOLCHAIN_DEADLINE', 'the policy compiler did not answer within 10 ms') }
  t.like(await it.activation.poll(), { event: 'refused', reason: { code: 'ERR_TOOLCHAIN_DEADLINE' } })
  t.is(await it.activation.poll(), undefined)
  t.is(await it.activation.poll(), undefined)
  t.like(await it.activation.poll(), { event: 'activated', serial: 2 })

  times = 0
  await it.reopen().start()
  t.is(it.activation.active(), undefined)
  await it.activation.poll()
  await it.activation.poll()
  t.like(it.activation.active(), { serial: 2 })
  t.deepEqual(it.events.slice(-2).map(({ event, isResumed }) => [event, isResumed]), [['refused', true], ['activated', true]])

  times = -100
  it.onParse = () => { times++; throw new PolicyError('ERR_TOOLCHAIN_DEADLINE', 'never') }
  await it.sign(await it.statement(await it.change({ 'README.md': 'endless' }, eli)), lena)
  for (let look = 0; look < 9; look++) await it.activation.poll()
  t.is(times, -95, 'five times, not for ever')
})
