import test from 'ava'
import { directoriesIn, hasCode, intent, openTestRecorder, outcome, readJournal, temporaryFolder, turns } from './journal-kit.ts'
import { instantSealer } from './instant-sealer.ts'

test('a sealer that falls too far behind stops new calls, and lets begun ones end', async (t) => {
  let time = 1_000_000
  const sealer = instantSealer({}, { isSilent: true })
  const recorder = await openTestRecorder(temporaryFolder(t), { spawnSealer: sealer.start, now: () => time, maxUnsealedMs: 60_000 })
  const session = recorder.openSession(Buffer.from('{}'))
  const { seq } = session.append(intent)
  await recorder.cut()
  t.false(recorder.status().lag)
  time += 60_001
  t.true(recorder.status().lag)
  t.false(recorder.status().ready)
  hasCode(t, t.throws(() => session.append(intent)), 'ERR_EVIDENCE_LAG', /too much evidence waits to be sealed/)
  hasCode(t, t.throws(() => recorder.openSession(new Uint8Array(1))), 'ERR_EVIDENCE_LAG', /too much evidence/)
  session.append(outcome(seq))
  await recorder.commit('strict')
  // It catches up.
  sealer.runs[0]?.message({ sealed: { epoch: 0, number: 1, size: 2, checkpoint: '' } })
  t.false(recorder.status().lag)
  session.append(intent)
  const told = sealer.durable.length
  const stopped = recorder.stop()
  while (sealer.durable.length === told) await turns()
  sealer.runs[0]?.message({ sealed: { epoch: 0, number: 2, size: 3, checkpoint: '' } })
  await stopped
})

test('a sealer that dies is started again, and told at once how far the journal is durable', async (t) => {
  const sealer = instantSealer()
  const recorder = await openTestRecorder(temporaryFolder(t), { spawnSealer: sealer.start })
  const told = sealer.durable.at(-1)
  sealer.runs[0]?.exited('SIGKILL')
  t.is(recorder.status().sealerFault, 'SIGKILL')
  recorder.node.append(intent) // calls go on
  await recorder.commit('strict')
  while (sealer.runs.length < 2) await new Promise((done) => { setTimeout(done, 10) })
  await turns()
  t.deepEqual(sealer.durable.at(-1), told)
  await recorder.stop()
})

test('a clock that steps back does not make a batch older than the one before it', async (t) => {
  const folder = temporaryFolder(t)
  let time = 1_000_000
  const recorder = await openTestRecorder(folder, { now: () => time })
  time = 400_000
  await recorder.cut()
  t.is(recorder.status().clockBehindMs, 600_000)
  time = 2_000_000
  await recorder.stop()
  t.deepEqual(readJournal(directoriesIn(folder).journal).cuts.map((cut) => cut.time), [1_000_000, 1_000_000, 2_000_000])
})
