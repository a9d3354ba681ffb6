import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { frameKind } from '../../evidence/index.ts'
import { directoriesIn, faultyDisk, hasCode, intent, openTestRecorder, outcome, readJournal, systemError, temporaryFolder, type Faults } from './journal-kit.ts'

test('a write that finds no room undoes its frames: the call is refused, and later ones take their place', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  const recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  const session = recorder.openSession(Buffer.from('{}'))
  await recorder.commit('strict')
  faults.write = () => { throw systemError('ENOSPC') }
  t.is(session.append(intent).seq, 1)
  hasCode(t, await t.throwsAsync(recorder.commit('strict')), 'ERR_EVIDENCE_FULL', /no room for a write/)
  t.is(session.count, 1)
  hasCode(t, t.throws(() => session.append(intent)), 'ERR_EVIDENCE_FULL', /no room for its last write/)
  t.false(recorder.status().ready)
  // Space returns; nobody has to restart anything.
  faults.write = undefined
  faults.skewUs = 2_000_000
  t.is(session.append(intent).seq, 1)
  await recorder.commit('strict')
  t.true(recorder.status().ready)
  await recorder.stop()
  const { leaves, boxes } = readJournal(directoriesIn(folder).journal)
  const ours = leaves.filter((leaf) => Buffer.compare(leaf.get(2) as Uint8Array, session.id) === 0)
  t.deepEqual(ours.map((leaf) => [leaf.get(3), leaf.get(5)]), [[0, frameKind.open], [1, frameKind.intent], [2, frameKind.close]])
  // The nonce of the failed write is never used again: its bytes may have reached the disk.
  const nonces = boxes.filter((box) => Buffer.compare(box.get(2) as Uint8Array, session.id) === 0).map((box) => Buffer.from(box.get(6) as Uint8Array).readUInt32BE(8))
  t.deepEqual(nonces, [0, 2])
})

test('a write that failed but reached the disk is overwritten by the next', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  const recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  faults.write = (write) => {
    write()
    throw systemError('ENOSPC')
  }
  recorder.node.append({ ...intent, request: Buffer.alloc(3000, 'x') })
  hasCode(t, await t.throwsAsync(recorder.commit('strict')), 'ERR_EVIDENCE_FULL', /no room/)
  faults.write = undefined
  faults.skewUs = 2_000_000
  recorder.node.append(intent)
  await recorder.commit('strict')
  await recorder.stop()
  t.deepEqual(readJournal(directoriesIn(folder).journal).leaves.map((leaf) => leaf.get(3)), [0, 1, 2])
})

test('a session whose opening is lost never was, and its ordinal is given out again', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  const recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  faults.write = () => { throw systemError('ENOSPC') }
  const lost = recorder.openSession(Buffer.from('{}'))
  t.is(lost.ordinal, 1)
  hasCode(t, await t.throwsAsync(recorder.commit('strict')), 'ERR_EVIDENCE_FULL', /no room/)
  hasCode(t, t.throws(() => lost.append(intent)), 'ERR_EVIDENCE_SESSION_CLOSED', /is closed/)
  faults.write = undefined
  faults.skewUs = 2_000_000
  t.is(recorder.openSession(Buffer.from('{}')).ordinal, 1)
  await recorder.stop()
  t.is(readJournal(directoriesIn(folder).journal).cuts.at(-1)?.ordinalsAfter, 2)
})

test('a close that finds no room is made again with the next batch', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  const recorder = await openTestRecorder(folder, { disk: faultyDisk(faults) })
  const session = recorder.openSession(Buffer.from('{}'))
  await recorder.commit('strict')
  faults.write = () => { throw systemError('ENOSPC') }
  session.close()
  await t.throwsAsync(recorder.cut())
  t.false(session.isClosed)
  faults.write = undefined
  faults.skewUs = 2_000_000
  await recorder.cut()
  t.true(session.isClosed)
  await recorder.stop()
})

test('when no segment can be made, intents are refused while outcomes and closes still have their room', async (t) => {
  const folder = temporaryFolder(t)
  const faults: Faults = { skewUs: 0 }
  const recorder = await openTestRecorder(folder, { disk: faultyDisk(faults), segmentBytes: 8 * 1024 * 1024 })
  const session = recorder.openSession(Buffer.from('{}'))
  faults.createSegment = () => { throw systemError('ENOSPC') }
  const begun: number[] = []
  const refused = await t.throwsAsync(async () => {
    for (;;) {
      begun.push(session.append(intent).seq)
      session.append({ kind: frameKind.resultChunk, time: 1, result: Buffer.alloc(1_000_000), ref: begun[0]!, structure: new Map([[1, 1_000_000]]) })
      await recorder.commit('bounded')
    }
  })
  hasCode(t, refused, 'ERR_EVIDENCE_FULL', /no room for a frame and what must follow it/)
  t.true(begun.length > 5)
  hasCode(t, t.throws(() => { for (;;) begun.push(session.append(intent).seq) }), 'ERR_EVIDENCE_FULL', /no room for a frame and what must follow it/)
  await recorder.commit('strict')
  t.true(recorder.status().full)
  hasCode(t, t.throws(() => session.append(outcome(begun[0]!, Buffer.alloc(100_000)))), 'ERR_EVIDENCE_FULL', /no room/)
  for (const seq of begun) session.append(outcome(seq, Buffer.alloc(3000)))
  session.close()
  await recorder.commit('strict')
  // Space returns: the background tries again each second.
  faults.createSegment = undefined
  while (recorder.status().full) await new Promise((done) => { setTimeout(done, 20) })
  recorder.openSession(Buffer.from('{}')).append(intent)
  await recorder.commit('strict')
  await recorder.stop()
})

test('a node whose journal cannot make its first segments does not start', async (t) => {
  const faults: Faults = { skewUs: 0, createSegment: () => { throw systemError('ENOSPC') } }
  hasCode(t, await t.throwsAsync(openTestRecorder(temporaryFolder(t), { disk: faultyDisk(faults) })), 'ERR_EVIDENCE_FULL', /cannot make its first segments/)
})

test('a burst beyond the spares waits for new ones and loses nothing', async (t) => {
  const folder = temporaryFolder(t)
  const recorder = await openTestRecorder(folder, { segmentBytes: 2 * 1024 * 1024 })
  const session = recorder.openSession(Buffer.from('{}'))
  for (let i = 0; i < 200; i++) {
    session.append({ kind: frameKind.admin, time: 1, request: Buffer.alloc(40_000, i) })
    if (i % 7 === 0) await recorder.commit('bounded')
  }
  await recorder.commit('strict')
  await recorder.stop()
  const seqs = readJournal(directoriesIn(folder).journal).leaves.filter((leaf) => Buffer.compare(leaf.get(2) as Uint8Array, session.id) === 0).map((leaf) => leaf.get(3))
  t.deepEqual(seqs, Array.from({ length: 202 }, (_, seq) => seq))
})

test('contents beyond 1 MiB are refused before they are hashed', async (t) => {
  await using recorder = await openTestRecorder(temporaryFolder(t))
  hasCode(t, t.throws(() => recorder.node.append({ ...intent, request: Buffer.alloc(1024 * 1024) })), 'ERR_EVIDENCE_FRAME', /more than 1048576/)
})

test('a second recorder on the same journal is refused, and takes over once the first is gone', async (t) => {
  const folder = temporaryFolder(t)
  const first = await openTestRecorder(folder)
  hasCode(t, await t.throwsAsync(openTestRecorder(folder)), 'ERR_EVIDENCE_LOCKED', /another process holds/)
  await first.stop()
  const second = await openTestRecorder(folder)
  t.is(second.epoch, 1)
  await second.stop()
})

test('a lock that cannot be had for another reason is not said to be another process\'s', async (t) => {
  const folder = temporaryFolder(t)
  const { journal } = directoriesIn(folder)
  mkdirSync(join(journal, 'lock'), { recursive: true })
  hasCode(t, await t.throwsAsync(openTestRecorder(folder)), 'ERR_EVIDENCE_LOCKED', /lock cannot be locked: unable to open database file/)
})
