// A journal disk that is full or broken, before a call's effect and after it: nothing runs unrecorded, nothing unrecorded gets out,
// and when space returns the record says what became of each call.
import test from 'ava'
import { faultyDisk, systemError } from '../evidence/journal-kit.ts'
import type { Faults } from '../evidence/journal-kit.ts'
import { answer } from '../e2e/bank-upstream.ts'
import { bankOf } from '../e2e/gateway-kit.ts'
import type { HomeOptions } from '../e2e/gateway-kit.ts'
import { eventually, verify } from '../e2e/recorded.ts'
import { startHere } from '../e2e/running.ts'
import type { Answer, Running } from '../e2e/running.ts'

const bank = bankOf(test)
const code = (said: Answer): unknown => said.json['error']?.['code']
const noSpace = (): never => { throw systemError('ENOSPC') }

async function open(options?: HomeOptions): Promise<{ gateway: Running; faults: Faults; report: (name: string) => Promise<Answer>; transfer: (amount: number) => Promise<Answer> }> {
  const faults: Faults = { skewUs: 0 }
  const gateway = await startHere(await bank().home(options), { journalDisk: faultyDisk(faults) })
  const [mcp, http] = [await bank().token(), await bank().token({ audience: 'ledger' })]
  return {
    gateway, faults, report: (name) => gateway.tool(mcp, 'run_report', { report: name }),
    transfer: (amount) => gateway.send('/ledger/transfers', { method: 'POST', token: http, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ amount, from: 'a', to: 'b' }) }),
  }
}

const ready = async ({ home }: Running): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${home.admin}/readyz`)
  return { status: response.status, text: await response.text() }
}
const ran = (word: string): number => bank().upstream.seen.filter(({ body }) => body.includes(word)).length

for (const isFirst of [true, false]) {
  test(`a disk that is full before a call ${isFirst ? 'opens its session' : 'of an open session'}: it is refused, not run, and the next one after is`, async (t) => {
    const { gateway, faults, report } = await open()
    if (!isFirst) t.is((await report('warm')).status, 200)
    const word = `unrecordable_${isFirst}`
    faults.write = noSpace
    for (const _ of [1, 2]) {
      const refused = await report(word)
      t.is(refused.status, 503)
      t.is(code(refused), 5033)
      t.is(refused.json['error']?.['message'] as unknown, 'The call cannot be recorded, so it was not made')
      t.truthy(refused.headers.get('retry-after'))
    }
    // The journal tries again by and by, and is full once more with the next frame.
    t.truthy(await eventually(async () => { await report(word); return (await ready(gateway)).status === 503 || undefined }, 'a gateway that is not ready'))
    t.is(ran(word), 0)
    delete faults.write
    const done = await eventually(async () => { const said = await report(`back_${isFirst}`); return said.status === 200 ? said : undefined }, 'a call after space returned')
    t.is((await gateway.frame(done.receipt)).kind, 'intent')
    t.is((await ready(gateway)).status, 200)
    t.is(await gateway.stop(), 0)
    const verdict = await verify(gateway.home.directories)
    t.deepEqual(verdict.falsities, [])
    t.is(verdict.checked.intents, verdict.checked.outcomes)
  })
}

test('a disk that is full after the effect: the result is withheld, the target fenced, and the record says ambiguous once space returns', async (t) => {
  const { gateway, faults, report, transfer } = await open()
  t.is((await transfer(7)).status, 200)
  bank().upstream.behave('"amount":4242', (response, seen) => { faults.write = noSpace; answer(response, seen) })
  const ambiguous = await transfer(4242)
  t.is(ambiguous.status, 502)
  t.is(ambiguous.json['code'] as unknown, 'record.ambiguous')
  t.is(ambiguous.json['detail'] as unknown, 'The call was made but its result cannot be recorded; what became of it is ambiguous')
  t.false(ambiguous.text.includes('Ashworth'))
  const { status, text } = await ready(gateway)
  t.is(status, 503)
  t.true(text.includes('fenced: ledger'))
  t.is((await transfer(8)).status, 503)
  t.is(ran('"amount":8,'), 0)
  delete faults.write
  faults.skewUs += 2_000_000                              // the journal tries again; the fence stands until the outcome is on record
  const next = await transfer(9)
  t.true(next.status === 200 || next.json['code'] as unknown === 'upstream.fenced')
  await eventually(async () => (await transfer(10)).status === 200 || undefined, 'the target opens')
  t.is((await report('beside')).status, 200)
  const outcome = await eventually(() => gateway.frames().find(({ kind, outcome: about }) => kind === 'outcome' && about?.code === 'record.ambiguous'), 'the ambiguous outcome')
  t.is(outcome.structure?.['1'], 2)
  t.is(await gateway.stop(), 0)
  const verdict = await verify(gateway.home.directories)
  t.deepEqual(verdict.falsities, [])
  t.is(verdict.checked.intents, verdict.checked.outcomes)
})

test('a target that is fenced refuses, on record, until the ambiguous outcome is written', async (t) => {
  const { gateway, faults, transfer } = await open()
  let refused: Answer | undefined
  // The fence is looked at once a second; a call right behind the space's return almost always comes first.
  for (let attempt = 0; attempt < 5 && refused === undefined; attempt++) {
    const word = `"amount":5${attempt}`
    bank().upstream.behave(word, (response, seen) => { faults.write = noSpace; answer(response, seen) })
    t.is((await transfer(50 + attempt)).json['code'] as unknown, 'record.ambiguous')
    delete faults.write
    faults.skewUs += 2_000_000
    const said = await transfer(60 + attempt)
    if (said.status !== 200) refused = said
    await eventually(async () => (await transfer(1)).status === 200 || undefined, 'the target opens')
  }
  t.is(refused?.status, 503)
  t.is(refused?.json['code'] as unknown, 'upstream.fenced')
  t.is(refused?.json['detail'] as unknown, 'The target is fenced after an ambiguous outcome')
  t.is((await gateway.frame(refused?.receipt ?? '')).structure?.['1'], 'upstream.fenced')
})

test('no room for a result, but for its count and digest: the caller gets it, the record says so', async (t) => {
  // Nothing is sealed before the stop: the one write that fails is the outcome's, and no cut's.
  const { gateway, faults, report } = await open({ intervalS: 60 })
  bank().upstream.behave('tight', (response, seen) => {
    faults.write = () => { delete faults.write; noSpace() }
    answer(response, seen)
  })
  const said = await report('tight')
  t.is(said.status, 200)
  t.true(said.text.includes('Ashworth'))
  t.is(await gateway.stop(), 0)
  const intent = await gateway.frame(said.receipt)
  const outcome = await eventually(() => gateway.frames().find(({ ref, session, kind }) => kind === 'outcome' && ref === intent.seq && session === intent.session), 'its outcome')
  t.is(outcome.structure?.['1'], 0, 'delivered')
  t.regex(JSON.stringify(outcome.outcome), /"digest":\{"salt":"[\w-]+","sha256":"[\w-]+"\}/)
  t.false(JSON.stringify(outcome.outcome).includes('Ashworth'))
  t.deepEqual((await verify(gateway.home.directories)).falsities, [])
})

test('no segment can be made: calls are refused while there is still room for every outcome, and go on when there is space', async (t) => {
  const { gateway, faults } = await open({ intervalS: 60 })
  faults.createSegment = noSpace
  const token = await bank().token()
  const big = 'x'.repeat(60_000)
  const send = () => gateway.tool(token, 'run_report', { report: 'daily', padding: big })
  let answered = 0
  let refused: Answer | undefined
  while (refused === undefined && answered < 2_000) for (const said of await Promise.all([send(), send(), send(), send()])) if (said.status === 200) answered++; else refused = said
  t.is(code(refused!), 5033)
  t.true(answered > 50)
  delete faults.createSegment
  await eventually(async () => (await send()).status === 200 || undefined, 'a call after space returned')
  t.is(await gateway.stop(), 0)
  const verdict = await verify(gateway.home.directories)
  t.deepEqual(verdict.falsities, [])
  t.is(verdict.checked.intents, verdict.checked.outcomes)
  t.false(gateway.frames().some(({ outcome }) => outcome?.status === 'ambiguous'))
})

test('a disk that is full now and then, under load in both modes: every answered call is on record, and no claim of it is false', async (t) => {
  const { gateway, faults, report, transfer } = await open()
  const answered: string[] = []
  let refused = 0
  let writes = 0
  // Every third time the bytes are there all the same: what was undone must not be found later.
  faults.write = (write) => {
    if (++writes % 23 !== 0) return write()
    faults.skewUs += 2_000_000
    if (writes % 3 === 0) write()
    noSpace()
  }
  await Promise.all(Array.from({ length: 8 }, async (_, index) => {
    for (let round = 0; round < 150; round++) {
      const said = await (index % 2 === 0 ? report('now_and_then') : transfer(30))
      if (said.status === 200 && said.receipt !== '') answered.push(said.receipt)
      else { refused++; await new Promise((resolve) => setTimeout(resolve, 25)) }
    }
  }))
  t.true(answered.length > 20 && refused > 0, `${answered.length} answered, ${refused} refused`)
  delete faults.write
  await eventually(async () => (await report('now_and_then')).status === 200 && (await transfer(30)).status === 200 || undefined, 'both targets take calls')
  t.is(await gateway.stop(), 0)
  const frames = gateway.frames()
  const outcomes = new Set(frames.filter(({ kind }) => kind === 'outcome').map(({ session, ref }) => `${session}/${ref}`))
  t.deepEqual(answered.filter((receipt) => !outcomes.has(receipt)), [])
  const verdict = await verify(gateway.home.directories)
  t.deepEqual(verdict.falsities, [])
  t.is(verdict.checked.intents, verdict.checked.outcomes)
})

for (const [title, fail] of [
  ['write', (faults: Faults) => { faults.write = () => { throw systemError('EIO') } }],
  ['sync', (faults: Faults) => { faults.sync = (done) => { done(systemError('EIO')) } }],
] as const) {
  test(`a ${title} that fails after the effect ends the epoch: nothing more is taken, and the restart names the ambiguous call`, async (t) => {
    const { gateway, faults, report, transfer } = await open()
    bank().upstream.behave(`"amount":77${title.length}`, (response, seen) => { fail(faults); answer(response, seen) })
    const ambiguous = await transfer(Number(`77${title.length}`))
    t.is(ambiguous.json['code'] as unknown, 'record.ambiguous')
    t.false(ambiguous.text.includes('Ashworth'))
    const refused = await report('after_eio')
    t.is(code(refused), 5033)
    t.is(ran('after_eio'), 0)
    t.true((await ready(gateway)).text.includes('the journal is fenced'))
    await gateway.stop()
    const again = await startHere(gateway.home)
    const token = await bank().token()
    t.is((await again.tool(token, 'run_report', { report: 'daily' })).status, 200)
    const intent = again.frames().find(({ kind, request }) => kind === 'intent' && request?.title.startsWith('http.post ledger/POST /transfers'))
    // Bytes that a failed sync left in the page cache may be on record all the same; what is not, recovery names.
    const end = await eventually(() => again.frames().find(({ kind, session, ref, structure }) => (kind === 'recovery' && structure?.['1'] === intent?.session && structure?.['2'] === intent?.seq) || (kind === 'outcome' && session === intent?.session && ref === intent?.seq)), 'what became of the call')
    t.is(end.kind, title === 'write' ? 'recovery' : 'outcome')
    t.is(await again.stop(), 0)
    t.deepEqual((await verify(again.home.directories)).falsities, [])
  })
}
