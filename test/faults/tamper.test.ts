// Somebody with the disk in hand: a byte flipped anywhere, a session taken out, history written anew, an older folder put back, a clock set back.
// The gateway refuses to build on it, or the verifier names it.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { forgeHistory } from '../../scripts/demo/forgery.ts'
import { Recording } from '../../evidence/audit/recording.ts'
import { listSegments, readRecords, readSegment, readSegmentHeader, segmentPath } from '../../evidence/session/reader.ts'
import { recordType } from '../../evidence/session/record.ts'
import { bankOf } from '../e2e/gateway-kit.ts'
import type { Home } from '../e2e/gateway-kit.ts'
import { eventually, readFrames, verify } from '../e2e/recorded.ts'
import { StartFailed, startHere, startProcess } from '../e2e/running.ts'
import type { Running } from '../e2e/running.ts'

const bank = bankOf(test)

async function calls(gateway: Running, count: number, sub = 'mara'): Promise<string[]> {
  const token = await bank().token({ sub })
  const receipts: string[] = []
  for (let index = 0; index < count; index++) {
    const said = await gateway.tool(token, 'run_report', { report: `daily_${index}` })
    receipts.push(said.receipt)
  }
  return receipts
}

/** A record of two sessions and a few batches, closed and sealed. */
async function recorded(): Promise<{ home: Home; receipts: string[] }> {
  const home = await bank().home()
  const gateway = await startProcess(home)
  const receipts = [...await calls(gateway, 3), ...await calls(gateway, 3, 'pia')]
  await gateway.frame(receipts.at(-1) ?? '')
  receipts.push(...await calls(gateway, 2))
  await gateway.stop()
  return { home, receipts }
}

/** What an examiner would keep outside. */
function checkpointOf(evidence: string): string {
  using recording = new Recording(evidence)
  return recording.checkpoint
}

const flip = (file: string, at: number): void => {
  const bytes = fs.readFileSync(file)
  bytes[at] = (bytes[at] ?? 0) ^ 0x01
  fs.chmodSync(file, 0o600)
  fs.writeFileSync(file, bytes)
}

const filesBelow = (folder: string): string[] => fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))

test('a byte flipped in any object of the record is a false claim that verify names', async (t) => {
  const { home } = await recorded()
  t.is((await verify(home.directories)).exit, 3)
  const { evidence } = home.directories
  const samples = ['store/leaves', 'store/index', 'store/bodies', 'log.git/objects'].flatMap((folder) => {
    const files = filesBelow(path.join(evidence, folder)).filter((file) => fs.statSync(file).size > 0).sort()
    return [files[0], files[Math.floor(files.length / 2)], files.at(-1)].filter((file) => file !== undefined)
  })
  t.true(samples.length >= 8)
  for (const file of new Set(samples)) {
    const whole = fs.readFileSync(file)
    flip(file, Math.floor(whole.length / 2))
    const { exit, falsities } = await verify(home.directories)
    t.is(exit, 1, file)
    t.true(falsities.length > 0 && falsities.every(({ code, item }) => code !== '' && item !== ''), file)
    fs.writeFileSync(file, whole)
  }
  t.is((await verify(home.directories)).exit, 3, 'all put back')
})

test('a session taken out of the store, and a history written anew with every key, are named', async (t) => {
  const { home } = await recorded()
  const { evidence, sealer } = home.directories
  const kept = `${home.dir}/kept-checkpoint`
  fs.writeFileSync(kept, checkpointOf(evidence))
  const forged = `${home.dir}/forged`
  await forgeHistory(evidence, sealer, 'test-1', forged, 1)
  const rewritten = await verify({ ...home.directories, evidence: forged }, '--since', kept)
  t.is(rewritten.exit, 1)
  t.true(rewritten.falsities.some(({ message }) => /kept|prefix|checkpoint/.test(message)), JSON.stringify(rewritten.falsities))
  const leaves = filesBelow(path.join(evidence, 'store', 'leaves')).sort()[0] ?? ''
  fs.rmSync(leaves)
  const deleted = await verify(home.directories)
  t.is(deleted.exit, 1)
  t.true(deleted.falsities.some(({ item }) => item.includes(path.basename(leaves).slice(0, 16)) || /batch/.test(item)), JSON.stringify(deleted.falsities))
})

async function refusedStart(home: Home): Promise<StartFailed> {
  try {
    const gateway = await startProcess(home)
    await gateway.stop()
  } catch (error) {
    if (error instanceof StartFailed) return error
    throw error
  }
  throw new Error('the gateway started')
}

test('a flipped byte in the journal is no torn tail: the gateway refuses to start on it, and starts when it is put back', async (t) => {
  const home = await bank().home({ intervalS: 60 })
  const gateway = await startProcess(home)
  const receipts = await calls(gateway, 20)
  gateway.signal('SIGKILL')
  await gateway.ended
  const { journal } = home.directories
  const segment = listSegments(journal).findLast((number) => readSegmentHeader(journal, number) !== undefined) ?? 0
  const header = readSegmentHeader(journal, segment)!
  const records = [...readRecords(readSegment(journal, segment), header)]
  const damaged = records[records.findLastIndex(({ type }) => type === recordType.cut) + 2]!
  flip(segmentPath(journal, segment), damaged.offset + 60)
  const failed = await refusedStart(home)
  t.is(failed.exitCode, 2)
  t.regex(failed.stderr, new RegExp(`ERR_EVIDENCE_CORRUPT: segment ${segment} of the journal lacks a whole record at ${damaged.offset}, where one was durable`))
  flip(segmentPath(journal, segment), damaged.offset + 60)
  const again = await startProcess(home)
  const frames = new Set(again.frames().map(({ session, seq }) => `${session}/${seq}`))
  t.true(receipts.every((receipt) => frames.has(receipt)))
  t.is(await again.stop(), 0)
  t.deepEqual((await verify(home.directories)).falsities, [])
})

test('an older evidence folder is refused at start; an older sealer folder goes on from the log; both older are told by a kept checkpoint', async (t) => {
  const home = await bank().home()
  const run = async () => {
    const gateway = await startProcess(home)
    const receipts = await calls(gateway, 2)
    t.is(await gateway.stop(), 0)
    return receipts
  }
  await run()
  const { evidence, sealer } = home.directories
  for (const folder of [evidence, sealer]) fs.cpSync(folder, `${folder}.old`, { recursive: true })
  await run()
  const kept = `${home.dir}/kept-checkpoint`
  fs.writeFileSync(kept, checkpointOf(evidence))
  const swap = (folder: string) => { fs.renameSync(folder, `${folder}.aside`); fs.cpSync(`${folder}.old`, folder, { recursive: true }) }
  swap(evidence)
  const older = await refusedStart(home)
  t.is(older.exitCode, 2)
  t.regex(older.stderr, /ERR_EVIDENCE_BEHIND: the repository holds \d+ batches, but \d+ were signed: an older copy would fork the log/)
  fs.rmSync(evidence, { recursive: true })
  fs.renameSync(`${evidence}.aside`, evidence)
  swap(sealer)
  const receipts = await run()
  const sound = await verify(home.directories, '--since', kept)
  t.deepEqual(sound.falsities, [])
  t.true(readFrames(home.directories).some(({ session, seq }) => `${session}/${seq}` === receipts[0]))
  for (const folder of [evidence, sealer]) { fs.rmSync(folder, { recursive: true }); fs.cpSync(`${folder}.old`, folder, { recursive: true }) }
  t.is((await verify(home.directories, '--since', kept)).exit, 1)
})

test('a clock that steps back changes no order, and the record stays sound', async (t) => {
  const home = await bank().home()
  let ahead = 0
  const gateway = await startHere(home, { now: () => Date.now() + ahead })
  const [first] = await calls(gateway, 2)
  await gateway.frame(first ?? '')
  ahead = -3_600_000
  const after = await calls(gateway, 2)
  t.true(after.every((receipt) => receipt !== ''))
  await eventually(() => gateway.frames().some(({ session, seq }) => `${session}/${seq}` === after.at(-1)) || undefined, 'sealed')
  t.is(await gateway.stop(), 0)
  t.deepEqual((await verify(home.directories)).falsities, [])
})
