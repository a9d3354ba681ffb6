// What one signer, or somebody who signs nothing, does to those who want a change: hold it up, take it back, or blur who stood behind it.
import fs from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import git from 'isomorphic-git'
import { PolicyError, shippedCapabilities } from '../../../rego/index.ts'
import { proposeActivation } from '../../../gateway/policy/index.ts'
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
