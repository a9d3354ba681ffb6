import test from 'ava'
import { frameKind } from '../../evidence/index.ts'
import { directoriesIn, faultyDisk, hasCode, intent, isPending, kindsIn, openTestRecorder, outcome, readJournal, temporaryFolder, turns, type Faults } from './journal-kit.ts'

test('strict resolves only after the sync that covers its frames', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  await using recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  const held: (() => void)[] = []
  faults.sync = (_done, sync) => { held.push(sync) }
  recorder.node.append(intent)
  const first = recorder.commit('strict')
  await turns()
  t.is(held.length, 1)
  t.true(await isPending(first))
  // Written while that sync is in flight: it does not cover these.
  recorder.node.append(outcome(1))
  const second = recorder.commit('strict')
  await turns()
  t.is(held.length, 1)
  held.shift()?.()
  await first
  t.true(await isPending(second))
  t.is(held.length, 1)
  held.shift()?.()
  await second
  faults.sync = undefined
})

test('all who commit in one turn of the loop share one write and one sync', async (t) => {
  const faults: Faults = { skewUs: 0 }
  await using recorder = await openTestRecorder(temporaryFolder(t), { disk: faultyDisk(faults) })
  let writes = 0
  let syncs = 0
  faults.write = (write) => { writes += 1; write() }
  faults.sync = (_done, sync) => { syncs += 1; sync() }
  await Promise.all(Array.from({ length: 20 }, () => {
    recorder.node.append(intent)
    return recorder.commit('strict')
  }))
  t.deepEqual([writes, syncs], [1, 1])
})

test('bounded resolves after the write, and the frames are synced soon after without being asked', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  await using recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  const synced = Promise.withResolvers<void>()
  let isSynced = false
  faults.sync = (_done, sync) => { isSynced = true; sync(); synced.resolve() }
  recorder.node.append(intent)
  await recorder.commit('bounded')
  t.false(isSynced)
  t.true(kindsIn(directoriesIn(folder).journal).includes(frameKind.intent))
  await synced.promise
  t.true(isSynced)
})

test('bounded waits as strict does while an un-synced byte is older than 5 ms', async (t) => {
  const faults: Faults = { skewUs: 0 }
  await using recorder = await openTestRecorder(temporaryFolder(t), { disk: faultyDisk(faults) })
  const held: (() => void)[] = []
  faults.sync = (_done, sync) => { held.push(sync) }
  recorder.node.append(intent)
  await recorder.commit('bounded')
  faults.skewUs = 6000
  recorder.node.append(outcome(1))
  const late = recorder.commit('bounded')
  await turns()
  t.true(await isPending(late))
  // With nothing new to write, too.
  const idle = recorder.commit('bounded')
  await turns()
  t.true(await isPending(idle))
  while (await isPending(late)) {
    held.shift()?.()
    await new Promise((done) => { setTimeout(done, 1) })
  }
  await idle
  faults.sync = undefined
  held.shift()?.()
})

test('a batch states the largest window of its released frames, and zero when all was strict', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  await using recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  recorder.node.append(intent)
  await recorder.commit('strict')
  await recorder.cut()
  recorder.node.append(intent)
  await recorder.commit('bounded')
  faults.skewUs = 4000
  await recorder.cut()
  const { cuts } = readJournal(directoriesIn(folder).journal)
  t.deepEqual(cuts.map(({ number }) => number), [0, 1, 2])
  t.is(cuts[1]?.largestWindowUs, 0)
  t.true((cuts[2]?.largestWindowUs ?? 0) >= 4000)
})

test('while a cut is made nothing is released on the write alone', async (t) => {
  const faults: Faults = { skewUs: 0 }
  await using recorder = await openTestRecorder(temporaryFolder(t), { disk: faultyDisk(faults) })
  const held: (() => void)[] = []
  faults.sync = (_done, sync) => { held.push(sync) }
  recorder.node.append(intent)
  const cut = recorder.cut()
  await turns()
  recorder.node.append(outcome(1))
  const during = recorder.commit('bounded')
  await turns()
  t.true(await isPending(during))
  faults.sync = undefined
  held.shift()?.()
  await Promise.all([cut, during])
})

test('a failed sync ends the epoch: those who wait are told, and nothing more is recorded', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  const recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  let syncs = 0
  faults.sync = (done) => { syncs += 1; setImmediate(() => { done(Object.assign(new Error('EIO: injected'), { code: 'EIO' })) }) }
  recorder.node.append(intent)
  hasCode(t, await t.throwsAsync(recorder.commit('strict')), 'ERR_EVIDENCE_FENCED', /sync of the journal failed/)
  hasCode(t, t.throws(() => recorder.node.append(outcome(1))), 'ERR_EVIDENCE_FENCED', /nothing more is recorded/)
  hasCode(t, t.throws(() => recorder.openSession(new Uint8Array(1))), 'ERR_EVIDENCE_FENCED', /nothing more is recorded/)
  hasCode(t, await t.throwsAsync(recorder.commit('bounded')), 'ERR_EVIDENCE_FENCED', /nothing more is recorded/)
  await t.throwsAsync(recorder.cut())
  t.is(syncs, 1) // never tried again on that file
  t.true(recorder.status().fenced)
  t.false(recorder.status().ready)
  faults.sync = undefined
  await recorder.stop()
  // The next epoch begins in a file of its own.
  await using next = await openTestRecorder(folder)
  t.is(next.epoch, 1)
})

test('an error of a write that is no lack of room ends the epoch, too', async (t) => {
  const faults: Faults = { skewUs: 0 }
  const recorder = await openTestRecorder(temporaryFolder(t), { disk: faultyDisk(faults) })
  faults.write = () => { throw Object.assign(new Error('EIO: injected'), { code: 'EIO' }) }
  recorder.node.append(intent)
  hasCode(t, await t.throwsAsync(recorder.commit('bounded')), 'ERR_EVIDENCE_FENCED', /nothing more is recorded/)
  await recorder.stop()
})
