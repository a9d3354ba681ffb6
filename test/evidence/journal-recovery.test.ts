import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { exportSessionKeys, frameKind } from '../../evidence/index.ts'
import { encode } from '../../evidence/session/cbor.ts'
import { frameRecord, recordType, writeCut, writeRecord, writeSegmentHeader } from '../../evidence/session/record.ts'
import { segmentPath } from '../../evidence/session/reader.ts'
import { recoverJournal } from '../../evidence/session/recovery.ts'
import { startSealer } from '../../evidence/seal/spawn.ts'
import { directoriesIn, hasCode, kindsIn, leafOf, openTestRecorder, readJournal, temporaryFolder } from './journal-kit.ts'

const header = { segment: 3, epoch: 5 }
const session = new Uint8Array(16).fill(1)

function write(seq: number): Uint8Array {
  return writeRecord(header, recordType.write, encode(leafOf(session, seq, new Uint8Array(32), { kind: seq === 0 ? frameKind.epoch : frameKind.admin, time: 1 })))
}

test('a journal torn at any byte keeps every whole record before it, and cuts them once', (t) => {
  const journal = temporaryFolder(t)
  const cut = writeRecord(header, recordType.cut, writeCut({ number: 4, time: 77, ordinalsBefore: 2, ordinalsAfter: 3, largestWindowUs: 0, reason: 0 }))
  const records = [write(0), cut, write(1), write(2)]
  const whole = Buffer.concat([writeSegmentHeader(header), ...records])
  const ends = records.map((_, i) => 64 + records.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0))
  for (let tear = 64; tear <= whole.length; tear++) {
    const bytes = Buffer.alloc(2048, tear % 2 === 0 ? 0 : 0x5a) // behind it: zeros, or whatever was there
    whole.copy(bytes, 0, 0, tear)
    writeFileSync(segmentPath(journal, header.segment), bytes)
    const recovered = recoverJournal(journal, () => 50)
    // Whole is what has all its bytes up to the payload's end: padding says nothing, and a zero that was not written is a zero all the same.
    const payloadEnds = ends.map((_, i) => (ends[i - 1] ?? 64) + 32 + whole.readUInt32BE(ends[i - 1] ?? 64))
    const torn = payloadEnds.findIndex((end) => bytes.compare(whole, 0, end, 0, end) !== 0)
    const kept = torn < 0 ? records.length : torn
    const { leaves, cuts } = readJournal(journal)
    t.is(leaves.length, [0, 1, 1, 2, 3][kept]!)
    t.deepEqual(cuts.map(({ number, time, reason }) => [number, time, reason]), [[], [[0, 50, 2]], [[4, 77, 0]], [[4, 77, 0], [5, 77, 2]], [[4, 77, 0], [5, 77, 2]]][kept]) // time never goes back
    t.is(recovered.epoch, kept === 0 ? -1 : 5)
    // Nothing is cut twice.
    recoverJournal(journal, () => 50)
    t.is(readJournal(journal).cuts.length, cuts.length)
  }
})

test('a record that is not whole ends the journal where nothing says it was on the disk; where a later record does, it is damage', (t) => {
  const journal = temporaryFolder(t)
  const records = [write(0), write(1), write(2)]
  const damaged = 64 + (records[0]?.length ?? 0)
  const withDurable = (durable: number): Buffer => {
    const last = Buffer.from(records[2] ?? [])
    frameRecord(last, 0, header, recordType.write, last.readUInt32BE(0), durable)
    const bytes = Buffer.alloc(2048)
    bytes.set(Buffer.concat([writeSegmentHeader(header), ...records.slice(0, 2), last]))
    bytes[damaged + 40] = (bytes[damaged + 40] ?? 0) ^ 1
    return bytes
  }
  for (const durable of [0, damaged]) {
    writeFileSync(segmentPath(journal, 3), withDurable(durable))
    recoverJournal(journal, () => 50)
    t.deepEqual(readJournal(journal).leaves.map((leaf) => leaf.get(3)), [0])
  }
  const damage = withDurable(damaged + (records[1]?.length ?? 0))
  writeFileSync(segmentPath(journal, 3), damage)
  hasCode(t, t.throws(() => recoverJournal(journal, () => 50)), 'ERR_EVIDENCE_CORRUPT', new RegExp(`^segment 3 of the journal lacks a whole record at ${damaged}, where one was durable`))
  t.deepEqual(readFileSync(segmentPath(journal, 3)), damage, 'nothing is changed')
  // A record of a later segment says the same of every earlier one.
  writeFileSync(segmentPath(journal, 3), withDurable(0))
  const next = { segment: 4, epoch: 5 }
  const later = Buffer.from(writeRecord(next, recordType.write, encode(leafOf(session, 3, new Uint8Array(32), { kind: frameKind.admin, time: 1 }))))
  frameRecord(later, 0, next, recordType.write, later.readUInt32BE(0), 64)
  writeFileSync(segmentPath(journal, 4), Buffer.concat([writeSegmentHeader(next), later, Buffer.alloc(1000)]))
  hasCode(t, t.throws(() => recoverJournal(journal, () => 50)), 'ERR_EVIDENCE_CORRUPT', /^segment 3 of the journal lacks a whole record at/)
})

test('whole records that a recycled file still holds are not taken for its own', (t) => {
  const journal = temporaryFolder(t)
  const stale = writeRecord({ segment: 2, epoch: 5 }, recordType.write, encode(leafOf(session, 9, new Uint8Array(32), { kind: frameKind.admin, time: 1 })))
  const olderEpoch = writeRecord({ segment: 3, epoch: 4 }, recordType.write, encode(leafOf(session, 9, new Uint8Array(32), { kind: frameKind.admin, time: 1 })))
  for (const old of [stale, olderEpoch]) {
    const bytes = Buffer.alloc(2048)
    bytes.set(Buffer.concat([writeSegmentHeader(header), write(0), old]))
    writeFileSync(segmentPath(journal, 3), bytes)
    recoverJournal(journal, () => 50)
    t.deepEqual(readJournal(journal).leaves.map((leaf) => leaf.get(3)), [0])
  }
})

test('a file that still carries an older header is a spare, and is made anew', (t) => {
  const journal = temporaryFolder(t)
  writeFileSync(segmentPath(journal, 3), Buffer.concat([writeSegmentHeader(header), write(0), Buffer.alloc(1000)]))
  writeFileSync(segmentPath(journal, 4), Buffer.concat([writeSegmentHeader({ segment: 1, epoch: 5 }), Buffer.alloc(1000)]))
  t.is(recoverJournal(journal, () => 1).durable.segment, 3)
  t.deepEqual(recoverJournal(journal, () => 1).segments, [3])
})

test('a key belongs to one session of one epoch: none is ever used twice', async (t) => {
  const folder = temporaryFolder(t)
  const keys: string[] = []
  for (let epoch = 0; epoch < 3; epoch++) {
    const recorder = await openTestRecorder(folder)
    for (let i = 0; i < 200; i++) recorder.openSession(Buffer.from('{}'))
    await recorder.stop()
  }
  for (const leaf of readJournal(directoriesIn(folder).journal).leaves) {
    if (leaf.get(5) === frameKind.open || leaf.get(5) === frameKind.epoch) keys.push(Buffer.from((leaf.get(13) as Map<number, Uint8Array>).get(3)!).toString('hex'))
  }
  t.is(keys.length, 603)
  t.is(new Set(keys).size, keys.length)
  const exported = new Set([...exportSessionKeys(directoriesIn(folder).keys)].map((line) => (JSON.parse(line) as { key_id: string }).key_id))
  t.true(keys.every((id) => exported.has(id)))
})

test('after kill -9 every acknowledged frame is there, and the next epoch closes what was left open', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(folder, { recursive: true })
  const program = fileURLToPath(new URL('recorder-child.ts', import.meta.url))
  const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let last = -1
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (last >= 400) child.kill('SIGKILL')
  }
  const seqs = readJournal(directoriesIn(folder).journal).leaves.filter((leaf) => leaf.get(5) === frameKind.intent).map((leaf) => leaf.get(3) as number)
  for (let seq = 1; seq <= last; seq++) if (!seqs.includes(seq)) t.fail(`acknowledged frame ${seq} is missing`)
  const recorder = await openTestRecorder(folder, { spawnSealer: startSealer, segmentBytes: undefined })
  t.is(recorder.epoch, 1)
  await recorder.stop()
  const kinds = kindsIn(directoriesIn(folder).journal)
  // Each intent had no outcome: recovery names it.
  t.is(kinds.filter((kind) => kind === frameKind.recovery).length, seqs.length)
  t.is(kinds.filter((kind) => kind === frameKind.close).length, 3) // two abandoned, one of the new epoch
})
